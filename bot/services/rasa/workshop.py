"""The workshop: runs Rasa's own program, in its own environment, to make models and to serve them on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from bot.errors import EngineFailed, Mistake, SettingError
from bot.knowledge.rasa.project import write
from bot.services.loopback import free_port
from bot.services.rasa import untold
from bot.services.rasa.client import RasaClient, Service

PROGRAM = Path(".venv-rasa/bin/rasa")
Progress: TypeAlias = Callable[[float], None]
_EPOCHS = re.compile(rb"Epochs:\s+(\d+)%")
_NAMED = re.compile(rb"^(?:#!|'''exec' \"?)(/[^\n\"]*python[0-9.]*)", re.MULTILINE)  # as installers write it
_UP = 240.0  # seconds until a model is served; loading TensorFlow takes 15 on an idle machine
_QUIET = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "2", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
_PARSING = 30.0


class Workshop:
    """Keeps models in `folder`. program: Rasa's, as installed by `make rasa`. token: what its API asks for."""

    def __init__(self, program: Path, folder: Path, token: str = "") -> None:
        if not program.is_file():
            wrong, mend = "is not there", "make rasa (docs/rasa.md), or name Rasa's program with --program"
            raise SettingError(Mistake(str(program), 0, "rasa", wrong, mend))
        self._program = program.absolute()
        self._token = token
        self.folder = folder

    def model(self, name: str) -> Path:
        """Where a model is, once it was trained."""
        return self.folder / f"{name}.tar.gz"

    def train(self, files: Mapping[str, str], name: str, progress: Progress = lambda _: None) -> Path:
        """Make a model of a project's NLU. `progress` is told how much of it is done, 0 to 1. Raises EngineFailed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            write(files, project)
            places = ("--nlu", "data", "--config", "config.yml", "--domain", "domain.yml", "--out", "models")
            told = self._run(("train", "nlu", *places, "--fixed-model-name", name), project, progress)
            made = project / "models" / f"{name}.tar.gz"
            if not made.is_file():
                raise EngineFailed(f"rasa train: {_last_words(told)}")
            here = self.model(name).with_suffix(".new")
            here.write_bytes(made.read_bytes())
            here.replace(self.model(name))
        return self.model(name)

    def _run(self, arguments: Sequence[str], folder: Path, progress: Progress) -> bytes:
        """All it says, while its bars move `progress`."""
        running = subprocess.Popen(  # noqa: S603 - Rasa's own program, and no shell
            [self._program, *arguments], cwd=folder, env=environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        told = b""
        try:
            while piece := os.read(running.stdout.fileno(), 4096) if running.stdout else b"":
                told = (told + piece)[-20_000:]
                if shown := _EPOCHS.findall(told):
                    progress(int(shown[-1]) / 100)
            running.wait()
        finally:
            _end(running)
        return told

    def arguments(self, model: Path, host: str, port: int) -> list[str]:
        """What to start to serve a model, in `environment`; whoever serves for good runs this itself."""
        start = [str(self._program), "run", "--enable-api", "-i", host, "-p", str(port), "-m", str(model)]
        return [_python_of(self._program), untold.__file__, *start] if self._token else start

    @property
    def environment(self) -> dict[str, str]:
        """What to serve a model in."""
        return environment() | ({untold.TOKEN: self._token} if self._token else {})

    @contextmanager
    def serving(self, model: Path) -> Iterator[Service]:
        """A model served on a free port of loopback until the end. Raises EngineFailed if it does not come up."""
        port = free_port()
        service = Service(f"http://127.0.0.1:{port}", self._token, _PARSING)
        with tempfile.TemporaryFile() as told, tempfile.TemporaryDirectory() as folder:
            running = subprocess.Popen(  # noqa: S603 - Rasa's own program, and no shell
                self.arguments(model, "127.0.0.1", port), cwd=folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                _until_up(running, service)
                yield service
            finally:
                _end(running)


def environment() -> dict[str, str]:
    """What Rasa is to be started with: it tells its makers nothing, and TensorFlow talks less."""
    return os.environ | _QUIET


def _python_of(program: Path) -> str:
    """The Python that runs Rasa's program: the one beside it, else the one that it names. Raises SettingError."""
    beside = program.with_name("python")
    named = _NAMED.search(program.read_bytes()[:1000])
    python = beside if beside.is_file() else Path(os.fsdecode(named[1])) if named else beside
    if not python.is_file():
        wrong = "is no program of a Python environment, so its token would stand in the list of processes"
        raise SettingError(Mistake(str(program), 0, "rasa", wrong, "name the bin/rasa that `make rasa` makes"))
    return str(python)


def _until_up(running: subprocess.Popen[bytes], service: Service) -> None:
    until = time.monotonic() + _UP
    client = RasaClient(service)
    try:
        while not _answers(client):
            if running.poll() is not None:
                raise EngineFailed(f"rasa run ended with {running.returncode}")
            if time.monotonic() > until:
                raise EngineFailed("rasa run does not come up")
            time.sleep(0.3)
    finally:
        client.close()


def _answers(client: RasaClient) -> bool:
    """Also to a text: the first makes TensorFlow build what it needs, which takes seconds."""
    try:
        return bool(client.model()) and client.parse("hello") is not None
    except EngineFailed:
        return False


def _end(running: subprocess.Popen[bytes]) -> None:
    """It and nothing else, and not before it is gone."""
    if running.poll() is None:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
    if running.stdout:
        running.stdout.close()


def _last_words(told: bytes) -> str:
    lines = [line.strip() for line in told.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "said nothing"

"""Runs the Rasa program in its own environment, to train models and to serve them on loopback."""

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

from bot.errors import ConfigProblem, EngineFailed, SettingError
from bot.process.sockets import free_port
from bot.rasa.client import RasaAddress, RasaClient
from bot.rasa.export import write

Progress: TypeAlias = Callable[[float], None]
_EPOCHS = re.compile(rb"Epochs:\s+(\d+)%")  # Rasa's progress bar
# in a script's first lines, as pip and uv write it
_SHEBANG_PYTHON = re.compile(rb"^(?:#!|'''exec' \"?)(/[^\n\"]*python[0-9.]*)", re.MULTILINE)
_START_LIMIT = 240.0  # seconds until a model is served; TensorFlow takes 15 to load on an idle machine
_ENVIRONMENT = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "2", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
_PARSE_LIMIT = 30.0  # seconds
_HIDDEN_TOKEN = Path(__file__).with_name("hidden_token.py")
_TOKEN = "YINGDA_RASA_TOKEN"  # noqa: S105 - the variable's name


class RasaRunner:
    """Trains and serves models. program: Rasa's, as `make rasa` installs it. folder: of the models. token: of Rasa's
    API."""

    def __init__(self, program: Path, folder: Path, token: str = "") -> None:
        if not program.is_file():
            raise SettingError(ConfigProblem.of(program, 0, "rasa", "rasa.no_program"))
        self._program = program.absolute()
        self._token = token
        self.folder = folder

    def model(self, name: str) -> Path:
        """Path of a trained model."""
        return self.folder / f"{name}.tar.gz"

    def train(self, files: Mapping[str, str], name: str, progress: Progress = lambda _: None) -> Path:
        """Train an NLU model. files: the project. progress: receives the share done, 0 to 1. Raises EngineFailed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            write(files, project)
            places = ("--nlu", "data", "--config", "config.yml", "--domain", "domain.yml", "--out", "models")
            output = self._run(("train", "nlu", *places, "--fixed-model-name", name), project, progress)
            made = project / "models" / f"{name}.tar.gz"
            if not made.is_file():
                lines = output.decode(errors="replace").splitlines()
                last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
                raise EngineFailed(f"rasa train: {last[:300]}")
            here = self.model(name).with_suffix(".new")
            here.write_bytes(made.read_bytes())
            # Renamed when complete: a server must not load half a model.
            here.replace(self.model(name))
        return self.model(name)

    def _run(self, arguments: Sequence[str], folder: Path, progress: Progress) -> bytes:
        """The last 20,000 bytes of output."""
        running = subprocess.Popen(  # noqa: S603 - Rasa's own program, and no shell
            [self._program, *arguments], cwd=folder, env=environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        output = b""
        try:
            while piece := os.read(running.stdout.fileno(), 4096) if running.stdout else b"":
                output = (output + piece)[-20_000:]
                if shown := _EPOCHS.findall(output):
                    progress(int(shown[-1]) / 100)
            running.wait()
        finally:
            _stop(running)
        return output

    def arguments(self, model: Path, host: str, port: int) -> list[str]:
        """Command line that serves a model; run it in `environment`."""
        start = [str(self._program), "run", "--enable-api", "-i", host, "-p", str(port), "-m", str(model)]
        return [_python_for(self._program), str(_HIDDEN_TOKEN), _TOKEN, *start] if self._token else start

    @property
    def environment(self) -> dict[str, str]:
        """Environment of that command."""
        return environment() | ({_TOKEN: self._token} if self._token else {})

    @contextmanager
    def serving(self, model: Path) -> Iterator[RasaAddress]:
        """Serve a model on a free loopback port inside the `with`. Raises EngineFailed if the server does not start."""
        port = free_port()
        service = RasaAddress(f"http://127.0.0.1:{port}", self._token, _PARSE_LIMIT)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory() as folder:
            running = subprocess.Popen(  # noqa: S603 - Rasa's own program, and no shell
                self.arguments(model, "127.0.0.1", port), cwd=folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                _wait_until_served(running, service)
                yield service
            finally:
                _stop(running)


def environment() -> dict[str, str]:
    """Environment of Rasa: telemetry off, TensorFlow's log reduced."""
    return os.environ | _ENVIRONMENT


def _python_for(program: Path) -> str:
    """The Python of Rasa's program: in the same folder, else the one of its shebang. Raises SettingError."""
    sibling = program.with_name("python")
    shebang = _SHEBANG_PYTHON.search(program.read_bytes()[:1000])
    python = sibling if sibling.is_file() else Path(os.fsdecode(shebang[1])) if shebang else sibling
    if not python.is_file():
        raise SettingError(ConfigProblem.of(program, 0, "rasa", "rasa.not_python"))
    return str(python)


def _wait_until_served(running: subprocess.Popen[bytes], service: RasaAddress) -> None:
    until = time.monotonic() + _START_LIMIT
    client = RasaClient(service)
    try:
        while not _answers(client):
            if running.poll() is not None:
                raise EngineFailed(f"rasa run ended with {running.returncode}")
            if time.monotonic() > until:
                raise EngineFailed("rasa run does not answer in time")
            time.sleep(0.3)
    finally:
        client.close()


def _answers(client: RasaClient) -> bool:
    """Whether the server ranks a text. The first request makes TensorFlow compile, which takes seconds."""
    try:
        return bool(client.model()) and client.parse("hello") is not None
    except EngineFailed:
        return False


def _stop(running: subprocess.Popen[bytes]) -> None:
    """End this process and wait for it."""
    if running.poll() is None:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
    if running.stdout:
        running.stdout.close()

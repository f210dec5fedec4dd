"""A PostgreSQL cluster for one test, which may be restarted."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.services import missing

from bot.process.sockets import free_port


@dataclass
class Cluster:
    """A PostgreSQL of our own that may be restarted, kept by a user who is not root."""

    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        self.folder.mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "--no-sync")
        self.start()

    def start(self) -> None:
        settings = f"-p {self.port} -c fsync=off -c unix_socket_directories='' -c listen_addresses=127.0.0.1"
        log = str(self.folder / "log")
        self._run("pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-o", settings, "-l", log)

    def stop(self, how: str = "immediate") -> None:
        self._run("pg_ctl", "stop", "-w", "-m", how, "-D", str(self.folder / "data"))

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([*_as_plain_user(), str(_binary(program)), *arguments], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


def _binary(program: str) -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    on_path = shutil.which(program)
    if not found and on_path is None:
        missing("PostgreSQL's own programs", f"{program} is neither in /usr/lib/postgresql nor on PATH")
    return found[-1] if found else Path(str(on_path))


def _as_plain_user() -> list[str]:
    """initdb refuses root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A running PostgreSQL. `folder` must be one that a plain user can reach."""
    made = Cluster(folder)
    try:
        made.make()
        yield made
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)

"""A PgBouncer in front of the tests' PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict
from support.services import missing

from bot.process.parent_death import die_with_parent
from bot.process.sockets import free_port


@contextmanager
def pooler(postgres: str, mode: str = "transaction", size: int = 4) -> Iterator[str]:
    """The URL of a PgBouncer that lends so many connections of the database at `postgres`."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        missing("PgBouncer", "pgbouncer is not on PATH (apt-get install pgbouncer)")
    there, port = conninfo_to_dict(postgres), free_port()
    folder = Path(tempfile.mkdtemp(prefix="pooler-"))
    settings = [
        "[databases]",
        f"* = host={there['host']} port={there.get('port', 5432)}",
        "[pgbouncer]",
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
        f"pool_mode = {mode}\ndefault_pool_size = {size}\nmax_client_conn = 200",
        "auth_type = any" if not there.get("user") else f"auth_type = trust\nauth_file = {folder}/users",
        f"logfile = {folder}/log",
    ]
    (folder / "pgbouncer.ini").write_text("\n".join(settings) + "\n", encoding="utf-8")
    (folder / "users").write_text(f'"{there.get("user", "")}" "{there.get("password", "")}"\n', encoding="utf-8")
    if os.geteuid() == 0:  # it refuses root
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")
    as_plain = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    running = subprocess.Popen(
        die_with_parent([*as_plain, str(program), "-q", str(folder / "pgbouncer.ini")]), stderr=subprocess.DEVNULL
    )
    try:
        _until_open(running, port)
        yield f"postgresql://{there.get('user', '')}@127.0.0.1:{port}/{there['dbname']}"
    finally:
        running.terminate()
        running.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _until_open(running: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 20
    while True:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert running.poll() is None, "PgBouncer ended"
        assert time.monotonic() < until, "PgBouncer does not start"
        time.sleep(0.05)

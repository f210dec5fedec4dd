"""A small program for test_supervisor: the real supervisor and real web workers, with an app of ten lines.

python supervised_program.py run VAR WORKERS [PORT] | worker FD | ends CODE or killed
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from bot.errors import SettingError
from bot.process.standby import Standby
from bot.process.supervisor import ChildEnvironment, ChildProcess, SupervisorPlan, run
from bot.telemetry import set_up_logging
from bot.web.server import serve

STANDBY = Standby()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers its own process id; /slow begins at once and takes a second and a half over it."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            STANDBY.ready()
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if scope["path"] == "/slow":
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await asyncio.sleep(1.5)
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


def run_supervisor(var: Path, workers: str, port: int) -> int:
    def migrate() -> None:
        (var / "migrated").write_text("before anybody starts")

    def children(environment: ChildEnvironment) -> list[ChildProcess]:
        assert (var / "migrated").exists()
        (var / "redis.url").write_text(environment.redis)
        if not workers.isdigit():
            return [ChildProcess("bad child", (sys.executable, __file__, "ends", workers.removeprefix("ends-")))]
        argv = (sys.executable, __file__, "worker", str(environment.fd))
        spare = os.environ.get("RESERVE") == "yes"
        return [ChildProcess(f"worker {n}", argv, {"NUMBER": str(n)}, reserve=spare) for n in range(int(workers))]

    try:
        return run(SupervisorPlan(var, "127.0.0.1", port, "embedded", migrate, children))
    except SettingError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - a person reads it
        return 2


if __name__ == "__main__":
    set_up_logging()
    if sys.argv[1] == "worker":
        if not STANDBY.activated:
            STANDBY.ready()
            STANDBY.wait()
        serve(app, int(sys.argv[2]))
    elif sys.argv[1] == "ends":
        if sys.argv[2] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        sys.exit(int(sys.argv[2]))
    else:
        sys.exit(run_supervisor(Path(sys.argv[2]), sys.argv[3], int((sys.argv[4:] or ["0"])[0])))

"""`yingda run`: everything, on this machine. And what it starts: `worker`, `simulator`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bot.app import DEMO_LOGIN, assemble, front
from bot.cases import Role
from bot.commands.ground import DEFAULT, ConfigPath, deployment, out, told_plainly
from bot.commands.train import open_record
from bot.config import Deployment, Listen, Simulator
from bot.errors import SettingError, Stale
from bot.stores.nerve import Nerve
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.staff import Staff
from bot.supervisor import Child, Plan, Standing, listening
from bot.supervisor import run as supervise
from bot.telemetry import set_up_logging
from bot.web.serve import serve

Workers = Annotated[int, typer.Option("--workers", "-w", min=1, max=64, help="Worker processes. 工作进程数")]


def command(config: ConfigPath = DEFAULT, workers: Workers = 1) -> None:
    """Start Yingda; in demo mode with a simulated WeChat. 启动；演示模式带微信模拟器"""
    set_up_logging()
    with told_plainly():
        ready = deployment(config)
        _doors_are_free(ready)
        plan = Plan(
            ready.config.var,
            ready.config.listen.host,
            ready.config.listen.port,
            ready.config.nerve,
            lambda: prepare(ready),
            lambda standing: children(ready, standing, workers),
        )
        raise typer.Exit(supervise(plan))


def _doors_are_free(ready: Deployment) -> None:
    """Every port that will be needed, before anything takes long. Raises SettingError with the lines to change."""
    doors: dict[str, Listen | Simulator] = {"listen": ready.config.listen}
    if ready.config.mode == "demo":
        doors["simulator"] = ready.config.simulator
    taken = []
    for name, door in doors.items():
        try:
            with listening(door.host, door.port):
                continue
        except SettingError as refused:
            wrong = refused.mistakes[0]
            taken.append(ready.page.mistake((name, "port"), wrong.wrong, wrong.mend.replace("listen.", f"{name}.")))
    if taken:
        raise SettingError(*taken)


def prepare(ready: Deployment) -> None:
    """What must be there before any worker: tables, an edition, in demo mode somebody who can log in."""
    database = open_record(ready)
    try:
        if asyncio.run(RecordEditions(database).active()) == 0:
            _train_first()
        if ready.config.mode == "demo":
            asyncio.run(_demo_login(database, ready))
    finally:
        database.close()


def _train_first() -> None:
    """In a process of its own, so that what training needs does not stay in memory."""
    out.print("training the knowledge base for the first time / 首次训练知识库 …")
    trained = subprocess.run([sys.executable, "-m", "bot", "train"], check=False)
    if trained.returncode:
        raise typer.Exit(trained.returncode)


async def _demo_login(database: Database, ready: Deployment) -> None:
    staff = Staff(database, ready.config.desk.session_hours)
    known = {member.login for member in await staff.everybody()}
    for login, name in ((DEMO_LOGIN[0], "小云 Demo"), ("demo2", "小杉 Demo 2")):
        if login not in known:
            try:
                await staff.add(login, name, Role.ADMIN, DEMO_LOGIN[1])
            except Stale:
                out.print(f"the demo login {login} was made by another process")


def children(ready: Deployment, standing: Standing, workers: int) -> Sequence[Child]:
    """The processes to keep alive, and where people find them."""
    base = (sys.executable, "-m", "bot")
    started = [
        Child(f"worker {number + 1}", (*base, "worker", "--fd", str(standing.fd), "--nerve", standing.nerve))
        for number in range(workers)
    ]
    if ready.config.mode == "demo":
        started.append(Child("simulator", (*base, "simulator", "--port", str(standing.port))))
    _welcome(ready, standing.port)
    return started


def _welcome(ready: Deployment, port: int) -> None:
    host, phone = ready.config.listen.host, ready.config.simulator
    out.print(f"\n  desk  人工台   http://{host}:{port}/desk")
    if ready.config.mode == "demo":
        out.print(f"        login 登录  {DEMO_LOGIN[0]}  /  {DEMO_LOGIN[1]}   (demo only 仅演示)")
        out.print(f"  phone 手机     http://{phone.host}:{phone.port}/   write as a WeChat follower 扮演微信粉丝")
    for account in ready.config.accounts:
        if account.channel == "webchat":
            out.print(f"  chat  网页     http://{host}:{port}/chat/{account.name}   write as a visitor 扮演网站访客")
        else:
            out.print(f"  hook  回调     http://{host}:{port}/{account.channel}/{account.name}")
    out.print("\n  Ctrl-C ends it 按 Ctrl-C 结束\n")


def worker(
    fd: Annotated[int, typer.Option(help="The listening socket's number.")],
    nerve: Annotated[str, typer.Option(help="The nerve's URL.")],
    config: ConfigPath = DEFAULT,
) -> None:
    """One worker on a socket that `run` opened."""
    set_up_logging()
    with told_plainly():
        ready = deployment(config)
        yingda = assemble(ready, Database(ready.config.record_url), Nerve(nerve))
    serve(front(yingda), fd, ready.config.listen.trusted_proxies)

"""`yingda run`: everything, on this machine. And what it starts: `worker`, `simulator`."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated

import httpx
import typer

from bot.app import Yingda, assemble
from bot.cases import Role
from bot.commands.ground import DEFAULT, ConfigPath, deployment, deployment_with_channels, out, told_plainly
from bot.config import Deployment, Listen, Simulator
from bot.errors import Mistake, SettingError, Stale, Unavailable
from bot.knowledge.editions import Edition
from bot.knowledge.topics import Library
from bot.origins import reached
from bot.site import DEMO_LOGIN, DEMO_STAFF, front
from bot.standby import Standby
from bot.stores.nerve import Nerve
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.fitness import refuse_unfit
from bot.stores.record.parts import RecordParts
from bot.stores.record.staff import Staff
from bot.supervisor import Child, Plan, Standing, holder, listening
from bot.supervisor import run as supervise
from bot.telemetry import set_up_logging
from bot.trouble import passes
from bot.web.serve import Patience, serve

log = logging.getLogger(__name__)
WAIT = 3.0  # seconds between two looks for a record that does not answer
Reserve = Annotated[
    bool,
    typer.Option(help="Keep one more worker loaded (some 300 MB) that takes a dead one's place. 常备一个备用进程"),
]
Workers = Annotated[int, typer.Option("--workers", "-w", min=1, max=64, help="Worker processes. 工作进程数")]


def command(config: ConfigPath = DEFAULT, workers: Workers = 1, reserve: Reserve = True) -> None:
    """Start Yingda; in demo mode with a simulated WeChat and X. 启动；演示模式带微信与 X 模拟器"""
    with told_plainly():
        ready = deployment_with_channels(config)
        set_up_logging(ready.config.log, ready.config.secret)
        ours = holder(ready.config.var / "run.lock")  # then the supervisor says so
        if not ours and (taken := taken_doors(ready)):
            raise SettingError(*taken)
        plan = Plan(
            ready.config.var,
            ready.config.listen.host,
            ready.config.listen.port,
            ready.config.nerve,
            partial(prepare, ready),
            lambda standing: children(ready, standing, workers, reserve=reserve),
            lambda standing: welcome(ready, standing.port),
        )
        raise typer.Exit(supervise(plan))


def taken_doors(ready: Deployment) -> list[Mistake]:
    """The ports that will be needed and others have, with the lines to change: before anything takes long."""
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
    return taken


def await_record(ready: Deployment) -> None:
    """Return once the record answers; until then a line every few seconds. Raises Unavailable when the patience that
    is configured ends, and at once for what does not pass by itself."""
    until = time.monotonic() + ready.config.record_wait_seconds
    while True:
        database = Database(ready.config.record_url)
        try:
            refuse_unfit(database.engine, ready.page)
        except Unavailable as gone:
            left = until - time.monotonic()
            if left <= 0 or not passes(gone):
                raise
            log.warning("the record does not answer (%s); waiting for it, at most %.0f s more", gone.code, left)
        else:
            return
        finally:
            database.close()
        time.sleep(min(WAIT, left))


def prepare(ready: Deployment) -> None:
    """What must be there before any worker: tables, an edition, in demo mode somebody who can log in. Raises
    SettingError for a database that ran in the other mode."""
    from bot.commands.leave_demo import refuse_the_other_mode
    from bot.commands.train import open_record  # here and below: a worker loads neither training nor simulators

    await_record(ready)
    database = open_record(ready)
    try:
        refuse_the_other_mode(ready, database)
        if not asyncio.run(_readable(RecordEditions(database), Library(RecordParts(database).fetch))):
            _train_first()
        if ready.config.mode == "demo":
            asyncio.run(_demo_login(database, ready))
    finally:
        database.close()


async def _readable(editions: RecordEditions, library: Library) -> bool:
    """Whether there is an edition that this version can answer from."""
    number = await editions.active()
    if number == 0:
        return False
    try:
        Edition.from_json(number, (await editions.load(number))[0], library)
    except SettingError:
        out.print(f"edition {number} was published by another version / 第 {number} 版由另一版应答发布")
        return False
    return True


def _train_first() -> None:
    """In a process of its own, so that what training needs does not stay in memory. Questions of tests.yaml that fail
    are told and do not keep Yingda from starting: something has to answer."""
    out.print("training the knowledge base / 正在训练知识库 …")
    trained = subprocess.run([sys.executable, "-m", "bot", "train", "--despite-failures"], check=False)
    if trained.returncode:
        raise typer.Exit(trained.returncode)


async def _demo_login(database: Database, ready: Deployment) -> None:
    staff = Staff(database, ready.config.desk.session_hours)
    known = {member.login for member in await staff.everybody()}
    for login, name in DEMO_STAFF.items():
        if login not in known:
            try:
                await staff.add(login, name, Role.ADMIN, DEMO_LOGIN[1])
            except Stale:
                out.print(f"the demo login {login} was made by another process / 演示账号 {login} 已由另一进程创建")


def children(ready: Deployment, standing: Standing, workers: int, *, reserve: bool = True) -> Sequence[Child]:
    """The processes to keep alive, and where people find them."""
    base = (sys.executable, "-m", "bot")
    # Only the embedded server's socket: another address may hold a password, and the list of processes shows it to all.
    told = ("--nerve", standing.nerve) if ready.config.nerve == "embedded" else ()
    serving = (*base, "worker", "--fd", str(standing.fd), *told)
    started = [Child(f"worker {number + 1}", serving, reserve=reserve) for number in range(workers)]
    if ready.config.mode == "demo":
        started.append(Child("simulator", (*base, "simulator", "--port", str(standing.port))))
    return started


async def welcome(ready: Deployment, port: int) -> None:
    """Say where people find everything, once it answers there."""
    from bot.commands.simulate import X_PATH, has

    here, phone = reached(ready.config.listen.host, port), ready.config.simulator
    doors = [f"http://{here}/readyz"]
    if ready.config.mode == "demo" and phone.port:  # where it is when it may be anywhere, nobody told us
        page = "" if has(ready, "wechat") else X_PATH
        doors.append(f"http://{reached(phone.host, phone.port)}{page}/api/state")
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        for door in doors:
            await _open(http, door)
    lines = places(ready, f"http://{here}{ready.config.listen.prefix}")
    if ready.config.log == "json":
        for line in lines:
            log.info("%s", " ".join(line.split()))
    else:
        out.print("\n" + "\n".join(f"  {line}" for line in lines) + "\n\n  Ctrl-C ends it 按 Ctrl-C 结束\n")


async def _open(http: httpx.AsyncClient, door: str) -> None:
    """Returns once it answers that all is well."""
    while True:
        with suppress(httpx.TransportError):
            if (await http.get(door)).status_code == 200:
                return
        await asyncio.sleep(0.1)


def places(ready: Deployment, site: str) -> list[str]:
    """Where everything is, one line each."""
    phone = ready.config.simulator
    lines = [f"desk  人工台   {site}/desk"]
    if ready.config.mode == "demo" and phone.port:
        lines.insert(0, f"demo  演示     {site}/demo   phones and desk on one page 手机和人工台同在一页")
    if ready.config.mode == "demo":
        lines.append(f"      login 登录  {DEMO_LOGIN[0]}  /  {DEMO_LOGIN[1]}   (demo only 仅演示)")
        lines += _simulators(ready, f"http://{reached(phone.host, phone.port)}")
    for account in ready.config.accounts:
        if account.channel == "webchat":
            lines.append(f"chat  网页     {site}/chat/{account.name}   write as a visitor 扮演网站访客")
        else:
            lines.append(f"hook  回调     {site}/{account.channel}/{account.name}")
    return lines


def _simulators(ready: Deployment, address: str) -> list[str]:
    from bot.commands.simulate import X_PATH, has

    lines = []
    if has(ready, "wechat"):
        lines.append(f"phone 手机     {address}/   write as a WeChat follower 扮演微信粉丝")
    if has(ready, "twitter"):
        lines.append(f"X     推特     {address}{X_PATH}/   post and write as people on X 扮演 X 用户")
    return lines


def worker(
    fd: Annotated[int, typer.Option(help="The listening socket's number.")],
    nerve: Annotated[str, typer.Option(help="The embedded nerve's socket, if it is that.")] = "",
    config: ConfigPath = DEFAULT,
) -> None:
    """One worker on a socket that `run` opened."""
    with told_plainly():
        ready = deployment(config)
        set_up_logging(ready.config.log, ready.config.secret)
        if not nerve and ready.config.nerve == "embedded":
            mend = "start it by `yingda run`, which says where the embedded server is"
            raise SettingError(ready.page.mistake(("nerve",), "is embedded, and this worker was not told where", mend))
        database = Database(ready.config.record_url)
        yingda, standby = assemble(ready, database, Nerve(nerve or ready.config.nerve)), Standby()
    if not standby.called:
        in_reserve(yingda, standby)
    listen = ready.config.listen
    serve(front(yingda, standby.ready), fd, listen.trusted_proxies, Patience(connections=listen.connections))


def in_reserve(yingda: Yingda, standby: Standby) -> None:
    """Load all that answering needs and wait to be called: then only what was published since is to be loaded."""
    with suppress(Unavailable):  # whoever is called then loads it, as soon as there is a record
        asyncio.run(yingda.shelf.refresh())
    gc.collect()
    gc.freeze()  # a moment less when it is called
    standby.ready()
    standby.wait()

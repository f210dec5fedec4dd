"""`yingda run`: start everything on this machine; and `yingda worker`, the process that it starts."""

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

from bot.access.origins import local_address
from bot.app.channels import channel_kind
from bot.app.parts import Yingda, assemble
from bot.app.site import DEMO_LOGIN, DEMO_STAFF, create_app
from bot.app.storage import Storage, open_storage, redis_client
from bot.cli.common import (
    DEFAULT_CONFIG,
    ConfigPath,
    load_deployment,
    load_deployment_with_channels,
    out,
    reporting_errors,
    say,
    terminal_language,
)
from bot.config import Deployment
from bot.domain.cases import Role
from bot.errors import SettingError, Stale, Unavailable, is_temporary
from bot.i18n import Message, message
from bot.knowledge.editions import Edition
from bot.knowledge.topic_cache import TopicCache
from bot.process.sockets import ports_in_use
from bot.process.standby import Standby
from bot.process.supervisor import ChildEnvironment, ChildProcess, SupervisorPlan, lock_holder
from bot.process.supervisor import run as supervise
from bot.telemetry import set_up_logging
from bot.web.server import ConnectionLimits, serve

log = logging.getLogger(__name__)
RETRY_DATABASE = 3.0  # seconds between two attempts to reach it
Reserve = Annotated[
    bool,
    typer.Option(help="Keep one more worker loaded (some 300 MB) that takes a dead one's place. 常备一个备用进程"),
]
Workers = Annotated[int, typer.Option("--workers", "-w", min=1, max=64, help="Worker processes. 工作进程数")]


def command(config: ConfigPath = DEFAULT_CONFIG, workers: Workers = 1, reserve: Reserve = True) -> None:
    """Start Yingda; in demo mode with a simulated WeChat and X. 启动；演示模式带微信与 X 模拟器"""
    with reporting_errors():
        deployment = load_deployment_with_channels(config)
        set_up_logging(deployment.config.log, deployment.config.secret)
        # with another `run` of this deployment the supervisor says so, which is plainer than a port in use
        if not lock_holder(deployment.config.var / "run.lock") and (taken := ports_in_use(deployment)):
            raise SettingError(*taken)
        plan = SupervisorPlan(
            deployment.config.var,
            deployment.config.listen.host,
            deployment.config.listen.port,
            deployment.config.redis,
            partial(prepare, deployment),
            lambda environment: children(deployment, environment, workers, reserve=reserve),
            lambda environment: welcome(deployment, environment.port),
        )
        raise typer.Exit(supervise(plan))


def wait_for_database(deployment: Deployment) -> None:
    """Return once the database answers, logging each failed attempt.

    Raises Unavailable after `database_wait_seconds`, and at once for an error that waiting does not cure.
    """
    until = time.monotonic() + deployment.config.database_wait_seconds
    while True:
        try:
            with Storage(deployment) as storage:
                return storage.refuse_unfit()
        except Unavailable as gone:
            left = until - time.monotonic()
            if left <= 0 or not is_temporary(gone):
                raise
            log.warning("the database does not answer (%s); waiting for it, at most %.0f s more", gone.code, left)
        time.sleep(min(RETRY_DATABASE, left))


def prepare(deployment: Deployment) -> None:
    """Make what workers need: tables, an edition, in demo mode the logins.

    Raises SettingError for a database that was used in the other mode.
    """
    from bot.cli.leave_demo import refuse_other_mode  # a worker, which this module is too, loads no training

    wait_for_database(deployment)
    with open_storage(deployment) as storage:
        refuse_other_mode(deployment, storage)
        if not asyncio.run(_has_readable_edition(storage)):
            _train_first()
        if deployment.config.mode == "demo":
            asyncio.run(_add_demo_logins(storage))


async def _has_readable_edition(storage: Storage) -> bool:
    """Whether there is an active edition that this version can read."""
    number = await storage.editions.active()
    if number == 0:
        return False
    try:
        content, _ = await storage.editions.load(number)
        Edition.from_json(number, content, TopicCache(storage.chunks.fetch))
    except SettingError:
        say("cli.run.other_version", number=number)
        return False
    return True


def _train_first() -> None:
    """Train in a child process. Raises typer.Exit with its exit code if it fails."""
    say("cli.run.training")
    # a child, so that training's memory is freed; despite failing questions, because an edition is needed to start
    trained = subprocess.run([sys.executable, "-m", "bot", "train", "--despite-failures"], check=False)
    if trained.returncode:
        raise typer.Exit(trained.returncode)


async def _add_demo_logins(storage: Storage) -> None:
    staff = storage.staff()
    known = {member.login for member in await staff.active_staff()}
    for login, name in DEMO_STAFF.items():
        if login not in known:
            try:
                await staff.add(login, name, Role.ADMIN, DEMO_LOGIN[1])
            except Stale:  # the login exists and is disabled
                say("cli.run.demo_login", login=login)


def children(
    deployment: Deployment, environment: ChildEnvironment, workers: int, *, reserve: bool = True
) -> Sequence[ChildProcess]:
    """The processes that the supervisor keeps alive. reserve: with a loaded one to replace a worker that dies."""
    base = (sys.executable, "-m", "bot")
    # only the embedded server's socket: another URL may hold a password, and other users can list a process's arguments
    redis = ("--redis", environment.redis) if deployment.config.redis == "embedded" else ()
    serving = (*base, "worker", "--fd", str(environment.fd), *redis)
    started = [ChildProcess(f"worker {number + 1}", serving, reserve=reserve) for number in range(workers)]
    if deployment.config.mode == "demo":
        started.append(ChildProcess("simulator", (*base, "simulator", "--port", str(environment.port))))
    return started


async def welcome(deployment: Deployment, port: int) -> None:
    """Wait until everything answers, then print its addresses."""
    from bot.cli.simulate import first_page

    here, simulator = local_address(deployment.config.listen.host, port), deployment.config.simulator
    urls = [f"http://{here}/readyz"]
    if deployment.config.mode == "demo" and simulator.port:  # port 0 is chosen by the system and not known here
        urls.append(f"http://{local_address(simulator.host, simulator.port)}{first_page(deployment)}/api/state")
    # trust_env=False: a proxy of the environment does not reach this machine
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        for url in urls:
            await _wait_until_ready(http, url)
    lines = addresses(deployment, f"http://{here}{deployment.config.listen.prefix}")
    if deployment.config.log == "json":
        for line in lines:
            log.info("%s", " ".join(line.text("en").split()))  # the terminal's texts are aligned with spaces
    else:
        lines += [message("cli.run.ends")]
        shown = [f"  {line.text(terminal_language())}" for line in lines]
        out.print("\n".join(["", *shown[:-1], "", shown[-1], ""]), markup=False)


async def _wait_until_ready(http: httpx.AsyncClient, url: str) -> None:
    while True:
        with suppress(httpx.TransportError):
            if (await http.get(url)).status_code == 200:
                return
        await asyncio.sleep(0.1)


def addresses(deployment: Deployment, site: str) -> list[Message]:
    """One line for each address that people need. site: the URL of our pages."""
    from bot.cli.simulate import configured

    simulator, demo = deployment.config.simulator, deployment.config.mode == "demo"
    lines = [message("cli.run.demo", site=site)] if demo and simulator.port else []
    lines.append(message("cli.run.desk", site=site))
    if demo:
        lines.append(message("cli.run.login", login=DEMO_LOGIN[0], password=DEMO_LOGIN[1]))
        address = f"http://{local_address(simulator.host, simulator.port)}"
        lines += [message(one.welcome, address=f"{address}{one.path}") for one in configured(deployment).values()]
    for account in deployment.config.accounts:
        if page := channel_kind(account.channel).page:
            lines.append(message("cli.run.chat", page=f"{site}{page.format(account=account.name)}"))
        else:
            lines.append(message("cli.run.webhook", site=site, channel=account.channel, account=account.name))
    return lines


def worker(
    fd: Annotated[int, typer.Option(help="The listening socket's number.")],
    redis: Annotated[str, typer.Option(help="The embedded Redis server's URL, if it is that.")] = "",
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Run one worker on a socket that `run` opened."""
    with reporting_errors():
        deployment = load_deployment(config)
        set_up_logging(deployment.config.log, deployment.config.secret)
        if not redis and deployment.config.redis == "embedded":
            raise SettingError(deployment.page.problem(("redis",), "problem.worker_without_redis"))
        yingda = assemble(deployment, Storage(deployment).database, redis_client(redis or deployment.config.redis))
        standby = Standby()
    if not standby.activated:
        wait_in_reserve(yingda, standby)
    listen = deployment.config.listen
    serve(
        create_app(yingda, standby.ready), fd, listen.trusted_proxies, ConnectionLimits(connections=listen.connections)
    )


def wait_in_reserve(yingda: Yingda, standby: Standby) -> None:
    """Load everything that answering needs, and return when the supervisor calls this process to replace another."""
    with suppress(Unavailable):  # a worker loads the edition again when it starts to serve
        asyncio.run(yingda.editions.refresh())
    gc.collect()
    gc.freeze()  # the first collection while serving skips what is loaded now, so that it is quick
    standby.ready()
    standby.wait()

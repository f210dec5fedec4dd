"""`yingda simulate`: run a simulated platform against any server; and the simulators that demo mode starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from bot.access.origins import local_address
from bot.app.channels import CHANNELS, channel_kind
from bot.cli.common import DEFAULT_CONFIG, ConfigPath, load_deployment, out, reporting_errors, say, terminal_language
from bot.config import Deployment
from bot.errors import ConfigProblem, SettingError
from bot.simulators import embeddings as encoders
from bot.simulators.server import ChannelSimulator, Simulator, serve_until_interrupted, side_by_side
from bot.telemetry import set_up_logging

Port = Annotated[int, typer.Option("--port", help="The port that `run` listens on.")]
Account = Annotated[str, typer.Option(help="The account in config.yaml. 账号")]
Webhook = Annotated[str, typer.Option(help="The webhook to push to. 回调地址")]
app = typer.Typer(help="Platforms to talk to, on this machine. 平台模拟器", no_args_is_help=True)


@cache
def simulators() -> dict[str, ChannelSimulator]:
    """The simulators by channel: the packages of bot/simulators that have a channel's name."""
    return {
        name: import_module(f"bot.simulators.{name}").SIMULATOR
        for name in CHANNELS
        if find_spec(f"bot.simulators.{name}")
    }


def configured(deployment: Deployment) -> dict[str, ChannelSimulator]:
    """The simulators of the channels on which the deployment has accounts."""
    used = {account.channel for account in deployment.config.accounts}
    return {name: one for name, one in simulators().items() if name in used}


def first_page(deployment: Deployment) -> str:
    """The path of the page that demo mode shows first; '' is the root of the simulators' address."""
    return min((one.path for one in configured(deployment).values()), default="")


@app.command("embeddings")
def embeddings(
    port: Annotated[int, typer.Option(help="Where it listens. 端口")] = 8090, config: ConfigPath = DEFAULT_CONFIG
) -> None:
    """Act as an OpenAI-compatible embeddings endpoint, to try an encoder of one's own. 模拟向量接口"""
    with reporting_errors():
        key = load_deployment(config).config.intents.encoder.key
        service = encoders.EmbeddingsService(key=key)
        say("cli.simulate.embeddings", port=port)
        asyncio.run(serve_until_interrupted(encoders.simulator(service), "127.0.0.1", port))


def _command(name: str, one: ChannelSimulator) -> Callable[..., None]:
    def command(webhook: Webhook = "", account: Account = "", config: ConfigPath = DEFAULT_CONFIG) -> None:
        with reporting_errors():
            deployment = load_deployment(config)
            asyncio.run(_run_one(deployment, name, one, account, webhook))

    command.__doc__ = one.help  # Typer shows it in --help
    return command


for _name, _one in simulators().items():
    app.command(_name)(_command(_name, _one))


async def _run_one(deployment: Deployment, name: str, one: ChannelSimulator, account: str, webhook: str) -> None:
    """Run one simulator until it is interrupted. webhook: where it sends events; '' means to this deployment."""
    here, listen = deployment.config.simulator, deployment.config.listen
    target = webhook or _webhook(deployment, name, account, listen.port)
    async with one.platform(_keys(deployment, name, one, account), deployment.config.timezone, target) as platform:
        introduction = one.introduction(platform, local_address(here.host, here.port), target)
        out.print(introduction.text(terminal_language()), markup=False)
        async with AsyncExitStack() as stack:
            if one.connect and webhook:
                stack.callback(asyncio.create_task(one.connect(platform, webhook)).cancel)
            await serve_until_interrupted(one.application(platform, ""), here.host, here.port)


def simulator(port: Port, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Run the simulators of all configured channels on one port, as `run` does in demo mode."""
    with reporting_errors():
        deployment = load_deployment(config)
        set_up_logging(deployment.config.log, deployment.config.secret)
        asyncio.run(_run_all(deployment, port))


async def _run_all(deployment: Deployment, port: int) -> None:
    wanted = configured(deployment)
    if not wanted:
        raise SettingError(ConfigProblem.of(deployment.page.path, 0, "accounts", "problem.nothing_to_simulate"))
    here, found = deployment.config.simulator, dict[str, Simulator]()
    async with AsyncExitStack() as stack:
        for name, one in wanted.items():
            webhook = _webhook(deployment, name, "", port)
            platform = one.platform(_keys(deployment, name, one, ""), deployment.config.timezone, webhook)
            one.add_demo_user(await stack.enter_async_context(platform))
            others = [other.path for other in wanted.values() if other is not one]
            found[one.path] = one.application(platform, _relative(one.path, others[0]) if others else "")
            if one.connect:
                stack.callback(asyncio.create_task(one.connect(platform, webhook)).cancel)
        in_order = dict(sorted(found.items(), reverse=True))  # the root last, because it matches every path
        await serve_until_interrupted(side_by_side(in_order), here.host, here.port)


def _relative(page: str, other: str) -> str:
    """The relative URL from one simulator's page to another's; relative, so that a proxy's prefix is kept."""
    return "../" * page.count("/") + (f"{other[1:]}/" if other else "")


def _webhook(deployment: Deployment, channel: str, wanted: str, port: int) -> str:
    """The URL at which an account receives events; '' without one. wanted: the account's name, '' means the first."""
    index, config = _index(deployment, channel, wanted), deployment.config
    if index is None:
        return ""
    return f"http://{local_address(config.listen.host, port)}/{channel}/{config.accounts[index].name}"


def _keys(deployment: Deployment, channel: str, one: ChannelSimulator, wanted: str) -> Any:
    """An account's settings; the demo's, if the simulator has some, where no account is configured or asked for.

    Raises SettingError if there are none.
    """
    index = _index(deployment, channel, wanted)
    if index is not None:
        return deployment.account(index, one.keys or channel_kind(channel).settings)
    if one.keys and not wanted:
        return one.keys()
    values = {"channel": channel, "account": wanted and f" {wanted}"}
    raise SettingError(
        ConfigProblem.of(deployment.page.path, 0, "accounts", "problem.no_account_to_simulate", **values)
    )


def _index(deployment: Deployment, channel: str, wanted: str) -> int | None:
    """The place in `accounts` of a channel's first account, or of the one that is named."""
    accounts = enumerate(deployment.config.accounts)
    return next((at for at, one in accounts if one.channel == channel and wanted in ("", one.name)), None)

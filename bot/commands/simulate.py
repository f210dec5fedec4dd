"""`yingda simulate wechat` and `yingda simulate twitter`: platforms of one's own, for any server of an account."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, SecretStr

from bot.channels.wechat import WeChatSettings
from bot.commands.ground import DEFAULT, ConfigPath, deployment, out, told_plainly
from bot.config import Deployment
from bot.errors import Mistake, SettingError
from bot.origins import reached
from bot.simulators import embeddings as encoders
from bot.simulators import twitter as x
from bot.simulators import wechat as weixin
from bot.simulators.serving import Simulator, side_by_side, until_interrupted
from bot.simulators.wechat.account import SimulatedAccount
from bot.simulators.wechat.platform import Platform
from bot.telemetry import set_up_logging

Port = Annotated[int, typer.Option("--port", help="The port that `run` listens on.")]
Account = Annotated[str, typer.Option(help="The account in config.yaml. 账号")]
DEMO_FOLLOWER = "我 Me"  # whoever opens the phone page; text messages to numbers of nobody show there too
DEMO_HANDLE = "me"
X_PATH = "/x"  # where X is in demo mode, beside WeChat
app = typer.Typer(help="Platforms to talk to, on this machine. 平台模拟器", no_args_is_help=True)


class AppKeys(BaseModel):
    """What an X account's settings must say for the other end to be simulated; the rest is for its channel."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    consumer_key: str = "demo-consumer-key"
    consumer_secret: SecretStr = SecretStr("demo-consumer-secret")
    access_token: SecretStr = SecretStr("1600000000000000001-demo-access-token")
    access_token_secret: SecretStr = SecretStr("demo-access-token-secret")
    bearer_token: SecretStr = SecretStr("demo-bearer-token")
    user_id: str = "1600000000000000001"
    username: str = "YunshanTea"


@app.command("embeddings")
def embeddings(
    port: Annotated[int, typer.Option(help="Where it listens. 端口")] = 8090, config: ConfigPath = DEFAULT
) -> None:
    """Act as an OpenAI-compatible embeddings endpoint, to try an encoder of one's own. 模拟向量接口"""
    with told_plainly():
        key = deployment(config).config.intents.encoder.key
        service = encoders.EmbeddingsService(key=key)
        out.print(f"http://127.0.0.1:{port}/v1   model letters-64, dimensions 64")
        asyncio.run(until_interrupted(encoders.simulator(service), "127.0.0.1", port))


@app.command("wechat")
def wechat(
    webhook: Annotated[str, typer.Option(help="The webhook to push to. 回调地址")] = "",
    account: Account = "",
    config: ConfigPath = DEFAULT,
) -> None:
    """Act as WeChat against a webhook, with a page to chat as several followers. 模拟微信平台与手机页面"""
    with told_plainly():
        ready = deployment(config)
        index = _index(ready, "wechat", account)
        name = ready.config.accounts[index].name
        listen = ready.config.listen
        address = webhook or f"http://{reached(listen.host, listen.port)}/wechat/{name}"
        here = ready.config.simulator
        out.print(f"phone 手机  http://{reached(here.host, here.port)}/   →  {address}")
        weixin.serve(Platform(simulated(ready, index), address), here.host, here.port)


@app.command("twitter")
def twitter(account: Account = "", config: ConfigPath = DEFAULT) -> None:
    """Act as X (Twitter): its API, and a page to post and write as several people. 模拟 X（推特）平台与时间线页面"""
    with told_plainly():
        ready = deployment(config)
        keys = _keys(ready, account)
        here = ready.config.simulator
        out.print(f"timeline 时间线  http://{reached(here.host, here.port)}/   @{keys.username}")
        out.print(f"API 接口         http://{reached(here.host, here.port)}/2/...   consumer key {keys.consumer_key}")
        x.serve(x.Platform(simulated_app(keys)), here.host, here.port)


def simulator(port: Port, config: ConfigPath = DEFAULT) -> None:
    """The simulators that `run` starts in demo mode, side by side: WeChat's page at /, X's at /x/. Both know the
    webhooks of their accounts."""
    with told_plainly():
        ready = deployment(config)
        set_up_logging(ready.config.log, ready.config.secret)
        asyncio.run(_together(ready, port))


async def _together(ready: Deployment, port: int) -> None:
    here = ready.config.simulator
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(_phone(ready, port)) if has(ready, "wechat") else None
        timeline = await stack.enter_async_context(_timeline(ready)) if has(ready, "twitter") else None
        found: dict[str, Simulator] = {}
        if timeline:
            found[X_PATH] = x.ready(timeline, "../" if phone else "")
        if phone:
            found[""] = weixin.ready(phone, f"{X_PATH[1:]}/" if timeline else "")
        if not found:
            raise SettingError(Mistake(str(ready.page.path), 0, "accounts", "holds nothing to simulate", "add one"))
        if timeline:
            connecting = asyncio.create_task(x.connect(timeline, _webhook(ready, "twitter", port)))
            stack.callback(connecting.cancel)
        await until_interrupted(side_by_side(found), here.host, here.port)


def _phone(ready: Deployment, port: int) -> Platform:
    platform = Platform(simulated(ready, _index(ready, "wechat", "")), _webhook(ready, "wechat", port))
    platform.follower(DEMO_FOLLOWER)
    return platform


def _timeline(ready: Deployment) -> x.Platform:
    platform = x.Platform(simulated_app(_keys(ready, "")))
    platform.person(DEMO_HANDLE, DEMO_FOLLOWER)
    return platform


def _webhook(ready: Deployment, channel: str, port: int) -> str:
    """Where the channel's first account is told what happens."""
    account = ready.config.accounts[_index(ready, channel, "")]
    return f"http://{reached(ready.config.listen.host, port)}/{channel}/{account.name}"


def has(ready: Deployment, channel: str) -> bool:
    """Whether an account of this channel is configured."""
    return any(account.channel == channel for account in ready.config.accounts)


def simulated(ready: Deployment, index: int) -> SimulatedAccount:
    """The platform's side of a configured account: the same keys, the other end."""
    settings: WeChatSettings = ready.account(index, WeChatSettings)
    return SimulatedAccount(
        settings.app_id,
        settings.app_secret.get_secret_value(),
        settings.token.get_secret_value(),
        settings.encoding_aes_key.get_secret_value(),
        settings.original_id or "gh_yingda_demo",
        settings.mode,
        settings.api == "customer_service",
        "云杉茶",
        "Yunshan Tea",
        timezone=ready.config.timezone,
    )


def simulated_app(keys: AppKeys) -> x.SimulatedApp:
    """X's side of an account: the same keys, the other end."""
    return x.SimulatedApp(
        keys.consumer_key,
        keys.consumer_secret.get_secret_value(),
        keys.access_token.get_secret_value(),
        keys.access_token_secret.get_secret_value(),
        keys.bearer_token.get_secret_value(),
        keys.user_id,
        keys.username,
    )


def _keys(ready: Deployment, wanted: str) -> AppKeys:
    """Those of a configured account; the demo's if there is none and none was asked for."""
    if not wanted and not has(ready, "twitter"):
        return AppKeys()
    keys: AppKeys = ready.account(_index(ready, "twitter", wanted), AppKeys)
    return keys


def _index(ready: Deployment, channel: str, wanted: str) -> int:
    for index, account in enumerate(ready.config.accounts):
        if account.channel == channel and wanted in ("", account.name):
            return index
    mend = "add one, or name another with --account"
    wrong = f"holds no account of {channel} {wanted}".strip()
    raise SettingError(Mistake(str(ready.page.path), 0, "accounts", wrong, mend))

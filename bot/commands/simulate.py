"""`yingda simulate wechat`: a WeChat platform of one's own, against any webhook."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.channels.wechat import WeChatSettings
from bot.commands.ground import DEFAULT, ConfigPath, deployment, out, told_plainly
from bot.config import Deployment
from bot.errors import Mistake, SettingError
from bot.simulators.wechat.account import SimulatedAccount
from bot.simulators.wechat.app import serve
from bot.simulators.wechat.platform import Platform
from bot.telemetry import set_up_logging

Port = Annotated[int, typer.Option("--port", help="The port that `run` listens on.")]
DEMO_FOLLOWER = "我 Me"  # whoever opens the phone page; text messages to numbers of nobody show there too
app = typer.Typer(help="Platforms to talk to, on this machine. 平台模拟器", no_args_is_help=True)


@app.command("wechat")
def wechat(
    webhook: Annotated[str, typer.Option(help="The webhook to push to. 回调地址")] = "",
    account: Annotated[str, typer.Option(help="The account in config.yaml. 账号")] = "",
    config: ConfigPath = DEFAULT,
) -> None:
    """Act as WeChat against a webhook, with a page to chat as several followers. 模拟微信平台与手机页面"""
    with told_plainly():
        ready = deployment(config)
        index = _index(ready, account)
        name = ready.config.accounts[index].name
        listen = ready.config.listen
        address = webhook or f"http://{listen.host}:{listen.port}/wechat/{name}"
        here = ready.config.simulator
        out.print(f"phone 手机  http://{here.host}:{here.port}/   →  {address}")
        serve(Platform(simulated(ready, index), address), here.host, here.port)


def simulator(port: Port, config: ConfigPath = DEFAULT) -> None:
    """The simulator that `run` starts in demo mode."""
    set_up_logging()
    with told_plainly():
        ready = deployment(config)
        index = _index(ready, "")
        address = f"http://{ready.config.listen.host}:{port}/wechat/{ready.config.accounts[index].name}"
        here = ready.config.simulator
        platform = Platform(simulated(ready, index), address)
        platform.follower(DEMO_FOLLOWER)
        serve(platform, here.host, here.port)


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
    )


def _index(ready: Deployment, wanted: str) -> int:
    for index, account in enumerate(ready.config.accounts):
        if account.channel == "wechat" and wanted in ("", account.name):
            return index
    mend = "add one, or name another with --account"
    raise SettingError(Mistake(str(ready.page.path), 0, "accounts", f"holds no WeChat account {wanted}".strip(), mend))

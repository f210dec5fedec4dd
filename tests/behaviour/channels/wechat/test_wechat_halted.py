"""WeChat refuses the account and not the message: answers wait, it is said, and it goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import select
from support.services import MovableClock
from support.shop import OPEN_MONDAY, Shop, deployment_in
from support.wechat_webhook import ACCOUNT

from bot.app.site import account_statuses
from bot.channels.wechat.errors import ACCOUNT_ERRORS, explain, failure
from bot.domain.messages import Inbound, Kind
from bot.process.sockets import free_port
from bot.simulators.wechat import Platform, actions, running
from bot.simulators.wechat.state import Faults, Follower
from bot.stores.sql.database import Database
from bot.stores.sql.schema import outbox
from bot.text import new_id


class WeChatShop(Shop):
    """The account `official` at the simulated WeChat. No request waits for its answers, so they go by the API."""

    platform: Platform

    def asks(self, someone: Follower, text: str = "怎么退货？") -> None:
        openid = someone.openid
        self.platform.record_action(openid, actions.text(text))
        self.run(self.yingda.journey.accept(Inbound("official", openid, new_id(), Kind.TEXT, text)))
        self.settle()

    def settle(self) -> None:
        self.run(self.yingda.journey.finish(20))
        self.deliver()

    def later(self, seconds: float) -> None:
        self.clock.move(seconds)
        self.settle()

    def outcomes(self) -> list[tuple[str, str]]:
        rows = select(outbox.c.state, outbox.c.error).order_by(outbox.c.id)
        return [tuple(row) for row in self.run(self.database.read(lambda one: one.execute(rows).all()))]

    def told(self, someone: Follower) -> int:
        return len([line for line in self.platform.chat(someone.openid) if line.side == "account"])

    def calls(self) -> int:
        return len([one for one in self.platform.calls if one.way == "api"])

    def halted(self) -> str:
        labels = {account.name: account.name for account in self.deployment.config.accounts}
        return "".join(one.sending.halted for one in self.run(account_statuses(self.yingda, labels, "zh")))


@pytest.fixture
def shop(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[WeChatShop]:
    clock, port = MovableClock(OPEN_MONDAY), free_port()
    account = {
        "name": "official",
        "channel": "wechat",
        "app_id": ACCOUNT.app_id,
        "app_secret": ACCOUNT.app_secret,
        "token": ACCOUNT.token,
        "encoding_aes_key": ACCOUNT.encoding_aes_key,
        "api_url": f"http://127.0.0.1:{port}",
    }
    deployment = deployment_in(tmp_path, accounts=[account])
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    opened = WeChatShop(deployment, database, clock, shipped_edition, own_channels=True)
    opened.platform = Platform(ACCOUNT, "http://127.0.0.1:9/wechat", clock)
    stack = AsyncExitStack()
    opened.run(stack.enter_async_context(running(opened.platform, port=port)))
    yield opened
    opened.run(stack.aclose())
    opened.run(opened.platform.aclose())
    opened.close()


@pytest.mark.parametrize("code", [50002, 48004, 40164, 89503, 40125, 61004])
def test_while_wechat_refuses_the_account_answers_wait_and_are_then_sent_once(shop: WeChatShop, code: int) -> None:
    people = [shop.platform.follower(f"follower {number}") for number in range(4)]
    shop.platform.set_faults(Faults(refuse=code))
    for someone in people:
        shop.asks(someone)
    before = shop.calls()
    assert before <= 4
    for _ in range(60):
        shop.later(60)
    assert {state for state, _ in shop.outcomes()} == {"pending"}
    assert shop.calls() - before <= 9  # an hour: after 1, 2, 4, 8 minutes, then every 15
    assert shop.halted() == f"wechat:{code}"
    shop.platform.set_faults(Faults())
    for _ in range(16):
        shop.later(60)
    assert [shop.told(someone) for someone in people] == [1] * 4
    assert {state for state, _ in shop.outcomes()} == {"sent"}
    assert shop.halted() == ""


def test_a_refusal_of_one_message_halts_nothing(shop: WeChatShop) -> None:
    lin, mei = shop.platform.follower("林晓"), shop.platform.follower("美华")
    shop.platform.set_faults(Faults(error=45002, error_times=1))
    shop.asks(lin)
    shop.asks(mei)
    assert (shop.told(lin), shop.told(mei), shop.halted()) == (0, 1, "")


def test_after_a_halt_a_refusal_of_one_message_ends_the_halt(shop: WeChatShop) -> None:
    lin, mei = shop.platform.follower("林晓"), shop.platform.follower("美华")
    shop.platform.set_faults(Faults(refuse=50002))
    shop.asks(lin)
    shop.asks(mei)
    shop.platform.set_faults(Faults(error=45002, error_times=1))
    for _ in range(3):
        shop.later(60)
    assert shop.halted() == ""
    assert (shop.told(lin), shop.told(mei)) == (0, 1)


def test_the_daily_quota_halts_the_account_and_fails_no_message(shop: WeChatShop) -> None:
    lin = shop.platform.follower("林晓")
    shop.platform.set_faults(Faults(error=45009, error_times=99))
    shop.asks(lin)
    for _ in range(10):
        shop.later(3_600)
    assert shop.outcomes() == [("pending", "wechat:45009")]
    shop.platform.set_faults(Faults())
    shop.later(3_600)
    assert shop.told(lin) == 1


@pytest.mark.parametrize("code", sorted(ACCOUNT_ERRORS))
def test_every_account_error_code_halts_the_account_and_says_what_to_do(code: int) -> None:
    failed = failure(code)
    assert (failed.halts_account, failed.permanent, failed.attempted) == (True, False, False)
    chinese, english = explain(failed.code).text("zh"), explain(failed.code).text("en")
    assert "恢复后会自动继续" in chinese
    assert "resumes by itself" in english
    assert english.isascii()

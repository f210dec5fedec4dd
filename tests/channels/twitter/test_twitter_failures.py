"""X refuses, breaks off, is slow or away: nothing is lost, nothing is said twice, and no request goes out in vain."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from webhook import platforms
from x_shop import APP, XShop, x_shop

from bot.allowance import Asked, Granted
from bot.cases import Role
from bot.channels.twitter import TwitterClient, explain
from bot.channels.twitter.api import THREADS, Api
from bot.channels.twitter.endpoints import DAY, QUARTER
from bot.errors import DeliveryFailed
from bot.messages import Author, Outbound, OutboxState
from bot.simulators.twitter import Faults, Rule
from bot.simulators.twitter.people import Person
from bot.stores.record.allowance import RecordAllowance
from bot.stores.record.strays import RecordStrays
from bot.web.sessions import SESSION_COOKIE

RETURNS = "怎么退货？"
POST, WRITE = "POST /2/tweets", "POST /2/dm_conversations/with/{participant_id}/messages"


def asks(shop: XShop, name: str, faults: Faults) -> Person:
    """Somebody writes privately, and X has faults when the answer goes out."""
    someone = shop.platform.person(name)
    shop.platform.writes(someone.id, RETURNS)
    shop.run(shop.yingda.poller.once())
    shop.platform.set_faults(faults)
    shop.settle()
    return someone


def later(shop: XShop, seconds: float) -> None:
    shop.clock.move(seconds)
    shop.settle()


@pytest.mark.parametrize("faults", [Faults(down=True), Faults(html=9)], ids=["down", "html"])
def test_while_x_is_out_of_service_the_answer_waits_and_then_goes_out_once(shop: XShop, faults: Faults) -> None:
    lin = asks(shop, "linxiao", faults)
    for _ in range(12):
        later(shop, 300)  # an hour of it
    shop.platform.set_faults(Faults())
    later(shop, 900)
    assert len(shop.told_privately(lin)) == 1
    assert shop.fates() == [("sent", "")]


def test_while_a_limit_lasts_the_record_is_asked_once_and_not_for_everything_that_waits(shop: XShop) -> None:
    booked: list[Asked] = []

    class Counting(RecordAllowance):
        async def book(self, asked: Asked) -> Granted:
            booked.append(asked)
            return await super().book(asked)

    client = TwitterClient("brand", shop.channel.settings, Counting(shop.database), shop.clock)
    people = [shop.platform.person(f"writes{number}", messages_open=True) for number in range(5)]
    shop.platform.limits.rules[WRITE] = Rule(user=2)

    def sent() -> int:
        count = 0
        for someone in people:
            with suppress(DeliveryFailed):
                count += bool(shop.run(client.write(Outbound("1", "brand", someone.id, "", "hello"))))
        return count

    assert (sent(), len(booked)) == (2, 3)
    shop.clock.move(QUARTER)
    assert (sent(), len(booked)) == (2, 6)
    assert shop.platform.tally.refused.total() == 0
    client.close()


@pytest.mark.parametrize("faults", [Faults(drop=1), Faults(truncate=1)], ids=["dropped", "cut off"])
def test_what_may_have_arrived_is_left_to_people(shop: XShop, faults: Faults) -> None:
    lin = asks(shop, "linxiao", faults)
    later(shop, 3_600)
    assert len(shop.told_privately(lin)) == 1
    ((state, code),) = shop.fates()
    assert state == "in_doubt"
    assert "已送达" in explain(code, "zh")


def test_after_an_error_of_xs_everything_else_waits_longer_each_time(shop: XShop) -> None:
    people = [shop.platform.person(f"person{number}") for number in range(6)]
    for one in people:
        shop.platform.writes(one.id, RETURNS)
    shop.run(shop.yingda.poller.once())
    shop.platform.set_faults(Faults(only=WRITE, error=3))
    shop.settle()
    assert shop.platform.tally.asked[WRITE] == 1
    later(shop, 4)  # of five to ten seconds
    assert shop.platform.tally.asked[WRITE] == 1
    later(shop, 7)
    assert shop.platform.tally.asked[WRITE] == 2
    later(shop, 8)  # of ten to twenty
    assert shop.platform.tally.asked[WRITE] == 2
    for _ in range(4):
        later(shop, 300)
    assert Counter(state for state, _ in shop.fates()) == {"in_doubt": 3, "sent": 3}


def test_when_the_connection_never_stood_the_answer_goes_out_later(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, api_url="http://127.0.0.1:1") as shop:
        message = Outbound("1", "brand", "7", "", "hello")
        with pytest.raises(DeliveryFailed) as failed:
            shop.run(shop.channel.send(message))
        assert (failed.value.code, failed.value.tried, failed.value.ambiguous) == ("twitter:unreachable", False, False)
        with pytest.raises(DeliveryFailed) as again:
            shop.run(shop.channel.send(message))
        assert 0 < (again.value.retry_after or 0) <= 10


def test_once_a_limit_is_known_no_request_is_spent_on_it(shop: XShop) -> None:
    shop.platform.limits.rules[WRITE] = Rule(user=3)
    people = [shop.platform.person(f"person{number}") for number in range(8)]
    for one in people:
        shop.platform.writes(one.id, RETURNS)
    shop.looks()
    later(shop, 60)
    assert sum(len(shop.told_privately(one)) for one in people) == 3
    assert shop.platform.tally.refused[WRITE] <= 1
    for _ in range(3):
        later(shop, QUARTER + 1)
    assert [len(shop.told_privately(one)) for one in people] == [1] * 8
    assert shop.platform.tally.refused[WRITE] <= 1


def test_a_limit_of_the_day_is_waited_for_though_the_quarters_come_and_go(shop: XShop) -> None:
    shop.platform.limits.rules[WRITE] = Rule(user=15, user_day=1)
    lin, mei = (shop.platform.person(name) for name in ("linxiao", "mei"))
    shop.writes(lin, RETURNS)
    shop.writes(mei, RETURNS)
    for _ in range(5):
        later(shop, QUARTER + 1)
    assert (len(shop.told_privately(mei)), shop.platform.tally.refused[WRITE]) == (0, 0)
    later(shop, DAY)
    assert len(shop.told_privately(mei)) == 1


def test_a_429_that_says_nothing_is_waited_out(shop: XShop) -> None:
    lin = asks(shop, "linxiao", Faults(only="POST", limited=1, no_reset=True, no_headers=True))
    later(shop, 300)
    assert shop.told_privately(lin) == []
    later(shop, QUARTER)
    assert len(shop.told_privately(lin)) == 1
    assert shop.platform.tally.statuses[429] == 1


def test_without_credits_nothing_is_sent_and_it_shows_until_there_are_some(shop: XShop) -> None:
    lin = asks(shop, "linxiao", Faults(broke=True))
    mei = shop.platform.person("mei")
    standing = shop.run(shop.channel.standing())
    assert standing.halted == "twitter:402"
    assert "充值" in explain(standing.halted, "zh")
    before = shop.platform.tally.statuses[402]
    for _ in range(10):
        later(shop, 60)
    assert shop.platform.tally.statuses[402] - before <= 4  # of one message, later each time
    shop.platform.set_faults(Faults())
    later(shop, QUARTER)
    assert len(shop.told_privately(lin)) == 1
    assert shop.run(shop.channel.standing()).halted == ""
    shop.writes(mei, RETURNS)
    assert len(shop.told_privately(mei)) == 1


def reply(shop: XShop, text: str, **changes: object) -> str:
    lin = shop.platform.person("linxiao")
    post = shop.platform.posts(lin.id, f"@{APP.username} {RETURNS}")
    answers = {"id": str(post.id), "summoned": "mention"}
    message = Outbound("1", "brand", lin.id, str(post.id), text, Author.AGENT, answers=answers)
    for name, value in changes.items():
        object.__setattr__(message, name, value)
    return shop.run(shop.channel.send(message)).platform_id


def refused(shop: XShop, text: str, **changes: object) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        reply(shop, text, **changes)
    return failed.value


def test_a_duplicate_is_refused_for_good_unless_an_earlier_attempt_was_in_doubt(shop: XShop) -> None:
    assert reply(shop, "谢谢")
    failed = refused(shop, "谢谢")
    assert (failed.code, failed.permanent) == ("twitter:duplicate", True)
    assert reply(shop, "谢谢", last_error="twitter:timeout") == ""  # so it had been sent
    assert refused(shop, "谢谢", last_error="twitter:quota").permanent


def test_who_did_not_call_us_is_never_replied_to(shop: XShop) -> None:
    before = shop.platform.tally.asked[POST]
    assert refused(shop, "您好", answers={"id": "5"}).code == "twitter:not-mentioned"
    assert refused(shop, "您好", answers={}).code == "twitter:no-post"
    assert shop.platform.tally.asked[POST] == before  # X was not even asked
    stranger = shop.platform.person("stranger")
    post = shop.platform.posts(stranger.id, "云杉茶真贵")
    failed = refused(shop, "您好", answers={"id": str(post.id), "summoned": "mention"})
    assert (failed.code, failed.permanent) == ("twitter:not-mentioned", True)


def test_a_post_longer_than_x_allows_never_goes_out(shop: XShop) -> None:
    before = shop.platform.tally.asked[POST]
    assert refused(shop, "长" * 141).code == "twitter:too-long"
    assert shop.platform.tally.asked[POST] == before


def test_a_person_sends_again_what_was_in_doubt_and_it_is_not_posted_twice(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    post = shop.platform.posts(lin.id, f"@{APP.username} {RETURNS}")
    shop.run(shop.yingda.poller.once())
    shop.platform.set_faults(Faults(only=POST, drop=1))
    shop.settle()
    assert shop.fates() == [("in_doubt", "twitter:lost")]

    desk = RecordStrays(shop.database)
    (stray,) = shop.run(desk.undelivered(10))
    shop.run(desk.send_again(stray.id, shop.agent("mei"), OutboxState.PENDING))
    later(shop, 60)
    assert shop.fates() == [("sent", "")]
    assert len(shop.replies(post)) == 1


def test_the_budget_slows_looking_down_and_keeps_a_fifth_for_answers(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, daily_budget=1) as shop:
        client = shop.channel.client
        assert shop.run(client.patience(60)) == 60
        shop.run(client.spend(Decimal("0.01"), 40))
        assert shop.run(client.patience(60)) == pytest.approx(120)
        shop.run(client.spend(Decimal("0.01"), 40))
        assert shop.run(client.patience(60)) is None
        assert reply(shop, "预算内") != ""
        shop.run(client.spend(Decimal("0.01"), 20))
        failed = refused(shop, "预算外")
        assert (failed.code, failed.tried) == ("twitter:budget", False)
        assert 0 < (failed.retry_after or 0) <= DAY
        shop.clock.move(DAY)
        assert reply(shop, "第二天") != ""


def test_a_failed_request_costs_nothing(shop: XShop) -> None:
    before = shop.run(shop.channel.standing()).spent
    reply(shop, "谢谢")
    cost = shop.run(shop.channel.standing()).spent - before
    assert cost == 10_000
    refused(shop, "谢谢")
    assert shop.run(shop.channel.standing()).spent - before == cost


def test_x_that_is_slow_is_not_waited_for_without_end(shop: XShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.twitter.api.READ_SECONDS", 0.3)
    shop.platform.set_faults(Faults(slow=2.0))
    began = time.monotonic()
    failed = refused(shop, "谢谢")
    assert (failed.code, failed.ambiguous) == ("twitter:timeout", True)
    assert time.monotonic() - began < 10


def test_what_could_not_even_begin_because_x_is_slow_goes_out_later(
    shop: XShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.twitter.api.TOTAL_SECONDS", 0.3)
    shop.platform.set_faults(Faults(slow=2.0))
    api = Api(shop.channel.settings)

    async def one_after_the_other() -> list[tuple[str, bool]]:
        failures = []
        for _ in range(THREADS + 2):
            try:
                await api.call(lambda client: client.get_me())
            except DeliveryFailed as failed:
                failures.append((failed.code, failed.ambiguous))
        return failures

    stuck, never_begun = ("twitter:timeout", True), ("twitter:unreachable", False)
    assert shop.run(one_after_the_other()) == [stuck] * THREADS + [never_begun] * 2
    api.close()


def test_leads_see_how_the_account_fares(shop: XShop) -> None:
    asks(shop, "linxiao", Faults(broke=True))
    x = platforms(shop)
    shop.run(shop.staff.add("lead", "Lead", Role.LEAD, "a long password"))
    shop.run(shop.staff.add("agent", "Agent", Role.AGENT, "a long password"))
    seen = {}
    for login in ("lead", "agent"):
        session = shop.run(shop.staff.log_in(login, "a long password"))
        assert session is not None
        cookie = f"{SESSION_COOKIE.name}={session[0]}"
        headers = {"cookie": cookie, "accept-language": "en"}
        seen[login] = x.call("GET", "/accounts", b"", **headers)
        board = x.call("GET", "/api/desk/board", b"", **headers).json()
        assert ["credits at X" in sentence for sentence in board["halted"]] == [True]
    assert seen["agent"].status_code == 403
    assert seen["lead"].status_code == 200
    assert "The credits at X are used up" in seen["lead"].text
    assert "POST /2/dm_conversations · 15 minutes" in seen["lead"].text

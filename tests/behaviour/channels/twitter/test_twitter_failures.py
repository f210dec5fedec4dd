"""X refuses, breaks off, is slow or away: nothing is lost, nothing is said twice, and no request goes out in vain."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from support.twitter_shop import APP, XShop, x_shop
from support.webhook_requests import platforms

from bot.channels.twitter import TwitterClient, explain
from bot.channels.twitter.http import THREADS, XApi
from bot.channels.twitter.rate_limits import QUARTER
from bot.domain.accounts import Permit, PermitRequest
from bot.domain.cases import Role
from bot.domain.messages import DAY, Author, Outbound, OutboxState
from bot.errors import DeliveryFailed
from bot.simulators.twitter import Faults, Rule
from bot.simulators.twitter.state import Person
from bot.stores.sql.cases import SqlUndelivered
from bot.stores.sql.rate_limits import SqlRateLimits
from bot.web.auth import SESSION_COOKIE

RETURNS = "怎么退货？"
POST, WRITE = "POST /2/tweets", "POST /2/dm_conversations/with/{participant_id}/messages"


def asks(shop: XShop, name: str, faults: Faults) -> Person:
    """Somebody writes privately, and X has faults when the answer goes out."""
    someone = shop.platform.person(name)
    shop.platform.send_direct_message(someone.id, RETURNS)
    shop.run(shop.yingda.poller.run_once())
    shop.platform.set_faults(faults)
    shop.settle()
    return someone


def later(shop: XShop, seconds: float) -> None:
    shop.clock.move(seconds)
    shop.settle()


@pytest.mark.parametrize("faults", [Faults(down=True), Faults(html=9)], ids=["down", "html"])
def test_while_x_is_down_the_answer_waits_and_is_then_sent_once(shop: XShop, faults: Faults) -> None:
    lin = asks(shop, "linxiao", faults)
    for _ in range(12):
        later(shop, 300)  # an hour of it
    shop.platform.set_faults(Faults())
    later(shop, 900)
    assert len(shop.told_privately(lin)) == 1
    assert shop.outcomes() == [("sent", "")]


def test_while_a_limit_lasts_the_database_is_asked_once_and_not_per_waiting_message(shop: XShop) -> None:
    booked: list[PermitRequest] = []

    class Counting(SqlRateLimits):
        async def acquire(self, asked: PermitRequest) -> Permit:
            booked.append(asked)
            return await super().acquire(asked)

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
    assert shop.platform.request_log.refused.total() == 0
    client.close()


@pytest.mark.parametrize("faults", [Faults(drop=1), Faults(truncate=1)], ids=["dropped", "cut off"])
def test_a_send_that_may_have_arrived_is_left_to_staff(shop: XShop, faults: Faults) -> None:
    lin = asks(shop, "linxiao", faults)
    later(shop, 3_600)
    assert len(shop.told_privately(lin)) == 1
    ((state, code),) = shop.outcomes()
    assert state == "in_doubt"
    assert "已送达" in explain(code).text("zh")


def test_after_each_server_error_of_x_all_other_messages_wait_longer(shop: XShop) -> None:
    people = [shop.platform.person(f"person{number}") for number in range(6)]
    for one in people:
        shop.platform.send_direct_message(one.id, RETURNS)
    shop.run(shop.yingda.poller.run_once())
    shop.platform.set_faults(Faults(only=WRITE, error=3))
    shop.settle()
    assert shop.platform.request_log.requests[WRITE] == 1
    later(shop, 4)  # of five to ten seconds
    assert shop.platform.request_log.requests[WRITE] == 1
    later(shop, 7)
    assert shop.platform.request_log.requests[WRITE] == 2
    later(shop, 8)  # of ten to twenty
    assert shop.platform.request_log.requests[WRITE] == 2
    for _ in range(4):
        later(shop, 300)
    assert Counter(state for state, _ in shop.outcomes()) == {"in_doubt": 3, "sent": 3}


def test_without_a_connection_the_answer_is_sent_later(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, api_url="http://127.0.0.1:1") as shop:
        message = Outbound("1", "brand", "7", "", "hello")
        with pytest.raises(DeliveryFailed) as failed:
            shop.run(shop.channel.send(message))
        assert (failed.value.code, failed.value.attempted, failed.value.ambiguous) == (
            "twitter:unreachable",
            False,
            False,
        )
        with pytest.raises(DeliveryFailed) as again:
            shop.run(shop.channel.send(message))
        assert 0 < (again.value.retry_after or 0) <= 10


def test_no_request_is_made_against_a_known_limit(shop: XShop) -> None:
    shop.platform.limits.rules[WRITE] = Rule(user=3)
    people = [shop.platform.person(f"person{number}") for number in range(8)]
    for one in people:
        shop.platform.send_direct_message(one.id, RETURNS)
    shop.looks()
    later(shop, 60)
    assert sum(len(shop.told_privately(one)) for one in people) == 3
    assert shop.platform.request_log.refused[WRITE] <= 1
    for _ in range(3):
        later(shop, QUARTER + 1)
    assert [len(shop.told_privately(one)) for one in people] == [1] * 8
    assert shop.platform.request_log.refused[WRITE] <= 1


def test_a_daily_limit_is_waited_for_over_resets_of_the_quarter_hour_limit(shop: XShop) -> None:
    shop.platform.limits.rules[WRITE] = Rule(user=15, user_day=1)
    lin, mei = (shop.platform.person(name) for name in ("linxiao", "mei"))
    shop.writes(lin, RETURNS)
    shop.writes(mei, RETURNS)
    for _ in range(5):
        later(shop, QUARTER + 1)
    assert (len(shop.told_privately(mei)), shop.platform.request_log.refused[WRITE]) == (0, 0)
    later(shop, DAY)
    assert len(shop.told_privately(mei)) == 1


def test_a_429_without_headers_is_waited_out(shop: XShop) -> None:
    lin = asks(shop, "linxiao", Faults(only="POST", limited=1, no_reset=True, no_headers=True))
    later(shop, 300)
    assert shop.told_privately(lin) == []
    later(shop, QUARTER)
    assert len(shop.told_privately(lin)) == 1
    assert shop.platform.request_log.statuses[429] == 1


def test_without_credits_nothing_is_sent_and_this_is_shown_until_there_are_some(shop: XShop) -> None:
    lin = asks(shop, "linxiao", Faults(broke=True))
    mei = shop.platform.person("mei")
    standing = shop.run(shop.channel.sending_status())
    assert standing.halted == "twitter:402"
    assert "充值" in explain(standing.halted).text("zh")
    before = shop.platform.request_log.statuses[402]
    for _ in range(10):
        later(shop, 60)
    assert shop.platform.request_log.statuses[402] - before <= 4  # of one message, later each time
    shop.platform.set_faults(Faults())
    later(shop, QUARTER)
    assert len(shop.told_privately(lin)) == 1
    assert shop.run(shop.channel.sending_status()).halted == ""
    shop.writes(mei, RETURNS)
    assert len(shop.told_privately(mei)) == 1


def reply(shop: XShop, text: str, **changes: object) -> str:
    lin = shop.platform.person("linxiao")
    post = shop.platform.create_post(lin.id, f"@{APP.username} {RETURNS}")
    answers = {"id": str(post.id), "summoned": "mention"}
    message = Outbound("1", "brand", lin.id, str(post.id), text, Author.AGENT, in_reply_to=answers)
    for name, value in changes.items():
        object.__setattr__(message, name, value)
    return shop.run(shop.channel.send(message)).platform_id


def refused(shop: XShop, text: str, **changes: object) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        reply(shop, text, **changes)
    return failed.value


def test_a_duplicate_is_a_permanent_failure_unless_an_earlier_attempt_was_in_doubt(shop: XShop) -> None:
    assert reply(shop, "谢谢")
    failed = refused(shop, "谢谢")
    assert (failed.code, failed.permanent) == ("twitter:duplicate", True)
    assert reply(shop, "谢谢", last_error="twitter:timeout") == ""  # so it had been sent
    assert refused(shop, "谢谢", last_error="twitter:quota").permanent


def test_authors_who_did_not_mention_us_get_no_reply(shop: XShop) -> None:
    before = shop.platform.request_log.requests[POST]
    assert refused(shop, "您好", in_reply_to={"id": "5"}).code == "twitter:not-mentioned"
    assert refused(shop, "您好", in_reply_to={}).code == "twitter:no-post"
    assert shop.platform.request_log.requests[POST] == before  # X was not even asked
    stranger = shop.platform.person("stranger")
    post = shop.platform.create_post(stranger.id, "云杉茶真贵")
    failed = refused(shop, "您好", in_reply_to={"id": str(post.id), "summoned": "mention"})
    assert (failed.code, failed.permanent) == ("twitter:not-mentioned", True)


def test_a_post_longer_than_x_allows_is_never_sent(shop: XShop) -> None:
    before = shop.platform.request_log.requests[POST]
    assert refused(shop, "长" * 141).code == "twitter:too-long"
    assert shop.platform.request_log.requests[POST] == before


def test_a_post_in_doubt_that_staff_send_again_is_not_posted_twice(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    post = shop.platform.create_post(lin.id, f"@{APP.username} {RETURNS}")
    shop.run(shop.yingda.poller.run_once())
    shop.platform.set_faults(Faults(only=POST, drop=1))
    shop.settle()
    assert shop.outcomes() == [("in_doubt", "twitter:lost")]

    desk = SqlUndelivered(shop.database)
    (doubtful,) = shop.run(desk.undelivered(10))
    shop.run(desk.send_again(doubtful.id, shop.agent("mei"), OutboxState.PENDING))
    later(shop, 60)
    assert shop.outcomes() == [("sent", "")]
    assert len(shop.replies(post)) == 1


def test_the_budget_slows_polling_and_keeps_a_fifth_for_answers(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, daily_budget=1) as shop:
        client = shop.channel.client
        assert shop.run(client.poll_interval(60)) == 60
        shop.run(client.spend(Decimal("0.01"), 40))
        assert shop.run(client.poll_interval(60)) == pytest.approx(120)
        shop.run(client.spend(Decimal("0.01"), 40))
        assert shop.run(client.poll_interval(60)) is None
        assert reply(shop, "预算内") != ""
        shop.run(client.spend(Decimal("0.01"), 20))
        failed = refused(shop, "预算外")
        assert (failed.code, failed.attempted) == ("twitter:budget", False)
        assert 0 < (failed.retry_after or 0) <= DAY
        shop.clock.move(DAY)
        assert reply(shop, "第二天") != ""


def test_a_failed_request_costs_nothing(shop: XShop) -> None:
    before = shop.run(shop.channel.sending_status()).spent
    reply(shop, "谢谢")
    cost = shop.run(shop.channel.sending_status()).spent - before
    assert cost == 10_000
    refused(shop, "谢谢")
    assert shop.run(shop.channel.sending_status()).spent - before == cost


def test_a_slow_request_to_x_is_given_up_in_time(shop: XShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.twitter.http.READ_SECONDS", 0.3)
    shop.platform.set_faults(Faults(slow=2.0))
    began = time.monotonic()
    failed = refused(shop, "谢谢")
    assert (failed.code, failed.ambiguous) == ("twitter:timeout", True)
    assert time.monotonic() - began < 10


def test_a_send_that_could_not_begin_because_x_is_slow_happens_later(
    shop: XShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.twitter.http.TOTAL_SECONDS", 0.3)
    monkeypatch.setattr("bot.channels.twitter.http.READ_SECONDS", 30.0)  # no thread is free again before the end
    shop.platform.set_faults(Faults(slow=8.0))
    api = XApi(shop.channel.settings)

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


def test_leads_see_the_health_of_the_account(shop: XShop) -> None:
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

"""The overview of accounts that leads read, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from support.conversations import Seeder
from support.services import MovableClock

from bot.domain.accounts import AccountHealth, PermitRequest, QuotaLeft, RateLimitReport, RateLimitWindow
from bot.domain.messages import OutboxState
from bot.stores.sql.account_health import SqlAccountHealth
from bot.stores.sql.database import Database
from bot.stores.sql.rate_limits import SqlRateLimits
from bot.stores.sql.schema import conversations, outbox
from bot.web.accounts import account_state

APP = "app:0123456789abcdef"
HOLDERS = {"brand-wechat": "", "brand-x": APP}


@pytest.fixture
def seeder(database: Database) -> Seeder:
    return Seeder(database)


@pytest.fixture
def read(database: Database) -> Callable[[], dict[str, AccountHealth]]:
    def told() -> dict[str, AccountHealth]:
        return {one.account: one for one in asyncio.run(SqlAccountHealth(database).accounts(HOLDERS))}

    return told


Read = Callable[[], dict[str, AccountHealth]]


def test_an_account_without_messages_is_reported_too(seeder: Seeder, read: Read) -> None:
    assert read() == {"brand-wechat": AccountHealth("brand-wechat"), "brand-x": AccountHealth("brand-x")}


def test_the_last_message_is_the_newest_of_all_customers(seeder: Seeder, read: Read, clock: MovableClock) -> None:
    for _ in range(2):
        clock.move(60)
        seeder.hears(seeder.conversation(seeder.customer()), "在吗")
    assert read()["brand-wechat"].last_message_at == clock.now()
    assert read()["brand-x"].last_message_at == 0


def test_lag_is_the_age_of_the_oldest_message_without_a_turn(seeder: Seeder, read: Read, clock: MovableClock) -> None:
    talk = seeder.conversation(seeder.customer())
    seeder.hears(talk, "第一句")
    clock.move(5)
    seeder.hears(talk, "第二句")
    clock.move(5)
    seeder.hears(talk, "第三句")
    seeder.change(conversations, talk, handled_seq=1)
    told = read()["brand-wechat"]
    assert (told.unhandled, told.unhandled_since) == (2, clock.now() - 5)


def test_outgoing_and_undelivered_messages_are_counted_separately(
    seeder: Seeder, read: Read, clock: MovableClock
) -> None:
    talk = seeder.conversation(seeder.customer(), "brand-x", "twitter")
    seeder.hears(talk, "你好")
    kept = [OutboxState.PENDING, OutboxState.SENDING, OutboxState.WAITING, OutboxState.IN_DOUBT, OutboxState.FAILED]
    for number, one in enumerate([*kept, OutboxState.SENT, OutboxState.CANCELLED]):
        row = seeder.answers(talk, "您好", "hello", one)
        error = "twitter:403" if one is OutboxState.FAILED else ""
        seeder.change(outbox, row, state_at=clock.now() - number, error=error)
    told = read()["brand-x"]
    assert (told.outgoing, told.outgoing_since, told.waiting) == (2, clock.now() - 1, 1)
    assert (told.in_doubt, told.failed) == (1, 1)
    assert (told.error, told.error_at) == ("twitter:403", clock.now() - 4)
    assert read()["brand-wechat"] == AccountHealth("brand-wechat")


def test_the_newest_error_counts_of_polls_and_deliveries(
    seeder: Seeder, read: Read, database: Database, clock: MovableClock
) -> None:
    rate_limits = SqlRateLimits(database)
    asyncio.run(rate_limits.record_result("brand-x", "twitter:timeout"))
    assert (read()["brand-x"].error, read()["brand-x"].error_at) == ("twitter:timeout", clock.now())
    clock.move(10)
    row = seeder.answers(seeder.conversation(seeder.customer(), "brand-x", "twitter"), "好", "ok", OutboxState.IN_DOUBT)
    seeder.change(outbox, row, state_at=clock.now(), error="twitter:lost")
    assert read()["brand-x"].error == "twitter:lost"
    clock.move(10)
    asyncio.run(rate_limits.record_result("brand-x", "twitter:http-503"))
    assert read()["brand-x"].error == "twitter:http-503"


def test_quotas_spending_polls_and_halts_are_reported_with_the_account(
    read: Read, database: Database, clock: MovableClock
) -> None:
    rate_limits = SqlRateLimits(database)

    async def happened() -> None:
        windows = (
            RateLimitWindow("brand-x", "GET mentions quarter", 300, 900),
            RateLimitWindow(APP, "POST /2/tweets app-day", 17, 86_400),
        )
        await rate_limits.acquire(PermitRequest("brand-x", windows, 10_000))
        await rate_limits.update_windows([RateLimitReport("brand-x", "GET mentions quarter", 250, clock.now() + 600)])
        await rate_limits.record_result("brand-x", "")
        await rate_limits.halt("brand-x", "twitter:402")

    asyncio.run(happened())
    told, now = read()["brand-x"], clock.now()
    mentions = QuotaLeft("GET mentions quarter", 250, now + 600)
    assert told.quotas == (mentions, QuotaLeft("POST /2/tweets app-day", 16, now + 86_400, shared=True))
    assert (told.spent, told.last_poll_at) == (10_000, now)
    assert (told.halted, told.halted_at) == ("twitter:402", now)
    clock.move(601)
    assert read()["brand-x"].quotas[0].shared  # the account's own window is over
    clock.move(86_400)
    assert read()["brand-x"].spent == 0


def test_an_account_that_is_no_longer_configured_is_not_reported(seeder: Seeder, read: Read) -> None:
    seeder.hears(seeder.conversation(seeder.customer(), "closed-years-ago"), "在吗")
    assert set(read()) == set(HOLDERS)


NOON = 1_790_000_000.0


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (AccountHealth("a"), "well"),
        (AccountHealth("a", halted="twitter:402", in_doubt=1), "stopped"),
        (AccountHealth("a", in_doubt=1), "look"),
        (AccountHealth("a", failed=1), "look"),
        (AccountHealth("a", unhandled=1, unhandled_since=NOON - 61), "look"),
        (AccountHealth("a", unhandled=1, unhandled_since=NOON - 5), "well"),
        (AccountHealth("a", outgoing=1, outgoing_since=NOON - 301), "look"),
        (AccountHealth("a", outgoing=1, outgoing_since=NOON - 5), "well"),
        (AccountHealth("a", error="x", error_at=NOON - 5), "look"),
        (AccountHealth("a", error="x", error_at=NOON - 5, last_poll_at=NOON), "well"),
        (AccountHealth("a", error="x", error_at=NOON - 3_600), "well"),
    ],
)
def test_an_account_needs_attention_when_a_decision_is_due_or_work_piles_up(
    health: AccountHealth, expected: str
) -> None:
    assert account_state(health, NOON) == expected

"""How accounts fare, on every record: what leads are told of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from ground import MovableClock
from seeding import Ground

from bot.allowance import Asked, Seen, Window
from bot.desk.wellbeing import state
from bot.health import AccountHealth, QuotaLeft
from bot.messages import OutboxState
from bot.stores.record.allowance import RecordAllowance
from bot.stores.record.database import Database
from bot.stores.record.health import RecordHealth
from bot.stores.record.tables import conversations, outbox

APP = "app:0123456789abcdef"
HOLDERS = {"brand-wechat": "", "brand-x": APP}


@pytest.fixture
def ground(database: Database) -> Ground:
    return Ground(database)


@pytest.fixture
def read(database: Database) -> Callable[[], dict[str, AccountHealth]]:
    def told() -> dict[str, AccountHealth]:
        return {one.account: one for one in asyncio.run(RecordHealth(database).accounts(HOLDERS))}

    return told


Read = Callable[[], dict[str, AccountHealth]]


def test_an_account_that_nothing_happened_on_is_told_of_too(ground: Ground, read: Read) -> None:
    assert read() == {"brand-wechat": AccountHealth("brand-wechat"), "brand-x": AccountHealth("brand-x")}


def test_the_last_message_is_the_newest_of_all_customers(ground: Ground, read: Read, clock: MovableClock) -> None:
    for _ in range(2):
        clock.move(60)
        ground.hears(ground.conversation(ground.customer()), "在吗")
    assert read()["brand-wechat"].heard_at == clock.now()
    assert read()["brand-x"].heard_at == 0


def test_lag_is_the_age_of_the_oldest_message_that_nobody_understood(
    ground: Ground, read: Read, clock: MovableClock
) -> None:
    talk = ground.conversation(ground.customer())
    ground.hears(talk, "第一句")
    clock.move(5)
    ground.hears(talk, "第二句")
    clock.move(5)
    ground.hears(talk, "第三句")
    ground.change(conversations, talk, handled_seq=1)
    told = read()["brand-wechat"]
    assert (told.behind, told.behind_since) == (2, clock.now() - 5)


def test_what_waits_to_go_out_is_told_apart_from_what_waits_for_a_decision(
    ground: Ground, read: Read, clock: MovableClock
) -> None:
    talk = ground.conversation(ground.customer(), "brand-x", "twitter")
    ground.hears(talk, "你好")
    kept = [OutboxState.PENDING, OutboxState.SENDING, OutboxState.WAITING, OutboxState.IN_DOUBT, OutboxState.FAILED]
    for number, one in enumerate([*kept, OutboxState.SENT, OutboxState.CANCELLED]):
        row = ground.answers(talk, "您好", "hello", one)
        error = "twitter:403" if one is OutboxState.FAILED else ""
        ground.change(outbox, row, state_at=clock.now() - number, error=error)
    told = read()["brand-x"]
    assert (told.outgoing, told.outgoing_since, told.fetched_later) == (2, clock.now() - 1, 1)
    assert (told.in_doubt, told.failed) == (1, 1)
    assert (told.error, told.error_at) == ("twitter:403", clock.now() - 4)
    assert read()["brand-wechat"] == AccountHealth("brand-wechat")


def test_the_newest_error_counts_be_it_a_looks_or_a_sends(
    ground: Ground, read: Read, database: Database, clock: MovableClock
) -> None:
    allowance = RecordAllowance(database)
    asyncio.run(allowance.fared("brand-x", "twitter:timeout"))
    assert (read()["brand-x"].error, read()["brand-x"].error_at) == ("twitter:timeout", clock.now())
    clock.move(10)
    row = ground.answers(ground.conversation(ground.customer(), "brand-x", "twitter"), "好", "ok", OutboxState.IN_DOUBT)
    ground.change(outbox, row, state_at=clock.now(), error="twitter:lost")
    assert read()["brand-x"].error == "twitter:lost"
    clock.move(10)
    asyncio.run(allowance.fared("brand-x", "twitter:http-503"))
    assert read()["brand-x"].error == "twitter:http-503"


def test_quota_money_looks_and_halts_stand_beside_the_account(
    read: Read, database: Database, clock: MovableClock
) -> None:
    allowance = RecordAllowance(database)

    async def happened() -> None:
        windows = (
            Window("brand-x", "GET mentions quarter", 300, 900),
            Window(APP, "POST /2/tweets app-day", 17, 86_400),
        )
        await allowance.book(Asked("brand-x", windows, 10_000))
        await allowance.note([Seen("brand-x", "GET mentions quarter", 250, clock.now() + 600)])
        await allowance.fared("brand-x", "")
        await allowance.halt("brand-x", "twitter:402")

    asyncio.run(happened())
    told, now = read()["brand-x"], clock.now()
    mentions = QuotaLeft("GET mentions quarter", 250, now + 600)
    assert told.quotas == (mentions, QuotaLeft("POST /2/tweets app-day", 16, now + 86_400, shared=True))
    assert (told.spent, told.looked_at) == (10_000, now)
    assert (told.halted, told.halted_at) == ("twitter:402", now)
    clock.move(601)
    assert read()["brand-x"].quotas[0].shared  # the account's own window is over
    clock.move(86_400)
    assert read()["brand-x"].spent == 0


def test_an_account_that_is_no_longer_configured_is_not_told_of(ground: Ground, read: Read) -> None:
    ground.hears(ground.conversation(ground.customer(), "closed-years-ago"), "在吗")
    assert set(read()) == set(HOLDERS)


NOON = 1_790_000_000.0


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (AccountHealth("a"), "well"),
        (AccountHealth("a", halted="twitter:402", in_doubt=1), "stopped"),
        (AccountHealth("a", in_doubt=1), "look"),
        (AccountHealth("a", failed=1), "look"),
        (AccountHealth("a", behind=1, behind_since=NOON - 61), "look"),
        (AccountHealth("a", behind=1, behind_since=NOON - 5), "well"),
        (AccountHealth("a", outgoing=1, outgoing_since=NOON - 301), "look"),
        (AccountHealth("a", outgoing=1, outgoing_since=NOON - 5), "well"),
        (AccountHealth("a", error="x", error_at=NOON - 5), "look"),
        (AccountHealth("a", error="x", error_at=NOON - 5, looked_at=NOON), "well"),
        (AccountHealth("a", error="x", error_at=NOON - 3_600), "well"),
    ],
)
def test_an_account_needs_a_look_when_somebody_must_decide_or_work_piles_up(
    health: AccountHealth, expected: str
) -> None:
    assert state(health, NOON) == expected

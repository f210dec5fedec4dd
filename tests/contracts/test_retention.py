"""What has been kept for long enough goes, a little at a time, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import IntegrityError
from support.conversations import Seeder
from support.services import MovableClock

from bot.config import RetentionDays
from bot.domain.messages import DAY, OutboxState, Reason
from bot.stores.sql import retention
from bot.stores.sql.database import Database
from bot.stores.sql.retention import SqlRetention
from bot.stores.sql.schema import (
    cases,
    codes,
    conversations,
    customers,
    events,
    identities,
    messages,
    metadata,
    outbox,
    receipts,
    sessions,
    staff,
    traces,
)

SHORT = RetentionDays(messages=100, traces=40, events=200, cases=150, receipts=31, codes=31, sessions=1, customers=100)


@pytest.fixture
def seeder(database: Database) -> Seeder:
    return Seeder(database)


def purged(database: Database, clock: MovableClock, retention: RetentionDays = SHORT) -> dict[str, int]:
    """Everything that is due now; how many rows of each kind."""
    rooms, gone = SqlRetention(database, retention), dict[str, int]()

    async def all_of_it() -> None:
        while some := await rooms.purge(clock.now()):
            for kind, rows in some.items():
                gone[kind] = gone.get(kind, 0) + rows

    asyncio.run(all_of_it())
    return gone


def due(database: Database, clock: MovableClock, retention: RetentionDays = SHORT) -> dict[str, int]:
    counted = asyncio.run(SqlRetention(database, retention).due(clock.now()))
    return {kind: rows for kind, rows in counted.items() if rows}


def talk(seeder: Seeder, text: str = "怎么退货？") -> tuple[str, str]:
    """A customer who asked and was answered; the conversation and the question."""
    conversation = seeder.conversation(seeder.customer())
    question = seeder.hears(conversation, text)
    seeder.understood(conversation, question, ("returns", 0.9))
    seeder.answers(conversation, "七天内可以。", "returns")
    return conversation, question


def written(database: Database, table: Any, **values: object) -> None:
    with database.engine.begin() as connection:
        connection.execute(insert(table).values(**values))


def event_of(database: Database, conversation: str, at: float) -> None:
    what = {"type": "received", "actor": "customer", "channel": "wechat", "account": "brand-wechat"}
    written(database, events, conversation_id=conversation, seq=1, at=at, **what)


def test_each_kind_of_row_is_deleted_after_its_own_retention_and_not_before(
    database: Database, clock: MovableClock, seeder: Seeder
) -> None:
    conversation, question = talk(seeder)
    now = clock.now()
    event_of(database, conversation, now)
    written(database, receipts, account="a", dedup_key="k", message_id=question, conversation_id=conversation, at=now)
    written(database, codes, id="c", identity_id="i", hash="h", at=now, until=now)
    written(database, staff, id="s", login="lin", role="agent", password="x")
    written(database, sessions, token="t", staff_id="s", csrf="x", until=now)
    days = 0.0
    order = [
        (1, {"sessions": 1}),
        (31, {"receipts": 1, "codes": 1}),
        (40, {"traces": 1}),
        (100, {"messages": 3, "customers": 1}),
        (200, {"events": 1}),
    ]
    for day, expected in order:
        clock.move((day - days) * DAY - 1)
        assert purged(database, clock) == {}
        clock.move(2)
        days = day + 1 / DAY
        assert purged(database, clock) == expected
    assert len(seeder.rows(staff)) == 1


def test_the_rows_counted_as_due_are_those_deleted(database: Database, clock: MovableClock, seeder: Seeder) -> None:
    for _ in range(3):
        talk(seeder)
    clock.move(101 * DAY)
    assert due(database, clock) == {"traces": 3, "messages": 6}  # and with the last of them replies and customers
    assert purged(database, clock) == {"traces": 3, "messages": 6 + 3, "customers": 3}
    assert due(database, clock) == {}
    for table in (customers, identities, conversations, messages, outbox, traces):
        assert seeder.rows(table) == []


def test_nothing_of_a_customer_with_an_open_case_is_deleted_on_any_account(
    database: Database, clock: MovableClock, seeder: Seeder
) -> None:
    customer = seeder.customer()
    elsewhere = seeder.conversation(customer, account="brand-x", channel="twitter")
    seeder.hears(elsewhere, "my parcel is late")
    event_of(database, elsewhere, clock.now())
    here = seeder.conversation(customer)
    seeder.understood(here, seeder.hears(here, "奇怪的问题"), ("odd", 0.1))
    case = seeder.case(here, Reason.UNSURE)
    talk(seeder, "别人的")
    clock.move(2_000 * DAY)
    assert purged(database, clock) == {"traces": 1, "messages": 3, "customers": 1}
    assert sorted(row.text for row in seeder.rows(messages)) == ["my parcel is late", "奇怪的问题"]
    assert len(seeder.rows(traces)) == len(seeder.rows(events)) == 1
    ended = {"state": "resolved", "ended_at": clock.now()}
    seeder.change(cases, case, **ended)
    seeder.change(conversations, here, owner="closed", case_id=None)
    assert purged(database, clock) == {"traces": 1, "messages": 2, "events": 1}
    clock.move(151 * DAY)
    assert purged(database, clock) == {"cases": 1, "customers": 1}


def test_messages_without_a_turn_and_unsent_replies_are_kept(
    database: Database, clock: MovableClock, seeder: Seeder
) -> None:
    waiting, _ = talk(seeder)
    seeder.change(conversations, waiting, handled_seq=0)
    sending = seeder.conversation(seeder.customer())
    row = seeder.answers(sending, "稍等", "wait", OutboxState.PENDING)
    clock.move(2_000 * DAY)
    assert purged(database, clock) == {"messages": 1}
    assert [left.id for left in seeder.rows(outbox, state="pending")] == [row]
    assert len(seeder.rows(messages, conversation_id=waiting)) == 2


def test_a_retention_of_zero_days_keeps_rows_for_ever(database: Database, clock: MovableClock, seeder: Seeder) -> None:
    talk(seeder)
    clock.move(20_000 * DAY)
    for_ever = RetentionDays(messages=0, traces=0, events=0, cases=0, customers=0)
    assert due(database, clock, for_ever) == purged(database, clock, for_ever) == {}


def test_a_linked_member_stays_known_while_the_link_lasts(
    database: Database, clock: MovableClock, seeder: Seeder
) -> None:
    conversation = seeder.conversation(seeder.customer(), verified_as="M1")
    identity = seeder.row(conversations, conversation).identity_id
    seeder.change(identities, identity, verified_until=clock.now() + 500 * DAY)
    clock.move(400 * DAY)
    assert purged(database, clock) == {}
    clock.move(301 * DAY)
    assert purged(database, clock) == {"customers": 1}


def test_a_customer_who_writes_during_the_purge_is_kept(
    database: Database, clock: MovableClock, seeder: Seeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found in one transaction and deleted in the next: what was said between the two counts."""
    conversation = seeder.conversation(seeder.customer())
    clock.move(101 * DAY)
    delete = database.write

    async def after_the_customer_wrote(work: Callable[[Connection], int]) -> int:
        with database.engine.begin() as connection:
            connection.execute(update(conversations).values(heard_at=clock.now()))
        return await delete(work)

    monkeypatch.setattr(database, "write", after_the_customer_wrote)
    assert asyncio.run(SqlRetention(database, SHORT).purge(clock.now())) == {"customers": 0}  # found, and not deleted
    assert seeder.row(conversations, conversation).heard_at == clock.now()


def test_a_purge_takes_small_steps(
    database: Database, clock: MovableClock, seeder: Seeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for _ in range(3):
        talk(seeder)
    clock.move(101 * DAY)
    once = asyncio.run(SqlRetention(database, SHORT).purge(clock.now()))
    assert once == {
        "traces": 2,
        "messages": 3,
        "customers": 1,
    }
    assert purged(database, clock) == {"traces": 1, "messages": 6, "customers": 2}


def test_foreign_keys_are_enforced(database: Database, seeder: Seeder) -> None:
    """The order of deletion relies on them, on SQLite and PostgreSQL."""
    talk(seeder)
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.execute(metadata.tables["customers"].delete())

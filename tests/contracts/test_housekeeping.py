"""What has been kept for long enough goes, a little at a time, and nothing else does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ground import MovableClock
from seeding import Ground
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from bot.config import Retention
from bot.messages import OutboxState, Reason
from bot.stores.record import housekeeping
from bot.stores.record.database import Database
from bot.stores.record.housekeeping import RecordHousekeeping
from bot.stores.record.tables import (
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

DAY = 86_400.0
SHORT = Retention(messages=100, traces=40, events=200, cases=150, receipts=31, codes=31, sessions=1, customers=100)


@pytest.fixture
def ground(database: Database) -> Ground:
    return Ground(database)


def purged(database: Database, clock: MovableClock, retention: Retention = SHORT) -> dict[str, int]:
    """Everything that is due now; how many rows of each kind."""
    rooms, gone = RecordHousekeeping(database, retention), dict[str, int]()

    async def all_of_it() -> None:
        while some := await rooms.purge(clock.now()):
            for kind, rows in some.items():
                gone[kind] = gone.get(kind, 0) + rows

    asyncio.run(all_of_it())
    return gone


def due(database: Database, clock: MovableClock, retention: Retention = SHORT) -> dict[str, int]:
    counted = asyncio.run(RecordHousekeeping(database, retention).due(clock.now()))
    return {kind: rows for kind, rows in counted.items() if rows}


def talk(ground: Ground, text: str = "怎么退货？") -> tuple[str, str]:
    """A customer who asked and was answered; the conversation and the question."""
    conversation = ground.conversation(ground.customer())
    question = ground.hears(conversation, text)
    ground.understood(conversation, question, ("returns", 0.9))
    ground.answers(conversation, "七天内可以。", "returns")
    return conversation, question


def written(database: Database, table: Any, **values: object) -> None:
    with database.engine.begin() as connection:
        connection.execute(insert(table).values(**values))


def event_of(database: Database, conversation: str, at: float) -> None:
    what = {"type": "received", "actor": "customer", "channel": "wechat", "account": "brand-wechat"}
    written(database, events, conversation_id=conversation, seq=1, at=at, **what)


def test_each_kind_goes_after_its_own_time_and_not_before(
    database: Database, clock: MovableClock, ground: Ground
) -> None:
    conversation, question = talk(ground)
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
    assert len(ground.rows(staff)) == 1


def test_what_is_counted_is_what_goes(database: Database, clock: MovableClock, ground: Ground) -> None:
    for _ in range(3):
        talk(ground)
    clock.move(101 * DAY)
    assert due(database, clock) == {"traces": 3, "messages": 6}  # and with the last of them replies and customers
    assert purged(database, clock) == {"traces": 3, "messages": 6 + 3, "customers": 3}
    assert due(database, clock) == {}
    for table in (customers, identities, conversations, messages, outbox, traces):
        assert ground.rows(table) == []


def test_nothing_of_a_customer_with_an_open_case_goes_whichever_account_it_is_on(
    database: Database, clock: MovableClock, ground: Ground
) -> None:
    customer = ground.customer()
    elsewhere = ground.conversation(customer, account="brand-x", channel="twitter")
    ground.hears(elsewhere, "my parcel is late")
    event_of(database, elsewhere, clock.now())
    here = ground.conversation(customer)
    ground.understood(here, ground.hears(here, "奇怪的问题"), ("odd", 0.1))
    case = ground.case(here, Reason.UNSURE)
    talk(ground, "别人的")
    clock.move(2_000 * DAY)
    assert purged(database, clock) == {"traces": 1, "messages": 3, "customers": 1}
    assert sorted(row.text for row in ground.rows(messages)) == ["my parcel is late", "奇怪的问题"]
    assert len(ground.rows(traces)) == len(ground.rows(events)) == 1
    ended = {"state": "resolved", "ended_at": clock.now()}
    ground.change(cases, case, **ended)
    ground.change(conversations, here, owner="closed", case_id=None)
    assert purged(database, clock) == {"traces": 1, "messages": 2, "events": 1}
    clock.move(151 * DAY)
    assert purged(database, clock) == {"cases": 1, "customers": 1}


def test_a_message_that_still_waits_for_its_turn_and_a_reply_on_its_way_stay(
    database: Database, clock: MovableClock, ground: Ground
) -> None:
    waiting, _ = talk(ground)
    ground.change(conversations, waiting, handled_seq=0)
    sending = ground.conversation(ground.customer())
    row = ground.answers(sending, "稍等", "wait", OutboxState.PENDING)
    clock.move(2_000 * DAY)
    assert purged(database, clock) == {"messages": 1}
    assert [left.id for left in ground.rows(outbox, state="pending")] == [row]
    assert len(ground.rows(messages, conversation_id=waiting)) == 2


def test_nought_keeps_for_ever(database: Database, clock: MovableClock, ground: Ground) -> None:
    talk(ground)
    clock.move(20_000 * DAY)
    for_ever = Retention(messages=0, traces=0, events=0, cases=0, customers=0)
    assert due(database, clock, for_ever) == purged(database, clock, for_ever) == {}


def test_a_linked_member_stays_known_while_the_link_lasts(
    database: Database, clock: MovableClock, ground: Ground
) -> None:
    conversation = ground.conversation(ground.customer(), verified_as="M1")
    identity = ground.row(conversations, conversation).identity_id
    ground.change(identities, identity, verified_until=clock.now() + 500 * DAY)
    clock.move(400 * DAY)
    assert purged(database, clock) == {}
    clock.move(301 * DAY)
    assert purged(database, clock) == {"customers": 1}


def test_whoever_is_heard_again_meanwhile_is_kept(database: Database, clock: MovableClock, ground: Ground) -> None:
    """Found in one transaction and deleted in the next: what was said between the two counts."""
    conversation = ground.conversation(ground.customer())
    clock.move(101 * DAY)
    kind = next(kind for kind in housekeeping._KINDS if kind.name == "customers")
    old = kind.old(clock.now() - 100 * DAY)
    with database.engine.begin() as connection:
        found = housekeeping._find(kind, old, connection)
        connection.execute(update(conversations).values(heard_at=clock.now()))
    with database.engine.begin() as connection:
        assert len(found) == 1
        assert housekeeping._delete(kind, old, found, connection) == 0
    assert ground.row(conversations, conversation).heard_at == clock.now()


def test_a_purge_takes_small_steps(
    database: Database, clock: MovableClock, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "AT_ONCE", 2)
    for _ in range(3):
        talk(ground)
    clock.move(101 * DAY)
    once = asyncio.run(RecordHousekeeping(database, SHORT).purge(clock.now()))
    assert once == {
        "traces": 2,
        "messages": 3,
        "customers": 1,
    }
    assert purged(database, clock) == {"traces": 1, "messages": 6, "customers": 2}


def test_the_record_itself_would_refuse_to_lose_somebody_who_is_referred_to(database: Database, ground: Ground) -> None:
    """What the conditions above rest on: foreign keys are enforced on both kinds of record."""
    talk(ground)
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.execute(metadata.tables["customers"].delete())

"""Checks the database after a run: every message was accepted once, and answered once or rightly not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, create_engine, func, select

from bot.stores.sql.schema import conversations, events, identities, messages, outbox, receipts, traces
from contest.followers import Crowd

OUTCOMES = ("answered", "asked", "handed_off", "quiet")


@dataclass(frozen=True, slots=True)
class Account:
    """Counts of one crowd's messages, each with its one turn. replied: with exactly one reply, in the response. late:
    with one that missed the deadline of 4.3 s and went into the outbox for the active API."""

    accepted: int
    replied: int
    late: int
    outcomes: dict[str, int]


def read(database: str, crowd: Crowd) -> Account:
    """Raises AssertionError if anything was lost, doubled or left over."""
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            return _account(connection, crowd)
    finally:
        engine.dispose()


def _account(connection: Connection, crowd: Crowd) -> Account:
    theirs = (
        select(conversations.c.id)
        .join(identities, identities.c.id == conversations.c.identity_id)
        .where(identities.c.handle.like(f"o{crowd.name}%"))
    )
    heard = (
        select(messages.c.id, func.count(traces.c.message_id.distinct()), func.count(outbox.c.id.distinct()))
        .join(receipts, receipts.c.message_id == messages.c.id)
        .outerjoin(traces, traces.c.message_id == messages.c.id)
        .outerjoin(outbox, outbox.c.answers == messages.c.id)
        .where(messages.c.conversation_id.in_(theirs), receipts.c.attempt == 1)
        .group_by(messages.c.id)
    )
    rows = connection.execute(heard).all()
    assert all(turns == 1 for _, turns, _ in rows), "a message without its turn, or with two"
    assert all(replies <= 1 for _, _, replies in rows), "a message answered twice"
    states = connection.execute(select(outbox.c.state).where(outbox.c.conversation_id.in_(theirs))).scalars()
    late = sum(state not in ("offered", "sent") for state in states)
    happened = connection.execute(select(events.c.type).where(events.c.conversation_id.in_(theirs))).scalars()
    outcomes = Counter(type_ for type_ in happened if type_ in OUTCOMES)
    assert sum(outcomes.values()) == len(rows), "a turn without its event"
    return Account(len(rows), sum(replies for _, _, replies in rows) - late, late, dict(outcomes))

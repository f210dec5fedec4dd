"""Reads a responder's database while it works, and the outcome of every message at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, create_engine, func, select

from bot.stores.sql.schema import OPEN, conversations, cursors, messages, outbox, quotas, receipts

SENDING = 60.0  # seconds after which an unfinished send is in doubt (config.Timings)
_UNHANDLED = conversations.c.inbound_seq > conversations.c.handled_seq


@dataclass(frozen=True, slots=True)
class Undone:
    """When what is left to do may be done: what is to be sent, what was being sent when its process died, turns whose
    process died, and when the platform's limits end."""

    moments: tuple[float, ...]
    limits: tuple[float, ...]


class Books:
    """Read-only access to the database."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))

    def close(self) -> None:
        self._engine.dispose()

    def looked(self) -> int:
        """How many of the account's lists have been looked at."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(cursors)).scalar_one())

    def undone(self) -> Undone:
        with self._engine.connect() as connection:
            moments = (
                _least(connection, outbox.c.due_at, OPEN & (outbox.c.state == "pending")),
                _least(connection, outbox.c.state_at, OPEN & (outbox.c.state == "sending"), SENDING),
                _least(connection, conversations.c.lease_until, _UNHANDLED),
            )
            limits = connection.execute(select(quotas.c.until)).scalars().all()
            return Undone(tuple(one for one in moments if one is not None), tuple(limits))

    def accepted(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(receipts)).scalar_one())

    def states(self) -> Mapping[str, list[str]]:
        """By the key of each accepted message, the states of what was to be said to it."""
        answered = outbox.c.answers == receipts.c.message_id
        keyed = select(messages.c.dedup_key, outbox.c.state).join(receipts, receipts.c.message_id == messages.c.id)
        pairs = keyed.outerjoin(outbox, answered)
        found = defaultdict[str, list[str]](list)
        with self._engine.connect() as connection:
            for key, state in connection.execute(pairs):
                found[key] += [state] if state else []
        return found


def _least(
    connection: Connection, column: ColumnElement[float], where: ColumnElement[bool], more: float = 0.0
) -> float | None:
    least = connection.execute(select(func.min(column)).where(where)).scalar()
    return None if least is None else least + more


def fate(said: int, states: list[str] | None) -> str:
    """said: how often the platform has shown the customer an answer. states: None if it was never accepted."""
    if said:
        return "answered"
    if states is None:
        return "lost"
    for state, name in (("in_doubt", "in doubt"), ("failed", "refused")):
        if state in states:
            return name
    return "lost" if states else "silent"

"""The append-only log that reports are computed from: ids and codes, never text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from bot.messages import Instant
from bot.stores.record.bulk import Inserts
from bot.stores.record.tables import events
from bot.turns import Happened

_APPEND = Inserts(events)


@dataclass(frozen=True, slots=True)
class EventEntry:
    """What happened, in which conversation, at which place in that conversation's own sequence."""

    conversation_id: str
    seq: int
    channel: str
    account: str
    what: Happened
    case_id: str | None = None


def append(connection: Connection, entries: Sequence[EventEntry], now: Instant) -> None:
    """Write `entries`; the caller holds the conversations' locks and has counted their event_seq on."""
    _APPEND.run(connection, [_row(entry, now) for entry in entries])


def _row(entry: EventEntry, now: Instant) -> dict[str, object]:
    what = entry.what
    return {
        "conversation_id": entry.conversation_id,
        "seq": entry.seq,
        "at": now,
        "type": what.type,
        "actor": what.actor,
        "channel": entry.channel,
        "account": entry.account,
        "case_id": entry.case_id,
        "edition": what.edition,
        "entry": what.entry,
        "confidence": what.confidence,
        "data": json.dumps(dict(what.data)) if what.data else None,
    }

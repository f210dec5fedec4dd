"""Rows to dataclasses and back: conversations and messages; the event log and the audit trail.

Both logs hold ids and codes, never text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, select

from bot.access.credentials import normalize_login
from bot.domain.cases import AuditAction, AuditEntry, CaseState
from bot.domain.messages import Author, Conversation, Identity, Instant, Kind, Media, Owner, StoredMessage
from bot.domain.turns import Event
from bot.stores.sql.database import Database
from bot.stores.sql.schema import audit, cases, conversations, customers, events, identities, messages, staff
from bot.stores.sql.statements import BulkInsert, InList, Prepared
from bot.text import new_id

_AS_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
c, i, m = conversations.c, identities.c, messages.c

CONVERSATION: Select[Any] = (
    select(
        c.id,
        c.account,
        c.channel,
        c.thread,
        c.owner,
        c.agent,
        c.case_id,
        c.version,
        c.handled_seq,
        c.inbound_seq,
        c.slots,
        c.heard_at,
        c.heard_kind,
        c.sent_in_window,
        c.waiting,
        c.resolved_at,
        c.resolved_by,
        c.still_waiting_said,
        i.id.label("identity_id"),
        i.customer_id,
        i.handle,
        i.member_id,
        i.verified_until,
        i.silenced_at,
        customers.c.case_id.label("customer_case"),
        (cases.c.state == CaseState.CLAIMED.value).label("customer_case_claimed"),
        c.seq,
        c.event_seq,
        c.lease,
        c.lease_until,
    )
    .join(identities, i.id == c.identity_id)
    .join(customers, customers.c.id == i.customer_id)
    .outerjoin(cases, cases.c.id == customers.c.case_id)
)
_BY_IDS = CONVERSATION.where(InList(c.id, "ids")).order_by(c.id)
_SEEN = Prepared(_BY_IDS)
_LOCKED = Prepared(_BY_IDS.with_for_update(of=conversations))
_UNHANDLED = (
    select(messages)
    .where(m.conversation_id == bindparam("conversation"), m.seq > bindparam("handled"), m.dedup_key.is_not(None))
    .order_by(m.seq)
    .limit(1)
)


def lock_conversations(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Conversations by id, locked in the order of their ids until the transaction ends.

    The lock order everywhere: conversations, cases, customers, outbox rows. It prevents deadlocks.
    """
    return {row.id: row for row in _LOCKED.run(connection, ids=list(ids))}


def read_conversations(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Conversations by id, not locked."""
    return {row.id: row for row in _SEEN.run(connection, ids=list(ids))}


def conversation_reader(statement: Select[Any]) -> Callable[[Row[Any]], Conversation]:
    """A function from a row of `statement` to a Conversation: every field takes the column of its name.

    The columns' positions are looked up once: by name for each row takes half as long again, on the hot path.
    """
    keys = [column.key for column in statement.selected_columns]
    names = [field.name for field in fields(Conversation)]
    column_of = {"identity": "identity_id"}
    values_of = itemgetter(*(keys.index(column_of.get(name, name)) for name in names))
    of_identity = [{"id": "identity_id"}.get(field.name, field.name) for field in fields(Identity)]
    identity_of = itemgetter(*map(keys.index, of_identity))
    identity, owner, slots, heard_kind, said, claimed = map(
        names.index, ("identity", "owner", "slots", "heard_kind", "still_waiting_said", "customer_case_claimed")
    )

    def read(row: Row[Any]) -> Conversation:
        values = list(values_of(row))
        values[identity] = Identity(*identity_of(row))
        values[owner] = Owner(values[owner])
        # most conversations have no slots: not parsing '{}' is faster
        values[slots] = json.loads(values[slots]) if values[slots] != "{}" else {}
        values[heard_kind] = Kind(values[heard_kind])
        values[said] = bool(values[said])  # SQLite returns 0 or 1
        values[claimed] = bool(values[claimed])  # NULL without a case
        return Conversation(*values)

    return read


conversation_of = conversation_reader(CONVERSATION)


def oldest_unhandled(connection: Connection, conversation_id: str, handled_seq: int) -> StoredMessage | None:
    """The next inbound message without a committed turn."""
    row = connection.execute(_UNHANDLED, {"conversation": conversation_id, "handled": handled_seq}).first()
    return stored_message_of(row) if row else None


def stored_message_of(row: Row[Any]) -> StoredMessage:
    return StoredMessage(
        row.id,
        row.conversation_id,
        row.seq,
        row.dedup_key,
        Kind(row.kind),
        row.text,
        row.at,
        media_of(row.media),
        json.loads(row.data) if row.data else {},
    )


def media_of(text: str | None) -> Media | None:
    return Media(**json.loads(text)) if text else None


def media_text(media: Media | None) -> str | None:
    if media is None:
        return None
    kept = {
        "reference": media.reference,
        "format": media.format,
        "title": media.title,
        "description": media.description,
    }
    return json.dumps(kept, ensure_ascii=False)


def json_text(data: Mapping[str, Any]) -> str:
    return _AS_JSON(dict(data)) if data else "{}"


def message_row(id_: str, conversation_id: str, seq: int, author: Author, kind: Kind, at: float) -> dict[str, Any]:
    """A row for `messages` with defaults for the columns that most messages leave empty."""
    return {
        "id": id_,
        "conversation_id": conversation_id,
        "seq": seq,
        "author": author.value,
        "kind": kind.value,
        "text": "",
        "media": None,
        "data": None,
        "dedup_key": None,
        "by": "",
        "entry": "",
        "edition": 0,
        "confidence": None,
        "at": at,
    }


_APPEND = BulkInsert(events)


@dataclass(frozen=True, slots=True)
class EventEntry:
    """An event and its conversation."""

    conversation_id: str
    seq: int  # in the conversation's own sequence of events
    channel: str
    account: str
    what: Event
    case_id: str | None = None


def append_events(connection: Connection, entries: Sequence[EventEntry], now: Instant) -> None:
    """Write events. The caller has locked the conversations and counts up their event_seq."""
    _APPEND.run(connection, [_event_row(entry, now) for entry in entries])


def _event_row(entry: EventEntry, now: Instant) -> dict[str, object]:
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


def add_audit_entry(connection: Connection, staff_id: str, action: AuditAction, now: Instant, about: str = "") -> None:
    """about: the id of the case, message, customer or staff member it was done to."""
    _write(connection, [AuditEntry(now, staff_id, action, about)])


class SqlAuditTrail:
    """ports.AuditTrail on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entries: Sequence[AuditEntry]) -> None:
        if entries:
            await self._database.write(lambda connection: _write(connection, entries))

    async def entries(self, since: Instant, login: str = "", limit: int = 10_000) -> list[AuditEntry]:
        return await self._database.read(lambda connection: _read(connection, since, login, limit))


def _write(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    rows = [
        {"id": new_id(), "at": one.at, "staff_id": one.staff, "action": one.action, "object": one.about}
        | {"times": one.times}
        for one in entries
    ]
    connection.execute(insert(audit), rows)


def _read(connection: Connection, since: Instant, login: str, limit: int) -> list[AuditEntry]:
    """The newest `limit` entries, oldest first."""
    wanted = (
        select(audit, staff.c.login)
        .outerjoin(staff, staff.c.id == audit.c.staff_id)
        .where(audit.c.at >= since)
        .order_by(audit.c.at.desc(), audit.c.id.desc())
        .limit(limit)
    )
    if login:
        wanted = wanted.where(audit.c.staff_id.in_(_staff_ids(connection, login)))
    return [
        AuditEntry(row.at, row.staff_id, row.action, row.object, row.times, row.login or "")
        for row in reversed(list(connection.execute(wanted)))
    ]


def _staff_ids(connection: Connection, login: str) -> list[str]:
    """The ids of a login, also a disabled one; `login` itself if there is none, such as `console`."""
    rows = connection.execute(select(staff.c.id, staff.c.login))
    return [row.id for row in rows if normalize_login(row.login) == normalize_login(login)] or [login]

"""How a conversation stands in the tables and travels as a dataclass."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from bot.messages import Author, Conversation, Heard, Identity, Kind, Media, Owner
from bot.stores.record.prepared import Among, Prepared
from bot.stores.record.tables import conversations, customers, identities, messages

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
        c.seq,
        c.event_seq,
        c.lease,
        c.lease_until,
    )
    .join(identities, i.id == c.identity_id)
    .join(customers, customers.c.id == i.customer_id)
)
_BY_IDS = CONVERSATION.where(Among(c.id, "ids")).order_by(c.id)
_SEEN = Prepared(_BY_IDS)
_LOCKED = Prepared(_BY_IDS.with_for_update(of=conversations))
_UNHANDLED = (
    select(messages)
    .where(m.conversation_id == bindparam("conversation"), m.seq > bindparam("handled"), m.dedup_key.is_not(None))
    .order_by(m.seq)
    .limit(1)
)


def locked(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Conversations by id, locked in the order of their ids until the transaction ends.

    Whoever locks several things locks conversations first, then cases, customers, and outbox rows last.
    """
    return {row.id: row for row in _LOCKED.run(connection, ids=list(ids))}


def seen(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Conversations by id as they are now, for somebody who changes nothing in them."""
    return {row.id: row for row in _SEEN.run(connection, ids=list(ids))}


def conversation_of(row: Row[Any]) -> Conversation:
    (
        id_,
        account,
        channel,
        thread,
        owner,
        agent,
        case_id,
        version,
        handled_seq,
        inbound_seq,
        slots,
        heard_at,
        heard_kind,
        sent_in_window,
        waiting,
        resolved_at,
        resolved_by,
        still_waiting_said,
        identity_id,
        customer_id,
        handle,
        member_id,
        verified_until,
        silenced_at,
        customer_case,
    ) = tuple(row)[:25]
    return Conversation(
        id_,
        account,
        channel,
        Identity(identity_id, customer_id, account, handle, member_id, verified_until, silenced_at),
        thread,
        Owner(owner),
        agent,
        case_id,
        customer_case,
        version,
        handled_seq,
        inbound_seq,
        json.loads(slots) if slots != "{}" else {},
        heard_at,
        Kind(heard_kind),
        sent_in_window,
        waiting,
        resolved_at,
        resolved_by,
        bool(still_waiting_said),
    )


def oldest_unhandled(connection: Connection, conversation_id: str, handled_seq: int) -> Heard | None:
    """The next inbound message whose turn is not committed."""
    row = connection.execute(_UNHANDLED, {"conversation": conversation_id, "handled": handled_seq}).first()
    return heard_of(row) if row else None


def heard_of(row: Row[Any]) -> Heard:
    return Heard(
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
    """A messages row with everything that most lines lack."""
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

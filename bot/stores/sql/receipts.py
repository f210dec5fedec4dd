"""Receipts: how a platform's message is recognised when it arrives again, also as a later version (an edited post).

A dedup key often names the sender (WeChat's holds the openid), and receipts outlive the erasure of a customer. So the
key is stored as an HMAC with the deployment's secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from bot.domain.messages import Author, Inbound, Instant, Kind, OutboxState
from bot.domain.turns import Accepted
from bot.stores.sql.conversations import ConversationDraft, Key, key_of
from bot.stores.sql.mapping import json_text, lock_conversations, media_text
from bot.stores.sql.outbox import wording_digest
from bot.stores.sql.schema import conversations, messages, outbox, posted, receipts
from bot.stores.sql.statements import BulkInsert, InList, Prepared

_RECEIPTS = BulkInsert(receipts, once=True)
_COUNT_REPEAT = (
    update(receipts)
    .where(receipts.c.account == bindparam("a"), receipts.c.dedup_key == bindparam("k"))
    .values(attempt=receipts.c.attempt + 1)
    .returning(receipts.c.message_id, receipts.c.conversation_id, receipts.c.attempt)
)
_PLACE = (
    update(receipts)
    .where(receipts.c.account == bindparam("a"), receipts.c.dedup_key == bindparam("k"))
    .values(conversation_id=bindparam("conversation"))
)
_STORED = Prepared(
    select(receipts.c.message_id).where(InList(receipts.c.account, "accounts"), InList(receipts.c.dedup_key, "keys"))
)
SEALED = "s1:"  # prefix of a sealed key; rows older than migration 0008 had the platform's own key


def seal(secret: str, account: str, dedup_key: str) -> str:
    """The stored form of a dedup key."""
    message = f"receipt\0{account}\0{dedup_key}".encode()
    return SEALED + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Arrival:
    """An arriving message before it is known whether it is new."""

    id: str  # which it gets if it is new
    inbound: Inbound
    sealed: str  # its dedup key, as receipts store it

    @property
    def receipt(self) -> tuple[str, str]:
        return self.inbound.account, self.sealed


def write_receipts(
    connection: Connection, arrivals: Sequence[Arrival], known: Mapping[Key, ConversationDraft], now: Instant
) -> frozenset[str]:
    """Write receipts and return the ids of the messages that are new. Sorted, so that two processes never deadlock."""
    rows: list[dict[str, Any]] = [
        {
            "account": one.inbound.account,
            "dedup_key": one.sealed,
            "message_id": one.id,
            "conversation_id": known[key_of(one.inbound)].id if key_of(one.inbound) in known else "",
            "attempt": 1,
            "at": now,
            "version": one.inbound.version,
        }
        for one in sorted(arrivals, key=attrgetter("receipt"))
    ]
    ids = frozenset(one.id for one in arrivals)
    # rowcount tells whether any was known; only then a second statement asks which.
    if _RECEIPTS.run(connection, rows) == len(rows):
        return ids
    accounts, keys = ([row[name] for row in rows] for name in ("account", "dedup_key"))
    return ids & set(_STORED.run(connection, accounts=accounts, keys=keys).scalars())


def count_repeats(connection: Connection, known: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[Accepted]]:
    """Count repeats and return their receipts, by account and sealed key. Sorted, so that processes never deadlock."""
    counted = defaultdict[tuple[str, str], list[Accepted]](list)
    for account, key in sorted(known):
        row = connection.execute(_COUNT_REPEAT, {"a": account, "k": key}).one()
        counted[account, key].append(Accepted(row.message_id, row.conversation_id, row.attempt))
    return counted


def place_receipts(connection: Connection, fresh: Sequence[Arrival], made: Mapping[Key, ConversationDraft]) -> None:
    """Set the conversations of receipts that were written before their conversations existed."""
    places = [
        {"a": one.inbound.account, "k": one.sealed, "conversation": made[key_of(one.inbound)].id}
        for one in sorted(fresh, key=attrgetter("receipt"))
    ]
    connection.execute(_PLACE, places)


_ANSWERED = ("offered", "sending", "sent", "in_doubt")
NOTED, ANSWERED = "1", "answered"  # a message's `edited` field; ANSWERED: its earlier version has a reply already


def newer_version(connection: Connection, inbound: Inbound, sealed: str) -> Row[Any] | None:
    """Store the version of `inbound` and return the message with the version before it, if its content differs.

    None if this or a later version is known already, or if the message has been deleted. sealed: the sealed dedup key.
    """
    this = (receipts.c.account == inbound.account, receipts.c.dedup_key == sealed)
    taken = connection.execute(
        update(receipts)
        .where(*this, receipts.c.version < inbound.version)
        .values(version=inbound.version)
        .returning(receipts.c.message_id)
    ).first()
    if taken is None:
        return None
    before = connection.execute(select(messages).where(messages.c.id == taken.message_id)).first()
    says = (inbound.text, inbound.kind.value, media_text(inbound.media))
    return None if before is None or (before.text, before.kind, before.media) == says else before


def withdraw(connection: Connection, inbound: Inbound, sealed: str) -> None:
    """The author has deleted a post: clear its text and cancel pending replies. The empty message stays."""
    this = (receipts.c.account == inbound.account, receipts.c.dedup_key == sealed)
    found = select(messages).join(receipts, receipts.c.message_id == messages.c.id).where(*this)
    before = connection.execute(found).first()
    if before is None:
        return
    lock_conversations(connection, [before.conversation_id])
    void_replies(connection, inbound.account, before)
    facts = {"id": inbound.data["id"], "deleted": NOTED}
    # as an event it gets no reply if its turn is still to come
    words = {"text": "", "kind": Kind.EVENT.value, "media": None, "data": json_text(facts)}
    connection.execute(update(messages).where(messages.c.id == before.id).values(words))
    talk = update(conversations).where(conversations.c.id == before.conversation_id)
    connection.execute(talk.values(version=conversations.c.version + 1))


def replace_words(connection: Connection, before: Row[Any], inbound: Inbound) -> None:
    """Replace the message's content. The new version number makes a turn that decided on the old words start again."""
    words = {
        "text": inbound.text,
        "kind": inbound.kind.value,
        "media": media_text(inbound.media),
        "data": json_text({**inbound.data, "edited": NOTED}),
    }
    connection.execute(update(messages).where(messages.c.id == before.id).values(words))
    this = update(conversations).where(conversations.c.id == before.conversation_id)
    connection.execute(this.values(version=conversations.c.version + 1))


def point_receipt_at(connection: Connection, inbound: Inbound, sealed: str, before: Row[Any], id_: str) -> None:
    """Let the receipt name message `id_`, with which the next version is compared."""
    this = (receipts.c.account == inbound.account, receipts.c.dedup_key == sealed)
    connection.execute(update(receipts).where(*this).values(message_id=id_, conversation_id=before.conversation_id))


def void_replies(connection: Connection, account: str, before: Row[Any]) -> str:
    """Cancel pending replies of the bot to a message; ANSWERED if an earlier one has gone out, else NOTED."""
    answers = (outbox.c.answers == before.id, outbox.c.effect.is_(None), outbox.c.author == Author.BOT.value)
    pending = (
        *answers,
        outbox.c.conversation_id == before.conversation_id,
        outbox.c.state == OutboxState.PENDING.value,
    )
    voided = update(outbox).where(*pending).values(state=OutboxState.CANCELLED.value).returning(outbox.c.text)
    unsaid = [wording_digest(text) for text in connection.execute(voided).scalars()]
    if unsaid:  # these words may be posted again at once
        connection.execute(delete(posted).where(posted.c.account == account, posted.c.digest.in_(unsaid)))
    said = connection.execute(select(outbox.c.id).where(*answers, outbox.c.state.in_(_ANSWERED)).limit(1)).first()
    return ANSWERED if said is not None else NOTED

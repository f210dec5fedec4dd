"""A later version of a post that is known already: an edit, under the receipt of the first version.

Words that nobody has answered yet give way to the new ones. Where an answer is given already, the new words follow as a
line of their own, and what was still to go out in answer to the old ones does not go out any more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from bot.messages import Author, Inbound, Kind, OutboxState
from bot.stores.record.posted import digest
from bot.stores.record.rows import json_text, locked, media_text
from bot.stores.record.tables import conversations, messages, outbox, posted, receipts

_ANSWERED = ("offered", "sending", "sent", "in_doubt")
NOTED, ANSWERED = "1", "answered"  # `edited` of a message: whether its earlier version was answered before


def newest(connection: Connection, inbound: Inbound, sealed: str) -> Row[Any] | None:
    """Take note of this version; the message in which the one before it stands, if that says something else. None if
    this one or a later one is known, or if nothing is left of the one before. sealed: its key, as receipts have it."""
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
    """Its author has deleted what is known under this key: the words go, an answer still to come is not given, and that
    it was there stays."""
    this = (receipts.c.account == inbound.account, receipts.c.dedup_key == sealed)
    found = select(messages).join(receipts, receipts.c.message_id == messages.c.id).where(*this)
    before = connection.execute(found).first()
    if before is None:
        return
    locked(connection, [before.conversation_id])
    void_replies(connection, inbound.account, before)
    facts = {"id": inbound.data["id"], "deleted": NOTED}
    # an event is answered by nobody, should its turn be still to come
    words = {"text": "", "kind": Kind.EVENT.value, "media": None, "data": json_text(facts)}
    connection.execute(update(messages).where(messages.c.id == before.id).values(words))
    talk = update(conversations).where(conversations.c.id == before.conversation_id)
    connection.execute(talk.values(version=conversations.c.version + 1))


def replace_words(connection: Connection, before: Row[Any], inbound: Inbound) -> None:
    """The message says what the new version says; whoever is deciding on the old words has to decide again."""
    words = {
        "text": inbound.text,
        "kind": inbound.kind.value,
        "media": media_text(inbound.media),
        "data": json_text({**inbound.data, "edited": NOTED}),
    }
    connection.execute(update(messages).where(messages.c.id == before.id).values(words))
    this = update(conversations).where(conversations.c.id == before.conversation_id)
    connection.execute(this.values(version=conversations.c.version + 1))


def follow(connection: Connection, inbound: Inbound, sealed: str, before: Row[Any], id_: str) -> None:
    """The next version is compared with the new message."""
    this = (receipts.c.account == inbound.account, receipts.c.dedup_key == sealed)
    connection.execute(update(receipts).where(*this).values(message_id=id_, conversation_id=before.conversation_id))


def void_replies(connection: Connection, account: str, before: Row[Any]) -> str:
    """What the bot was still to say to the old words is not said; whether something was said to them before."""
    answers = (outbox.c.answers == before.id, outbox.c.effect.is_(None), outbox.c.author == Author.BOT.value)
    pending = (
        *answers,
        outbox.c.conversation_id == before.conversation_id,
        outbox.c.state == OutboxState.PENDING.value,
    )
    voided = update(outbox).where(*pending).values(state=OutboxState.CANCELLED.value).returning(outbox.c.text)
    unsaid = [digest(text) for text in connection.execute(voided).scalars()]
    if unsaid:
        connection.execute(delete(posted).where(posted.c.account == account, posted.c.digest.in_(unsaid)))
    said = connection.execute(select(outbox.c.id).where(*answers, outbox.c.state.in_(_ANSWERED)).limit(1)).first()
    return ANSWERED if said is not None else NOTED

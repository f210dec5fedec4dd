"""Replies that may not stand in a public thread: into the private conversation of the same identity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.messages import OutboxState, Owner
from bot.stores.record.replies import Sheet
from bot.stores.record.rows import json_text
from bot.stores.record.tables import conversations
from bot.turns import TurnCommit
from bot.wording import new_id

_DIALECT = {"sqlite": sqlite, "postgresql": postgresql}


def say_directly(connection: Connection, sheet: Sheet, turn: TurnCommit, row: Row[Any]) -> None:
    """Say the turn's private replies in the private conversation, which goes on from the turn's slots.

    Where a person owns that conversation the bot stays silent there: they see the public question on the desk.
    """
    replies = [reply for reply in turn.replies if not reply.here]
    if not replies:
        return
    private = _private(connection, sheet, row)
    if private.owner in (Owner.QUEUE.value, Owner.AGENT.value):
        return
    after = {"id": private.id, "seq": private.seq, "waiting": private.waiting}
    for reply in replies:
        waits = reply.asked_first and not private.heard_at
        sheet.reply(turn, replace(reply, state=OutboxState.WAITING) if waits else reply, after)
    connection.execute(
        update(conversations)
        .where(conversations.c.id == private.id)
        .values(
            seq=after["seq"],
            waiting=after["waiting"],
            slots=json_text(turn.slots),
            owner=Owner.BOT.value,
            version=conversations.c.version + 1,
        )
    )


def _private(connection: Connection, sheet: Sheet, row: Row[Any]) -> Row[Any]:
    """The identity's private conversation, locked; made if there is none."""
    new = {
        "id": new_id(),
        "identity_id": row.identity_id,
        "account": row.account,
        "channel": row.channel,
        "thread": "",
        "at": sheet.now,
    }
    connection.execute(_DIALECT[connection.dialect.name].insert(conversations).on_conflict_do_nothing(), [new])
    mine = select(conversations).where(conversations.c.identity_id == row.identity_id, conversations.c.thread == "")
    return connection.execute(mine.with_for_update()).one()

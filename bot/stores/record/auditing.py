"""Who did what: staff's deeds, kept for whoever has to answer for them. Ids and codes, never text."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from bot.messages import Instant
from bot.stores.record.tables import audit
from bot.wording import new_id


def note_deed(connection: Connection, staff_id: str, action: str, now: Instant, about: str = "") -> None:
    """`about`: the id of what it was done to, a case or an outgoing message."""
    deed = {"id": new_id(), "at": now, "staff_id": staff_id, "action": action, "object": about}
    connection.execute(insert(audit), [deed])

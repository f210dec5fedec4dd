"""What a turn changes in the record besides its own rows: who a customer is, tries of a code, what is forgotten.

Applied in the turn's own transaction, after its conversation is locked and found at the version it was decided on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy import Connection, update

from bot.errors import Stale
from bot.messages import Change, Conversation, Instant
from bot.stores.record.forgetting import forget
from bot.stores.record.sameness import become, part
from bot.stores.record.tables import codes, identities

Apply: TypeAlias = Callable[[Connection, Mapping[str, Any], Conversation, Instant], None]


def apply(connection: Connection, change: Change, conversation: Conversation, now: Instant) -> None:
    """Make one change. Raises Stale when the code it rests on was used meanwhile, KeyError for an unknown name."""
    CHANGES[change.name](connection, change.arguments, conversation, now)


def _count_attempt(connection: Connection, wanted: Mapping[str, Any], _: Conversation, __: Instant) -> None:
    """{code_id}: one wrong try more."""
    counted = update(codes).where(codes.c.id == wanted["code_id"]).values(attempts=codes.c.attempts + 1)
    connection.execute(counted)


def _verify_identity(connection: Connection, wanted: Mapping[str, Any], spoken: Conversation, now: Instant) -> None:
    """{code_id, member_id, until}: the code is spent, and the identity is this member's until then."""
    spent = update(codes).where(codes.c.id == wanted["code_id"], codes.c.used_at == 0.0).values(used_at=now)
    if connection.execute(spent).rowcount != 1:
        raise Stale("the code has been used")
    proved = {"member_id": wanted["member_id"], "verified_until": wanted["until"]}
    connection.execute(update(identities).where(identities.c.id == spoken.identity.id).values(proved))
    become(connection, spoken.identity.id, wanted["member_id"], now)


def _unlink(connection: Connection, _: Mapping[str, Any], spoken: Conversation, now: Instant) -> None:
    """{}: the identity is nobody's, and a customer of its own if others of that member remain."""
    nobody = {"member_id": None, "verified_until": 0.0}
    connection.execute(update(identities).where(identities.c.id == spoken.identity.id).values(nobody))
    part(connection, spoken.identity.id, now)


def _forget(connection: Connection, wanted: Mapping[str, Any], spoken: Conversation, now: Instant) -> None:
    """{mode: 'erase' | 'anonymise'}: the identity is gone, and what it said with it."""
    forget(connection, spoken, erase=wanted["mode"] == "erase", now=now)


CHANGES: Mapping[str, Apply] = MappingProxyType(
    {
        "count_attempt": _count_attempt,
        "verify_identity": _verify_identity,
        "unlink": _unlink,
        "forget": _forget,
    }
)

"""What a turn changes in the record besides its own rows: who a customer is, tries of a code, what is forgotten.

Applied in the turn's own transaction, after its conversation is locked and found at the version it was decided on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, select, update

from bot.decisions import Change
from bot.errors import Stale
from bot.messages import Author, Conversation, Instant, Kind, OutboxState
from bot.stores.record.forgetting import forget
from bot.stores.record.sameness import become, name_customer, part
from bot.stores.record.tables import cases, codes, conversations, identities, outbox
from bot.turns import TurnCommit, silences

Apply: TypeAlias = Callable[[Connection, Mapping[str, Any], Conversation, Instant], None]

_UNSAID = (OutboxState.PENDING.value, OutboxState.WAITING.value)
_MACHINES = (Author.BOT.value, Author.SYSTEM.value)
_NOT_SAID_TO_US = (Kind.OUTCOME, Kind.EVENT, Kind.UNFOLLOW, Kind.OVERHEARD)


def apply(connection: Connection, change: Change, conversation: Conversation, now: Instant) -> None:
    """Make one change. Raises Stale when the code it rests on was used meanwhile, KeyError for an unknown name."""
    CHANGES[change.name](connection, change.arguments, conversation, now)


def _count_attempt(connection: Connection, wanted: Mapping[str, Any], _: Conversation, __: Instant) -> None:
    """{code_id}: one wrong try more."""
    counted = update(codes).where(codes.c.id == wanted["code_id"]).values(attempts=codes.c.attempts + 1)
    connection.execute(counted)


def _verify_identity(connection: Connection, wanted: Mapping[str, Any], spoken: Conversation, now: Instant) -> None:
    """{code_id, member_id, until, name}: the code is spent, and the identity is this member's until then."""
    spent = update(codes).where(codes.c.id == wanted["code_id"], codes.c.used_at == 0.0).values(used_at=now)
    if connection.execute(spent).rowcount != 1:
        raise Stale("the code has been used")
    proved = {"member_id": wanted["member_id"], "verified_until": wanted["until"]}
    connection.execute(update(identities).where(identities.c.id == spoken.identity.id).values(proved))
    become(connection, spoken.identity.id, wanted["member_id"], now)
    name_customer(connection, spoken.identity.id, wanted.get("name", ""))


def _unlink(connection: Connection, _: Mapping[str, Any], spoken: Conversation, now: Instant) -> None:
    """{}: the identity is nobody's, and a customer of its own if others of that member remain."""
    nobody = {"member_id": None, "verified_until": 0.0}
    connection.execute(update(identities).where(identities.c.id == spoken.identity.id).values(nobody))
    part(connection, spoken.identity.id, now)


def _forget(connection: Connection, wanted: Mapping[str, Any], spoken: Conversation, now: Instant) -> None:
    """{mode: 'erase' | 'anonymise'}: the identity is gone, and what it said with it."""
    forget(connection, spoken, erase=wanted["mode"] == "erase", now=now)


def _silence(connection: Connection, _: Mapping[str, Any], spoken: Conversation, now: Instant) -> None:
    """{}: nothing is said to this customer by a machine, on any account, until they write again."""
    theirs = select(identities.c.id).where(identities.c.customer_id == spoken.identity.customer_id)
    talks = select(conversations.c.id).where(conversations.c.identity_id.in_(theirs))
    connection.execute(update(identities).where(identities.c.id.in_(theirs)).values(silenced_at=now))
    connection.execute(update(conversations).where(conversations.c.id.in_(talks)).values(waiting=0))
    unsaid = outbox.c.state.in_(_UNSAID) & outbox.c.author.in_(_MACHINES) & outbox.c.effect.is_(None)
    cancelled = update(outbox).where(outbox.c.conversation_id.in_(talks), unsaid)
    connection.execute(cancelled.values(state=OutboxState.CANCELLED.value, state_at=now))


def _rank(connection: Connection, wanted: Mapping[str, Any], spoken: Conversation, _: Instant) -> None:
    """{priority, detail}: the conversation's case moves up, if that is higher than where it stands."""
    lower = update(cases).where(cases.c.id == spoken.case_id, cases.c.priority < wanted["priority"])
    connection.execute(lower.values(priority=wanted["priority"], detail=wanted["detail"]))


def heard_again(connection: Connection, turn: TurnCommit, row: Row[Any]) -> None:
    """Who writes again after they silenced us may be answered again."""
    if row.silenced_at and turn.message.kind not in _NOT_SAID_TO_US and not silences(turn.changes):
        theirs = update(identities).where(identities.c.customer_id == row.customer_id)
        connection.execute(theirs.values(silenced_at=0.0))


CHANGES: Mapping[str, Apply] = MappingProxyType(
    {
        "count_attempt": _count_attempt,
        "verify_identity": _verify_identity,
        "unlink": _unlink,
        "forget": _forget,
        "silence": _silence,
        "rank": _rank,
    }
)

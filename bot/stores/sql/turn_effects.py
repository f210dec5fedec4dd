"""What a turn writes besides moving its conversation on: replies, effects, traces, cases, and changes to the customer.

All of it happens in the turn's transaction, after its conversation is locked and its version checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from bot.desk import transitions
from bot.domain.cases import CaseState
from bot.domain.decisions import Change, Effect, Trace, has_change
from bot.domain.messages import SILENT, Author, Conversation, Instant, Kind, OutboxState, Owner
from bot.domain.turns import NewCase, Reply, TurnCommit
from bot.errors import Stale
from bot.stores.sql import mapping
from bot.stores.sql.case_transitions import apply_transition, lock_case
from bot.stores.sql.customers import erase_customer, forget, join_member, name_customer, split_off
from bot.stores.sql.mapping import json_text, message_row
from bot.stores.sql.schema import cases, codes, conversations, customers, identities, messages, outbox, traces
from bot.stores.sql.statements import BulkInsert, insert_new
from bot.text import clean, new_id

_MESSAGES, _OUTBOX, _TRACES = (BulkInsert(table) for table in (messages, outbox, traces))


@dataclass(slots=True)
class TurnRows:
    """Rows of one transaction, gathered so that a batch of turns is written with a few statements."""

    now: Instant
    conversations: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)
    entries: list[mapping.EventEntry] = field(default_factory=list)

    def say(self, turn: TurnCommit, after: dict[str, Any], row: Row[Any]) -> tuple[str, ...]:
        """Add the turn's replies, effects, events and trace, and count up `after`, the conversation's new columns.

        Returns the ids of the replies' outbox rows.
        """
        ids = tuple(self.reply(turn, reply, after) for reply in turn.replies if reply.same_thread)
        for effect in turn.effects:
            self.outbox.append(_effect_row(turn, effect, after, self.now))
        for what in turn.events:
            after["event_seq"] += 1
            entry = mapping.EventEntry(
                row.id, after["event_seq"], row.channel, row.account, what, after["case_id"] or row.case_id
            )
            self.entries.append(entry)
        self.traces.append(_trace_row(turn, row.id, self.now))
        after["slots"] = json_text(turn.slots)
        return ids

    def reply(self, turn: TurnCommit, reply: Reply, after: dict[str, Any]) -> str:
        """Add a reply to the turn's message and return the id of its outbox row."""
        body = turn.body if reply.state is OutboxState.OFFERED else None
        return self.line(reply, after, body, turn.message.id, turn.trace.edition)

    def line(
        self, reply: Reply, after: dict[str, Any], body: bytes | None, answers: str | None = None, edition: int = 0
    ) -> str:
        """Add a message to the conversation and the outbox row that sends it; returns the row's id.

        answers: the id of the inbound message it replies to. edition: its number, 0 for none.
        """
        text = clean(reply.text)
        after["seq"] += 1
        after["waiting"] += reply.state is OutboxState.WAITING
        message = message_row(new_id(), after["id"], after["seq"], reply.author, Kind.TEXT, self.now) | {
            "text": text,
            "by": reply.author.value,
            "entry": reply.entry,
            "edition": edition,
            "confidence": reply.confidence,
        }
        self.messages.append(message)
        carrier = _outbox_row(after, answers, self.now) | {
            "message_id": message["id"],
            "author": reply.author.value,
            "text": text,
            "state": reply.state.value,
            "body": body,
        }
        self.outbox.append(carrier)
        return str(carrier["id"])

    def write(self, connection: Connection) -> None:
        """Write everything except `conversations`, which the caller writes."""
        for table, rows in ((_MESSAGES, self.messages), (_OUTBOX, self.outbox), (_TRACES, self.traces)):
            table.run(connection, rows)
        mapping.append_events(connection, self.entries, self.now)


def _outbox_row(after: dict[str, Any], answers: str | None, now: Instant) -> dict[str, Any]:
    return {
        "id": new_id(),
        "conversation_id": after["id"],
        "seq": after["seq"],
        "message_id": None,
        "answers": answers,
        "author": "system",
        "text": "",
        "effect": None,
        "state": OutboxState.PENDING.value,
        "body": None,
        "written": False,
        "attempts": 0,
        "due_at": now,
        "state_at": now,
        "error": "",
        "platform_id": "",
    }


def _effect_row(turn: TurnCommit, effect: Effect, after: dict[str, Any], now: Instant) -> dict[str, Any]:
    return _outbox_row(after, turn.message.id, now) | {
        "effect": json.dumps({"name": effect.name, "arguments": dict(effect.arguments)}, ensure_ascii=False)
    }


def _trace_row(turn: TurnCommit, conversation_id: str, now: Instant) -> dict[str, Any]:
    return {
        "message_id": turn.message.id,
        "conversation_id": conversation_id,
        "at": now,
        "trace": trace_text(turn.trace),
    }


# Trace and Candidate are dataclasses with slots. A ready encoder is faster than json.dumps with arguments.
_TRACE_JSON = json.JSONEncoder(
    ensure_ascii=False,
    separators=(",", ":"),
    default=lambda value: {name: getattr(value, name) for name in value.__slots__},
).encode


def trace_text(trace: Trace) -> str:
    return _TRACE_JSON(trace)


# State of an open case -> owner of its conversations.
_OWNERS = {"waiting": Owner.QUEUE, "claimed": Owner.AGENT}


def open_case(connection: Connection, turn: TurnCommit, case: NewCase, now: Instant) -> dict[str, Any] | None:
    """Insert a case and return the conversation's new columns.

    None for a private conversation whose customer has an open case by now: the turn is decided again and joins it.
    """
    private = not turn.conversation.public
    customer = turn.conversation.identity.customer_id
    if private and _has_open_case(connection, customer):
        return None
    id_ = new_id()
    connection.execute(insert(cases).values(_case_row(id_, turn, case, now)))
    if private:
        connection.execute(update(customers).where(customers.c.id == customer).values(case_id=id_))
    return {"case_id": id_, "owner": Owner.QUEUE.value, "agent": None, "still_waiting_said": False}


def join_case(connection: Connection, case_id: str, *, speaks: bool, now: Instant) -> dict[str, Any] | None:
    """The new columns of a conversation that joins an open case. None if the case has ended, or if an agent has
    claimed it and the turn speaks to the customer as if it still waited."""
    case = connection.execute(select(cases).where(cases.c.id == case_id).with_for_update()).first()
    if case is None or case.state not in _OWNERS or (speaks and case.state == CaseState.CLAIMED.value):
        return None
    if case.waiting_since == 0:  # the customer waits for an answer again
        connection.execute(update(cases).where(cases.c.id == case_id).values(waiting_since=now))
    return {"case_id": case_id, "owner": _OWNERS[case.state].value, "agent": case.agent}


def may_cancel(connection: Connection, turn: TurnCommit) -> bool:
    """Whether the case that the turn ends, if it ends one, still waits: that of another channel may be claimed."""
    if not has_change(turn.changes, "cancel_case"):
        return True
    case_id = turn.conversation.case_id or turn.conversation.customer_case
    state = select(cases.c.state).where(cases.c.id == case_id).with_for_update()
    return connection.execute(state).scalar() == CaseState.WAITING.value


def _has_open_case(connection: Connection, customer_id: str) -> bool:
    """Whether the customer has an open case. Locks the customer, so that two handoffs open one case."""
    held = select(customers.c.case_id).where(customers.c.id == customer_id).with_for_update()
    return connection.execute(held).scalar_one() is not None


def _case_row(id_: str, turn: TurnCommit, case: NewCase, now: Instant) -> dict[str, Any]:
    return {
        "id": id_,
        "conversation_id": turn.conversation.id,
        "customer_id": turn.conversation.identity.customer_id,
        "reason": case.reason.value,
        "priority": case.priority,
        "state": "waiting",
        "prefer": case.prefer,
        "detail": case.detail,
        "entry": case.entry,
        "opened_at": now,
        "waiting_since": now if case.waits else 0.0,
        "place": case.place,
        "promised_until": case.promised_until,
    }


def say_in_private(connection: Connection, gathered: TurnRows, turn: TurnCommit, row: Row[Any]) -> None:
    """Write a public turn's private replies into the same identity's private conversation, with the turn's slots.

    No effect while an agent owns that conversation: they see the public question on the desk.
    """
    replies = [reply for reply in turn.replies if not reply.same_thread]
    if not replies:
        return
    private = _private(connection, gathered, row)
    if private.owner == Owner.AGENT.value:
        return
    after = {"id": private.id, "seq": private.seq, "waiting": private.waiting}
    for reply in replies:
        waits = reply.asked_first and not private.heard_at
        gathered.reply(turn, replace(reply, state=OutboxState.WAITING) if waits else reply, after)
    connection.execute(
        update(conversations)
        .where(conversations.c.id == private.id)
        .values(
            seq=after["seq"],
            waiting=after["waiting"],
            slots=json_text(turn.slots),
            owner=Owner.QUEUE.value if private.owner == Owner.QUEUE.value else Owner.BOT.value,
            version=conversations.c.version + 1,
        )
    )


def _private(connection: Connection, gathered: TurnRows, row: Row[Any]) -> Row[Any]:
    """The identity's private conversation, locked; made if there is none."""
    new = {
        "id": new_id(),
        "identity_id": row.identity_id,
        "account": row.account,
        "channel": row.channel,
        "thread": "",
        "at": gathered.now,
    }
    insert_new(connection, conversations, [new])
    mine = select(conversations).where(conversations.c.identity_id == row.identity_id, conversations.c.thread == "")
    return connection.execute(mine.with_for_update()).one()


# (connection, arguments, conversation, now); each function's docstring names its arguments.
Apply: TypeAlias = Callable[[Connection, Mapping[str, Any], Conversation, Instant], None]

_UNSAID = (OutboxState.PENDING.value, OutboxState.WAITING.value)
_NOT_STAFF = (Author.BOT.value, Author.SYSTEM.value)


def apply_change(connection: Connection, change: Change, conversation: Conversation, now: Instant) -> None:
    """Make one change. Raises Stale if its one-time code has been used meanwhile, KeyError for an unknown name."""
    CHANGES[change.name](connection, change.arguments, conversation, now)


def _count_attempt(connection: Connection, arguments: Mapping[str, Any], _: Conversation, __: Instant) -> None:
    """{code_id}: count a wrong try."""
    connection.execute(update(codes).where(codes.c.id == arguments["code_id"]).values(attempts=codes.c.attempts + 1))


def _verify_identity(
    connection: Connection, arguments: Mapping[str, Any], conversation: Conversation, now: Instant
) -> None:
    """{code_id, member_id, until, name}: use up the code; the identity is this member until `until`."""
    spent = update(codes).where(codes.c.id == arguments["code_id"], codes.c.used_at == 0.0).values(used_at=now)
    if connection.execute(spent).rowcount != 1:
        raise Stale("the code has been used")
    proved = {"member_id": arguments["member_id"], "verified_until": arguments["until"]}
    connection.execute(update(identities).where(identities.c.id == conversation.identity.id).values(proved))
    join_member(connection, conversation.identity.id, arguments["member_id"], now)
    name_customer(connection, conversation.identity.id, arguments.get("name", ""))


def _unlink(connection: Connection, _: Mapping[str, Any], conversation: Conversation, now: Instant) -> None:
    """{}: the identity is no member any more; a customer of its own if others of the member remain. What the bot has
    not sent yet may tell of the membership: it is cancelled."""
    mine = select(conversations.c.id).where(conversations.c.identity_id == conversation.identity.id)
    _cancel_unsaid(connection, mine, now)
    unlinked = {"member_id": None, "verified_until": 0.0}
    connection.execute(update(identities).where(identities.c.id == conversation.identity.id).values(unlinked))
    split_off(connection, conversation.identity.id, now)


def _forget(connection: Connection, arguments: Mapping[str, Any], conversation: Conversation, now: Instant) -> None:
    """{mode: 'erase' | 'anonymise'}: see `customers.forget`."""
    forget(connection, conversation, erase=arguments["mode"] == "erase", now=now)


def _silence(connection: Connection, _: Mapping[str, Any], conversation: Conversation, now: Instant) -> None:
    """{}: opt-out: no message of bot or system to this customer, on any account, until they write again."""
    theirs = select(identities.c.id).where(identities.c.customer_id == conversation.identity.customer_id)
    talks = select(conversations.c.id).where(conversations.c.identity_id.in_(theirs))
    connection.execute(update(identities).where(identities.c.id.in_(theirs)).values(silenced_at=now))
    _cancel_unsaid(connection, talks, now)


def _cancel_unsaid(connection: Connection, talks: Select[tuple[str]], now: Instant) -> None:
    """Cancel what bot and system have not sent yet in these conversations. What staff wrote goes on waiting."""
    unsaid = outbox.c.state.in_(_UNSAID) & outbox.c.author.in_(_NOT_STAFF) & outbox.c.effect.is_(None)
    cancelled = update(outbox).where(outbox.c.conversation_id.in_(talks), unsaid)
    connection.execute(cancelled.values(state=OutboxState.CANCELLED.value, state_at=now))
    of_staff = select(func.count()).where(
        outbox.c.conversation_id == conversations.c.id, outbox.c.state == OutboxState.WAITING.value
    )
    theirs = update(conversations).where(conversations.c.id.in_(talks))
    connection.execute(theirs.values(waiting=of_staff.scalar_subquery()))


def _erase(connection: Connection, _: Mapping[str, Any], conversation: Conversation, now: Instant) -> None:
    """{}: erase the customer with all identities, as they asked. The caller commits `conversation` itself."""
    erase_customer(connection, conversation.identity.customer_id, now, by=Author.CUSTOMER.value)


def _cancel_case(connection: Connection, _: Mapping[str, Any], conversation: Conversation, now: Instant) -> None:
    """{}: the customer needs no person any more: their unclaimed case ends. Raises Stale if it is claimed by now."""
    locked = lock_case(connection, conversation.case_id or conversation.customer_case or "", now)
    apply_transition(connection, locked, transitions.cancel(locked.status), None, logged=conversation.id)


def _raise_priority(
    connection: Connection, arguments: Mapping[str, Any], conversation: Conversation, _: Instant
) -> None:
    """{priority, detail}: raise the priority of the conversation's case; never lowers it."""
    case_id = conversation.case_id or conversation.customer_case
    lower = update(cases).where(cases.c.id == case_id, cases.c.priority < arguments["priority"])
    connection.execute(lower.values(priority=arguments["priority"], detail=arguments["detail"]))


def lift_silence(connection: Connection, turn: TurnCommit, row: Row[Any]) -> None:
    """End an opt-out once the customer writes again."""
    if row.silenced_at and turn.message.kind not in SILENT and not has_change(turn.changes, "silence"):
        theirs = update(identities).where(identities.c.customer_id == row.customer_id)
        connection.execute(theirs.values(silenced_at=0.0))


CHANGES: Mapping[str, Apply] = MappingProxyType(
    {
        "count_attempt": _count_attempt,
        "verify_identity": _verify_identity,
        "unlink": _unlink,
        "forget": _forget,
        "erase": _erase,
        "cancel_case": _cancel_case,
        "silence": _silence,
        "rank": _raise_priority,
    }
)

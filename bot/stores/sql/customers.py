"""Customers: joining and splitting identities, erasing or anonymising them, and everything stored about one customer.

Erasing removes text, media and traces of an identity's conversations; the number and times of messages stay.
Anonymising keeps text and traces, to learn from questions, with digits and e-mail addresses masked. Both replace the
handle by a random one (a hash could be guessed from the platform's ids), unlink the member, void codes, cancel unsent
messages, and close the conversations. Open cases end as withdrawn, or pass to another identity that had joined them.
If the person writes again, they are a new customer.

Receipts stay until their retention ends: without them a platform's repeats would be accepted as new messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Table,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from bot.domain.cases import CaseState
from bot.domain.messages import Conversation, Identity, Instant, OutboxState, Owner
from bot.domain.turns import Event
from bot.stores.sql.case_transitions import log_event
from bot.stores.sql.database import mark_erased
from bot.stores.sql.mapping import add_audit_entry, lock_conversations
from bot.stores.sql.schema import cases, codes, conversations, customers, events, identities, messages, outbox, traces
from bot.text import new_id

# Two identities verified as one member at the same moment must not become two customers. SQLite has one writer anyway.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('member'), hashtext(:member))")


def join_member(connection: Connection, identity_id: str, member_id: str, now: Instant) -> None:
    """Give the identity, with its cases, to the customer of this member; a new customer if there is none.

    A customer left without identities keeps its row, without a name.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_AT_A_TIME, {"member": member_id})
    own = _customer_of(connection, identity_id)
    known = select(customers.c.id).where(customers.c.member_id == member_id).order_by(customers.c.id).limit(1)
    target = connection.execute(known).scalar()
    member = select(customers.c.member_id).where(customers.c.id == own)
    if target is None and connection.execute(member).scalar() is None:
        connection.execute(update(customers).where(customers.c.id == own).values(member_id=member_id))
    elif target is None:
        _move_identity(connection, identity_id, own, _new_customer(connection, member_id, now))
    elif target != own:
        _move_identity(connection, identity_id, own, target)


def name_customer(connection: Connection, identity_id: str, name: str) -> None:
    """Set the customer's name from the member system; '' changes nothing."""
    if name:
        own = _customer_of(connection, identity_id)
        connection.execute(update(customers).where(customers.c.id == own).values(name=name))


def split_off(connection: Connection, identity_id: str, now: Instant) -> None:
    """Give the identity a customer of its own, without name and member."""
    own = _customer_of(connection, identity_id)
    count = select(func.count()).select_from(identities).where(identities.c.customer_id == own)
    if connection.execute(count).scalar_one() > 1:
        _move_identity(connection, identity_id, own, _new_customer(connection, None, now))
    else:
        connection.execute(update(customers).where(customers.c.id == own).values(name="", member_id=None))


def _move_identity(connection: Connection, identity_id: str, old: str, new: str) -> None:
    connection.execute(update(identities).where(identities.c.id == identity_id).values(customer_id=new))
    conversation_ids = select(conversations.c.id).where(conversations.c.identity_id == identity_id)
    connection.execute(update(cases).where(cases.c.conversation_id.in_(conversation_ids)).values(customer_id=new))
    _move_open_case(connection, old, new)
    _clear_if_empty(connection, old)


def _clear_if_empty(connection: Connection, customer_id: str) -> None:
    """Clear the name of a customer that has no identities left."""
    without = ~exists().where(identities.c.customer_id == customer_id)
    emptied = update(customers).where(customers.c.id == customer_id, without)
    connection.execute(emptied.values(name="", member_id=None))


def _move_open_case(connection: Connection, old: str, new: str) -> None:
    """Move the old customer's open case to the new one, if its conversation moved and the new one has none."""
    held = (
        select(cases.c.id)
        .join(customers, customers.c.case_id == cases.c.id)
        .where(customers.c.id == old, cases.c.customer_id == new)
    )
    case_id = connection.execute(held).scalar()
    if case_id is None:
        return
    connection.execute(update(customers).where(customers.c.id == old).values(case_id=None))
    connection.execute(
        update(customers).where(customers.c.id == new, customers.c.case_id.is_(None)).values(case_id=case_id)
    )


def _customer_of(connection: Connection, identity_id: str) -> str:
    asked = select(identities.c.customer_id).where(identities.c.id == identity_id)
    return str(connection.execute(asked).scalar_one())


def _new_customer(connection: Connection, member_id: str | None, now: Instant) -> str:
    id_ = new_id()
    connection.execute(insert(customers), {"id": id_, "member_id": member_id, "at": now})
    return id_


_DIGIT = re.compile(r"\d")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")  # possessive quantifiers: linear time
_UNSENT = (OutboxState.OFFERED, OutboxState.PENDING, OutboxState.WAITING)
_ERASED_PREFIX = "gone-"  # prefix of an erased identity's handle
_OPEN = (CaseState.WAITING, CaseState.CLAIMED)


def forget(connection: Connection, conversation: Conversation, *, erase: bool, now: Instant) -> None:
    """Erase or anonymise the identity of `conversation`, in all its conversations.

    The caller commits `conversation` itself, counts up its version and leaves it closed. The versions of the others are
    counted up here, so that turns decided on them are decided again.
    """
    conversation_ids = (
        select(conversations.c.id).where(conversations.c.identity_id == conversation.identity.id).scalar_subquery()
    )
    _cancel_unsent(connection, conversation_ids, now)
    if erase:
        _clear(connection, conversation_ids)
    else:
        _mask(connection, conversation_ids)
    _strip(connection, conversation_ids)
    _void_codes(connection, conversation.identity.id, now)
    _end_cases(connection, conversation_ids, conversation.identity.id, now)
    _close(connection, conversation)
    _replace_handle(connection, conversation.identity.id, now)
    mark_erased(connection)


def is_forgotten(handle: str) -> bool:
    """Whether the handle is that of an erased or anonymised identity."""
    return handle.startswith(_ERASED_PREFIX)


def masked(text: str) -> str:
    """`text` with each digit and e-mail address replaced by dots: phone, order and member numbers."""
    return _DIGIT.sub("•", _MAIL.sub("•@•", text))


def _cancel_unsent(connection: Connection, conversation_ids: ScalarSelect[str], now: Instant) -> None:
    unsent = outbox.c.conversation_id.in_(conversation_ids) & outbox.c.state.in_(_UNSENT)
    connection.execute(update(outbox).where(unsent).values(state=OutboxState.CANCELLED.value, state_at=now))


def _clear(connection: Connection, conversation_ids: ScalarSelect[str]) -> None:
    for table in (messages, outbox):
        connection.execute(update(table).where(table.c.conversation_id.in_(conversation_ids)).values(text=""))
    connection.execute(delete(traces).where(traces.c.conversation_id.in_(conversation_ids)))


def _mask(connection: Connection, conversation_ids: ScalarSelect[str]) -> None:
    for table in (messages, outbox):
        rows = connection.execute(select(table.c.id, table.c.text).where(table.c.conversation_id.in_(conversation_ids)))
        changed = [{"row": row.id, "masked": masked(row.text)} for row in rows if masked(row.text) != row.text]
        if changed:
            mask = update(table).where(table.c.id == bindparam("row")).values(text=bindparam("masked"))
            connection.execute(mask, changed)


def _strip(connection: Connection, conversation_ids: ScalarSelect[str]) -> None:
    """Remove media, data, platform ids and response bytes, which identify a person as text does."""
    # A message with a dedup key counts as inbound: the key is replaced by the message's own id.
    key = case((messages.c.dedup_key.is_not(None), messages.c.id), else_=None)
    bare = {"media": None, "data": None, "dedup_key": key}
    connection.execute(update(messages).where(messages.c.conversation_id.in_(conversation_ids)).values(bare))
    nothing = {"effect": None, "body": None, "platform_id": ""}
    connection.execute(update(outbox).where(outbox.c.conversation_id.in_(conversation_ids)).values(nothing))


def _void_codes(connection: Connection, identity_id: str, now: Instant) -> None:
    """Void the codes. They are kept until purged: leaving and coming back must not raise a member's limit of codes."""
    void = {"identity_id": "", "hash": "", "used_at": now}
    connection.execute(update(codes).where(codes.c.identity_id == identity_id).values(void))


def _end_cases(connection: Connection, conversation_ids: ScalarSelect[str], identity_id: str, now: Instant) -> None:
    opened = select(cases.c.id).where(cases.c.conversation_id.in_(conversation_ids), cases.c.state.in_(_OPEN))
    for case_id in connection.execute(opened).scalars().all():
        joined = select(conversations.c.id).where(
            conversations.c.case_id == case_id, conversations.c.identity_id != identity_id
        )
        other = connection.execute(joined.order_by(conversations.c.id).limit(1)).scalar()
        if other is None:
            _withdraw(connection, case_id, now)
        else:
            moved = {"conversation_id": other, "version": cases.c.version + 1}
            connection.execute(update(cases).where(cases.c.id == case_id).values(moved))


def _withdraw(connection: Connection, case_id: str, now: Instant) -> None:
    nothing_due = {"waiting_since": 0.0, "promised_until": 0.0}
    ended = {"state": CaseState.WITHDRAWN.value, "ended_at": now, "version": cases.c.version + 1, **nothing_due}
    connection.execute(update(cases).where(cases.c.id == case_id).values(ended))
    connection.execute(update(customers).where(customers.c.case_id == case_id).values(case_id=None))


def _close(connection: Connection, conversation: Conversation) -> None:
    """Close the conversations. A public thread's id leads to its posts, so it is replaced by our own id."""
    c = conversations.c
    closed = {
        "owner": Owner.CLOSED.value,
        "agent": None,
        "case_id": None,
        "slots": "{}",
        "waiting": 0,
        "prompt_at": 0.0,
        "thread": case((c.thread == "", ""), else_=c.id),
        "version": case((c.id == conversation.id, c.version), else_=c.version + 1),
    }
    connection.execute(update(conversations).where(c.identity_id == conversation.identity.id).values(closed))


def _replace_handle(connection: Connection, identity_id: str, now: Instant) -> None:
    nameless = {"handle": f"{_ERASED_PREFIX}{new_id()}", "gone_at": now, "member_id": None, "verified_until": 0.0}
    connection.execute(update(identities).where(identities.c.id == identity_id).values(nameless))
    split_off(connection, identity_id, now)
    own = select(identities.c.customer_id).where(identities.c.id == identity_id).scalar_subquery()
    connection.execute(update(customers).where(customers.c.id == own).values(name=""))


CONSOLE = "console"  # in the audit trail: a command on this machine, which has no login
_JSON = frozenset({"media", "data", "trace", "slots", "effect"})
_TIMES = frozenset({"at", "until"})
_NOT_EXPORTED = frozenset({"body", "hash", "lease", "lease_until", "csrf"})  # technical or secret columns, not exported


@dataclass(frozen=True, slots=True)
class FoundCustomer:
    id: str
    name: str
    handles: tuple[tuple[str, str], ...]  # (account, handle)


def find_customers(connection: Connection, who: str) -> list[FoundCustomer]:
    """Customers with this handle, member id, customer id or case id."""
    writes = select(identities.c.customer_id).where(identities.c.handle == who)
    served = select(cases.c.customer_id).where(cases.c.id == who)
    c = customers.c
    wanted = or_(c.id == who, c.member_id == who, c.id.in_(writes), c.id.in_(served))
    rows = connection.execute(select(c.id, c.name).where(wanted).order_by(c.id)).all()
    handles = select(identities.c.customer_id, identities.c.account, identities.c.handle).order_by(identities.c.id)
    found = connection.execute(handles.where(identities.c.customer_id.in_([row.id for row in rows]))).all()
    return [
        FoundCustomer(row.id, row.name, tuple((one.account, one.handle) for one in found if one.customer_id == row.id))
        for row in rows
    ]


def export_customer(connection: Connection, customer_id: str, now: Instant) -> dict[str, list[dict[str, Any]]]:
    """Everything stored about the customer: table -> rows, times as ISO 8601. Adds an entry to the audit trail."""
    identity_ids = _ids(connection, identities, identities.c.customer_id == customer_id)
    conversation_ids = _ids(connection, conversations, conversations.c.identity_id.in_(identity_ids))
    about: Mapping[Table, ColumnElement[bool]] = {
        customers: customers.c.id == customer_id,
        identities: identities.c.id.in_(identity_ids),
        conversations: conversations.c.id.in_(conversation_ids),
        messages: messages.c.conversation_id.in_(conversation_ids),
        outbox: outbox.c.conversation_id.in_(conversation_ids),
        cases: cases.c.customer_id == customer_id,
        traces: traces.c.conversation_id.in_(conversation_ids),
        events: events.c.conversation_id.in_(conversation_ids),
        codes: codes.c.identity_id.in_(identity_ids),
    }
    add_audit_entry(connection, CONSOLE, "exported", now, customer_id)
    return {table.name: _rows(connection, table, where) for table, where in about.items()}


def erase_customer(
    connection: Connection, customer_id: str, now: Instant, *, anonymise: bool = False, by: str = CONSOLE
) -> int:
    """Erase or anonymise all identities of the customer; returns how many. Messages without a turn get none.

    by: who asked for it, in the event log; 'customer' leaves no entry in the audit trail of staff's actions.
    """
    owned = connection.execute(select(identities).where(identities.c.customer_id == customer_id)).all()
    rows = lock_conversations(
        connection, _ids(connection, conversations, conversations.c.identity_id.in_([i.id for i in owned]))
    )
    talks = conversations.c.id.in_(list(rows))
    connection.execute(update(conversations).where(talks).values(handled_seq=conversations.c.inbound_seq))
    for row in owned:
        identity = Identity(row.id, customer_id, row.account, row.handle)
        forget(connection, Conversation("", row.account, "", identity), erase=not anonymise, now=now)
    if by != CONSOLE:
        return len(owned)  # its turn logs the event
    log_event(connection, list(rows.values()), Event("erased", CONSOLE), now)
    add_audit_entry(connection, CONSOLE, "anonymised" if anonymise else "erased", now, customer_id)
    return len(owned)


def _ids(connection: Connection, table: Table, where: ColumnElement[bool]) -> Sequence[str]:
    return connection.execute(select(table.c.id).where(where).order_by(table.c.id)).scalars().all()


def _rows(connection: Connection, table: Table, where: ColumnElement[bool]) -> list[dict[str, Any]]:
    shown = [column for column in table.columns if column.name not in _NOT_EXPORTED]
    found = connection.execute(select(*shown).where(where).order_by(*table.primary_key.columns))
    return [{name: _readable(name, value) for name, value in row.items()} for row in found.mappings()]


def _readable(name: str, value: Any) -> Any:
    if name in _TIMES or name.endswith(("_at", "_until", "_since")):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds") if value else None
    return json.loads(value) if name in _JSON and value else value

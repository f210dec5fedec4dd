"""Forgetting an identity that left: erased, or kept without a name.

Erased: every text, picture, attachment and trace of its conversations is gone; that somebody wrote, and when, stays for
the count. Anonymised: texts and traces stay, for learning what people ask, with every digit and e-mail address masked.
Either way the handle gives way to a random one (a hash could be guessed from the platform's ids), the member is
unlinked, codes are void and what was still to be sent is dropped, open cases end as withdrawn (or stay with another
identity that had joined them), and the conversations are closed. Whoever comes back is somebody new.

Receipts are kept until they are purged, sealed so that they say nothing of whose they were: without them the platform's
repeats would be taken for messages.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, ScalarSelect, bindparam, case, delete, select, update

from bot.cases import CaseState
from bot.messages import Conversation, Instant, OutboxState, Owner
from bot.stores.record.checkpoints import forgotten
from bot.stores.record.sameness import part
from bot.stores.record.tables import cases, codes, conversations, customers, identities, messages, outbox, traces
from bot.wording import new_id

_DIGIT = re.compile(r"\d")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")  # each run of signs is tried once: linear
_UNSENT = (OutboxState.OFFERED, OutboxState.PENDING, OutboxState.WAITING)
_GONE = "gone-"
_OPEN = (CaseState.WAITING, CaseState.CLAIMED)


def forget(connection: Connection, spoken: Conversation, *, erase: bool, now: Instant) -> None:
    """Forget the identity of `spoken`, in all its conversations.

    `spoken` itself is being committed by the caller, who counts its version and leaves it closed; the others are
    counted here, so that whoever decided on them reads them again.
    """
    theirs = select(conversations.c.id).where(conversations.c.identity_id == spoken.identity.id).scalar_subquery()
    _drop_unsent(connection, theirs, now)
    if erase:
        _clear(connection, theirs)
    else:
        _mask(connection, theirs)
    _strip(connection, theirs)
    _void_codes(connection, spoken.identity.id, now)
    _end_cases(connection, theirs, spoken.identity.id, now)
    _close(connection, spoken)
    _lose_name(connection, spoken.identity.id, now)
    forgotten(connection)


def is_forgotten(handle: str) -> bool:
    """Whether somebody with this handle was forgotten."""
    return handle.startswith(_GONE)


def masked(text: str) -> str:
    """`text` without digits and e-mail addresses: those of phones, orders, addresses, members."""
    return _DIGIT.sub("•", _MAIL.sub("•@•", text))


def _drop_unsent(connection: Connection, theirs: ScalarSelect[str], now: Instant) -> None:
    unsent = outbox.c.conversation_id.in_(theirs) & outbox.c.state.in_(_UNSENT)
    connection.execute(update(outbox).where(unsent).values(state=OutboxState.CANCELLED.value, state_at=now))


def _clear(connection: Connection, theirs: ScalarSelect[str]) -> None:
    for table in (messages, outbox):
        connection.execute(update(table).where(table.c.conversation_id.in_(theirs)).values(text=""))
    connection.execute(delete(traces).where(traces.c.conversation_id.in_(theirs)))


def _mask(connection: Connection, theirs: ScalarSelect[str]) -> None:
    for table in (messages, outbox):
        said = connection.execute(select(table.c.id, table.c.text).where(table.c.conversation_id.in_(theirs)))
        changed = [{"row": row.id, "masked": masked(row.text)} for row in said if masked(row.text) != row.text]
        if changed:
            mask = update(table).where(table.c.id == bindparam("row")).values(text=bindparam("masked"))
            connection.execute(mask, changed)


def _strip(connection: Connection, theirs: ScalarSelect[str]) -> None:
    """Pictures, places, platform ids and kept bytes tell as much as words. A dedup key marks what was received: any."""
    key = case((messages.c.dedup_key.is_not(None), messages.c.id), else_=None)
    bare = {"media": None, "data": None, "dedup_key": key}
    connection.execute(update(messages).where(messages.c.conversation_id.in_(theirs)).values(bare))
    nothing = {"effect": None, "body": None, "platform_id": ""}
    connection.execute(update(outbox).where(outbox.c.conversation_id.in_(theirs)).values(nothing))


def _void_codes(connection: Connection, identity_id: str, now: Instant) -> None:
    """They stay until purged, without whose they were: leaving and coming back gives nobody more codes for a member."""
    void = {"identity_id": "", "hash": "", "used_at": now}
    connection.execute(update(codes).where(codes.c.identity_id == identity_id).values(void))


def _end_cases(connection: Connection, theirs: ScalarSelect[str], identity_id: str, now: Instant) -> None:
    opened = select(cases.c.id).where(cases.c.conversation_id.in_(theirs), cases.c.state.in_(_OPEN))
    for case_id in connection.execute(opened).scalars().all():
        joined = select(conversations.c.id).where(
            conversations.c.case_id == case_id, conversations.c.identity_id != identity_id
        )
        sister = connection.execute(joined.order_by(conversations.c.id).limit(1)).scalar()
        _withdraw(connection, case_id, now) if sister is None else _pass_on(connection, case_id, sister)


def _withdraw(connection: Connection, case_id: str, now: Instant) -> None:
    ended = {"state": CaseState.WITHDRAWN.value, "ended_at": now, "waiting_since": 0.0, "version": cases.c.version + 1}
    connection.execute(update(cases).where(cases.c.id == case_id).values(ended))
    connection.execute(update(customers).where(customers.c.case_id == case_id).values(case_id=None))


def _pass_on(connection: Connection, case_id: str, conversation_id: str) -> None:
    moved = {"conversation_id": conversation_id, "version": cases.c.version + 1}
    connection.execute(update(cases).where(cases.c.id == case_id).values(moved))


def _close(connection: Connection, spoken: Conversation) -> None:
    """A public thread's name leads to what was said in it, so it goes as well; that it was public stays."""
    c = conversations.c
    closed = {
        "owner": Owner.CLOSED.value,
        "agent": None,
        "case_id": None,
        "slots": "{}",
        "waiting": 0,
        "thread": case((c.thread == "", ""), else_=c.id),
        "version": case((c.id == spoken.id, c.version), else_=c.version + 1),
    }
    connection.execute(update(conversations).where(c.identity_id == spoken.identity.id).values(closed))


def _lose_name(connection: Connection, identity_id: str, now: Instant) -> None:
    nobody = {"handle": f"{_GONE}{new_id()}", "gone_at": now, "member_id": None, "verified_until": 0.0}
    connection.execute(update(identities).where(identities.c.id == identity_id).values(nobody))
    part(connection, identity_id, now)
    own = select(identities.c.customer_id).where(identities.c.id == identity_id).scalar_subquery()
    connection.execute(update(customers).where(customers.c.id == own).values(name=""))

"""Cases opened by turns, and joined by the customer's other private conversations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from bot.messages import Instant, Owner
from bot.stores.record.tables import cases, customers
from bot.turns import NewCase, TurnCommit
from bot.wording import new_id

_OWNERS = {"waiting": Owner.QUEUE, "claimed": Owner.AGENT}


def open_case(connection: Connection, turn: TurnCommit, case: NewCase, now: Instant) -> dict[str, Any] | None:
    """A new case for the conversation; None if people hold one of this customer already, which is to be joined."""
    private = not turn.conversation.public
    customer = turn.conversation.identity.customer_id
    if private and _held(connection, customer):
        return None
    id_ = new_id()
    connection.execute(insert(cases).values(_case_row(id_, turn, case, now)))
    if private:
        connection.execute(update(customers).where(customers.c.id == customer).values(case_id=id_))
    return {"case_id": id_, "owner": Owner.QUEUE.value, "agent": None, "still_waiting_said": False}


def join_case(connection: Connection, case_id: str, now: Instant) -> dict[str, Any] | None:
    """The columns of a conversation that joins an open case; None if the case has ended."""
    case = connection.execute(select(cases).where(cases.c.id == case_id).with_for_update()).first()
    if case is None or case.state not in _OWNERS:
        return None
    if case.waiting_since == 0:
        connection.execute(update(cases).where(cases.c.id == case_id).values(waiting_since=now))
    return {"case_id": case_id, "owner": _OWNERS[case.state].value, "agent": case.agent}


def _held(connection: Connection, customer_id: str) -> bool:
    """Whether people hold a case of this customer. Locks the customer, so that two handoffs open one case."""
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
    }

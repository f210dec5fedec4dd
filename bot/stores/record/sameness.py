"""Which identities are the same customer: joined when proved to be one member, parted when no longer."""

from __future__ import annotations

from sqlalchemy import Connection, exists, func, insert, select, text, update

from bot.messages import Instant
from bot.stores.record.tables import cases, conversations, customers, identities
from bot.wording import new_id

# Two identities proved to be one member at the same moment must not become two customers.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('member'), hashtext(:member))")


def become(connection: Connection, identity_id: str, member_id: str, now: Instant) -> None:
    """Let the identity belong to the customer who is this member: one that is there, its own, or a new one.

    Its cases come along; a customer left without identities stays behind, nameless.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_AT_A_TIME, {"member": member_id})
    own = _customer_of(connection, identity_id)
    known = select(customers.c.id).where(customers.c.member_id == member_id).order_by(customers.c.id).limit(1)
    target = connection.execute(known).scalar()
    if target is None and _member_of(connection, own) is None:
        connection.execute(update(customers).where(customers.c.id == own).values(member_id=member_id))
    elif target is None:
        _move(connection, identity_id, own, _new_customer(connection, member_id, now))
    elif target != own:
        _move(connection, identity_id, own, target)


def name_customer(connection: Connection, identity_id: str, name: str) -> None:
    """Let the identity's customer have the name that the member system knows; '' changes nothing."""
    if name:
        own = _customer_of(connection, identity_id)
        connection.execute(update(customers).where(customers.c.id == own).values(name=name))


def part(connection: Connection, identity_id: str, now: Instant) -> None:
    """Let the identity be a customer of its own whom we know nothing about."""
    own = _customer_of(connection, identity_id)
    count = select(func.count()).select_from(identities).where(identities.c.customer_id == own)
    if connection.execute(count).scalar_one() > 1:
        _move(connection, identity_id, own, _new_customer(connection, None, now))
    else:
        connection.execute(update(customers).where(customers.c.id == own).values(name="", member_id=None))


def _move(connection: Connection, identity_id: str, old: str, new: str) -> None:
    connection.execute(update(identities).where(identities.c.id == identity_id).values(customer_id=new))
    spoken = select(conversations.c.id).where(conversations.c.identity_id == identity_id)
    connection.execute(update(cases).where(cases.c.conversation_id.in_(spoken)).values(customer_id=new))
    _take_held_case_along(connection, old, new)
    _empty(connection, old)


def _empty(connection: Connection, customer_id: str) -> None:
    """A customer who is nobody any more is nobody by name either."""
    nobody_left = ~exists().where(identities.c.customer_id == customer_id)
    emptied = update(customers).where(customers.c.id == customer_id, nobody_left)
    connection.execute(emptied.values(name="", member_id=None))


def _take_held_case_along(connection: Connection, old: str, new: str) -> None:
    """The case that people hold for the old customer, if it moved too; the new one's own stays first."""
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


def _member_of(connection: Connection, customer_id: str) -> str | None:
    return connection.execute(select(customers.c.member_id).where(customers.c.id == customer_id)).scalar()


def _new_customer(connection: Connection, member_id: str | None, now: Instant) -> str:
    id_ = new_id()
    connection.execute(insert(customers), {"id": id_, "member_id": member_id, "at": now})
    return id_

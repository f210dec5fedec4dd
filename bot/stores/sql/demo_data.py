"""Finds and removes what demo mode left in a database, before live mode starts on it.

All that demo mode writes is public or invented: logins with a published password, their sessions, simulated customers
and their cases.
"""

from __future__ import annotations

from collections.abc import Collection

from argon2 import PasswordHasher
from sqlalchemy import Connection, delete, func, select, update

from bot.domain.cases import DemoLeftovers
from bot.domain.messages import Instant
from bot.stores.sql.mapping import add_audit_entry
from bot.stores.sql.schema import active_edition, cases, customers, metadata, modes, sessions, staff
from bot.stores.sql.staff import is_password
from bot.stores.sql.statements import insert_new

# Tables that stay when a demo's customers are deleted: the work of editors and admins.
_KEPT = {"staff", "audit", "editions", "parts", "edition_parts", "vectors", "active_edition", "modes"}


def note_mode(connection: Connection, mode: str, now: Instant) -> None:
    """Store that the database has been used in this mode, 'demo' or 'live'."""
    insert_new(connection, modes, [{"mode": mode, "since": now}])


def ran_in(connection: Connection, mode: str) -> bool:
    return connection.execute(select(modes.c.mode).where(modes.c.mode == mode)).first() is not None


def demo_leftovers(connection: Connection, logins: Collection[str], password: str) -> DemoLeftovers:
    """What is left of demo mode. logins, password: the published ones.

    A demo login with another password belongs to a person and is not counted.
    """
    ran = ran_in(connection, "demo")
    enabled = select(staff.c.login, staff.c.password).where(staff.c.disabled_at == 0).order_by(staff.c.login)
    # After demo mode every login is tried, because one may have been added with the published password.
    rows = connection.execute(enabled if ran else enabled.where(staff.c.login.in_(logins))).all()
    hasher = PasswordHasher()
    public = tuple(row.login for row in rows if is_password(hasher, row.password, password))
    if not ran and not public:
        return DemoLeftovers(False)
    counts = [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (customers, cases)]
    opened = connection.execute(select(func.count()).select_from(sessions)).scalar_one()
    return DemoLeftovers(ran, public, opened, *counts)


def leave_demo(
    connection: Connection, left: DemoLeftovers, *, with_customers: bool, retire_edition: bool, now: Instant
) -> None:
    """Disable the public logins and end every session.

    with_customers: also delete all customers and conversations. retire_edition: leave no edition active, so that the
    next start publishes the knowledge base.
    """
    if with_customers:
        for table in reversed(metadata.sorted_tables):
            if table.name not in _KEPT:
                connection.execute(delete(table))
    connection.execute(delete(sessions))
    for login in left.logins:
        staff_id = connection.execute(select(staff.c.id).where(staff.c.login == login)).scalar_one()
        connection.execute(update(staff).where(staff.c.id == staff_id).values(disabled_at=now, password=""))
        add_audit_entry(connection, staff_id, "disabled", now)
    if retire_edition:
        connection.execute(update(active_edition).values(number=0, version=active_edition.c.version + 1))
    connection.execute(delete(modes).where(modes.c.mode == "demo"))

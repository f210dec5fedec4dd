"""What demo mode leaves in a database, found before live mode starts on it, and taken out.

Everything that demo mode writes is known to everybody or made up: logins with a published password, their sessions,
simulated customers with their cases. A database remembers in which modes it has run (`modes`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from argon2 import PasswordHasher
from sqlalchemy import Connection, delete, func, select, update

from bot.messages import Instant
from bot.stores.record.auditing import note_deed
from bot.stores.record.parts import insert_new
from bot.stores.record.staff import is_password
from bot.stores.record.tables import active_edition, cases, customers, metadata, modes, sessions, staff

# What editors and admins made stays when the customers of a demo go.
_KEPT = {"staff", "audit", "editions", "parts", "edition_parts", "vectors", "active_edition", "modes"}


@dataclass(frozen=True, slots=True)
class DemoLeftovers:
    """ran: whether the database ran in demo mode since it was last cleared. logins: those whose password is the
    published one. sessions, customers, cases: how many there are."""

    ran: bool
    logins: tuple[str, ...] = ()
    sessions: int = 0
    customers: int = 0
    cases: int = 0

    def __bool__(self) -> bool:
        return self.ran or bool(self.logins)


def note_mode(connection: Connection, mode: str, now: Instant) -> None:
    """Remember that the database runs in this mode, 'demo' or 'live'."""
    insert_new(connection, modes, [{"mode": mode, "since": now}])


def ran_in(connection: Connection, mode: str) -> bool:
    return connection.execute(select(modes.c.mode).where(modes.c.mode == mode)).first() is not None


def demo_leftovers(connection: Connection, logins: Collection[str], password: str) -> DemoLeftovers:
    """What is left of demo mode. logins, password: the published ones; a demo login with a password of its own is
    somebody's. In a database that ran in demo mode every login is tried: one may have been added with that password.
    """
    ran = ran_in(connection, "demo")
    enabled = select(staff.c.login, staff.c.password).where(staff.c.disabled_at == 0).order_by(staff.c.login)
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
    """Disable the public logins and end every session; with_customers: delete all customers and what was said.
    retire_edition: no edition is active afterwards, so that the next start publishes the knowledge base."""
    if with_customers:
        for table in reversed(metadata.sorted_tables):
            if table.name not in _KEPT:
                connection.execute(delete(table))
    connection.execute(delete(sessions))
    for login in left.logins:
        staff_id = connection.execute(select(staff.c.id).where(staff.c.login == login)).scalar_one()
        connection.execute(update(staff).where(staff.c.id == staff_id).values(disabled_at=now, password=""))
        note_deed(connection, staff_id, "disabled", now)
    if retire_edition:
        connection.execute(update(active_edition).values(number=0, version=active_edition.c.version + 1))
    connection.execute(delete(modes).where(modes.c.mode == "demo"))

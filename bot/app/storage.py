"""The database of a deployment as the commands use it: opened, checked, migrated, with the stores built on it.

Must not import channels or engines: an editor waits for `yingda train`, and they take another second to load. The
running application builds its stores in bot/app/parts.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import make_url

from bot.config import Deployment
from bot.domain.accounts import SendingStatus
from bot.domain.cases import DemoLeftovers
from bot.domain.messages import Instant
from bot.stores.sql.backup import DumpContents, read_dump, write_dump
from bot.stores.sql.cases import SqlCases
from bot.stores.sql.customers import FoundCustomer, erase_customer, export_customer, find_customers, masked
from bot.stores.sql.database import Database, code_of, write_pulse
from bot.stores.sql.demo_data import demo_leftovers, leave_demo, note_mode, ran_in
from bot.stores.sql.editions import SqlChunks, SqlEditions, SqlVectors
from bot.stores.sql.history import SqlQuestionLog
from bot.stores.sql.mapping import SqlAuditTrail
from bot.stores.sql.migrate import is_migrated, migrate, refuse_unfit, revision_of
from bot.stores.sql.rate_limits import SqlRateLimits
from bot.stores.sql.rehearsals import (
    Standing,
    TurnRecord,
    clear,
    copy_customer,
    copy_edition,
    read_standing,
    read_turn,
    scratch_schema,
)
from bot.stores.sql.retention import SqlRetention
from bot.stores.sql.staff import SqlStaff

if TYPE_CHECKING:
    from bot.stores.redis.client import RedisClient

__all__ = [
    "DumpContents",
    "FoundCustomer",
    "Standing",
    "Storage",
    "TurnRecord",
    "code_of",
    "masked",
    "open_storage",
    "readable_storage",
    "redis_client",
    "scratch_storage",
]


class Storage:
    """An open database and its stores. As a context manager it closes the database at the end.

    database: another than the configured one.
    """

    def __init__(self, deployment: Deployment, database: Database | None = None) -> None:
        self._deployment = deployment
        self.database = database or Database(deployment.config.database_url)
        self.editions = SqlEditions(self.database)
        self.chunks = SqlChunks(self.database)
        self.vectors = SqlVectors(self.database)
        self.questions = SqlQuestionLog(self.database)
        self.audit_trail = SqlAuditTrail(self.database)
        self.retention = SqlRetention(self.database, deployment.config.retention)
        self.cases = SqlCases(self.database)
        self.rate_limits = SqlRateLimits(self.database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.database.close()

    def staff(self) -> SqlStaff:
        """The logins. Built on demand: its constructor hashes a password, which is slow on purpose."""
        return SqlStaff(self.database, self._deployment.config.desk.session_hours)

    def refuse_unfit(self) -> None:
        """Raises SettingError for a database that needs a person to correct it, Unavailable if none answers."""
        refuse_unfit(self.database.engine, self._deployment.page)

    def migrate(self) -> None:
        migrate(self.database.engine, self._deployment.config.secret)

    async def is_migrated(self) -> bool:
        """Whether the tables are those of this version."""
        return await self.database.read(is_migrated)

    async def revision(self) -> str:
        """The revision of the tables; '' for a database without tables."""
        return await self.database.read(revision_of)

    async def now(self) -> Instant:
        """The database server's time."""
        return await self.database.read(self.database.now)

    async def try_write(self) -> None:
        """Write one row. Raises Unavailable where that fails, as on a full disk."""
        await self.database.write(partial(write_pulse, self.database))

    async def sending_statuses(self, names: Sequence[str]) -> Mapping[str, SendingStatus]:
        """How the senders (accounts, the SMS gateway) of these names fare."""
        return {name: await self.rate_limits.sending_status(name) for name in names}

    async def write_backup(self, file: Path, report: Callable[[int, int], None]) -> DumpContents:
        """Write all tables into a new file. report: called with the rows done and the rows in all."""
        return await self.database.read(lambda connection: write_dump(connection, file, time.time(), report))

    async def restore_backup(self, file: Path, report: Callable[[int, int], None], *, replace: bool) -> DumpContents:
        """Fill the empty database from a file. replace: delete first what it holds. Raises SettingError."""
        secret = self._deployment.config.secret
        return await self.database.write(
            lambda connection: read_dump(connection, file, report, replace=replace, secret=secret)
        )

    async def find_customers(self, name: str) -> list[FoundCustomer]:
        """The customers with this handle, member id, customer id or case id."""
        return await self.database.write(lambda connection: find_customers(connection, name))

    async def export_customer(self, customer_id: str) -> dict[str, list[dict[str, Any]]]:
        """Everything that is held about a customer: rows by table. Noted in the audit log."""
        return await self.database.write(lambda connection: export_customer(connection, customer_id, time.time()))

    async def erase_customer(self, customer_id: str, *, anonymise: bool) -> None:
        """Delete a customer's data. anonymise: keep the texts, with numbers masked."""
        await self.database.write(
            lambda connection: erase_customer(connection, customer_id, time.time(), anonymise=anonymise)
        )

    async def copy_edition(self, target: Storage) -> None:
        """Copy the active edition into another database."""
        await target.database.write((await self.database.read(copy_edition)).write)

    async def copy_customer(self, account: str, handle: str, target: Storage) -> None:
        """Copy the customer, if the handle is known, into another database."""
        rows = await self.database.read(lambda connection: copy_customer(connection, account, handle))
        await target.database.write(rows.write)

    async def clear(self) -> None:
        """Delete everything but the edition and the staff, in a scratch database."""
        await self.database.write(clear)

    async def turn(self, message_id: str) -> TurnRecord:
        """The turn of a message."""
        return await self.database.read(lambda connection: read_turn(connection, message_id))

    async def standing(self) -> Standing:
        """The case and the link of a scratch database's only customer, as they are now."""
        return await self.database.read(lambda connection: read_standing(connection, self.database.now(connection)))

    async def ran_in(self, mode: str) -> bool:
        """Whether `yingda run` used this database in a mode ('demo' or 'live') before."""
        return await self.database.read(lambda connection: ran_in(connection, mode))

    async def note_mode(self, mode: str) -> None:
        await self.database.write(lambda connection: note_mode(connection, mode, self.database.now(connection)))

    async def demo_leftovers(self, logins: Collection[str], password: str) -> DemoLeftovers:
        """What demo mode left. logins, password: the published ones."""
        return await self.database.read(lambda connection: demo_leftovers(connection, logins, password))

    async def leave_demo(self, left: DemoLeftovers, *, with_customers: bool, retire_edition: bool) -> None:
        """Disable the demo's logins and end all sessions; see bot.stores.sql.demo_data."""
        await self.database.write(
            lambda connection: leave_demo(
                connection,
                left,
                with_customers=with_customers,
                retire_edition=retire_edition,
                now=self.database.now(connection),
            )
        )


def open_storage(deployment: Deployment) -> Storage:
    """The deployment's database, migrated. Raises SettingError for what a person must correct, and Unavailable."""
    deployment.config.var.mkdir(parents=True, exist_ok=True)
    storage = Storage(deployment)
    try:
        storage.refuse_unfit()
        storage.migrate()
    except BaseException:
        storage.database.close()
        raise
    return storage


@contextmanager
def scratch_storage(
    deployment: Deployment, folder: Path, clock: Callable[[], Instant] | None = None, *, file: bool = False
) -> Iterator[Storage]:
    """A new database of the configured kind, deleted at the end: a file in `folder`, or a schema on PostgreSQL.

    file: a file in any case. Raises SettingError and Unavailable.
    """
    url = deployment.config.database_url
    with ExitStack() as stack:
        if file or make_url(url).get_backend_name() == "sqlite":
            database = Database(f"sqlite:///{folder / 'scratch.sqlite'}", clock)
        else:
            database = Database(url, clock, stack.enter_context(scratch_schema(url, deployment.page)))
        storage = stack.enter_context(Storage(deployment, database))
        storage.migrate()
        yield storage


@contextmanager
def readable_storage(deployment: Deployment) -> Iterator[Storage | None]:
    """The database if it exists and has this version's tables, else None. Creates and migrates nothing.

    Raises Unavailable.
    """
    address = make_url(deployment.config.database_url)
    # opening an SQLite file that does not exist would create it
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        yield None
        return
    with Storage(deployment) as storage:
        yield storage if asyncio.run(storage.is_migrated()) else None


def redis_client(url: str) -> RedisClient:
    """A client, which connects on first use. Its library is loaded only here, since most commands need no Redis."""
    from bot.stores.redis.client import RedisClient

    return RedisClient(url)

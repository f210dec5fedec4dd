"""Editions (immutable; one is active), their content-addressed chunks, and cached sentence vectors.

The table `parts` holds the chunks: large editions are stored by the hash of their pieces and share what they have in
common.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, delete, exists, func, insert, select, text, update

from bot.errors import Stale
from bot.ports.storage import Activation, PublishedEdition
from bot.stores.sql.database import Database
from bot.stores.sql.schema import activations, active_edition, edition_parts, editions, parts, vectors
from bot.stores.sql.statements import insert_new

_ONLY_ROW = 1  # active_edition has a single row


class SqlEditions:
    """ports.Editions on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> int:
        """The number of the active edition; 0 before the first."""
        return await self._database.read(_active)

    async def load(self, number: int) -> tuple[str, bytes]:
        """An edition's content (JSON) and trained model. Raises LookupError."""
        return await self._database.read(lambda connection: _load(connection, number))

    async def publish(
        self, content: str, model: bytes, by: str, based_on: int, parts: Mapping[str, bool] | None = None
    ) -> int:
        """Write the next edition and make it active if `based_on` still is; its number. Raises Stale.

        parts: name -> whether it belongs to the model, of all chunks it refers to, which SqlChunks has stored before.
        """

        def work(connection: Connection) -> int:
            at = self._database.now(connection)
            number = _activate_next(connection, based_on)
            _add_activation(connection, Activation(number, based_on, at, by))
            edition = {"number": number, "content": content, "model": model, "at": at, "by": by}
            connection.execute(insert(editions).values(edition))
            if parts:
                rows = [{"edition": number, "part": name, "learned": parts[name]} for name in sorted(parts)]
                connection.execute(insert(edition_parts), rows)
            return number

        return await self._database.write(work)

    async def activate(self, number: int, by: str, based_on: int) -> None:
        """Make an earlier edition active again if `based_on` still is. Raises Stale, LookupError."""

        def work(connection: Connection) -> None:
            _activate(connection, based_on, number)
            if not connection.execute(
                select(func.length(editions.c.model)).where(editions.c.number == number)
            ).scalar():
                raise LookupError(f"there is no edition {number}, or its model is gone")
            _add_activation(connection, Activation(number, based_on, self._database.now(connection), by))

        await self._database.write(work)

    async def history(self, newest: int) -> list[PublishedEdition]:
        """The `newest` editions and the active one, newest first, each with the times at which it became active."""
        return await self._database.read(lambda connection: _history(connection, newest))


def _history(connection: Connection, newest: int) -> list[PublishedEdition]:
    first = (connection.execute(select(func.max(editions.c.number))).scalar() or 0) - newest
    among = (editions.c.number > first) | (editions.c.number == _active(connection))
    rows = connection.execute(
        select(editions.c.number, editions.c.at, editions.c.by).where(among).order_by(editions.c.number.desc())
    ).all()
    since: dict[int, list[Activation]] = {row.number: [] for row in rows}
    noted = select(activations.c.number, activations.c.replaced, activations.c.at, activations.c.by)
    for one in connection.execute(noted.where(activations.c.number.in_(since)).order_by(activations.c.version)):
        since[one.number].append(Activation(one.number, one.replaced, one.at, one.by))
    return [PublishedEdition(row.number, row.at, row.by, tuple(since[row.number])) for row in rows]


def _add_activation(connection: Connection, one: Activation) -> None:
    version = select(active_edition.c.version).where(active_edition.c.id == _ONLY_ROW).scalar_subquery()
    row = {"number": one.number, "replaced": one.replaced, "at": one.at, "by": one.by}
    connection.execute(insert(activations).values(version=version, **row))


def _active(connection: Connection) -> int:
    return connection.execute(select(active_edition.c.number).where(active_edition.c.id == _ONLY_ROW)).scalar() or 0


def _load(connection: Connection, number: int) -> tuple[str, bytes]:
    row = connection.execute(select(editions.c.content, editions.c.model).where(editions.c.number == number)).first()
    if row is None:
        raise LookupError(f"there is no edition {number}")
    return row.content, row.model


def _activate_next(connection: Connection, based_on: int) -> int:
    """Make the number after the highest one active, and return it."""
    connection.execute(
        text("INSERT INTO active_edition (id, number, version) VALUES (:id, 0, 0) ON CONFLICT DO NOTHING"),
        {"id": _ONLY_ROW},
    )
    # Locked before the highest number is read, so that no other process publishes meanwhile.
    connection.execute(select(active_edition.c.number).where(active_edition.c.id == _ONLY_ROW).with_for_update())
    highest: int = connection.execute(select(func.coalesce(func.max(editions.c.number), 0))).scalar_one()
    _activate(connection, based_on, highest + 1)
    return highest + 1


def _activate(connection: Connection, based_on: int, number: int) -> None:
    won = connection.execute(
        update(active_edition)
        .where(active_edition.c.id == _ONLY_ROW, active_edition.c.number == based_on)
        .values(number=number, version=active_edition.c.version + 1)
    )
    if won.rowcount == 0:
        raise Stale(f"edition {based_on} is no longer the active one")


# Transactions are kept under 50 ms on SQLite, whose one writer also accepts messages.
_WRITE_BYTES = 2_000_000
_READ_NAMES = 400
_DELETE_CHUNKS = 20
_JUST_WRITTEN = 3_600.0  # seconds: a younger chunk may belong to an edition that is about to be published


class SqlChunks:
    """ports.ChunkStore on SQL. Blocking: do not call on the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
        """Chunks by name. Raises LookupError if one is missing, and Unavailable."""
        found: dict[str, bytes] = {}
        for start in range(0, len(names), _READ_NAMES):
            some = select(parts.c.name, parts.c.body).where(parts.c.name.in_(names[start : start + _READ_NAMES]))
            rows = self._database.read_here(lambda connection, some=some: connection.execute(some).all())  # type: ignore[misc]
            found |= {row.name: row.body for row in rows}
        if missing := [name for name in names if name not in found]:
            raise LookupError(f"the database lacks {len(missing)} chunks of an edition, such as {missing[0]}")
        return found

    def store(self, chunks: Mapping[str, bytes]) -> None:
        """Write the chunks that are new, in small transactions. Raises Unavailable."""
        known = self._known(list(chunks))
        for some in _small_batches({name: body for name, body in chunks.items() if name not in known}):
            self._database.write_here(partial(self._store, some))

    def delete_unused(self, before: int) -> int:
        """Delete the models of editions before that number, except the active one's, and unreferenced chunks.

        The editions' content stays. Returns the number of chunks. Raises Unavailable.
        """
        self._database.write_here(partial(_delete_models, before))
        unused = self._database.read_here(self._unused)
        for start in range(0, len(unused), _DELETE_CHUNKS):
            self._database.write_here(partial(_delete_chunks, unused[start : start + _DELETE_CHUNKS]))
        return len(unused)

    def _unused(self, connection: Connection) -> list[str]:
        old = parts.c.at < self._database.now(connection) - _JUST_WRITTEN
        used = exists().where(edition_parts.c.part == parts.c.name)
        return list(connection.execute(select(parts.c.name).where(old, ~used)).scalars())

    def _known(self, names: Sequence[str]) -> set[str]:
        known: set[str] = set()
        for start in range(0, len(names), _READ_NAMES):
            some = select(parts.c.name).where(parts.c.name.in_(names[start : start + _READ_NAMES]))
            known |= self._database.read_here(
                lambda connection, some=some: set(connection.execute(some).scalars())  # type: ignore[misc]
            )
        return known

    def _store(self, some: Mapping[str, bytes], connection: Connection) -> None:
        at = self._database.now(connection)
        insert_new(connection, parts, [{"name": name, "body": body, "at": at} for name, body in some.items()])


def _delete_models(before: int, connection: Connection) -> None:
    # Locks the active row, so that no process activates an edition whose model is being deleted.
    active = connection.execute(select(active_edition.c.number).with_for_update()).scalar() or 0
    of_models = edition_parts.c.learned.is_(True)
    old = edition_parts.c.edition < before, edition_parts.c.edition != active
    connection.execute(delete(edition_parts).where(*old, of_models))
    held = editions.c.number < before, editions.c.number != active, func.length(editions.c.model) > 0
    connection.execute(update(editions).where(*held).values(model=b""))


def _delete_chunks(names: Sequence[str], connection: Connection) -> None:
    used = exists().where(edition_parts.c.part == parts.c.name)
    connection.execute(delete(parts).where(parts.c.name.in_(names), ~used))


def _small_batches(written: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
    """Batches of about _WRITE_BYTES, in the order of names, so that two processes never deadlock."""
    some: dict[str, bytes] = {}
    for name in sorted(written):
        some[name] = written[name]
        if sum(map(len, some.values())) >= _WRITE_BYTES:
            yield some
            some = {}
    if some:
        yield some


_VECTORS_AT_ONCE = 500  # rows in one transaction: under 50 ms on SQLite
_UNUSED_FOR = 7 * 86_400.0  # seconds that an unused vector is kept: an editor may undo a change


class SqlVectors:
    """ports.VectorStore on SQL. Blocking: do not call on the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fetch(self, encoder: str, digests: Sequence[str]) -> dict[str, bytes]:
        """Digest of a text -> its vector as float16 bytes, where this encoder has computed it. Raises Unavailable."""
        found: dict[str, bytes] = {}
        for start in range(0, len(digests), _VECTORS_AT_ONCE):
            found |= self._database.read_here(partial(_known, encoder, digests[start : start + _VECTORS_AT_ONCE]))
        return found

    def store(self, encoder: str, by_digest: Mapping[str, bytes]) -> None:
        """Raises Unavailable."""
        digests = sorted(by_digest)
        for start in range(0, len(digests), _VECTORS_AT_ONCE):
            some = {digest: by_digest[digest] for digest in digests[start : start + _VECTORS_AT_ONCE]}
            self._database.write_here(partial(self._store, encoder, some))

    def delete_unused(self, used: Mapping[str, Collection[str]]) -> int:
        """Delete vectors older than a week that are not in `used` (encoder -> digests). Returns how many."""
        before = self._database.read_here(self._database.now) - _UNUSED_FOR
        older = select(vectors.c.encoder, vectors.c.digest).where(vectors.c.at < before)
        old = self._database.read_here(lambda connection: connection.execute(older).all())
        unused = [(row.encoder, row.digest) for row in old if row.digest not in used.get(row.encoder, ())]
        for start in range(0, len(unused), _VECTORS_AT_ONCE):
            self._database.write_here(partial(_delete_vectors, unused[start : start + _VECTORS_AT_ONCE]))
        return len(unused)

    def _store(self, encoder: str, some: Mapping[str, bytes], connection: Connection) -> None:
        at = self._database.now(connection)
        rows = [{"encoder": encoder, "digest": digest, "vector": vector, "at": at} for digest, vector in some.items()]
        insert_new(connection, vectors, rows)


def _known(encoder: str, digests: Sequence[str], connection: Connection) -> dict[str, bytes]:
    asked = (vectors.c.encoder == encoder) & vectors.c.digest.in_(digests)
    rows = connection.execute(select(vectors.c.digest, vectors.c.vector).where(asked))
    return {row.digest: row.vector for row in rows}


def _delete_vectors(keys: Sequence[tuple[str, str]], connection: Connection) -> None:
    for encoder in {encoder for encoder, _ in keys}:
        digests = [digest for of, digest in keys if of == encoder]
        connection.execute(delete(vectors).where(vectors.c.encoder == encoder, vectors.c.digest.in_(digests)))

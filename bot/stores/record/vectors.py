"""Sentence vectors in the record: what an encoder made of a text, so that nobody computes or pays for it twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, delete, select

from bot.messages import Instant
from bot.stores.record.database import Database
from bot.stores.record.parts import insert_new
from bot.stores.record.tables import vectors

_AT_ONCE = 500  # rows in one transaction: under 50 ms on SQLite
_GRACE = 7 * 86_400.0


class RecordVectors:
    """`ports.VectorStore` over the record. Every method waits: none is for the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, encoder: str, digests: Sequence[str]) -> dict[str, bytes]:
        """Those of `digests` that this encoder has made before. Raises Unavailable."""
        found: dict[str, bytes] = {}
        for start in range(0, len(digests), _AT_ONCE):
            found |= self._database.read_here(partial(_known, encoder, digests[start : start + _AT_ONCE]))
        return found

    def keep(self, encoder: str, made: Mapping[str, bytes]) -> None:
        """Raises Unavailable."""
        digests = sorted(made)
        for start in range(0, len(digests), _AT_ONCE):
            some = {digest: made[digest] for digest in digests[start : start + _AT_ONCE]}
            self._database.write_here(partial(self._keep, encoder, some))

    def forget(self, used: Mapping[str, Collection[str]]) -> int:
        """Forget what is a week old and used by none of these encoders (by name, with their digests); how many."""
        before = self._database.read_here(self._database.now) - _GRACE
        old = self._database.read_here(partial(_older, before))
        gone = [key for key in old if key[1] not in used.get(key[0], ())]
        for start in range(0, len(gone), _AT_ONCE):
            self._database.write_here(partial(_delete, gone[start : start + _AT_ONCE]))
        return len(gone)

    def _keep(self, encoder: str, some: Mapping[str, bytes], connection: Connection) -> None:
        at = self._database.now(connection)
        rows = [{"encoder": encoder, "digest": digest, "vector": made, "at": at} for digest, made in some.items()]
        insert_new(connection, vectors, rows)


def _known(encoder: str, digests: Sequence[str], connection: Connection) -> dict[str, bytes]:
    asked = (vectors.c.encoder == encoder) & vectors.c.digest.in_(digests)
    rows = connection.execute(select(vectors.c.digest, vectors.c.vector).where(asked))
    return {row.digest: row.vector for row in rows}


def _older(before: Instant, connection: Connection) -> list[tuple[str, str]]:
    rows = connection.execute(select(vectors.c.encoder, vectors.c.digest).where(vectors.c.at < before))
    return [(row.encoder, row.digest) for row in rows]


def _delete(keys: Sequence[tuple[str, str]], connection: Connection) -> None:
    for encoder in {encoder for encoder, _ in keys}:
        digests = [digest for of, digest in keys if of == encoder]
        connection.execute(delete(vectors).where(vectors.c.encoder == encoder, vectors.c.digest.in_(digests)))

"""Chunks of editions and sentence vectors on SQLite and PostgreSQL: written once, shared, deleted when unused."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.services import MovableClock

from bot.ports.storage import ChunkStore, VectorStore
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlChunks, SqlEditions, SqlVectors

WEEK = 7 * 86_400.0


@pytest.fixture
def parts(database: Database) -> ChunkStore:
    return SqlChunks(database)


@pytest.fixture
def vectors(database: Database) -> VectorStore:
    return SqlVectors(database)


def named(*bodies: bytes) -> dict[str, bytes]:
    return {hashlib.sha256(body).hexdigest(): body for body in bodies}


def test_chunks_are_read_back_byte_for_byte_however_large(parts: ChunkStore) -> None:
    written = named(bytes(range(256)) * 8_000, b"", b"\x00", *(b"%d" % number for number in range(1_000)))
    parts.store(written)
    assert parts.fetch(list(written)) == written


def test_a_stored_chunk_is_not_written_again(parts: ChunkStore) -> None:
    written = named(b"one", b"two")
    parts.store(written)
    parts.store({**written, **named(b"three")})
    assert parts.fetch(list(named(b"one", b"three"))) == named(b"one", b"three")


def test_a_missing_chunk_is_reported(parts: ChunkStore) -> None:
    with pytest.raises(LookupError):
        parts.fetch(["nowhere"])


def test_the_same_chunks_can_be_written_concurrently(parts: ChunkStore) -> None:
    written = named(*(b"%d" % number * 1_000 for number in range(50)))
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: parts.store(written), range(6)))
    assert parts.fetch(list(written)) == written


def test_two_editions_may_share_a_chunk(parts: ChunkStore, database: Database) -> None:
    shared = named(b"shared")
    parts.store(shared)

    async def story() -> list[int]:
        editions = SqlEditions(database)
        return [await editions.publish("{}", b"", "mei", number, dict.fromkeys(shared, True)) for number in range(2)]

    assert asyncio.run(story()) == [1, 2]


def test_models_of_old_editions_are_deleted_and_their_texts_stay(
    parts: ChunkStore, database: Database, clock: MovableClock
) -> None:
    words, old, both, new = named(b"words"), named(b"old"), named(b"both"), named(b"new")
    parts.store({**words, **old, **both, **new, **named(b"of a training that failed")})

    async def story() -> None:
        editions = SqlEditions(database)
        first = dict.fromkeys(words, False) | dict.fromkeys([*old, *both], True)
        await editions.publish("{}", b"", "mei", 0, first)
        await editions.publish("{}", b"", "mei", 1, dict.fromkeys([*both, *new], True))

    asyncio.run(story())
    parts.store(named(b"about to be published"))
    assert parts.delete_unused(2) == 0, "nothing is as old as that yet"
    clock.move(3_601)
    parts.store(named(b"just written"))
    assert parts.delete_unused(2) == 3
    kept = {**words, **both, **new, **named(b"just written")}
    assert parts.fetch(list(kept)) == kept
    with pytest.raises(LookupError):
        parts.fetch(list(old))


def test_the_model_of_the_active_edition_is_never_deleted(
    parts: ChunkStore, database: Database, clock: MovableClock
) -> None:
    editions, learned = SqlEditions(database), named(b"learned")
    parts.store(learned)

    async def story() -> list[bytes]:
        await editions.publish("{}", b"first", "mei", 0, dict.fromkeys(learned, True))
        for number in range(1, 4):
            await editions.publish("{}", b"later", "mei", number)
        await editions.activate(1, "mei", 4)
        clock.move(3_601)
        assert await asyncio.to_thread(parts.delete_unused, 4) == 0
        return [(await editions.load(number))[1] for number in range(1, 5)]

    assert asyncio.run(story()) == [b"first", b"", b"", b"later"]
    assert parts.fetch(list(learned)) == learned


def test_vectors_are_read_back_unchanged_by_encoder(vectors: VectorStore) -> None:
    made = {f"{number:032x}": np.full(4, number, np.float16).tobytes() for number in range(1_200)}
    vectors.store("letters", made)
    vectors.store("letters", made)
    assert vectors.fetch("letters", [*made, "f" * 32]) == made
    assert vectors.fetch("another", list(made)) == {}


def test_chunks_and_vectors_that_no_edition_uses_are_deleted_after_a_week(
    vectors: VectorStore, clock: MovableClock
) -> None:
    vectors.store("letters", {"a" * 32: b"aa", "b" * 32: b"bb"})
    vectors.store("gone", {"c" * 32: b"cc"})
    used = {"letters": {"a" * 32}}
    assert vectors.delete_unused(used) == 0
    clock.move(WEEK + 1)
    vectors.store("letters", {"d" * 32: b"dd"})
    assert vectors.delete_unused(used) == 2
    assert set(vectors.fetch("letters", [letter * 32 for letter in "abd"])) == {"a" * 32, "d" * 32}
    assert vectors.fetch("gone", ["c" * 32]) == {}

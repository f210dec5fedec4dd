"""Parts of editions and vectors of texts on every record: written once, shared, forgotten when nobody needs them."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ground import MovableClock

from bot.ports import Parts, VectorStore
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.parts import RecordParts
from bot.stores.record.vectors import RecordVectors

WEEK = 7 * 86_400.0


@pytest.fixture
def parts(database: Database) -> Parts:
    return RecordParts(database)


@pytest.fixture
def vectors(database: Database) -> VectorStore:
    return RecordVectors(database)


def named(*bodies: bytes) -> dict[str, bytes]:
    return {hashlib.sha256(body).hexdigest(): body for body in bodies}


def test_parts_come_back_byte_for_byte_however_large(parts: Parts) -> None:
    written = named(bytes(range(256)) * 8_000, b"", b"\x00", *(b"%d" % number for number in range(1_000)))
    parts.keep(written)
    assert parts.fetch(list(written)) == written


def test_a_part_that_is_there_is_not_written_again(parts: Parts) -> None:
    written = named(b"one", b"two")
    parts.keep(written)
    parts.keep({**written, **named(b"three")})
    assert parts.fetch(list(named(b"one", b"three"))) == named(b"one", b"three")


def test_a_part_that_is_gone_is_said_to_be(parts: Parts) -> None:
    with pytest.raises(LookupError):
        parts.fetch(["nowhere"])


def test_many_who_keep_the_same_parts_at_once_do_not_disturb_each_other(parts: Parts) -> None:
    written = named(*(b"%d" % number * 1_000 for number in range(50)))
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: parts.keep(written), range(6)))
    assert parts.fetch(list(written)) == written


def test_two_editions_may_share_a_part(parts: Parts, database: Database) -> None:
    shared = named(b"shared")
    parts.keep(shared)

    async def story() -> list[int]:
        editions = RecordEditions(database)
        return [await editions.publish("{}", b"", "mei", number, dict.fromkeys(shared, True)) for number in range(2)]

    assert asyncio.run(story()) == [1, 2]


def test_models_of_old_editions_go_and_their_words_stay(parts: Parts, database: Database, clock: MovableClock) -> None:
    words, old, both, new = named(b"words"), named(b"old"), named(b"both"), named(b"new")
    parts.keep({**words, **old, **both, **new, **named(b"of a training that failed")})

    async def story() -> None:
        editions = RecordEditions(database)
        first = dict.fromkeys(words, False) | dict.fromkeys([*old, *both], True)
        await editions.publish("{}", b"", "mei", 0, first)
        await editions.publish("{}", b"", "mei", 1, dict.fromkeys([*both, *new], True))

    asyncio.run(story())
    parts.keep(named(b"about to be published"))
    assert parts.let_go(2) == 0, "nothing is as old as that yet"
    clock.move(3_601)
    parts.keep(named(b"just written"))
    assert parts.let_go(2) == 3
    kept = {**words, **both, **new, **named(b"just written")}
    assert parts.fetch(list(kept)) == kept
    with pytest.raises(LookupError):
        parts.fetch(list(old))


def test_the_model_of_the_active_edition_is_never_let_go(parts: Parts, database: Database, clock: MovableClock) -> None:
    editions, learned = RecordEditions(database), named(b"learned")
    parts.keep(learned)

    async def story() -> list[bytes]:
        await editions.publish("{}", b"first", "mei", 0, dict.fromkeys(learned, True))
        for number in range(1, 4):
            await editions.publish("{}", b"later", "mei", number)
        await editions.activate(1, "mei", 4)
        clock.move(3_601)
        assert await asyncio.to_thread(parts.let_go, 4) == 0
        return [(await editions.load(number))[1] for number in range(1, 5)]

    assert asyncio.run(story()) == [b"first", b"", b"", b"later"]
    assert parts.fetch(list(learned)) == learned


def test_vectors_come_back_as_they_were_and_by_their_encoder(vectors: VectorStore) -> None:
    made = {f"{number:032x}": np.full(4, number, np.float16).tobytes() for number in range(1_200)}
    vectors.keep("letters", made)
    vectors.keep("letters", made)
    assert vectors.known("letters", [*made, "f" * 32]) == made
    assert vectors.known("another", list(made)) == {}


def test_what_no_edition_uses_is_forgotten_after_a_week(vectors: VectorStore, clock: MovableClock) -> None:
    vectors.keep("letters", {"a" * 32: b"aa", "b" * 32: b"bb"})
    vectors.keep("gone", {"c" * 32: b"cc"})
    used = {"letters": {"a" * 32}}
    assert vectors.forget(used) == 0
    clock.move(WEEK + 1)
    vectors.keep("letters", {"d" * 32: b"dd"})
    assert vectors.forget(used) == 2
    assert set(vectors.known("letters", [letter * 32 for letter in "abd"])) == {"a" * 32, "d" * 32}
    assert vectors.known("gone", ["c" * 32]) == {}

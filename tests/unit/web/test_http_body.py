"""A request's body is read to its end, or refused as soon as it is known to be too large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.errors import Refused
from bot.http import LARGEST_BODY, read_body


class Pieces:
    """A body in pieces of 1,000 bytes. read: how many have been asked for."""

    def __init__(self, size: int) -> None:
        self.size, self.read = size, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, self.size, 1_000):
            self.read += 1
            yield b"x" * min(1_000, self.size - start)


@pytest.mark.parametrize("declared", ["", "12", "nonsense", "-1", "0" * 50, "²"])
def test_a_body_within_the_limit_is_read_whatever_content_length_says(declared: str) -> None:
    assert asyncio.run(read_body(Pieces(LARGEST_BODY), declared)) == b"x" * LARGEST_BODY


@pytest.mark.parametrize("declared", [str(LARGEST_BODY + 1), "9" * 5_000, f"{'0' * 50}70000"])
def test_a_content_length_over_the_limit_is_refused_before_anything_is_read(declared: str) -> None:
    pieces = Pieces(10)
    with pytest.raises(Refused) as refused:
        asyncio.run(read_body(pieces, declared))
    assert (refused.value.status, refused.value.code, pieces.read) == (413, "too_large", 0)


def test_an_endless_body_is_no_longer_read_once_it_is_over_the_limit() -> None:
    pieces = Pieces(10**9)
    with pytest.raises(Refused):
        asyncio.run(read_body(pieces))
    assert pieces.read == LARGEST_BODY // 1_000 + 1

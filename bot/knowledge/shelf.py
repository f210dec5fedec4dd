"""The shelf: the edition this process answers from, and how it takes up a newer one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from bot.knowledge.editions import Edition
from bot.knowledge.topics import Library
from bot.ports import Editions


class Shelf:
    """Holds the active edition. `take_up(number, model)` loads an edition's model into the engine. fetch: the parts
    of large editions, by name; it may wait, for it is not called on the event loop."""

    def __init__(
        self,
        editions: Editions,
        take_up: Callable[[int, bytes], None],
        fetch: Callable[[Sequence[str]], Mapping[str, bytes]] = lambda _names: {},
    ) -> None:
        self._editions = editions
        self._take_up = take_up
        self._library = Library(fetch)
        self._edition: Edition | None = None
        self._refreshing = asyncio.Lock()
        self._looked = asyncio.Event()

    def current(self) -> Edition:
        """The edition to answer from. Raises LookupError while none was taken up."""
        if self._edition is None:
            raise LookupError("no edition has been taken up yet; publish one with `yingda train`")
        return self._edition

    async def ready(self) -> None:
        """Wait until it is known what to answer from."""
        await self._looked.wait()

    async def refresh(self) -> bool:
        """Take up the active edition if it is another one than ours; whether we did.

        The model is loaded first and all off the event loop, so that whoever asks `current` meanwhile gets an edition
        that the engine knows, and nobody waits. Raises Unavailable, SettingError, or what `take_up` raises; the edition
        held stays.
        """
        async with self._refreshing:
            number = await self._editions.active()
            if number == 0 or (self._edition is not None and self._edition.number == number):
                self._looked.set()
                return False
            content, model = await self._editions.load(number)
            edition = await asyncio.to_thread(_read, number, content, self._library)
            await asyncio.to_thread(self._take_up, number, model)
            self._edition = edition
            self._looked.set()
            return True


def _read(number: int, content: str, library: Library) -> Edition:
    """With all its entries, so that nobody who asks waits for one to be read."""
    edition = Edition.from_json(number, content, library)
    deque(edition.entries.values(), maxlen=0)
    return edition

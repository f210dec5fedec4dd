"""A simulator served in a thread of its own, for tests without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Thread

from bot.simulators.server import Simulator, serving


@contextmanager
def in_thread(simulator: Simulator) -> Iterator[str]:
    """Serve it; yields the address."""
    told: Queue[str] = Queue()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with serving(simulator) as address:
            told.put(address)
            await done.wait()

    thread = Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    try:
        yield told.get(timeout=30)
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()

"""Server-sent events that end in peace: when the process stops, their reader is told so and turns to another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent

PING = 15  # seconds of silence after which a sign of life is sent
GRACE = 3.0  # seconds for a stream to end when the process stops
CLOSING = "closing"


def stream(
    events: AsyncGenerator[ServerSentEvent, None],
    headers: Mapping[str, str] | None = None,
    slowest_reader: float | None = None,
) -> EventSourceResponse:
    """`events` as a response. When the process stops the last one is `closing`, and `events` is closed.

    slowest_reader: seconds in which a browser must take what it is sent.
    """
    stopping = anyio.Event()
    return EventSourceResponse(
        _until(stopping, events),
        ping=PING,
        headers=headers,
        send_timeout=slowest_reader,
        shutdown_event=stopping,
        shutdown_grace_period=GRACE,
    )


async def _until(
    stopping: anyio.Event, events: AsyncGenerator[ServerSentEvent, None]
) -> AsyncGenerator[ServerSentEvent, None]:
    async with aclosing(events):
        while (event := await _next(stopping, events)) is not None:
            yield event
    if stopping.is_set():
        yield ServerSentEvent(data="{}", event=CLOSING)


async def _next(stopping: anyio.Event, events: AsyncGenerator[ServerSentEvent, None]) -> ServerSentEvent | None:
    """The next event; None when there are no more, or when the process stops first."""
    coming, stop = asyncio.ensure_future(anext(events, None)), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({coming, stop}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        coming.cancel()
        stop.cancel()
        with anyio.CancelScope(shield=True):  # a generator that still runs could not be closed
            await asyncio.gather(coming, stop, return_exceptions=True)

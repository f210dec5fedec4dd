"""HTTP for channels and pages alike: request bodies, bounded, and server-sent events.

When the process stops, a stream ends with the event `closing`, and the browser reconnects to another process
(https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.errors import Refused

LARGEST_BODY = 64 * 1024  # bytes; pushes of platforms and messages of visitors have a few thousand
# A longer header is refused without int(), which takes time quadratic in the number of digits.
_DIGITS = len(str(LARGEST_BODY))


async def read_body(pieces: AsyncIterable[bytes], declared: str = "") -> bytes:
    """The whole body. declared: the header Content-Length, '' if there is none.

    Raises Refused (413, too_large) as soon as a body is known to have more than LARGEST_BODY bytes.
    """
    # The header may be absent or false, so the body is counted all the same.
    declared = declared.lstrip("0")
    if declared.isdecimal() and (len(declared) > _DIGITS or int(declared) > LARGEST_BODY):
        raise Refused(413, "too_large")
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > LARGEST_BODY:
            raise Refused(413, "too_large")
    return bytes(body)


PING = 15  # seconds of silence until a comment line is sent: proxies close idle connections, often after 60
GRACE = 3.0  # seconds for a stream to end when the process stops
CLOSING = "closing"


def stream(
    events: AsyncGenerator[ServerSentEvent, None],
    headers: Mapping[str, str] | None = None,
    slowest_reader: float | None = None,
) -> EventSourceResponse:
    """`events` as a response; `events` is closed when the reader leaves or the process stops.

    slowest_reader: seconds in which a browser must read an event, else the connection is closed.
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
        with anyio.CancelScope(shield=True):  # `aclose` of a generator that still runs raises RuntimeError
            await asyncio.gather(coming, stop, return_exceptions=True)

"""Streams of server-sent events end in peace, whatever they wait for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator

import httpx
import uvicorn
from sse_starlette import ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.http import stream


class Newsroom:
    """A server whose one stream says `hello` and then waits for ever. closed: its generator was cleaned up."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=[Route("/", self._serve)]), log_level="error", lifespan="off")
        )

    async def _serve(self, _: Request) -> Response:
        return stream(self._news())

    async def _news(self) -> AsyncGenerator[ServerSentEvent, None]:
        try:
            yield ServerSentEvent(data="{}", event="hello")
            await asyncio.Event().wait()
        finally:
            self.closed.set()


def listen(stops: bool) -> tuple[str, bool]:
    """What a reader heard of it, once the server stopped or the reader left; whether the generator was closed."""

    async def story() -> tuple[str, bool]:
        room = Newsroom()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            serving = asyncio.create_task(room.server.serve(sockets=[listener]))
            heard = ""
            async with httpx.AsyncClient(trust_env=False) as http:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
                async with http.stream("GET", url) as answer:
                    async for text in answer.aiter_text():
                        heard += text
                        if "hello" in heard and not stops:
                            break
                        if "hello" in heard:
                            room.server.should_exit = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await room.closed.wait()
            room.server.should_exit = True
            await serving
        return heard, room.closed.is_set()

    return asyncio.run(story())


def test_a_stream_ends_with_a_closing_event_when_the_process_stops() -> None:
    heard, closed = listen(stops=True)
    assert [line for line in heard.splitlines() if line.startswith("event")] == ["event: hello", "event: closing"]
    assert closed


def test_a_stream_whose_reader_leaves_is_closed() -> None:
    assert listen(stops=False)[1]

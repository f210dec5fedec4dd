"""A load balancer in front of a fleet: each request goes to the next process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Self


class Balancer:
    """Brings each request to the next worker in turn, so that a repeat reaches another process than the first."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self.url = ""
        self._turn = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request per connection; whatever breaks on the way, the platform sees a broken connection."""
        self._turn += 1
        try:
            request = await _request(reader)
            port = self.ports[self._turn % len(self.ports)]
            back, forth = await asyncio.open_connection("127.0.0.1", port)
            try:
                forth.write(request)
                writer.write(await _or_hung_up(back.read(), reader))
            finally:
                forth.close()
        except (OSError, EOFError, asyncio.CancelledError):
            return  # the last of them when the loop ends: nobody is there to hear
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([kept[0], b"connection: close", *kept[1:]]) + await reader.readexactly(length)


async def _or_hung_up(answer: Awaitable[bytes], reader: asyncio.StreamReader) -> bytes:
    """The worker's answer, unless the platform hangs up before."""
    answering_, leaving = asyncio.ensure_future(answer), asyncio.ensure_future(reader.read(1))
    await asyncio.wait({answering_, leaving}, return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if not answering_.done():
        answering_.cancel()
        raise EOFError
    return bytes(answering_.result())

"""HTTP/1.1 as little as a measurement needs: send bytes, read one answer, say how the connection ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from attack.targets import HOST

PATIENCE = 12.0  # seconds: a little more than the server waits for a head
_LARGEST = 2_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """status: 0 if the server closed without an answer, -1 if it said nothing in time. again: the connection can be
    used for another request."""

    status: int
    body: bytes = b""
    again: bool = False


class Wire:
    """One connection, opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send a request and read its answer; never raises for what the server does."""
        try:
            async with asyncio.timeout(PATIENCE):
                if self._writer is None:
                    self._reader, self._writer = await asyncio.open_connection(HOST, self._port, limit=_LARGEST)
                self._writer.write(request)
                await self._writer.drain()
                answer = await self._read()
        except TimeoutError:
            answer = Answer(-1)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            answer = Answer(0)
        if not answer.again:
            self.close()
        return answer

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _read(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        fields = dict(line.partition(": ")[::2] for line in head.split("\r\n")[1:] if line)
        if "text/event-stream" in fields.get("content-type", ""):
            return Answer(status)
        if "content-length" in fields:
            body = await self._reader.readexactly(int(fields["content-length"]))
        elif fields.get("transfer-encoding") == "chunked":
            body = await self._chunks()
        else:
            body = b"" if status in (204, 304) else await self._reader.read(_LARGEST)
            return Answer(status, body)
        return Answer(status, body, again=fields.get("connection") != "close")

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()
        return body


async def trickle(port: int, until: float) -> bool:
    """A connection that sends a head one byte a second until the server closes it; whether it did before `until` on
    the loop's clock."""
    loop = asyncio.get_running_loop()
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return True
    try:
        for byte in b"GET /login HTTP/1.1\r\nhost: slow\r\nx: " + b"y" * 100_000:
            if loop.time() > until:
                return False
            writer.write(bytes([byte]))
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    while await reader.read(4096):
                        pass
                    return True
    except OSError:
        return True
    else:
        return False
    finally:
        writer.close()

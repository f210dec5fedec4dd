"""Where platforms write: plain ASGI, one path for every account of every channel, `/{channel}/{account}`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from bot.errors import Refused, Unavailable
from bot.journey import Journey
from bot.messages import Handshake, Messages, Outbound, RawRequest, RawResponse
from bot.offers import LATE, Offer
from bot.ports import Channel
from bot.telemetry import count

LARGEST_BODY = 64 * 1024
_MOST_DIGITS = 20  # of a length; what is said to be longer shows itself while it is read
PLATFORM_PATIENCE = 6.0  # seconds after which a platform has given up; WeChat does after 5
Scope = Mapping[str, Any]
Receive = Any
Send = Any
_UNAVAILABLE = RawResponse(503, b"")
_UNANSWERED = RawResponse(504, b"")


@dataclass(frozen=True, slots=True)
class Door:
    """One account's entrance."""

    kind: str
    channel: Channel


class Webhooks:
    """Answers platforms. Nothing it accepted is acknowledged before it is in the record; no exception leaves it."""

    def __init__(self, journey: Journey, doors: Mapping[str, Door], deadline: float) -> None:
        self._journey = journey
        self._doors = doors
        self._deadline = deadline

    def knows(self, path: str) -> bool:
        return self._door(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = asyncio.get_running_loop().time()
        door = self._door(scope["path"])
        if door is None:
            await _respond(send, RawResponse(404))
            return
        try:
            request = await _read(scope, receive)
            parsed = door.channel.receive(request)
        except Refused as refused:
            count("refused", account=_account(scope), code=refused.code)
            await _respond(send, RawResponse(refused.status))
            return
        if isinstance(parsed, Handshake):
            await _respond(send, parsed.response)
        elif not parsed.answerable:
            await self._hear(door.channel, request, parsed, send)
        else:
            await self._serve(door.channel, request, parsed, arrived + self._deadline, receive, send)

    async def _hear(self, channel: Channel, request: RawRequest, parsed: Messages, send: Send) -> None:
        """Take in messages whose replies go by the API. A repeat of the request takes in what this one could not."""
        try:
            await self._journey.hear_all(parsed.inbounds)
        except Unavailable:
            await _respond(send, _UNAVAILABLE)
            return
        await _respond(send, channel.answer(request, None))

    async def _serve(
        self, channel: Channel, request: RawRequest, parsed: Messages, until: float, receive: Receive, send: Send
    ) -> None:
        """Answer with the first message's reply; the platforms that send several at once want no passive replies."""
        rendered: list[RawResponse] = []

        def render(reply: Outbound) -> bytes:
            rendered.append(channel.answer(request, reply))
            return rendered[-1].body

        offer = Offer(render, until)
        try:
            for inbound in parsed.inbounds[1:]:
                await self._journey.hear(inbound)
            reply = await self._journey.answer(parsed.inbounds[0], offer) if parsed.inbounds else None
        except Unavailable:
            await _respond(send, _UNAVAILABLE)
            return
        if reply is LATE:
            await _leave_unanswered(receive, send)
        elif reply is None:
            await _respond(send, channel.answer(request, None))
        else:
            kind = rendered[-1].content_type if rendered else "text/xml; charset=utf-8"
            await self._reply(RawResponse(200, reply, kind), offer, receive, send)

    async def _reply(self, response: RawResponse, offer: Offer, receive: Receive, send: Send) -> None:
        """Even a quick answer may come too late: under load a request waits long before anybody reads it."""
        gone = _gone(receive)
        await _respond(send, response)
        if not gone:  # noted in the loop's next round: in this one the bytes may still be on their way to the system
            asyncio.get_running_loop().call_soon(self._journey.written.note, offer.message_id)

    def _door(self, path: str) -> Door | None:
        kind, _, account = path.strip("/").partition("/")
        door = self._doors.get(account)
        return door if door is not None and door.kind == kind else None


def _account(scope: Scope) -> str:
    return str(scope["path"]).strip("/").partition("/")[2]


async def _read(scope: Scope, receive: Receive) -> RawRequest:
    """The request with its body, refused as soon as it is known to be too large."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if _length(headers) > LARGEST_BODY:
        raise Refused(413, "too_large")
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Refused(400, "disconnected")
        chunks.append(event.get("body", b""))
        size += len(chunks[-1])
        if size > LARGEST_BODY:
            raise Refused(413, "too_large")
        more = event.get("more_body", False)
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="replace"))
    return RawRequest(scope["method"], query, headers, b"".join(chunks), time.time())


def _length(headers: Mapping[str, str]) -> int:
    declared = headers.get("content-length", "0")
    return int(declared) if declared.isdecimal() and len(declared) < _MOST_DIGITS else 0


async def _respond(send: Send, response: RawResponse) -> None:
    headers = [
        (b"content-type", response.content_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _gone(receive: Receive) -> bool:
    """Whether the platform has already closed the connection: then `receive` has its answer without waiting."""
    asked = receive()
    try:
        asked.send(None)
    except StopIteration as answered:
        return bool(answered.value["type"] == "http.disconnect")
    asked.close()
    return False


async def _leave_unanswered(receive: Receive, send: Send) -> None:
    """Keep silent until the platform gives up, so that it asks again: an early word would be taken for the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PLATFORM_PATIENCE):
            while (await receive())["type"] != "http.disconnect":
                continue
    await _respond(send, _UNANSWERED)

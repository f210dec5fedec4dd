"""The webhooks that platforms call: a plain ASGI application with the path `/{channel}/{account}` for every account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from bot.domain.messages import Handshake, Messages, Outbound, RawRequest, RawResponse
from bot.errors import Refused, Unavailable
from bot.http import read_body
from bot.journey import Journey
from bot.pending import DEADLINE_PASSED, AckRecorder, PendingResponse
from bot.ports.channels import Channel
from bot.telemetry import count

PLATFORM_TIMEOUT = 6.0  # seconds after which a platform has given up; WeChat does after 5 (被动回复用户消息)
Scope = Mapping[str, Any]
Receive = Any
Send = Any
_UNAVAILABLE = RawResponse(503, b"")
_UNANSWERED = RawResponse(504, b"")


@dataclass(frozen=True, slots=True)
class Route:
    """The webhook of one account."""

    kind: str  # first part of the path: 'wechat', 'twitter', ...
    channel: Channel


class Webhooks:
    """Receives webhook calls. Acknowledges a message only once it is committed to the database.

    routes: by account name. deadline: seconds after a request's arrival until which its response may carry the reply.
    """

    def __init__(self, journey: Journey, routes: Mapping[str, Route], deadline: float, acks: AckRecorder) -> None:
        self._journey = journey
        self._acks = acks
        self._routes = routes
        self._deadline = deadline

    def matches(self, path: str) -> bool:
        return self._route(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = asyncio.get_running_loop().time()
        route = self._route(scope["path"])
        if route is None:
            await _respond(send, RawResponse(404))
            return
        try:
            request = await _read(scope, receive)
            parsed = route.channel.receive(request)
        except Refused as refused:
            count("refused", account=str(scope["path"]).strip("/").partition("/")[2], code=refused.code)
            await _respond(send, RawResponse(refused.status))
            return
        if isinstance(parsed, Handshake):
            await _respond(send, parsed.response)
        elif not parsed.answerable:
            await self._accept(route.channel, request, parsed, send)
        else:
            await self._accept_and_reply(route.channel, request, parsed, arrived + self._deadline, receive, send)

    async def _accept(self, channel: Channel, request: RawRequest, parsed: Messages, send: Send) -> None:
        """Accept messages whose replies are sent by API. After a 503 the platform repeats the request."""
        try:
            await self._journey.accept_all(parsed.inbounds)
        except Unavailable:
            await _respond(send, _UNAVAILABLE)
            return
        await _respond(send, channel.answer(request, None))

    async def _accept_and_reply(
        self, channel: Channel, request: RawRequest, parsed: Messages, until: float, receive: Receive, send: Send
    ) -> None:
        """Accept messages and respond with the reply to the first one."""
        rendered: list[RawResponse] = []

        def render(reply: Outbound) -> bytes:
            rendered.append(channel.answer(request, reply))
            return rendered[-1].body

        pending = PendingResponse(render, until)
        try:
            for inbound in parsed.inbounds[1:]:  # platforms that send several at once take no reply in the response
                await self._journey.accept(inbound)
            reply = await self._journey.handle(parsed.inbounds[0], pending) if parsed.inbounds else None
        except Unavailable:
            await _respond(send, _UNAVAILABLE)
            return
        if reply is DEADLINE_PASSED:
            await _leave_unanswered(receive, send)
        elif reply is None:
            await _respond(send, channel.answer(request, None))
        else:
            kind = rendered[-1].content_type if rendered else "text/xml; charset=utf-8"
            await self._reply(RawResponse(200, reply, kind), pending, receive, send)

    async def _reply(self, response: RawResponse, pending: PendingResponse, receive: Receive, send: Send) -> None:
        """Send the response, and record that it was delivered unless the platform had closed the connection."""
        gone = _is_disconnected(receive)  # possible even for a quick reply: under load a request waits to be read
        await _respond(send, response)
        if not gone:
            # In the loop's next iteration: in this one the bytes may not have been handed to the operating system.
            asyncio.get_running_loop().call_soon(self._acks.record, pending.message_id)

    def _route(self, path: str) -> Route | None:
        kind, _, account = path.strip("/").partition("/")
        route = self._routes.get(account)
        return route if route is not None and route.kind == kind else None


async def _read(scope: Scope, receive: Receive) -> RawRequest:
    """The request with its body. Raises Refused as soon as the body is known to be too large."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    body = await read_body(_body_pieces(receive), headers.get("content-length", ""))
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="replace"))
    return RawRequest(scope["method"], query, headers, body, time.time())


async def _body_pieces(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Refused(400, "disconnected")
        yield event.get("body", b"")
        more = event.get("more_body", False)


async def _respond(send: Send, response: RawResponse) -> None:
    headers = [
        (b"content-type", response.content_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _is_disconnected(receive: Receive) -> bool:
    """Whether the platform has already closed the connection."""
    # Run the coroutine one step: after a disconnect `receive` returns at once, else it would wait.
    asked = receive()
    try:
        asked.send(None)
    except StopIteration as answered:
        return bool(answered.value["type"] == "http.disconnect")
    asked.close()
    return False


async def _leave_unanswered(receive: Receive, send: Send) -> None:
    """Respond nothing until the platform gives up and repeats the request: any response would count as the reply."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PLATFORM_TIMEOUT):
            while (await receive())["type"] != "http.disconnect":
                continue
    await _respond(send, _UNANSWERED)

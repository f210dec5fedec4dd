"""Web chat over HTTP: what a visitor's browser asks for. A plain ASGI application beside the webhooks.

POST /webchat/{account}/visitor   who am I? A token (on our own page a cookie), the greeting, suggested questions
POST /webchat/{account}           {"id", "text"}: 202 once it is in the record
GET  /webchat/{account}/events    server-sent events: everything said, from Last-Event-ID on
GET  /webchat/widget.js           the widget: one script
GET  /chat, /chat/{account}       the same chat as a page
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bot.channels.webchat.channel import LARGEST_BODY, LONGEST_TEXT, WebChatChannel, bearer
from bot.channels.webchat.crowd import Crowd
from bot.channels.webchat.gate import Gate, Rate
from bot.channels.webchat.lookout import Lookout
from bot.channels.webchat.origins import Caller, caller_of, permission
from bot.channels.webchat.refusals import refusal
from bot.channels.webchat.stream import seen_last, told
from bot.channels.webchat.visitors import DAY
from bot.channels.webchat.widget import page, script
from bot.cookies import Cookie
from bot.errors import Refused, Unavailable
from bot.messages import Inbound, Messages, RawRequest
from bot.networks import network_of
from bot.ports import Buckets, Clock, LiveEvents, Mailbox
from bot.streams import stream
from bot.telemetry import count

SAYING = Rate(1.0, 10)  # one visitor's lines
SAYING_HERE = Rate(10.0, 100)  # those of everybody at one address: an office, a campus, a mobile network's exit
COMING = Rate(1.0, 30)  # tokens, by address
LISTENING = Rate(0.5, 20)  # streams opened by one visitor
SLOWEST_READER = 30.0  # seconds in which a browser must take what it is sent
METHODS = {"": "POST", "visitor": "POST", "events": "GET"}  # of an account's paths
LENGTH_DIGITS = len(str(LARGEST_BODY))
PLAIN = {"x-content-type-options": "nosniff", "cache-control": "no-store", "referrer-policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class House:
    """What the room needs from the rest of Yingda. hear: takes a line in. phrase: an editor's words, by name and
    language."""

    hear: Callable[[Inbound], Awaitable[object]]
    mailbox: Mailbox
    live: LiveEvents
    buckets: Buckets
    clock: Clock
    phrase: Callable[[str, str], str]


class WebChatRoom:
    """All web chats of a deployment, by account. `lookout.run` is to go on beside it. prefix: the path of the public
    address below which we are."""

    def __init__(self, channels: Mapping[str, WebChatChannel], house: House, prefix: str = "") -> None:
        self._prefix = prefix
        self._channels = channels
        self._house = house
        self._gate = Gate(house.buckets)
        self._crowd = Crowd(self._gate)
        self.lookout = Lookout(house.live, house.mailbox)

    def knows(self, path: str) -> bool:
        """Whether a request is ours to answer; without any account none is."""
        return bool(self._channels) and path.strip("/").partition("/")[0] in ("webchat", "chat")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        caller = caller_of(request.headers, ())
        try:
            parts = request.scope["path"].strip("/").split("/")
            if parts[0] == "webchat" and len(parts) > 1 and parts[1] in self._channels:
                channel = self._channels[parts[1]]
                caller = caller_of(request.headers, channel.settings.origins)
                response = await self._serve(Visit(request, channel, caller), "/".join(parts[2:]))
            else:
                response = self._show(request, parts)
        except Refused as refused:
            account = parts[1] if len(parts) > 1 and parts[1] in self._channels else ""
            count("refused", account=account, code=refused.code)
            response = refusal(refused)
        except Unavailable:
            response = refusal(Refused(503, "unavailable"))
        except ClientDisconnect:
            return
        response.headers.update(permission(caller))
        await response(scope, receive, send)

    async def _serve(self, visit: Visit, what: str) -> Response:
        """One account's own paths. A site that may not embed us is refused before anything else is looked at."""
        if not visit.caller.allowed:
            raise Refused(403, "origin")
        if visit.request.method == "OPTIONS":
            return Response(status_code=204, headers=permission(visit.caller, asked=True))
        if what not in METHODS:
            raise Refused(404, "path")
        if visit.request.method != METHODS[what]:
            raise Refused(405, "method")
        answers = {"": self._hear, "visitor": self._welcome, "events": self._listen}
        return await answers[what](visit)

    async def _hear(self, visit: Visit) -> Response:
        """202 once the line is in the record. Who is proved is counted first, so that a flood costs little."""
        channel = visit.channel
        handle = channel.visitors.who(visit.token)
        await self._gate.knock(f"webchat-say:{channel.name}:{handle}", SAYING)
        await self._gate.knock(f"webchat-from:{visit.network}", SAYING_HERE)
        await self._crowd.writes(f"{channel.name} {handle}", visit.network)
        raw = RawRequest("POST", {}, visit.headers, await _body(visit.request), self._house.clock.now())
        parsed = channel.receive(raw)
        if isinstance(parsed, Messages):
            for inbound in parsed.inbounds:
                await self._house.hear(inbound)
                await self.lookout.publish(inbound.account, inbound.handle)
        answer = channel.answer(raw, None)
        return Response(answer.body, answer.status, media_type=answer.content_type, headers=PLAIN)

    async def _welcome(self, visit: Visit) -> Response:
        """The visitor's token, a new one where they have none, and what the chat says before they do."""
        await self._gate.knock(f"webchat-new:{visit.network}", COMING)
        channel, own = visit.channel, visit.caller.own
        try:
            admitted = channel.visitors.welcome(visit.token)
        except Refused as forged:
            response = refusal(forged)
            visit.cookie.take_back(visit.request, response)
            return response
        if f".{admitted.handle}." not in visit.token:  # an old token that has expired makes somebody new, too
            await self._crowd.comes(visit.network)
        language = visit.language
        settings = channel.settings
        welcome = {
            "token": "" if own else admitted.token,
            "title": getattr(settings.title, language),
            "welcome": self._house.phrase("welcome", language),
            "questions": getattr(settings.questions, language),
            "longest": LONGEST_TEXT,
        }
        response = JSONResponse(welcome, headers=PLAIN)
        if own and admitted.fresh:
            visit.cookie.give(visit.request, response, admitted.token, channel.settings.token_days * DAY)
        return response

    async def _listen(self, visit: Visit) -> Response:
        """The stream. It takes its seat only once it is read."""
        handle = visit.channel.visitors.who(visit.token)
        await self._gate.knock(f"webchat-listen:{visit.channel.name}:{handle}", LISTENING)
        self.lookout.room_for_one(visit.network)
        box = (visit.channel.name, handle)
        after = seen_last(visit.request.headers.get("last-event-id", ""))
        return stream(told(self._house.mailbox, self.lookout, box, after, visit.network), PLAIN, SLOWEST_READER)

    def _show(self, request: Request, parts: list[str]) -> Response:
        """The widget's script, and the page."""
        account = parts[1] if len(parts) > 1 else next(iter(self._channels))
        is_script = parts == ["webchat", "widget.js"]
        is_page = parts[0] == "chat" and len(parts) <= 2 and account in self._channels
        if not is_script and not is_page:
            raise Refused(404, "path")
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "method")
        return script(request) if is_script else page(request, account, self._channels[account].settings, self._prefix)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to one account."""

    request: Request
    channel: WebChatChannel
    caller: Caller

    @property
    def token(self) -> str:
        """From the header; on our own page, and only there, else from the cookie."""
        given = bearer(self.request.headers.get("authorization", ""))
        return given or (self.cookie.sent(self.request) if self.caller.own else "")

    @property
    def headers(self) -> dict[str, str]:
        return {**self.request.headers, "authorization": f"Bearer {self.token}"}

    @property
    def network(self) -> str:
        return network_of(self.request.client.host if self.request.client else "")

    @property
    def language(self) -> str:
        asked = self.request.query_params.get("language", "")
        return asked if asked in ("zh", "en") else "zh"

    @property
    def cookie(self) -> Cookie:
        """A first-party cookie: sent to our own page alone, and out of its scripts' reach."""
        return Cookie(f"yingda_visitor_{self.channel.name}", "lax", f"/webchat/{self.channel.name}")


async def _body(request: Request) -> bytes:
    """The whole body, refused as soon as it is known to be too large."""
    declared = request.headers.get("content-length", "").lstrip("0")
    if declared.isdecimal() and (len(declared) > LENGTH_DIGITS or int(declared) > LARGEST_BODY):
        raise Refused(413, "too_large")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise Refused(413, "too_large")
    return bytes(body)

"""Web chat over HTTP: what visitors' browsers call. A plain ASGI application next to the webhooks.

POST /webchat/{account}/visitor   a visitor token (on our own page a cookie), the greeting and suggested questions
POST /webchat/{account}           {"id", "text"}: 202 once the message is stored
GET  /webchat/{account}/events    server-sent events: all messages, from Last-Event-ID on
GET  /webchat/widget.js           the widget as one script
GET  /chat, /chat/{account}       the same chat as a page
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bot.access.cookies import Cookie, bearer
from bot.access.origins import ANY_SITE, network_of, same_host
from bot.domain.messages import DAY, Inbound, Messages, RawRequest
from bot.errors import Refused, Unavailable
from bot.http import read_body, stream
from bot.i18n import bilingual
from bot.ports.channels import Clock, ServesVisitors
from bot.ports.realtime import LiveEvents, RateLimiter
from bot.ports.storage import ChatHistoryReader
from bot.telemetry import count
from bot.web.webchat.live import MailboxWatcher, parse_last_event_id, visitor_events
from bot.web.webchat.widget import page, script

MOST_REFUSED = 10_000  # names whose refusal a process remembers
MOST_WRITERS = 50_000  # visitors that a process remembers to have written


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket."""

    per_second: float  # tokens added
    burst: int  # most tokens it holds

    @property
    def wait(self) -> int:
        """Seconds after which an empty bucket has a token again."""
        return max(1, math.ceil(1 / self.per_second))


# The limits per network are high, because an office, a campus or a mobile network may share one address.
MESSAGES_PER_VISITOR = Rate(1.0, 10)
MESSAGES_PER_NETWORK = Rate(10.0, 100)
TOKENS_PER_NETWORK = Rate(1.0, 30)
STREAM_OPENINGS_PER_VISITOR = Rate(0.5, 20)
NEW_VISITORS_PER_NETWORK = Rate(1 / 30, 300)
# A visitor has at most one open case, and none before the first message: this bounds the cases a network can open.
NEW_WRITERS_PER_NETWORK = Rate(1 / 60, 100)
SEND_TIMEOUT = 30.0  # seconds in which a browser must read what it is sent


class TooManyRequests(Refused):
    """A rate limit is exceeded. seconds: how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(429, "too_many")
        self.seconds = seconds


class RateLimit:
    """Rate limits over all processes.

    A refused name is refused by this process, without asking Redis, until its wait is over: a flood of ten thousand
    requests a second costs one dictionary look-up each.
    """

    def __init__(self, buckets: RateLimiter, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = buckets
        self._clock = clock
        self._refused_until: OrderedDict[str, float] = OrderedDict()

    async def take(self, name: str, rate: Rate) -> None:
        """Take one token from the bucket `name`. Raises TooManyRequests if there is none."""
        if self._refused_until.get(name, 0.0) > self._clock():
            raise TooManyRequests(rate.wait)
        if not await self._buckets.allow(name, rate.per_second, rate.burst):
            self._refused_until[name] = self._clock() + rate.wait
            self._refused_until.move_to_end(name)
            if len(self._refused_until) > MOST_REFUSED:
                self._refused_until.popitem(last=False)
            raise TooManyRequests(rate.wait)


class VisitorLimits:
    """Limits how many visitors of a network are new, and how many begin to write."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        # Of this process: a visitor who began to write at another one is counted here once more.
        self._writers: OrderedDict[str, None] = OrderedDict()

    async def check_new(self, network: str) -> None:
        """Count a visitor without a token. Raises TooManyRequests."""
        await self._limit.take(f"webchat-fresh:{network}", NEW_VISITORS_PER_NETWORK)

    async def check_writer(self, visitor: str, network: str) -> None:
        """Count a visitor's first message. visitor: account and handle. Raises TooManyRequests."""
        if visitor not in self._writers:
            await self._limit.take(f"webchat-begins:{network}", NEW_WRITERS_PER_NETWORK)
        self._writers[visitor] = None
        self._writers.move_to_end(visitor)
        if len(self._writers) > MOST_WRITERS:
            self._writers.popitem(last=False)


METHODS = {"": "POST", "visitor": "POST", "events": "GET"}  # by path below an account's
RESPONSE_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store", "referrer-policy": "no-referrer"}
_PREFLIGHT_HEADERS = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type, last-event-id",
    "access-control-max-age": "7200",
}
_TEXTS = "webchat.refusal"  # prefix of the locale keys
_RETRY_AFTER = {"full": 15, "unavailable": 2}  # seconds, by error code


@dataclass(frozen=True, slots=True)
class WebchatDeps:
    """What web chat needs from the rest of Yingda."""

    accept: Callable[[Inbound], Awaitable[object]]  # stores a message and starts its turn
    chat_history: ChatHistoryReader
    live: LiveEvents
    buckets: RateLimiter
    clock: Clock
    phrase: Callable[[str, str], str]  # an editor's phrase, by name and language


class WebchatApp:
    """The web chats of all accounts. `watcher.run` must run in the background.

    channels: by account. prefix: the path of the public URL; '' for none.
    """

    def __init__(self, channels: Mapping[str, ServesVisitors], deps: WebchatDeps, prefix: str = "") -> None:
        self._prefix = prefix
        self._channels = channels
        self._deps = deps
        self._limit = RateLimit(deps.buckets)
        self._visitors = VisitorLimits(self._limit)
        self.watcher = MailboxWatcher(deps.live, deps.chat_history)

    def matches(self, path: str) -> bool:
        """Whether this application serves the path; without any account, none."""
        return bool(self._channels) and path.strip("/").partition("/")[0] in ("webchat", "chat")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        caller = caller_of(request.headers, ())
        try:
            parts = request.scope["path"].strip("/").split("/")
            if parts[0] == "webchat" and len(parts) > 1 and parts[1] in self._channels:
                channel = self._channels[parts[1]]
                caller = caller_of(request.headers, channel.settings.origins)
                response = await self._serve(VisitorRequest(request, channel, caller), "/".join(parts[2:]))
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
        response.headers.update(cors_headers(caller))
        await response(scope, receive, send)

    async def _serve(self, visit: VisitorRequest, what: str) -> Response:
        """Serve a path of one account. A request from a site that may not embed the chat is refused first."""
        if not visit.caller.allowed:
            raise Refused(403, "origin")
        if visit.request.method == "OPTIONS":
            return Response(status_code=204, headers=cors_headers(visit.caller, preflight=True))
        if what not in METHODS:
            raise Refused(404, "path")
        if visit.request.method != METHODS[what]:
            raise Refused(405, "method")
        handlers = {"": self._accept_message, "visitor": self._welcome, "events": self._events}
        return await handlers[what](visit)

    async def _accept_message(self, visit: VisitorRequest) -> Response:
        """202 once the message is stored. The limits come before the body is read, so that a flood costs little."""
        channel = visit.channel
        handle = channel.visitors.verify(visit.token)
        await self._limit.take(f"webchat-say:{channel.name}:{handle}", MESSAGES_PER_VISITOR)
        await self._limit.take(f"webchat-from:{visit.network}", MESSAGES_PER_NETWORK)
        await self._visitors.check_writer(f"{channel.name} {handle}", visit.network)
        raw = RawRequest(
            "POST",
            {},
            visit.headers,
            await read_body(visit.request.stream(), visit.request.headers.get("content-length", "")),
            self._deps.clock.now(),
        )
        parsed = channel.receive(raw)
        if isinstance(parsed, Messages):
            for inbound in parsed.inbounds:
                await self._deps.accept(inbound)
                await self.watcher.publish(inbound.account, inbound.handle)
        answer = channel.answer(raw, None)
        return Response(answer.body, answer.status, media_type=answer.content_type, headers=RESPONSE_HEADERS)

    async def _welcome(self, visit: VisitorRequest) -> Response:
        """The visitor's token (a new one if they have none), the greeting and suggested questions."""
        await self._limit.take(f"webchat-new:{visit.network}", TOKENS_PER_NETWORK)
        channel, own = visit.channel, visit.caller.own
        try:
            admitted = channel.visitors.renew(visit.token)
        except Refused as forged:
            response = refusal(forged)
            visit.cookie.delete(visit.request, response)
            return response
        if f".{admitted.handle}." not in visit.token:  # an expired token gets a new handle too
            await self._visitors.check_new(visit.network)
        language = visit.language
        settings = channel.settings
        welcome = {
            "token": "" if own else admitted.token,
            "title": getattr(settings.title, language),
            "welcome": self._deps.phrase("welcome", language),
            "questions": getattr(settings.questions, language),
            "longest": channel.max_length,
        }
        response = JSONResponse(welcome, headers=RESPONSE_HEADERS)
        if own and admitted.fresh:
            visit.cookie.set(visit.request, response, admitted.token, channel.settings.token_days * DAY)
        return response

    async def _events(self, visit: VisitorRequest) -> Response:
        """The event stream. Its subscription begins when the response is sent."""
        handle = visit.channel.visitors.verify(visit.token)
        await self._limit.take(f"webchat-listen:{visit.channel.name}:{handle}", STREAM_OPENINGS_PER_VISITOR)
        self.watcher.check_capacity(visit.network)
        box = (visit.channel.name, handle)
        after = parse_last_event_id(visit.request.headers.get("last-event-id", ""))
        return stream(
            visitor_events(self._deps.chat_history, self.watcher, box, after, visit.network),
            RESPONSE_HEADERS,
            SEND_TIMEOUT,
        )

    def _show(self, request: Request, parts: list[str]) -> Response:
        """The widget's script, or the chat as a page."""
        account = parts[1] if len(parts) > 1 else next(iter(self._channels))
        is_script = parts == ["webchat", "widget.js"]
        is_page = parts[0] == "chat" and len(parts) <= 2 and account in self._channels
        if not is_script and not is_page:
            raise Refused(404, "path")
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "method")
        return script(request) if is_script else page(request, account, self._channels[account].settings, self._prefix)


@dataclass(frozen=True, slots=True)
class Caller:
    """The site that a request comes from."""

    origin: str  # the Origin header
    own: bool  # from our own page; only then the cookie counts
    allowed: bool  # whether the site may embed the chat


def caller_of(headers: Mapping[str, str], origins: Sequence[str]) -> Caller:
    """Which site a request comes from, and whether `origins` permit it."""
    # Browsers omit Origin when a page reads from its own site, and send Sec-Fetch-Site. A client that sends neither is
    # no browser: it needs a token, and the permission of sites does not apply.
    origin = headers.get("origin", "")
    if not origin:
        site = headers.get("sec-fetch-site", "same-origin")
        return Caller("", own=site in ("same-origin", "none"), allowed=site in ("same-origin", "none"))
    own = same_host(origin, headers.get("host", ""))
    return Caller(origin, own, own or ANY_SITE in origins or origin in origins)


def cors_headers(caller: Caller, *, preflight: bool = False) -> dict[str, str]:
    """The headers that let the caller's page read the response. preflight: for the response to an OPTIONS request."""
    headers = {"vary": "origin"}
    if caller.origin and caller.allowed and not caller.own:
        headers |= {"access-control-allow-origin": caller.origin, "access-control-expose-headers": "retry-after"}
        headers |= _PREFLIGHT_HEADERS if preflight else {}
    return headers


def refusal(refused: Refused) -> JSONResponse:
    """The response to a refused request: a code for the widget, a text for people, and when to try again."""
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    wait = refused.seconds if isinstance(refused, TooManyRequests) else _RETRY_AFTER.get(refused.code)
    if wait:
        headers["retry-after"] = str(wait)
    content = {"code": refused.code, "words": bilingual(f"{_TEXTS}.{refused.code}")}
    return JSONResponse(content, refused.status, headers)


@dataclass(frozen=True, slots=True)
class VisitorRequest:
    """A request to one account."""

    request: Request
    channel: ServesVisitors
    caller: Caller

    @property
    def token(self) -> str:
        """The visitor token from the Authorization header, or on our own page from the cookie; '' for none."""
        given = bearer(self.request.headers.get("authorization", ""))
        return given or (self.cookie.read(self.request) if self.caller.own else "")

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
        """A first-party cookie for our own page, hidden from its scripts."""
        return Cookie(f"yingda_visitor_{self.channel.name}", "lax", f"/webchat/{self.channel.name}")

"""Calls X through tweepy, and tells what X's refusals mean for a message.

tweepy 4.17 has no timeouts and no choice of host, sleeps or loops on 429, and its exceptions fail on bodies that are
not a JSON object. So it only builds and signs requests here: a transport adapter adds timeouts and the configured host,
and a response hook takes every answer before tweepy looks at the status.

Refusals are recognised by statuses and texts of real answers: v2 bodies have a `type`, v1.1 bodies a code, some only a
text. A refusal of the account, not the message, halts the account: every other message would be refused the same way.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn

import requests
import tweepy
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from bot.channels.twitter.payloads import objects_at, text_at, value_at
from bot.channels.twitter.settings import TwitterSettings
from bot.domain.accounts import SENDING
from bot.domain.messages import Instant
from bot.errors import DeliveryFailed
from bot.i18n import Message, message, section
from bot.text import http_date

PREFIX = "twitter:"
HOST = "https://api.twitter.com"  # tweepy's own, which is also part of its signature
CONNECT_SECONDS, READ_SECONDS = 1.5, 3.5
TOTAL_SECONDS = 5.5  # less than the six seconds that a stopping process waits (bot/delivery.py)
THREADS = 4
for name in ("tweepy.client", "oauthlib", "requests_oauthlib"):  # they log bodies and keys at DEBUG level
    logging.getLogger(name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class XResponse:
    """X's answer."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)  # the JSON object; empty if X sent anything else
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    at: Instant = 0.0  # when it arrived, by our clock


class _Answered(Exception):
    """Carries an answer out of tweepy's call."""

    def __init__(self, answer: XResponse) -> None:
        self.answer = answer
        super().__init__(answer.status)


class _Transport(HTTPAdapter):
    """Sends to the configured host, with timeouts."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.url is not None  # noqa: S101 - tweepy has just made it
        request.url = request.url.replace(HOST, self._url, 1)
        options["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        return super().send(request, *args, **options)


class XApi:
    """Calls X for one account in THREADS threads, each with its own tweepy client (they are not thread-safe)."""

    def __init__(self, settings: TwitterSettings) -> None:
        self._settings = settings
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="twitter")
        self._slots = asyncio.Semaphore(THREADS)  # a call waits here, so that its time limit starts with the call

    async def call(self, work: Callable[[tweepy.Client], Any]) -> XResponse:
        """The answer of any status. Raises DeliveryFailed: retry_after if nothing was sent, ambiguous if it may be."""
        async with self._slots:
            under_way = self._threads.submit(self._in_thread, work)
            try:
                async with asyncio.timeout(TOTAL_SECONDS):
                    return await asyncio.wrap_future(under_way)
            except TimeoutError as late:
                if under_way.cancelled():  # never started: timed-out calls still occupy the threads
                    raise DeliveryFailed(f"{PREFIX}unreachable", retry_after=0.0) from late
                raise DeliveryFailed(f"{PREFIX}timeout", ambiguous=True) from late

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _in_thread(self, work: Callable[[tweepy.Client], Any]) -> XResponse:
        try:
            work(self._client())
        except _Answered as answered:
            return answered.answer
        except requests.RequestException as lost:
            raise _failure(lost) from lost
        raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True)

    def _client(self) -> tweepy.Client:
        if not hasattr(self._own, "client"):
            self._own.client = _client(self._settings)
        return self._own.client


def _client(settings: TwitterSettings) -> tweepy.Client:
    client = tweepy.Client(
        consumer_key=settings.consumer_key,
        consumer_secret=settings.consumer_secret.get_secret_value(),
        access_token=settings.access_token,
        access_token_secret=settings.access_token_secret.get_secret_value(),
        wait_on_rate_limit=False,
    )
    client.session.mount(HOST, _Transport(settings.api_url))
    client.session.hooks["response"].append(_take_answer)
    client.session.trust_env = settings.api_url.startswith("https")  # a simulator is reached without a proxy
    return client


def _take_answer(response: requests.Response, **_: Any) -> NoReturn:
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = {}
    raise _Answered(XResponse(response.status_code, body if isinstance(body, dict) else {}, headers, time.time()))


def _failure(error: requests.RequestException) -> DeliveryFailed:
    """retry_after if no connection was made, so that nothing was sent; ambiguous for any later failure."""
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else None
    never = (requests.ConnectTimeout, requests.exceptions.ProxyError, requests.exceptions.SSLError)
    if isinstance(error, never) or isinstance(reason, NewConnectionError):
        return DeliveryFailed(f"{PREFIX}unreachable", retry_after=0.0)
    return DeliveryFailed(f"{PREFIX}{'timeout' if isinstance(error, requests.Timeout) else 'lost'}", ambiguous=True)


# Codes of attempts that may have arrived.
AMBIGUOUS = frozenset({f"{PREFIX}timeout", f"{PREFIX}lost", f"{PREFIX}unclear", f"{PREFIX}http-5", "sender_died"})
DUPLICATE, NOT_MENTIONED = "duplicate content", "not been mentioned or otherwise engaged"  # parts of X's `detail`

# Our name of a refusal, by the last part of v2's `type`, by v1.1's code, by `reason`, by words in `detail`.
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "user-suspended": "suspended",
        "oauth1-permissions": "permissions",
        "oauth2-permissions": "permissions",
        "client-forbidden": "not-enrolled",
        "unsupported-authentication": "access",
    }
)
_CODES: Mapping[int, str] = MappingProxyType(
    {
        64: "suspended",
        326: "locked",
        416: "app-suspended",
        87: "permissions",
        93: "permissions",
        261: "permissions",
        453: "access",
    }
)
_REASONS: Mapping[str, str] = MappingProxyType(
    {"client-not-enrolled": "not-enrolled", "official-client-forbidden": "access"}
)
_DETAILS = (
    ("your account is suspended", "suspended"),
    ("temporarily locked", "locked"),
    ("appropriate oauth1 app permissions", "permissions"),
    ("access to a subset of", "access"),
)
# What a refusal halts: all calls, all sending, or only posts or only messages (an app may be allowed just one).
_EVERYTHING = frozenset({"401", "402", "clock", "not-enrolled", "app-suspended"})
_ALL_SENDING = frozenset({"suspended", "locked"})
_ONE_WAY = frozenset({"permissions", "access"})
TIMESTAMP = 135  # v1.1's code for a timestamp out of bounds
OUT_OF_BOUNDS = 300.0  # seconds by which a request's timestamp may be wrong


def is_ambiguous(code: str) -> bool:
    """Whether an attempt that ended with this code may have arrived."""
    return code in AMBIGUOUS or (code.startswith(f"{PREFIX}http-5") and code != f"{PREFIX}http-503")


def refusal(answer: XResponse, way: str = "", ours: str = "") -> DeliveryFailed:
    """Convert an unsuccessful answer to an exception; not for 429, which the client handles.

    way: 'posts' or 'messages', '' for polling. ours: our user id; a suspension of another account concerns the receiver
    and not us.
    """
    status = answer.status
    if status == 503:
        return DeliveryFailed(f"{PREFIX}http-503", retry_after=0.0, attempted=False)
    if status >= 500 or status < 300:
        return DeliveryFailed(f"{PREFIX}http-{status}", ambiguous=True)
    name = _refusal_name(answer, ours)
    if name in _EVERYTHING | _ALL_SENDING or (name in _ONE_WAY and way):
        return DeliveryFailed(
            f"{PREFIX}{_with_skew(name, answer)}", retry_after=60.0, attempted=False, halts_account=True
        )
    return DeliveryFailed(f"{PREFIX}{name or _message_refusal(answer, way)}", permanent=True)


def _message_refusal(answer: XResponse, way: str) -> str:
    detail = text_at(answer.body, "detail").lower()
    if answer.status == 403 and DUPLICATE in detail:
        return "duplicate"
    if answer.status == 403 and NOT_MENTIONED in detail:
        return "not-mentioned"
    return f"{'' if way else 'read-'}{answer.status}"


def halted_way(failed: DeliveryFailed, way: str) -> str:
    """What a refusal of the account halts, as an argument of `RateLimits.halt`."""
    name = failed.code.removeprefix(PREFIX).partition(" ")[0]
    return way if name in _ONE_WAY else SENDING if name in _ALL_SENDING else ""


def clock_skew(answer: XResponse) -> float | None:
    """Seconds by which our clock is ahead of X's; None without a Date header."""
    theirs = http_date(answer.headers.get("date", ""))
    return None if theirs is None or not answer.at else answer.at - theirs


def _refusal_name(answer: XResponse, ours: str) -> str:
    """The name of a refusal of the account, the app or its keys; '' for any other refusal."""
    body, codes = answer.body, {value_at(one, "code") for one in objects_at(answer.body, "errors")}
    if answer.status == 401:
        return "clock" if TIMESTAMP in codes or abs(clock_skew(answer) or 0.0) >= OUT_OF_BOUNDS else "401"
    if answer.status == 402:
        return "402"
    if answer.status != 403:
        return ""
    detail = text_at(body, "detail").lower()
    named = [
        *(_CODES.get(code, "") for code in codes if isinstance(code, int)),
        _REASONS.get(text_at(body, "reason"), ""),
        _TYPES.get(text_at(body, "type").rpartition("/")[2], ""),
        *(name for words, name in _DETAILS if words in detail),
    ]
    name = next(filter(None, named), "")
    about = text_at(body, "resource_id") or text_at(body, "value")
    return "" if name == "suspended" and about not in ("", ours) else name


def _with_skew(name: str, answer: XResponse) -> str:
    """The code; for a wrong clock followed by a space and the seconds, such as 'clock +312'."""
    wrong = clock_skew(answer) if name == "clock" else None
    return name if wrong is None else f"{name} {wrong:+.0f}"


def explain(code: str) -> Message:
    """Explain a DeliveryFailed code of this channel: what is wrong and what to do."""
    name, _, skewed = code.removeprefix(PREFIX).partition(" ")
    if name in section("twitter.error", "en"):
        why = message(f"twitter.error.{name}")
    else:
        why = message("twitter.error.unclear") if is_ambiguous(code) else message("twitter.refused", code=name)
    if skewed:
        key = "twitter.clock_ahead" if skewed.startswith("+") else "twitter.clock_behind"
        why = message(key, seconds=skewed.lstrip("+-"), why=why)
    return why

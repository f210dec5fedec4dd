"""One call to X through tweepy: what went out, what came back, and whether it can have arrived.

tweepy 4.17 has no timeouts and no choice of host, sleeps or loops on 429, and its exceptions fail on bodies that are no
JSON object (reference 1.6, 1.8). So it only builds and signs requests here: a transport adapter gives them timeouts and
the configured address, and every answer is taken out of its hands before it looks at the status.
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
from typing import Any, NoReturn

import requests
import tweepy
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from bot.channels.twitter.settings import TwitterSettings
from bot.errors import DeliveryFailed
from bot.messages import Instant

PREFIX = "twitter:"
HOST = "https://api.twitter.com"  # tweepy's own, which is also what it signs
CONNECT_SECONDS, READ_SECONDS = 1.5, 3.5
TOTAL_SECONDS = 5.5  # a process that is to end waits six (bot/delivery.py)
THREADS = 4
for chatty in ("tweepy.client", "oauthlib", "requests_oauthlib"):  # they log bodies and keys for debugging
    logging.getLogger(chatty).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    """X's answer. body: its JSON object, empty if it sent something else. headers in lower case. at: by our clock."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    at: Instant = 0.0


class _Answered(Exception):
    """Carries an answer past tweepy."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(answer.status)


class _Transport(HTTPAdapter):
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.url is not None  # noqa: S101 - tweepy has just made it
        request.url = request.url.replace(HOST, self._url, 1)
        options["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        return super().send(request, *args, **options)


class Api:
    """Calls X for one account, in a few threads, each with a client of its own."""

    def __init__(self, settings: TwitterSettings) -> None:
        self._settings = settings
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="twitter")
        self._seats = asyncio.Semaphore(THREADS)  # so that the time of a call begins with the call

    async def call(self, work: Callable[[tweepy.Client], Any]) -> Answer:
        """The answer, whatever its status. Raises DeliveryFailed: retry_after if nothing was sent, ambiguous if it may
        have been."""
        async with self._seats:
            under_way = self._threads.submit(self._in_thread, work)
            try:
                async with asyncio.timeout(TOTAL_SECONDS):
                    return await asyncio.wrap_future(under_way)
            except TimeoutError as late:
                if under_way.cancelled():  # it never began: earlier calls still hold the threads
                    raise DeliveryFailed(f"{PREFIX}unreachable", retry_after=0.0) from late
                raise DeliveryFailed(f"{PREFIX}timeout", ambiguous=True) from late

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _in_thread(self, work: Callable[[tweepy.Client], Any]) -> Answer:
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
    client.session.hooks["response"].append(_take)
    client.session.trust_env = settings.api_url.startswith("https")  # no proxy between us and a simulator
    return client


def _take(response: requests.Response, **_: Any) -> NoReturn:
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = {}
    raise _Answered(Answer(response.status_code, body if isinstance(body, dict) else {}, headers, time.time()))


def _failure(lost: requests.RequestException) -> DeliveryFailed:
    """A connection that never stood has carried nothing; after that, nobody knows."""
    inner = lost.args[0] if lost.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else None
    never = (requests.ConnectTimeout, requests.exceptions.ProxyError, requests.exceptions.SSLError)
    if isinstance(lost, never) or isinstance(reason, NewConnectionError):
        return DeliveryFailed(f"{PREFIX}unreachable", retry_after=0.0)
    return DeliveryFailed(f"{PREFIX}{'timeout' if isinstance(lost, requests.Timeout) else 'lost'}", ambiguous=True)

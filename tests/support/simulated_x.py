"""The simulated X, asked by tweepy; every request and answer is checked against X's OpenAPI document."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import tweepy
from requests.adapters import HTTPAdapter
from support.services import MovableClock
from support.twitter_openapi import judge_answer, judge_request

from bot.simulators.twitter import Platform, SimulatedApp, running

APP = SimulatedApp(
    consumer_key="a-consumer-key-00000000",
    consumer_secret="a-consumer-secret-of-many-letters-0000000",
    access_token="1600000000000000001-an-access-token",
    access_token_secret="an-access-token-secret-of-many-letters",
    bearer_token="AAAAAAAAAAAAAAAAAAAAAbearer%3Dtoken",
)
FIELDS = ["author_id", "conversation_id", "created_at", "in_reply_to_user_id", "referenced_tweets", "entities", "lang",
          "note_tweet"]  # fmt: skip


class Detour(HTTPAdapter):
    """Sends what is meant for api.twitter.com to the simulator, after it was signed; judges what goes by."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        address = urlsplit(request.url or "")
        method, body = request.method or "", json.loads(request.body) if request.body else None
        request.url = self._url + (request.url or "").removeprefix("https://api.twitter.com")
        response = super().send(request, *args, **{**kwargs, "timeout": 20})
        if response.status_code < 400:
            judge_request(method, str(address.path), dict(parse_qsl(str(address.query))), body)
        if "json" in response.headers.get("content-type", "") and not kwargs.get("stream"):
            _judge(method, str(address.path), response)
        return response


def _judge(method: str, path: str, response: requests.Response) -> None:
    try:
        body = response.json()
    except ValueError:
        return  # broken off on purpose
    judge_answer(method, path, response.status_code, body)


class Stage:
    """The platform, a clock to move, and the brand's own server: tweepy as its user and as its app."""

    def __init__(self, platform: Platform, clock: MovableClock, url: str) -> None:
        self.platform = platform
        self.clock = clock
        self.url = url
        self.brand = platform.brand
        self.user = self.client(APP)
        self.app = self.client(APP, user=False)

    def client(self, keys: SimulatedApp, user: bool = True) -> tweepy.Client:
        if user:
            made = tweepy.Client(
                consumer_key=keys.consumer_key,
                consumer_secret=keys.consumer_secret,
                access_token=keys.access_token,
                access_token_secret=keys.access_token_secret,
            )
        else:
            made = tweepy.Client(bearer_token=keys.bearer_token)
        made.session.trust_env = False
        made.session.mount("https://api.twitter.com/", Detour(self.url))
        return made

    async def do(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Let tweepy do something, in a thread: it knows no event loop."""
        return await asyncio.to_thread(call, *args, **kwargs)

    async def mentions(self, **more: Any) -> list[Any]:
        """One page of what mentions the brand, newest first."""
        asked = {"user_auth": True, "max_results": 100, "tweet_fields": FIELDS} | more
        found = await self.do(self.user.get_users_mentions, self.brand.id, **asked)
        return found.data or []

    async def reply(self, post_id: int, text: str) -> int:
        made = await self.do(self.user.create_tweet, text=text, in_reply_to_tweet_id=str(post_id))
        return int(made.data["id"])

    async def write(self, person_id: str, text: str) -> Any:
        return (await self.do(self.user.create_direct_message, participant_id=person_id, text=text)).data

    async def messages(self, **more: Any) -> list[Any]:
        """One page of direct messages, newest first."""
        asked = {"dm_event_fields": ["sender_id", "dm_conversation_id", "created_at"]} | more
        return (await self.do(self.user.get_direct_message_events, **asked)).data or []

    def post_raw(self, path: str, body: bytes) -> requests.Response:
        """A signed request with any bytes for a body, not looked at by X's document."""
        keys = (APP.consumer_key, APP.consumer_secret, APP.access_token, APP.access_token_secret)
        signer = tweepy.OAuth1UserHandler(*keys).apply_auth()
        signed = requests.Request("POST", f"https://api.twitter.com{path}", data=body, auth=signer)
        with requests.Session() as session:
            session.trust_env = False
            ready = session.prepare_request(signed)
            ready.url = f"{self.url}{path}"
            return session.send(ready, timeout=20)

    def close(self) -> None:
        for client in (self.user, self.app):
            client.session.close()


@contextmanager
def _closing(stage: Stage) -> Iterator[Stage]:
    try:
        yield stage
    finally:
        stage.close()


@contextmanager
def standing(app: SimulatedApp = APP) -> Iterator[Stage]:
    """The same in a thread of its own, for tests without an event loop: use it by HTTP and tweepy only."""
    opened: queue.Queue[Stage] = queue.Queue()
    over = threading.Event()

    async def stand() -> None:
        async with Platform(app) as platform, running(platform) as url:
            opened.put(Stage(platform, MovableClock(), url))
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(stand(),))
    thread.start()
    with _closing(opened.get(timeout=60)) as stage:
        try:
            yield stage
        finally:
            over.set()
            thread.join()


def on_x(story: Callable[[Stage], Awaitable[None]], app: SimulatedApp = APP, **more: Any) -> None:
    """Play a story on a platform of its own, whose clock stands still unless the story moves it. more: of Platform."""

    async def play() -> None:
        clock = MovableClock()
        async with Platform(app, clock, **more) as platform, running(platform) as url:
            with _closing(Stage(platform, clock, url)) as stage:
                await story(stage)

    asyncio.run(play())

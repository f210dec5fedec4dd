"""A shop whose account on X is connected to the simulated X, on one clock: posts and messages in, answers out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select
from support.services import MovableClock
from support.shop import OPEN_MONDAY, Shop, deployment_in
from support.twitter_payloads import push

from bot.channels.twitter import TwitterChannel
from bot.domain.messages import Messages
from bot.ports.nlu import Skill
from bot.process.sockets import free_port
from bot.simulators.twitter import Platform, SimulatedApp, running
from bot.simulators.twitter.state import Person, Post
from bot.stores.sql.database import Database
from bot.stores.sql.schema import outbox

APP = SimulatedApp(
    consumer_key="a-consumer-key-00000000",
    consumer_secret="a-consumer-secret-of-many-letters-0000000",
    access_token="1600000000000000001-an-access-token",
    access_token_secret="an-access-token-secret-of-many-letters",
    bearer_token="AAAAAAAAAAAAAAAAAAAAAbearer%3Dtoken",
)


class XShop(Shop):
    """The account is called `brand`. Everything runs on one event loop, X included."""

    platform: Platform

    @property
    def channel(self) -> TwitterChannel:
        channel = self.yingda.routes["brand"].channel
        assert isinstance(channel, TwitterChannel)
        return channel

    def told(self, event: Any) -> None:
        """A webhook brings an event; then what is due goes out."""
        got = self.channel.receive(push(event, self.clock.now(), APP.consumer_secret))
        assert isinstance(got, Messages)
        for inbound in got.inbounds:
            self.run(self.yingda.journey.accept(inbound))
        self.settle()

    def looks(self) -> None:
        """The poller has its turn, whatever the time; then what is due goes out."""
        self.run(self.yingda.poller.run_once())
        self.settle()

    def settle(self) -> None:
        self.run(self.yingda.journey.finish(20))
        self.deliver()

    def mentions(self, someone: Person, text: str, **more: Any) -> Post:
        """Somebody names the brand in a post, and the poller sees it."""
        post = self.platform.create_post(someone.id, f"@{APP.username} {text}", **more)
        self.looks()
        return post

    def writes(self, someone: Person, text: str) -> None:
        """Somebody writes privately, and the poller sees it."""
        self.platform.send_direct_message(someone.id, text)
        self.looks()

    def replies(self, post: Post) -> list[str]:  # type: ignore[override]
        """What the brand says in public in answer to a post."""
        return [re.sub(r"^(@\w+ )+", "", reply.text) for reply in self.platform.replies_to(post.id)]

    def links(self, post: Post) -> list[str]:
        """The addresses in the brand's answers to a post, which X shows shortened."""
        return [link.word for reply in self.platform.replies_to(post.id) for link in reply.links]

    def outcomes(self) -> list[tuple[str, str]]:
        """State and error of everything that was to go out, in order."""
        rows = select(outbox.c.state, outbox.c.error).order_by(outbox.c.id)
        return [tuple(row) for row in self.run(self.database.read(lambda one: one.execute(rows).all()))]

    def told_privately(self, someone: Person) -> list[str]:
        return [one.text for one in self.platform.conversation_with(someone.id) if one.sender_id == APP.user_id]


@contextmanager
def x_shop(
    folder: Path,
    database_url: str,
    edition: tuple[str, bytes],
    skills: Mapping[str, Skill] | None = None,
    **changes: Any,
) -> Iterator[XShop]:
    """`changes`: of the account's settings."""
    clock, port = MovableClock(OPEN_MONDAY), free_port()
    account = {
        "name": "brand",
        "channel": "twitter",
        "user_id": APP.user_id,
        "consumer_key": APP.consumer_key,
        "consumer_secret": APP.consumer_secret,
        "access_token": APP.access_token,
        "access_token_secret": APP.access_token_secret,
        "api_url": f"http://127.0.0.1:{port}",
        **changes,
    }
    deployment = deployment_in(folder, accounts=[account, {"name": "tea", "channel": "fake"}])
    shop = XShop(deployment, Database(database_url, clock.now), clock, edition, own_channels=True, skills=skills)
    shop.platform = Platform(APP, clock)
    stack = AsyncExitStack()
    shop.run(stack.enter_async_context(running(shop.platform, port=port)))
    shop.looks()  # the first look, which only notes that everything before it is old
    clock.move(1)
    try:
        yield shop
    finally:
        shop.run(stack.aclose())
        shop.run(shop.platform.aclose())
        shop.close()

"""One network cannot fill the desk: its new visitors, those who begin to write, and its streams are bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from support.desk_site import LocalEvents
from support.webchat_shop import Chats, Visitor, chatting

from bot.channels.webchat import VisitorTokens
from bot.domain.messages import ChatHistory
from bot.web.webchat import app, live
from bot.web.webchat.app import Rate, RateLimit, TooManyRequests, VisitorLimits
from bot.web.webchat.live import STREAMS_PER_NETWORK, MailboxWatcher, NoStreamLeft

HERE, THERE = "203.0.113.7", "203.0.113.8"


@pytest.fixture
def chats(tmp_path: Path, shipped_edition: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Chats]:
    """A brand whose bounds are reached soon."""
    monkeypatch.setattr(app, "NEW_VISITORS_PER_NETWORK", Rate(1 / 600, 3))
    monkeypatch.setattr(app, "NEW_WRITERS_PER_NETWORK", Rate(1 / 600, 2))
    monkeypatch.setattr(live, "STREAMS_PER_NETWORK", 2)
    with chatting(tmp_path, shipped_edition) as running:
        yield running


def test_new_visitors_of_a_network_are_limited(chats: Chats) -> None:
    visitors = [Visitor(chats, where=HERE) for _ in range(4)]
    assert [visitor.asks_in().status_code for visitor in visitors] == [200, 200, 200, 429]
    known = Visitor(chats, where=HERE, token=Visitor(chats, where=THERE).arrives()["token"])
    assert known.asks_in().status_code == 200


def test_visitors_of_a_network_who_begin_to_write_are_limited_and_the_others_go_on(chats: Chats) -> None:
    first, second, third = (Visitor(chats, where=f"203.0.113.{number}") for number in range(10, 13))
    for visitor in (first, second, third):
        visitor.arrives()
        visitor.where = HERE
    assert [visitor.says("你好").status_code for visitor in (first, second, third)] == [202, 202, 429]
    assert first.says("还在吗").status_code == 202
    third.where = THERE
    assert third.says("你好").status_code == 202


def test_open_streams_of_a_network_are_limited(chats: Chats) -> None:
    visitors = [Visitor(chats, where=f"203.0.113.{number}") for number in range(20, 23)]
    with ExitStack() as stack:
        statuses, reading = [], []
        for visitor in visitors:
            visitor.arrives()
            visitor.where = HERE
            client = stack.enter_context(httpx.Client(trust_env=False, timeout=10))
            answer = stack.enter_context(client.stream("GET", f"{visitor.url}/events", headers=visitor.headers()))
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                reading.append(answer.iter_lines())  # kept: what nobody reads any more is closed
                next(reading[-1])
        assert statuses == [200, 200, 503]
        visitors[2].where = THERE
        with httpx.stream("GET", f"{visitors[2].url}/events", headers=visitors[2].headers(), trust_env=False) as open_:
            assert open_.status_code == 200


def test_a_visitor_with_an_expired_token_counts_as_new(chats: Chats) -> None:
    secret = chats.deployment.config.secret
    old = VisitorTokens("shop", secret, 180, Long()).renew("").token
    answers = [Visitor(chats, where=HERE, token=old).asks_in().status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]


class Long:
    """A year ago."""

    def now(self) -> float:
        return time.time() - 400 * 86_400


def test_a_visitor_who_has_written_is_not_counted_again() -> None:
    crowded = VisitorLimits(RateLimit(LocalEvents(tries=2)))

    async def story() -> None:
        for _ in range(50):
            await crowded.check_writer("shop a", HERE)
        await crowded.check_writer("shop b", HERE)
        with pytest.raises(TooManyRequests):
            await crowded.check_writer("shop c", HERE)
        with pytest.raises(TooManyRequests):
            await crowded.check_writer("shop c", HERE)
        await crowded.check_writer("shop c", THERE)

    asyncio.run(story())


class NoMail:
    async def read(self, account: str, handle: str, after: int | None) -> ChatHistory:
        raise NotImplementedError

    async def versions(self, boxes: object) -> dict[tuple[str, str], str]:  # noqa: ARG002 - nobody has mail
        return {}


def test_a_closed_stream_frees_its_place() -> None:
    seats = MailboxWatcher(LocalEvents(), NoMail())
    with ExitStack() as stack:
        for number in range(STREAMS_PER_NETWORK):
            stack.enter_context(seats.subscription(("shop", str(number)), HERE))
        with pytest.raises(NoStreamLeft):
            seats.check_capacity(HERE)
        seats.check_capacity(THERE)
    seats.check_capacity(HERE)

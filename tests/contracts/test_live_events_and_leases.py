"""Live events, leases, tokens and rate limits, on the embedded Valkey and on a Redis server."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import RedisError
from support.services import REDIS, MovableClock, missing

from bot.ports.realtime import Leases, LiveEvents, RateLimiter, TokenCache
from bot.process.embedded_valkey import EmbeddedValkey
from bot.stores.redis.client import RedisClient

Play = Callable[[RedisClient, RedisClient], Awaitable[None]]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that stands still for a moment does not take the server for lost."""
    for module in ("connection", "client"):
        monkeypatch.setattr(f"bot.stores.redis.{module}.TIMEOUT", 5.0)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedValkey(tmp_path_factory.mktemp("var")) as url:
        yield url


@pytest.fixture(params=["embedded", pytest.param("redis", marks=pytest.mark.redis)])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "embedded":
        return str(request.getfixturevalue("embedded"))
    try:
        with Redis.from_url(REDIS, socket_connect_timeout=2, protocol=2, driver_info=None) as client:
            client.ping()
    except RedisError as gone:
        missing("Redis", gone)
    return REDIS


@pytest.fixture
def prefix(url: str) -> Iterator[str]:
    """A key prefix of its own, swept up afterwards."""
    mine = f"test-{uuid.uuid4().hex[:12]}:"
    yield mine
    with Redis.from_url(url, protocol=2, driver_info=None) as client:
        for key in client.scan_iter(f"{mine}*"):
            client.delete(key)


@pytest.fixture
def play(url: str, prefix: str) -> Callable[[Play], None]:
    """Runs a story of two processes on one server."""

    def run(story: Play) -> None:
        async def both() -> None:
            async with RedisClient(url, prefix) as one, RedisClient(url, prefix) as other:
                await story(one, other)

        asyncio.run(both())

    return run


async def heard(events: AsyncIterator[str], until: str) -> list[str]:
    """What was heard up to and with `until`, without the silent seconds."""
    words = []
    async for word in events:
        if word:
            words.append(word)
        if word == until:
            return words
    raise AssertionError("the subscription ended")


def test_one_object_is_all_four_ports() -> None:
    client = RedisClient("redis://127.0.0.1:1")
    events: LiveEvents = client
    leases: Leases = client
    tokens: TokenCache = client
    buckets: RateLimiter = client
    assert {id(port) for port in (events, leases, tokens, buckets)} == {id(client)}


def test_every_subscriber_gets_messages_in_order(play: Callable[[Play], None]) -> None:
    async def story(one: RedisClient, other: RedisClient) -> None:
        here, there = one.subscribe("desk"), other.subscribe("desk")
        assert await anext(here) == ""
        assert await anext(there) == ""
        said = [f"case {number}" for number in range(50)]
        for word in said:
            await one.publish("desk", word)
        await other.publish("kitchen", "not for the desk")
        assert await heard(here, said[-1]) == said
        assert await heard(there, said[-1]) == said

    play(story)


async def _seconds_until_heard(one: RedisClient, other: RedisClient, topic: str) -> float:
    """From asking for a topic until the first word on it."""
    listener = one.subscribe(topic)
    began = time.monotonic()
    assert await anext(listener) == ""
    await other.publish(topic, "新消息 🎈")
    assert await heard(listener, "新消息 🎈") == ["新消息 🎈"]
    return time.monotonic() - began


def test_a_process_can_subscribe_to_a_second_topic(play: Callable[[Play], None]) -> None:
    async def story(one: RedisClient, other: RedisClient) -> None:
        first = one.subscribe("case 1")
        await anext(first)
        assert min([await _seconds_until_heard(one, other, f"case {number}") for number in (2, 3, 4)]) < 0.8

    play(story)


def test_a_silent_subscription_yields_an_empty_string_every_second(play: Callable[[Play], None]) -> None:
    async def story(one: RedisClient, _: RedisClient) -> None:
        silence = one.subscribe("desk")
        await anext(silence)
        began = time.monotonic()
        assert [await anext(silence) for _ in range(2)] == ["", ""]
        assert 1.5 < time.monotonic() - began < 15

    play(story)


def test_a_slow_subscriber_loses_messages_instead_of_filling_the_memory(play: Callable[[Play], None]) -> None:
    async def story(one: RedisClient, other: RedisClient) -> None:
        slow, quick = one.subscribe("desk"), one.subscribe("desk")
        await anext(slow)
        await anext(quick)
        for number in range(300):
            await other.publish("desk", str(number))
        await heard(quick, "299")
        assert await anext(slow) == ""
        assert 0 < len(await heard(slow, "299")) <= 100

    play(story)


def test_a_lease_has_one_holder_until_it_is_given_back(play: Callable[[Play], None]) -> None:
    async def story(one: RedisClient, other: RedisClient) -> None:
        assert await one.hold("sweeper", 30)
        assert await one.hold("sweeper", 30)
        assert not await other.hold("sweeper", 30)
        await other.release("sweeper")
        assert not await other.hold("sweeper", 30)
        await one.release("sweeper")
        assert await other.hold("sweeper", 30)
        assert await one.hold("poller", 30)

    play(story)


def test_a_lease_expires_unless_it_is_prolonged(play: Callable[[Play], None]) -> None:
    async def story(one: RedisClient, other: RedisClient) -> None:
        assert await one.hold("sweeper", 1)
        await asyncio.sleep(0.6)
        assert await one.hold("sweeper", 1)
        prolonged = time.monotonic()
        await asyncio.sleep(0.6)
        taken = await other.hold("sweeper", 1)
        assert not taken or time.monotonic() - prolonged > 0.9  # this process may have stood still for so long
        await asyncio.sleep(1.1)
        assert await one.hold("sweeper", 1) if taken else await other.hold("sweeper", 1)

    play(story)


def test_a_token_is_shared_until_it_is_dropped_or_expires(url: str, prefix: str) -> None:
    clock = MovableClock()

    async def story() -> None:
        async with RedisClient(url, prefix, clock.now) as one, RedisClient(url, prefix, clock.now) as other:
            assert await one.get("wechat:demo") is None
            await one.put("wechat:demo", "77_abc", clock.at + 7200)
            assert await other.get("wechat:demo") == ("77_abc", clock.at + 7200)
            await other.drop("wechat:demo", "76_older")
            assert await one.get("wechat:demo") == ("77_abc", clock.at + 7200)
            await other.drop("wechat:demo", "77_abc")
            assert await one.get("wechat:demo") is None
            await one.put("wechat:demo", "78_def", clock.at + 100)
            clock.move(101)
            assert await other.get("wechat:demo") is None

    asyncio.run(story())


def test_a_bucket_lets_a_burst_through_and_then_its_rate(play: Callable[[Play], None]) -> None:
    async def story(one: RedisClient, other: RedisClient) -> None:
        began = time.monotonic()
        passed = [await limiter.allow("login", 2, 3) for limiter in (one, other, one, other, one)]
        assert 3 <= sum(passed) <= 3 + 2 * (time.monotonic() - began)
        assert passed[:3] == [True, True, True]
        await asyncio.sleep(0.6)
        passed += [await limiter.allow("login", 2, 3) for limiter in (one, other, one)]
        assert 4 <= sum(passed) <= 3 + 2 * (time.monotonic() - began)
        assert await one.allow("another name", 2, 3)

    play(story)


def test_many_requests_at_once_pass_no_more_than_the_burst(play: Callable[[Play], None]) -> None:
    async def story(one: RedisClient, other: RedisClient) -> None:
        calls = [limiter.allow("webhook", 0.01, 10) for limiter in (one, other) for _ in range(20)]
        assert sum(await asyncio.gather(*calls)) == 10

    play(story)


def test_a_wiped_server_keeps_working(embedded: str) -> None:
    async def story() -> None:
        async with RedisClient(embedded) as one, RedisClient(embedded) as other:
            desk = one.subscribe("desk")
            await anext(desk)
            await one.hold("sweeper", 30)
            await one.put("t", "token", time.time() + 100)
            with Redis.from_url(embedded, protocol=2, driver_info=None) as client:
                client.flushall()
                client.script_flush()
            assert await other.get("t") is None
            assert await other.hold("sweeper", 30)
            await other.publish("desk", "still here")
            assert await heard(desk, "still here") == ["still here"]

    asyncio.run(story())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=40), token=st.text(min_size=1, max_size=600).filter(lambda t: "\x00" not in t))
def test_any_name_and_token_comes_back_as_it_was(embedded: str, name: str, token: str) -> None:
    async def story() -> None:
        async with RedisClient(embedded) as client:
            await client.put(name, token, time.time() + 60)
            kept = await client.get(name)
            assert kept is not None
            assert kept[0] == token
            await client.drop(name, token)
            assert await client.get(name) is None

    asyncio.run(story())


def test_only_commands_that_redis_7_0_knows_are_used(embedded: str) -> None:
    """Redis 7.0 rejects what it does not know; the embedded server counts what was asked of it."""

    async def story() -> None:
        async with RedisClient(embedded) as client:
            desk = client.subscribe("desk")
            await anext(desk)
            await client.publish("desk", "x")
            await client.hold("sweeper", 1)
            await client.release("sweeper")
            await client.put("t", "token", time.time() + 100)
            await client.get("t")
            await client.drop("t", "token")
            await client.allow("login", 1, 1)

    with Redis.from_url(embedded, protocol=2, driver_info=None, decode_responses=True) as client:
        client.config_resetstat()
        asyncio.run(story())
        used = {name.removeprefix("cmdstat_") for name in client.info("commandstats")}
    of_7_0 = {"subscribe", "unsubscribe", "publish", "evalsha", "script|load", "get", "set", "del", "hset", "hget"}
    of_7_0 |= {"hmget", "multi", "exec", "pexpire", "time", "config|resetstat", "info", "ping"}
    assert {"evalsha", "publish", "hmget"} <= used <= of_7_0

"""Redis only saves work: nobody waits or notices when it is wiped, slow or gone."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import SettingError
from bot.process import embedded_valkey
from bot.process.embedded_valkey import EmbeddedValkey
from bot.stores.redis.client import RedisClient

pytestmark = pytest.mark.faults


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path)
    with server:
        yield server


FAST = 30  # seconds for two thousand calls on a busy machine; waiting for each would take four hundred
SOON = 10  # seconds


def kill(server: EmbeddedValkey, with_signal: signal.Signals = signal.SIGKILL) -> None:
    assert server.pid
    os.kill(server.pid, with_signal)


async def once_back(client: RedisClient) -> float:
    """Seconds until Redis is used again."""
    began = time.monotonic()
    while not await client.reachable():
        assert time.monotonic() - began < 30
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def use_everything(client: RedisClient) -> None:
    assert await client.hold("sweeper", 30)
    await client.release("sweeper")
    assert await client.get("token") is None
    await client.put("token", "abc", time.time() + 100)
    await client.drop("token", "abc")
    await client.publish("desk", "lost")
    await client.allow("webhook", 1000, 1000)


def test_when_redis_is_killed_calls_stay_fast_and_recover(
    valkey: EmbeddedValkey, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with RedisClient(valkey.url) as client:
            await client.put("token", "abc", time.time() + 100)
            kill(valkey)
            began = time.monotonic()
            for _ in range(300):
                await use_everything(client)
            assert time.monotonic() - began < FAST
            valkey.ensure()
            assert await once_back(client) < SOON
            assert await client.get("token") is None
            await client.put("token", "def", time.time() + 100)
            assert await client.get("token") is not None

    with caplog.at_level(logging.INFO):
        asyncio.run(story())
    words = [record.getMessage() for record in caplog.records if record.name.startswith("bot.stores.redis")]
    assert len(words) == 2
    assert "cannot be used" in words[0]
    assert "again" in words[1]


def test_when_redis_hangs_only_one_call_a_second_waits_for_it(valkey: EmbeddedValkey) -> None:
    async def story() -> None:
        async with RedisClient(valkey.url) as client:
            await use_everything(client)
            kill(valkey, signal.SIGSTOP)
            began = time.monotonic()
            for _ in range(300):
                await use_everything(client)
            assert time.monotonic() - began < FAST
            kill(valkey, signal.SIGCONT)
            assert await once_back(client) < SOON

    asyncio.run(story())


def test_a_thousand_concurrent_calls_on_a_hanging_redis_wait_together(valkey: EmbeddedValkey) -> None:
    """Not in turn: for the 16 connections there are, a thousand times a fifth of a second would be 12.5 seconds."""

    async def story() -> None:
        async with RedisClient(valkey.url) as client:
            kill(valkey, signal.SIGSTOP)
            began = time.monotonic()
            assert all(await asyncio.gather(*(client.hold(f"lease {number}", 5) for number in range(1000))))
            assert time.monotonic() - began < SOON

    asyncio.run(story())
    kill(valkey, signal.SIGCONT)


def test_subscribers_get_events_again_after_redis_is_back(valkey: EmbeddedValkey) -> None:
    async def story() -> None:
        async with RedisClient(valkey.url) as client, RedisClient(valkey.url) as other:
            desk = client.subscribe("desk")
            await anext(desk)
            kill(valkey)
            assert [await asyncio.wait_for(anext(desk), 10) for _ in range(2)] == ["", ""]
            valkey.ensure()
            until = time.monotonic() + 20
            while time.monotonic() < until:
                await other.publish("desk", "here again")
                if await asyncio.wait_for(anext(desk), 10) == "here again":
                    return
            raise AssertionError("nobody heard it")

    asyncio.run(story())


def test_a_subscription_yields_every_second_while_redis_hangs(valkey: EmbeddedValkey) -> None:
    async def story() -> None:
        async with RedisClient(valkey.url) as client:
            kill(valkey, signal.SIGSTOP)
            desk = client.subscribe("desk")
            assert [await asyncio.wait_for(anext(desk), 10) for _ in range(3)] == ["", "", ""]

    asyncio.run(story())
    kill(valkey, signal.SIGCONT)


def test_without_redis_each_process_counts_for_itself() -> None:
    async def story() -> None:
        async with RedisClient("redis://127.0.0.1:1") as client:
            assert [await client.allow("login", 0.01, 3) for _ in range(5)] == [True, True, True, False, False]
            assert await client.allow("another", 0.01, 1)

    asyncio.run(story())


def test_a_second_process_in_the_folder_uses_the_server_and_leaves_it_running(
    valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    guest = EmbeddedValkey(tmp_path)
    with guest as url:
        assert url == valkey.url
        assert guest.pid is None
    assert not valkey.ended()


def test_when_the_first_process_ends_the_second_starts_its_own_server(tmp_path: Path) -> None:
    host, guest = EmbeddedValkey(tmp_path), EmbeddedValkey(tmp_path)
    with guest:
        guest.stop()
        with host:
            guest.ensure()
            assert guest.pid is None
        assert guest.ended()
        guest.ensure()
        assert guest.pid is not None
        assert not guest.ended()


def test_a_folder_with_a_long_name_gets_a_short_socket_path(tmp_path: Path) -> None:
    folder = tmp_path / ("很长的 folder name % " * 4) / "var"
    with EmbeddedValkey(folder) as url:
        assert len(str(embedded_valkey.socket_path(folder)).encode()) <= 100

        async def story() -> bool:
            async with RedisClient(url) as client:
                return await client.reachable()

        assert asyncio.run(story())


def test_a_folder_with_spaces_and_percent_signs_gives_a_valid_url(tmp_path: Path) -> None:
    folder = tmp_path / "v %41"
    with EmbeddedValkey(folder) as url:

        async def story() -> bool:
            async with RedisClient(url) as client:
                return await client.reachable()

        assert asyncio.run(story())


def test_the_embedded_server_listens_on_no_port_and_writes_no_data(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    assert psutil.Process(valkey.pid).net_connections("inet") == []
    assert {file.name for file in tmp_path.iterdir()} == {"redis.lock", "redis.log", "redis.sock"}
    assert (tmp_path / "redis.sock").stat().st_mode & 0o777 == 0o700


def test_a_server_that_cannot_start_says_what_to_set_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_valkey, "machine", lambda: "riscv64")
    with pytest.raises(SettingError, match="no embedded Valkey for this platform") as refused:
        EmbeddedValkey(tmp_path).ensure()
    assert "redis: redis://" in str(refused.value)

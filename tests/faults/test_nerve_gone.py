"""The nerve only saves work: wiped, slow or gone, nobody waits for it and nobody notices."""

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
from bot.stores import embedded
from bot.stores.embedded import EmbeddedValkey
from bot.stores.nerve import Nerve

pytestmark = pytest.mark.faults


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path)
    with server:
        yield server


FAST = 10  # seconds for two thousand calls on a busy machine; waiting for each would take four hundred
SOON = 4


def kill(server: EmbeddedValkey, with_signal: signal.Signals = signal.SIGKILL) -> None:
    assert server.pid
    os.kill(server.pid, with_signal)


async def once_back(nerve: Nerve) -> float:
    """Seconds until the nerve is used again."""
    began = time.monotonic()
    while not await nerve.reachable():
        assert time.monotonic() - began < 5
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def use_everything(nerve: Nerve) -> None:
    assert await nerve.hold("sweeper", 30)
    await nerve.release("sweeper")
    assert await nerve.get("token") is None
    await nerve.put("token", "abc", time.time() + 100)
    await nerve.drop("token", "abc")
    await nerve.publish("desk", "lost")
    await nerve.allow("webhook", 1000, 1000)


def test_when_the_nerve_is_killed_calls_stay_fast_and_recover(
    valkey: EmbeddedValkey, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with Nerve(valkey.url) as nerve:
            await nerve.put("token", "abc", time.time() + 100)
            kill(valkey)
            began = time.monotonic()
            for _ in range(300):
                await use_everything(nerve)
            assert time.monotonic() - began < FAST
            valkey.ensure()
            assert await once_back(nerve) < SOON
            assert await nerve.get("token") is None
            await nerve.put("token", "def", time.time() + 100)
            assert await nerve.get("token") is not None

    with caplog.at_level(logging.INFO):
        asyncio.run(story())
    words = [record.getMessage() for record in caplog.records if record.name.startswith("bot.stores.nerve")]
    assert len(words) == 2
    assert "cannot be used" in words[0]
    assert "again" in words[1]


def test_when_the_nerve_hangs_only_one_call_a_second_waits_for_it(valkey: EmbeddedValkey) -> None:
    async def story() -> None:
        async with Nerve(valkey.url) as nerve:
            await use_everything(nerve)
            kill(valkey, signal.SIGSTOP)
            began = time.monotonic()
            for _ in range(300):
                await use_everything(nerve)
            assert time.monotonic() - began < FAST
            kill(valkey, signal.SIGCONT)
            assert await once_back(nerve) < SOON

    asyncio.run(story())


def test_a_thousand_calls_at_once_on_a_hanging_nerve_wait_together(valkey: EmbeddedValkey) -> None:
    """Not in turn: for the 16 connections there are, a thousand times a fifth of a second would be 12.5 seconds."""

    async def story() -> None:
        async with Nerve(valkey.url) as nerve:
            kill(valkey, signal.SIGSTOP)
            began = time.monotonic()
            assert all(await asyncio.gather(*(nerve.hold(f"lease {number}", 5) for number in range(1000))))
            assert time.monotonic() - began < SOON

    asyncio.run(story())
    kill(valkey, signal.SIGCONT)


def test_listeners_hear_again_after_the_nerve_came_back(valkey: EmbeddedValkey) -> None:
    async def story() -> None:
        async with Nerve(valkey.url) as nerve, Nerve(valkey.url) as other:
            desk = nerve.subscribe("desk")
            await anext(desk)
            kill(valkey)
            assert [await asyncio.wait_for(anext(desk), 1.5) for _ in range(2)] == ["", ""]
            valkey.ensure()
            until = time.monotonic() + 8
            while time.monotonic() < until:
                await other.publish("desk", "here again")
                if await asyncio.wait_for(anext(desk), 1.5) == "here again":
                    return
            raise AssertionError("nobody heard it")

    asyncio.run(story())


def test_a_listener_of_a_hanging_nerve_still_looks_every_second(valkey: EmbeddedValkey) -> None:
    async def story() -> None:
        async with Nerve(valkey.url) as nerve:
            kill(valkey, signal.SIGSTOP)
            desk = nerve.subscribe("desk")
            assert [await asyncio.wait_for(anext(desk), 2.5) for _ in range(3)] == ["", "", ""]

    asyncio.run(story())
    kill(valkey, signal.SIGCONT)


def test_without_a_nerve_each_process_counts_for_itself() -> None:
    async def story() -> None:
        async with Nerve("redis://127.0.0.1:1") as nerve:
            assert [await nerve.allow("login", 0.01, 3) for _ in range(5)] == [True, True, True, False, False]
            assert await nerve.allow("another", 0.01, 1)

    asyncio.run(story())


def test_a_second_user_of_the_folder_adopts_the_server_and_leaves_it_running(
    valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    guest = EmbeddedValkey(tmp_path)
    with guest as url:
        assert url == valkey.url
        assert guest.pid is None
    assert not valkey.ended()


def test_when_its_starter_leaves_the_guest_starts_a_server_of_its_own(tmp_path: Path) -> None:
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


def test_a_folder_with_a_long_and_strange_name_gets_a_short_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("很长的 folder name % " * 4) / "var"
    with EmbeddedValkey(folder) as url:
        assert len(str(embedded.socket_path(folder)).encode()) <= 100

        async def story() -> bool:
            async with Nerve(url) as nerve:
                return await nerve.reachable()

        assert asyncio.run(story())


def test_a_folder_with_spaces_and_percent_signs_is_a_good_url(tmp_path: Path) -> None:
    folder = tmp_path / "v %41"
    with EmbeddedValkey(folder) as url:

        async def story() -> bool:
            async with Nerve(url) as nerve:
                return await nerve.reachable()

        assert asyncio.run(story())


def test_the_embedded_server_listens_on_no_port_and_writes_no_data(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    assert psutil.Process(valkey.pid).net_connections("inet") == []
    assert {file.name for file in tmp_path.iterdir()} == {"nerve.lock", "nerve.log", "nerve.sock"}
    assert (tmp_path / "nerve.sock").stat().st_mode & 0o777 == 0o700


def test_a_server_that_cannot_start_says_what_to_set_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "machine", lambda: "riscv64")
    with pytest.raises(SettingError, match="no embedded Valkey for this platform") as refused:
        EmbeddedValkey(tmp_path).ensure()
    assert "nerve: redis://" in str(refused.value)

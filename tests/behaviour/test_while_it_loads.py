"""A process that has just started takes messages in before it can answer, and answers them once it can."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from shop import Shop

from bot.errors import Unavailable
from bot.messages import Inbound, Kind
from bot.offers import Offer
from bot.web import front
from bot.web.front import Front, Preparing
from bot.wording import new_id


def test_a_message_that_arrives_while_the_model_loads_is_accepted_at_once_and_answered_then(shop: Shop) -> None:
    starting = shop.assembled()

    async def arrives() -> tuple[bool, object]:
        offer = Offer(lambda reply: reply.text.encode(), asyncio.get_running_loop().time() + 10)
        inbound = Inbound("counter", "lin", new_id(), Kind.TEXT, "怎么退货？")
        asked = asyncio.create_task(starting.journey.answer(inbound, offer))
        for _ in range(500):
            if offer.message_id:
                break
            await asyncio.sleep(0.01)
        accepted = bool(offer.message_id) and not asked.done()
        await starting.shelf.refresh()
        answered = await asked
        await starting.journey.finish(10)
        return accepted, answered

    accepted, answered = shop.run(arrives())
    assert accepted
    assert isinstance(answered, bytes)
    assert "退" in answered.decode()
    assert shop.waiting() == []


async def _room(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


async def _nothing() -> None:
    """Nothing to let go of."""


def test_platforms_are_served_while_it_loads_and_people_as_soon_as_it_has() -> None:
    told = []

    async def visit() -> list[int]:
        loaded = asyncio.Event()
        app = Front(
            _room, lambda path: path == "/wechat/tea", Preparing(loaded.wait, lambda: told.append(1)), {}, _nothing
        )
        living = await _started(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            pushed = await http.get("/wechat/tea")
            looking = asyncio.create_task(http.get("/desk"))
            await asyncio.sleep(0.05)
            waited = not looking.done()
            loaded.set()
            page = await looking
        await living()
        return [pushed.status_code, waited, page.status_code]

    assert asyncio.run(visit()) == [200, True, 200]
    assert told == [1]


def test_a_page_that_would_wait_too_long_says_that_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "OPENING", 0.05)

    async def visit() -> httpx.Response:
        app = Front(_room, lambda path: False, Preparing(asyncio.Event().wait), {}, _nothing)
        living = await _started(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            page = await http.get("/desk")
        await living()
        return page

    page = asyncio.run(visit())
    assert page.status_code == 503
    assert "正在启动" in page.text
    assert page.headers["retry-after"] == "2"


def test_a_record_that_is_away_at_the_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "PAUSE", 0.01)
    tries = []

    async def load() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable

    async def visit() -> int:
        living = await _started(app := Front(_room, lambda path: False, Preparing(load), {}, _nothing))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            page = await http.get("/desk")
        await living()
        return page.status_code

    assert asyncio.run(visit()) == 200
    assert len(tries) == 3


async def _started(app: Front) -> Any:
    """The app after its lifespan began; what is returned ends it."""
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan"}, heard.get, said.put))
    await heard.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"

    async def end() -> None:
        await heard.put({"type": "lifespan.shutdown"})
        await life

    return end

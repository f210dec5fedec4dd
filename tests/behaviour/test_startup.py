"""A process that has just started takes messages in before it can answer, and answers them once it can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from support.shop import Shop

from bot.domain.messages import Inbound, Kind
from bot.errors import Unavailable
from bot.pending import PendingResponse
from bot.text import new_id
from bot.web import app as web_app
from bot.web.app import WorkerApp


def test_a_message_that_arrives_while_the_model_loads_is_accepted_at_once_and_answered_then(shop: Shop) -> None:
    starting = shop.assembled()

    async def arrives() -> tuple[bool, object]:
        offer = PendingResponse(lambda reply: reply.text.encode(), asyncio.get_running_loop().time() + 10)
        inbound = Inbound("counter", "lin", new_id(), Kind.TEXT, "怎么退货？")
        asked = asyncio.create_task(starting.journey.handle(inbound, offer))
        for _ in range(500):
            if offer.message_id:
                break
            await asyncio.sleep(0.01)
        accepted = bool(offer.message_id) and not asked.done()
        await starting.editions.refresh()
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


def test_webhooks_are_served_while_the_model_loads_and_pages_once_it_has() -> None:
    told = []

    async def visit() -> list[int]:
        loaded = asyncio.Event()
        app = WorkerApp(
            _room,
            load=loaded.wait,
            loaded=lambda: told.append(1),
            serve_while_loading=lambda path: path == "/wechat/tea",
            background={},
            close=_nothing,
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


def test_a_page_requested_while_the_model_loads_says_after_a_while_that_yingda_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_app, "LOADING_TIMEOUT", 0.05)

    async def visit() -> httpx.Response:
        app = _people_wait(asyncio.Event().wait)
        living = await _started(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            page = await http.get("/desk")
        await living()
        return page

    page = asyncio.run(visit())
    assert page.status_code == 503
    assert "正在启动" in page.text
    assert page.headers["retry-after"] == "2"


def test_a_process_that_starts_without_a_database_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_app, "RESTART_DELAY", 0.01)
    tries = []

    async def load() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable

    async def visit() -> int:
        living = await _started(app := _people_wait(load))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            page = await http.get("/desk")
        await living()
        return page.status_code

    assert asyncio.run(visit()) == 200
    assert len(tries) == 3


def _people_wait(load: Callable[[], Awaitable[object]]) -> WorkerApp:
    return WorkerApp(_room, load=load, serve_while_loading=lambda path: False, background={}, close=_nothing)


async def _started(app: WorkerApp) -> Any:
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

"""How far a message goes through our own functions before the policy decides on it."""

from __future__ import annotations

import asyncio
import inspect
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from support.paths import ROOT
from support.shop import Shop

from bot.intents import policy
from bot.web.webhooks import Webhooks

MOST_FRAMES = 8


def frames_of(frame: FrameType | None) -> list[str]:
    """The functions of ours on a stack, the innermost first."""
    found = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(str(ROOT / "bot")):
            found.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return found


def test_at_most_eight_frames_lead_from_the_webhook_to_the_policys_decision(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task begins a new stack, so the stack on which it was created counts as well."""
    created: WeakKeyDictionary[asyncio.Task[Any], list[str]] = WeakKeyDictionary()
    paths: list[list[str]] = []
    decide = policy.decide

    def task(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        made: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **more)
        created[made] = frames_of(inspect.currentframe())
        return made

    def probe(*arguments: Any) -> policy.Route:
        current = asyncio.current_task()
        assert current is not None
        own = ["decide", *frames_of(inspect.currentframe())]
        paths.append(own + created[current])
        return decide(*arguments)

    async def story() -> list[dict[str, Any]]:
        asyncio.get_running_loop().set_task_factory(task)
        said: list[dict[str, Any]] = []
        webhooks = Webhooks(shop.yingda.journey, shop.yingda.routes, 4.0, shop.yingda.acks)
        body = '{"from": "alice", "text": "怎么退货？"}'.encode()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        scope = {"type": "http", "method": "POST", "path": "/fake/tea", "headers": [], "query_string": b""}
        await webhooks(scope, receive, send)
        await shop.yingda.journey.finish(5)
        return said

    monkeypatch.setattr(policy, "decide", probe)
    head, answer = shop.run(story())
    assert head["status"] == 200
    assert "退" in answer["body"].decode()
    (path,) = paths
    assert "Webhooks.__call__" in path
    assert len(path) <= MOST_FRAMES, " ← ".join(path)

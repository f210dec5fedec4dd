"""`yingda run` is stopped while the desk and a phone look on: their streams end in peace, and nothing complains."""

from __future__ import annotations

import httpx
import pytest
from support.followers_and_agents import Agent
from support.running_product import Product, eventually
from support.webchat_shop import in_background

from bot.app.site import DEMO_LOGIN

pytestmark = pytest.mark.faults


def listen(client: httpx.Client, path: str, heard: list[str]) -> None:
    """Adds the names of the events to `heard` until the server ends the stream; a stream cut off fails."""
    with client.stream("GET", path, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("event"):
                heard.append(line.partition(":")[2].strip())  # noqa: PERF401 - read while it grows


def test_open_streams_end_with_a_closing_event_when_the_process_stops(product: Product) -> None:
    agent = Agent(product, *DEMO_LOGIN)
    phone = httpx.Client(base_url=product.phone, trust_env=False)
    at_the_desk: list[str] = []
    on_the_phone: list[str] = []
    reading = [
        in_background(lambda: listen(agent.browser, "/api/desk/events", at_the_desk)),
        in_background(lambda: listen(phone, "/api/live", on_the_phone)),
    ]
    eventually(lambda: "changed" in at_the_desk and "hello" in on_the_phone, "both pages look on")
    assert product.stop() == 0
    for ended in reading:
        ended()
    assert at_the_desk[-1] == "closing"
    assert "ASGI" not in product.told()
    phone.close()
    agent.leave()

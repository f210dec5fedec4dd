"""The same job on web chat: a real `yingda run`, a visitor on /chat, an agent at the desk; streams open to the end."""

from __future__ import annotations

import re

import httpx
import pytest
from support.followers_and_agents import Agent
from support.running_product import Product, eventually
from support.webchat_shop import At, Visitor, in_background, texts

from bot.app.site import DEMO_LOGIN

pytestmark = pytest.mark.faults
RETURNS = "怎么退货？"
ODD = "能把我爷爷的名字刻在壶底吗？他下个月八十大寿"
REPLY = "可以的：请师傅刻底款，五天寄出，不另收费。"


def test_a_visitor_is_answered_and_reaches_an_agent(product: Product) -> None:
    assert f"{product.site}/chat/shop" in product.told()
    page = httpx.get(f"{product.site}/chat", trust_env=False)
    assert (page.status_code, "云杉茶客服" in page.text) == (200, True)
    script = re.search(r'src="(/webchat/widget\.js\?v=\w+)"', page.text)
    assert script is not None
    assert "immutable" in httpx.get(product.site + script.group(1), trust_env=False).headers["cache-control"]

    visitor = Visitor(At(product.site), origin=product.site)
    visitor.gets_a_token()
    assert visitor.says(RETURNS).status_code == 202
    lines = visitor.reads(RETURNS, "签收后 7 天内")
    visitor.says(ODD)
    lines += visitor.reads(ODD, "第 1 位", after=str(lines[-1]["seq"]))

    agent = Agent(product, *DEMO_LOGIN)
    (line,) = eventually(agent.board, "a case is on the board")
    assert (line["channel"], line["account"]) == ("webchat", "shop")
    assert agent.does("claim", line["id"]).status_code == 200
    reading = in_background(lambda: visitor.reads(REPLY, after=str(lines[-1]["seq"])))
    assert agent.writes(line["id"], REPLY).status_code == 200
    assert texts(reading()) == [REPLY]
    assert [said["text"] for said in agent.case(line["id"])["said"]] == [*texts(lines), REPLY]
    agent.leave()

    open_to_the_end = [visitor.listens() for _ in range(3)]
    assert {next(stream).kind for stream in open_to_the_end} == {"line"}
    assert product.stop() == 0
    assert [[event.kind for event in stream][-1] for stream in open_to_the_end] == ["closing"] * 3
    assert [text for text in (RETURNS, ODD, REPLY) if text in product.told()] == []

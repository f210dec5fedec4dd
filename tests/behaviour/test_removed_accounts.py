"""An account is taken out of the configuration: what people have to do with it they still can, and nothing breaks."""

from __future__ import annotations

import logging

import httpx
import pytest
from sqlalchemy import select
from support.desk_site import csrf_on
from support.shop import NOBODY, Shop

from bot.app.parts import assemble
from bot.app.site import site_parts
from bot.domain.cases import AgentReply, Role
from bot.domain.messages import Inbound, Kind, OutboxState
from bot.stores.redis.client import RedisClient
from bot.stores.sql.schema import outbox
from bot.text import new_id
from bot.web.app import create_site

SITE = "http://desk.test"


def taken_out(shop: Shop) -> None:
    """The next process knows `tea` alone."""
    before = shop.yingda
    before.closers.remove(shop.database.close)
    shop.run(before.close())
    given = (shop.deployment, shop.database, RedisClient(NOBODY))
    shop.yingda = assemble(*given, clock=shop.clock, channels={"tea": shop.tea}, sender=shop.sender)
    shop.run(shop.yingda.editions.refresh())


def test_a_case_of_a_removed_account_can_be_read_and_ended_and_says_why_nothing_is_sent(shop: Shop) -> None:
    shop.hears("小林", "人工", "square")
    (line,) = shop.waiting()
    shop.run(shop.staff.add("lead", "Lead", Role.LEAD, "a long password"))
    taken_out(shop)
    site = create_site(site_parts(shop.yingda))

    async def story() -> None:
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url=SITE, headers={"origin": SITE})
        await browser.post("/login", data={"login": "lead", "password": "a long password"})
        browser.headers["x-csrf-token"] = csrf_on((await browser.get("/desk")).text)
        path = f"/api/desk/cases/{line.id}"
        assert [one["id"] for one in (await browser.get("/api/desk/board")).json()["lines"]] == [line.id]
        assert (await browser.get(path)).json()["threads"][0]["limits"]["left"] == 0
        assert (await browser.post(f"{path}/claim")).status_code == 200
        assert (await browser.post(f"{path}/typing", json={})).status_code == 200
        refused = await browser.post(f"{path}/reply", json={"text": "您好", "key": "draft-0001"})
        assert (refused.status_code, refused.json()["code"]) == (409, "account_gone")
        assert (await browser.get("/accounts")).status_code == 200
        assert (await browser.post(f"{path}/resolve")).status_code == 200
        assert (await browser.get("/api/desk/board")).json()["lines"] == []

    shop.run(story())


def test_pending_messages_of_a_removed_account_fail_without_an_error(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.hears("小林", "人工", "square")
    (line,) = shop.waiting()
    agent = shop.agent("lin")
    shop.claims(agent, line.id)
    shop.run(shop.cases.reply(line.id, agent, AgentReply("您好", ("您好",), new_id(), OutboxState.PENDING)))
    late = Inbound("square", "老王", new_id(), Kind.TEXT, "怎么退货？")
    shop.accepted_and_died(late)
    taken_out(shop)
    shop.clock.move(60)
    with caplog.at_level(logging.WARNING):
        shop.deliver()
        shop.sweep()
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    with shop.database.engine.connect() as connection:
        rows = connection.execute(select(outbox.c.author, outbox.c.state, outbox.c.error)).all()
    assert ("agent", "failed", "account_gone") in [tuple(row) for row in rows]
    assert ("bot", "waiting") in [tuple(row)[:2] for row in rows]

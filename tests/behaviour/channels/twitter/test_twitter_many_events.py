"""A webhook that brings a hundred events at once: taken in together, in order, and acknowledged in time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select
from support.twitter_payloads import SIGNED, push
from support.twitter_shop import APP, XShop
from support.webhook_requests import platforms

from bot.domain.messages import Inbound
from bot.errors import Unavailable
from bot.stores.sql.inbox import SqlInbox
from bot.stores.sql.schema import messages

COUNT = 100
TOLERATED = 8.0  # seconds; X gives up after ten


def request_of(shop: XShop) -> Any:
    """Fifty people who write twice each, in one request of the Account Activity API."""
    people = [shop.platform.person(f"person{number}") for number in range(COUNT // 2)]
    sent = [
        shop.platform.send_direct_message(one.id, f"{turn} 怎么退货？") for turn in ("first", "then") for one in people
    ]
    events = [shop.platform.event_builder.account_activity_message(APP.user_id, message) for message in sent]
    body: dict[str, Any] = {"for_user_id": APP.user_id, "direct_message_events": [], "users": {}}
    for event in events:
        assert event is not None
        (said,) = event["direct_message_events"]
        del said["created_timestamp"]  # of the shop's clock, and the web server has one of its own
        body["direct_message_events"].append(said)
        body["users"] |= event["users"]
    return push(body, shop.clock.now(), APP.consumer_secret)


def test_a_hundred_events_are_accepted_together_in_order_and_answered_once(
    shop: XShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    accept = SqlInbox.accept

    async def counted(self: SqlInbox, inbounds: Any, *more: Any) -> Any:
        batches.append(len(inbounds))
        return await accept(self, inbounds, *more)

    monkeypatch.setattr(SqlInbox, "accept", counted)
    request = request_of(shop)
    began = time.monotonic()
    answer = platforms(shop).post("/twitter/brand", request.body, **{SIGNED: request.headers[SIGNED]})
    assert answer.status_code == 200
    assert time.monotonic() - began < TOLERATED
    assert (sum(batches), len(batches)) == (COUNT, 2)
    rows = select(messages.c.conversation_id, messages.c.text).order_by(messages.c.conversation_id, messages.c.seq)
    talks: dict[str, list[str]] = {}
    for talk, text in shop.run(shop.database.read(lambda one: one.execute(rows).all())):
        talks.setdefault(talk, []).append(text)
    asked = [[text[:5] for text in said if text.endswith("怎么退货？")] for said in talks.values()]
    assert asked == [["first", "then "]] * (COUNT // 2)


def test_events_that_cannot_be_stored_are_answered_503(shop: XShop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_self: SqlInbox, _inbounds: list[Inbound], *_more: Any) -> Any:
        raise Unavailable

    request = request_of(shop)
    monkeypatch.setattr(SqlInbox, "accept", away)
    answer = platforms(shop).post("/twitter/brand", request.body, **{SIGNED: request.headers[SIGNED]})
    assert answer.status_code == 503

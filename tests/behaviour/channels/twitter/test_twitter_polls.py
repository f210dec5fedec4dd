"""Looking for mentions and messages: late ones, short pages, many pages, limits in the middle, two at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.twitter_payloads import BRAND, settings
from support.twitter_shop import APP, XShop, x_shop

from bot.channels.twitter import TwitterClient
from bot.channels.twitter.events import OwnAccount
from bot.channels.twitter.http import XResponse
from bot.channels.twitter.polling import mentions, messages
from bot.domain.messages import Inbound, PollResult
from bot.domain.turns import CursorUpdate
from bot.simulators.twitter import Faults, Rule
from bot.stores.sql.inbox import SqlCursors
from bot.stores.sql.schema import cursors, receipts

EVENTS = "GET /2/dm_events"


def received(shop: XShop) -> int:
    return len(shop.run(shop.database.read(lambda one: one.execute(receipts.select()).all())))


def look(shop: XShop, name: str = "mentions") -> PollResult:
    cursor = shop.run(SqlCursors(shop.database).cursor("brand", name))
    polled: PollResult = shop.run(shop.channel.polls[name].poll(cursor))
    shop.run(shop.yingda.journey.accept_all(polled.inbounds, CursorUpdate(cursor, polled.value)))
    return polled


def post(shop: XShop, count: int, late: float | None = None) -> None:
    someone = shop.platform.person("linxiao")
    for number in range(count):
        shop.platform.create_post(someone.id, f"@{APP.username} {number} 怎么退货", late=late)


def test_a_post_that_appears_late_is_not_missed(shop: XShop) -> None:
    post(shop, 1, late=30)
    shop.clock.move(1)
    post(shop, 1)
    assert len(look(shop).inbounds) == 1
    shop.clock.move(60)
    shop.looks()
    assert received(shop) == 2


def test_a_short_page_is_not_the_last_page(shop: XShop) -> None:
    post(shop, 12)
    shop.platform.set_faults(Faults(short=5))
    polled = look(shop)
    assert [one.text[0] for one in polled.inbounds[:3]] == ["0", "1", "2"]  # oldest first
    assert received(shop) == 12


def test_a_poll_interrupted_by_a_limit_goes_on_where_it_stopped(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    for number in range(40):
        shop.platform.send_direct_message(lin.id, f"{number} 怎么退货")
    shop.platform.limits.rules[EVENTS] = Rule(user=3)
    shop.platform.set_faults(Faults(short=8))
    for _ in range(6):
        shop.clock.move(901)
        look(shop, "messages")
    assert received(shop) == 40
    assert shop.platform.request_log.refused[EVENTS] <= 1


def test_posts_that_were_read_are_not_read_again_in_later_polls(shop: XShop) -> None:
    post(shop, 250)
    look(shop)
    shop.clock.move(121)
    look(shop)
    shop.platform.request_log.clear()
    for _ in range(3):
        shop.clock.move(60)
        assert look(shop).inbounds == ()
    assert shop.platform.request_log.requests.total() == 3
    post(shop, 1)
    assert len(look(shop).inbounds) == 1


@pytest.mark.parametrize("broken", ["cut off", "only errors", "no meta", "meta that is none"])
def test_an_unreadable_page_is_not_the_last_page(shop: XShop, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    post(shop, 12)
    shop.platform.set_faults(Faults(short=5))
    whole, asked = TwitterClient.request, []

    async def request(client: TwitterClient, *about: Any) -> XResponse:
        answer = await whole(client, *about)
        asked.append(answer)
        return replace(answer, body=BROKEN[broken](answer.body)) if len(asked) == 2 else answer

    monkeypatch.setattr(TwitterClient, "request", request)
    assert look(shop).problem == "twitter:unreadable"
    shop.clock.move(1_000)
    assert look(shop).problem == ""
    assert received(shop) == 12


BROKEN: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "cut off": lambda _: {},
    "only errors": lambda _: {"errors": [{"title": "Service Unavailable"}]},
    "no meta": lambda body: {"data": body["data"]},
    "meta that is none": lambda body: {**body, "meta": None},
}


def test_two_processes_that_poll_at_once_accept_everything_once(shop: XShop) -> None:
    post(shop, 5)

    async def both() -> None:
        await asyncio.gather(shop.yingda.poller.run_once(), shop.yingda.poller.run_once())

    shop.run(both())
    shop.settle()
    assert received(shop) == 5
    shop.clock.move(30)
    shop.sweep()  # all ask the same: who found no words of their own in three tries is seen to now
    assert len({one.reply_to for one in shop.platform.brand_posts()}) == 5


def test_a_failed_poll_brings_no_messages_and_leaves_the_cursor(shop: XShop) -> None:
    post(shop, 1)
    for faults in (Faults(html=1), Faults(truncate=1), Faults(drop=1), Faults(down=True)):
        shop.platform.set_faults(faults)
        polled = look(shop)
        assert polled.inbounds == ()
        shop.clock.move(1_000)
    shop.platform.set_faults(Faults())
    assert len(look(shop).inbounds) == 1


def test_a_poll_interval_of_zero_turns_polling_off(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, poll_seconds={"mentions": 0, "messages": 60}) as shop:
        assert list(shop.channel.polls) == ["messages"]


def test_the_cursor_is_stored_as_text_that_another_process_reads(shop: XShop) -> None:
    rows = shop.run(shop.database.read(lambda one: one.execute(cursors.select()).all()))
    assert {row.name for row in rows} == {"mentions", "messages"}
    assert all(json.loads(row.value)["since"] > 10**18 for row in rows)


ABSURD: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["data", "id", "author_id", "text", "sender_id", "entities", "mentions", "includes", "users", "meta"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(body=st.dictionaries(st.sampled_from(["data", "includes", "meta", "errors"]), ABSURD))
@pytest.mark.parametrize("listing", [mentions, messages])
def test_any_answer_of_x_is_handled_without_an_exception(listing: Any, body: Any) -> None:
    read = listing(settings(), OwnAccount("brand", BRAND)).parse(body, 1_784_928_300.0)
    assert all(one is None or isinstance(one, Inbound) for one in read)

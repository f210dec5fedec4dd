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
from twitter_peer import BRAND, settings
from x_shop import APP, XShop, x_shop

from bot.channels.twitter import TwitterClient
from bot.channels.twitter.api import Answer
from bot.channels.twitter.events import Ours
from bot.channels.twitter.polls import mentions, messages
from bot.messages import Inbound, Polled
from bot.simulators.twitter import Faults, Rule
from bot.stores.record.tables import cursors, receipts

EVENTS = "GET /2/dm_events"


def received(shop: XShop) -> int:
    return len(shop.run(shop.database.read(lambda one: one.execute(receipts.select()).all())))


def look(shop: XShop, name: str = "mentions") -> Polled:
    cursor = shop.run(shop.yingda.poller._sources.cursors.cursor("brand", name))
    polled: Polled = shop.run(shop.channel.polls[name].poll(cursor))
    shop.run(shop.yingda.journey.take_in(cursor, polled))
    return polled


def post(shop: XShop, count: int, late: float | None = None) -> None:
    someone = shop.platform.person("linxiao")
    for number in range(count):
        shop.platform.posts(someone.id, f"@{APP.username} {number} 怎么退货", late=late)


def test_what_shows_late_is_not_missed_though_later_ones_were_seen_first(shop: XShop) -> None:
    post(shop, 1, late=30)
    shop.clock.move(1)
    post(shop, 1)
    assert len(look(shop).inbounds) == 1
    shop.clock.move(60)
    shop.looks()
    assert received(shop) == 2


def test_a_short_page_is_not_the_end(shop: XShop) -> None:
    post(shop, 12)
    shop.platform.set_faults(Faults(short=5))
    polled = look(shop)
    assert [one.text[0] for one in polled.inbounds[:3]] == ["0", "1", "2"]  # oldest first
    assert received(shop) == 12


def test_a_look_that_a_limit_cuts_short_goes_on_where_it_stopped(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    for number in range(40):
        shop.platform.writes(lin.id, f"{number} 怎么退货")
    shop.platform.limits.rules[EVENTS] = Rule(user=3)
    shop.platform.set_faults(Faults(short=8))
    for _ in range(6):
        shop.clock.move(901)
        look(shop, "messages")
    assert received(shop) == 40
    assert shop.platform.tally.refused[EVENTS] <= 1


def test_a_rush_is_not_read_again_and_again_when_nobody_writes_any_more(shop: XShop) -> None:
    post(shop, 250)
    look(shop)
    shop.clock.move(121)
    look(shop)
    shop.platform.tally.clear()
    for _ in range(3):
        shop.clock.move(60)
        assert look(shop).inbounds == ()
    assert shop.platform.tally.asked.total() == 3
    post(shop, 1)
    assert len(look(shop).inbounds) == 1


@pytest.mark.parametrize("broken", ["cut off", "only errors", "no meta", "meta that is none"])
def test_a_page_that_cannot_be_read_is_not_the_last_one(
    shop: XShop, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(shop, 12)
    shop.platform.set_faults(Faults(short=5))
    whole, asked = TwitterClient.request, []

    async def request(client: TwitterClient, *about: Any) -> Answer:
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


def test_two_processes_that_look_at_once_take_everything_in_once(shop: XShop) -> None:
    post(shop, 5)

    async def both() -> None:
        await asyncio.gather(shop.yingda.poller.once(), shop.yingda.poller.once())

    shop.run(both())
    shop.settle()
    assert received(shop) == 5
    shop.clock.move(30)
    shop.sweep()  # all ask the same: who found no words of their own in three tries is seen to now
    assert len({one.reply_to for one in shop.platform.brand_posts()}) == 5


def test_a_look_that_fails_brings_nothing_and_moves_nothing(shop: XShop) -> None:
    post(shop, 1)
    for faults in (Faults(html=1), Faults(truncate=1), Faults(drop=1), Faults(down=True)):
        shop.platform.set_faults(faults)
        polled = look(shop)
        assert polled.inbounds == ()
        shop.clock.move(1_000)
    shop.platform.set_faults(Faults())
    assert len(look(shop).inbounds) == 1


def test_looking_that_is_left_to_the_webhook_does_not_happen(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, poll_seconds={"mentions": 0, "messages": 60}) as shop:
        assert list(shop.channel.polls) == ["messages"]


def test_the_place_is_kept_as_text_that_another_process_reads(shop: XShop) -> None:
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
def test_no_answer_of_x_is_an_exception(listing: Any, body: Any) -> None:
    read = listing(settings(), Ours("brand", BRAND)).read(body, 1_784_928_300.0)
    assert all(one is None or isinstance(one, Inbound) for one in read)

"""An edited post: the new words are what stands in the conversation and what is answered, once, however they arrive."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from support.twitter_payloads import push
from support.twitter_shop import APP, XShop

from bot.domain.messages import Author, Limits, Messages
from bot.domain.turns import ClaimedMessage
from bot.intents.dialogue import DialogueManager
from bot.simulators.twitter import Faults
from bot.simulators.twitter.events import with_number_strings
from bot.simulators.twitter.responses import POST_FIELDS, post_object
from bot.simulators.twitter.state import Person, Post
from bot.stores.sql.schema import conversations, messages, outbox

HOURS, RETURNS = "你们几点开门？", "怎么退货？"


def lines(shop: XShop) -> list[str]:
    """What customers said, as it stands."""
    asked = select(messages.c.text).where(messages.c.author == Author.CUSTOMER.value).order_by(messages.c.seq)
    return list(shop.run(shop.database.read(lambda one: one.execute(asked).scalars().all())))


def by_webhook(shop: XShop, post: Post) -> dict[str, Any]:
    payload = with_number_strings(post_object(post, shop.platform.people, POST_FIELDS))
    return {
        "data": {
            "event_uuid": str(post.id),
            "filter": {"user_id": APP.user_id},
            "event_type": "post.mention.create",
            "payload": payload,
        }
    }


def by_older_webhook(shop: XShop, post: Post) -> dict[str, Any]:
    told = shop.platform.event_builder.account_activity_post(APP.user_id, post, blocked=False)
    assert told is not None
    return told


def arrives(shop: XShop, post: Post, way: str) -> None:
    """The brand hears of a post in one of three ways, but does not think about it yet."""
    if way == "poll":
        shop.run(shop.yingda.poller.run_once())
        return
    event = by_webhook(shop, post) if way == "webhook" else by_older_webhook(shop, post)
    got = shop.channel.receive(push(event, shop.clock.now(), APP.consumer_secret))
    assert isinstance(got, Messages)
    shop.run(shop.yingda.journey.accept_all(got.inbounds))


def asks(shop: XShop, text: str) -> tuple[Person, Post]:
    lin = shop.platform.person("linxiao")
    return lin, shop.platform.create_post(lin.id, f"@{APP.username} {text}")


def said_in_public(shop: XShop) -> list[str]:
    return [one.text for one in shop.platform.brand_posts()]


WAYS = ["webhook", "older webhook", "poll"]


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_after_the_answer_is_a_new_message_with_its_own_turn(shop: XShop, way: str) -> None:
    _, first = asks(shop, HOURS)
    arrives(shop, first, way)
    shop.settle()
    edit = shop.platform.edit_post(first.id, f"@{APP.username} {RETURNS}")
    for _ in range(2):
        arrives(shop, edit, way)
        shop.settle()
    assert lines(shop) == [HOURS, RETURNS]
    assert len(shop.replies(first)) == 1
    assert len(shop.replies(edit)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_before_the_answer_replaces_the_text_and_is_answered_alone(
    shop: XShop, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit arrives while the first words are being understood."""
    _, first = asks(shop, HOURS)
    edits: list[Post] = []
    decide = DialogueManager.decide

    async def slowly(self: DialogueManager, claimed: ClaimedMessage, limits: Limits) -> Any:
        decided = await decide(self, claimed, limits)
        if not edits:
            edits.append(shop.platform.edit_post(first.id, f"@{APP.username} {RETURNS}"))
            event = by_webhook(shop, edits[0])
            got = shop.channel.receive(push(event, shop.clock.now(), APP.consumer_secret))
            assert isinstance(got, Messages)
            await shop.yingda.journey.accept_all(got.inbounds)
        return decided

    monkeypatch.setattr(DialogueManager, "decide", slowly)
    arrives(shop, first, way)
    shop.settle()
    shop.looks()
    assert lines(shop) == [RETURNS]
    assert (shop.replies(first), len(shop.replies(edits[0]))) == ([], 1)


def test_an_edit_replaces_an_answer_that_was_not_sent_yet(shop: XShop) -> None:
    shop.platform.set_faults(Faults(only="POST", down=True))
    _, first = asks(shop, HOURS)
    shop.looks()
    edit = shop.platform.edit_post(first.id, f"@{APP.username} {RETURNS}")
    arrives(shop, edit, "webhook")
    shop.settle()
    shop.platform.set_faults(Faults())
    shop.clock.move(3_600)
    shop.settle()
    assert lines(shop) == [HOURS, RETURNS]
    assert len(said_in_public(shop)) == 1
    assert len(shop.replies(edit)) == 1
    assert sorted(state for state, _ in shop.outcomes()) == ["cancelled", "sent"]


def test_an_edit_with_the_same_meaning_is_shown_and_not_answered_again(shop: XShop) -> None:
    _, first = asks(shop, "怎么退货")
    shop.looks()
    shop.platform.edit_post(first.id, f"@{APP.username} 怎么退货？？")
    shop.looks()
    assert lines(shop) == ["怎么退货", "怎么退货？？"]
    assert len(said_in_public(shop)) == 1


def test_an_edit_with_the_same_text_changes_nothing(shop: XShop) -> None:
    _, first = asks(shop, RETURNS)
    shop.looks()
    shop.platform.edit_post(first.id, f"@{APP.username} {RETURNS}")
    shop.looks()
    assert lines(shop) == [RETURNS]
    assert len(said_in_public(shop)) == 1


def test_an_earlier_version_that_comes_late_changes_nothing(shop: XShop) -> None:
    _, first = asks(shop, HOURS)
    edit = shop.platform.edit_post(first.id, f"@{APP.username} {RETURNS}")
    for post in (edit, first, edit):
        arrives(shop, post, "webhook")
        shop.settle()
    assert lines(shop) == [RETURNS]
    assert len(said_in_public(shop)) == 1


def test_both_versions_in_one_poll_are_one_message_with_the_later_text(shop: XShop) -> None:
    _, first = asks(shop, HOURS)
    edit = shop.platform.edit_post(first.id, f"@{APP.username} {RETURNS}")
    one, other = (
        shop.channel.receive(push(by_webhook(shop, post), shop.clock.now(), APP.consumer_secret))
        for post in (first, edit)
    )
    assert isinstance(one, Messages)
    assert isinstance(other, Messages)
    shop.run(shop.yingda.journey.accept_all([*one.inbounds, *other.inbounds]))
    shop.settle()
    assert lines(shop) == [RETURNS]
    assert len(shop.replies(edit)) == 1


def test_several_edits_follow_each_other_in_order(shop: XShop) -> None:
    _, first = asks(shop, HOURS)
    shop.looks()
    second = shop.platform.edit_post(first.id, f"@{APP.username} {RETURNS}")
    shop.looks()
    third = shop.platform.edit_post(second.id, f"@{APP.username} 你们的茶具保修吗？")
    shop.looks()
    assert lines(shop) == [HOURS, RETURNS, "你们的茶具保修吗？"]
    assert [len(shop.replies(post)) for post in (first, second, third)] == [1, 1, 1]


def test_an_edit_while_an_agent_has_the_case_is_shown_to_the_agent(shop: XShop) -> None:
    _, first = asks(shop, "转人工")
    shop.looks()
    (case,) = shop.waiting()
    shop.platform.edit_post(first.id, f"@{APP.username} 转人工，我的壶漏水，订单 4712")
    shop.looks()
    said = [line for line in shop.case(case.id).said if line.author is Author.CUSTOMER]
    assert [line.text for line in said] == ["转人工", "转人工，我的壶漏水，订单 4712"]
    assert [bool(line.data.get("edited")) for line in said] == [False, True]


def test_an_edited_post_stays_in_its_thread(shop: XShop) -> None:
    _, first = asks(shop, HOURS)
    arrives(shop, first, "older webhook")
    shop.settle()
    edit = shop.platform.edit_post(first.id, f"@{APP.username} {RETURNS}")
    for way in ("older webhook", "webhook", "poll"):
        arrives(shop, edit, way)
        shop.settle()
    threads = shop.run(shop.database.read(lambda one: one.execute(select(conversations.c.thread)).scalars().all()))
    assert threads == [str(first.id)]
    rows = shop.run(shop.database.read(lambda one: one.execute(select(outbox.c.state)).scalars().all()))
    assert set(rows) == {"sent"}


def deleted(shop: XShop, post: Post, way: str) -> dict[str, Any]:
    author = shop.platform.people.get(post.author_id)
    if way == "webhook":
        return shop.platform.event_builder.deletion_event(post, 7).envelope("") | {}
    status = {"status": {"id": str(post.id), "user_id": author.id}, "timestamp_ms": "1"}
    return {"for_user_id": APP.user_id, "tweet_delete_events": [status]}


@pytest.mark.parametrize("way", ["webhook", "older webhook"])
def test_a_post_deleted_before_the_answer_is_not_answered_and_its_text_is_removed(shop: XShop, way: str) -> None:
    shop.platform.set_faults(Faults(only="POST", down=True))
    _, first = asks(shop, HOURS)
    shop.looks()
    shop.told(deleted(shop, first, way))
    shop.platform.set_faults(Faults())
    shop.clock.move(3_600)
    shop.settle()
    assert (lines(shop), said_in_public(shop)) == ([""], [])
    assert shop.outcomes()[0][0] == "cancelled"


def test_a_deletion_of_an_unknown_post_is_ignored(shop: XShop) -> None:
    lin, post = asks(shop, HOURS)
    shop.told(deleted(shop, post, "webhook"))
    assert lines(shop) == []
    shop.looks()
    assert lines(shop) == [HOURS]
    assert len(shop.replies(post)) == 1
    assert lin.username == "linxiao"

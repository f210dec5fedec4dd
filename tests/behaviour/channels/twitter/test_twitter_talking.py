"""What people on X experience: asked in public, answered in public, told privately what is theirs alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.twitter_shop import APP, XShop, x_shop

from bot.channels.twitter import explain
from bot.domain.cases import AgentReply
from bot.domain.decisions import Answer, Decision, Turn
from bot.simulators.twitter.state import Person, Post

LINK = f"https://twitter.com/messages/compose?recipient_id={APP.user_id}"
RETURNS = "怎么退货？"
EXCHANGE = "怎么换货？"  # which has one wording only


def mention_event(author: Person, post: Post) -> Any:
    """As X Activity tells of a post."""
    payload = {
        "id": str(post.id),
        "author_id": author.id,
        "conversation_id": str(post.id),
        "text": post.text,
        "entities": {"mentions": [{"id": APP.user_id, "username": APP.username}]},
    }
    return {"data": {**_about_us("post.mention.create"), "payload": payload}}


def message_event(sender: Person, text: str, number: int) -> Any:
    """As X Activity tells of a direct message."""
    message = {
        "type": "message_create",
        "id": str(number),
        "message_create": {
            "target": {"recipient_id": APP.user_id},
            "sender_id": sender.id,
            "message_data": {"text": text},
        },
    }
    return {"data": {**_about_us("dm.received"), "payload": {"direct_message_events": [message]}}}


def _about_us(event_type: str) -> dict[str, Any]:
    return {"event_uuid": "1", "event_type": event_type, "filter": {"user_id": APP.user_id}}


def test_a_mention_is_answered_once_under_its_post(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    post = shop.mentions(lin, RETURNS)
    shop.looks()
    assert len(shop.replies(post)) == 1
    assert len(shop.platform.brand_posts()) == 1


def test_a_direct_message_is_answered_privately(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.writes(lin, RETURNS)
    assert len(shop.told_privately(lin)) == 1
    assert shop.platform.brand_posts() == []


def test_messages_from_before_the_first_poll_are_never_answered(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.clock.move(-7_200)
    post = shop.platform.create_post(lin.id, f"@{APP.username} {RETURNS}")
    shop.platform.send_direct_message(lin.id, RETURNS)
    shop.clock.move(7_200)
    shop.looks()
    assert (shop.replies(post), shop.told_privately(lin)) == ([], [])


def test_a_second_asker_of_the_same_question_is_answered_privately(shop: XShop) -> None:
    lin, mei = shop.platform.person("linxiao"), shop.platform.person("mei")
    (first,) = shop.replies(shop.mentions(lin, EXCHANGE))
    asked = shop.mentions(mei, EXCHANGE)
    (second,) = shop.replies(asked)
    assert shop.links(asked) == [LINK]
    assert first != second
    shop.writes(mei, "你好")
    assert first in shop.told_privately(mei)[0]


def test_after_36_hours_the_same_answer_is_posted_again(shop: XShop) -> None:
    lin, mei = shop.platform.person("linxiao"), shop.platform.person("mei")
    (first,) = shop.replies(shop.mentions(lin, EXCHANGE))
    shop.clock.move(36 * 3600 + 60)
    assert shop.replies(shop.mentions(mei, EXCHANGE)) == [first]


def test_twenty_askers_of_one_question_get_twenty_different_posts(shop: XShop) -> None:
    people = [shop.platform.person(f"person{number}") for number in range(20)]
    posts = [shop.platform.create_post(one.id, f"@{APP.username} {RETURNS}") for one in people]
    shop.looks()
    shop.clock.move(30)
    shop.sweep()
    assert [len(shop.replies(post)) for post in posts] == [1] * 20
    assert len({post.text for post in shop.platform.brand_posts()}) == 20


def test_points_are_never_mentioned_in_public(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    asked = shop.mentions(lin, "我有多少积分")
    (public,) = shop.replies(asked)
    assert shop.links(asked) == [LINK]
    assert "积分" not in public
    assert "会员" not in public
    assert shop.told_privately(lin) == []  # they have not written privately yet


def test_a_customer_who_follows_the_link_gets_the_answer_and_goes_on_privately(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.mentions(lin, "我有多少积分")
    shop.writes(lin, "1")
    (waited,) = shop.told_privately(lin)
    assert "积分" in waited
    shop.writes(lin, "积分")
    assert "会员号" in shop.told_privately(lin)[-1]


def test_a_customer_who_wrote_privately_before_gets_the_private_answer_at_once(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.writes(lin, "你好")
    shop.mentions(lin, "我有多少积分")
    assert any("积分" in text for text in shop.told_privately(lin))


def test_other_people_in_a_thread_are_customers_of_their_own(shop: XShop) -> None:
    lin, mei = shop.platform.person("linxiao"), shop.platform.person("mei")
    post = shop.mentions(lin, RETURNS)
    other = shop.mentions(mei, "多久能送到？", reply_to=post.id)
    assert len(shop.replies(post)) == len(shop.replies(other)) == 1
    (to_mei,) = shop.platform.replies_to(other.id)
    assert to_mei.text.startswith("@mei ")
    assert "@linxiao" not in to_mei.text  # who has asked nothing again


def test_a_reply_is_posted_once_though_webhook_and_poll_both_bring_it(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    post = shop.platform.create_post(lin.id, f"@{APP.username} {RETURNS}")
    event = mention_event(lin, post)
    shop.told(event)
    shop.told(event)
    shop.looks()
    assert len(shop.replies(post)) == 1


def test_the_bot_does_not_post_what_an_agent_has_posted(shop: XShop) -> None:
    lin, mei = shop.platform.person("linxiao"), shop.platform.person("mei")
    (answer,) = shop.replies(shop.mentions(lin, EXCHANGE))
    shop.clock.move(36 * 3600 + 60)
    shop.mentions(lin, "人工")
    (case,) = shop.waiting()
    agent = shop.agent("agent")
    shop.claims(agent, case.id)
    said = AgentReply(answer, (answer,), "key", same_after=36 * 3600)
    shop.run(shop.cases.reply(case.id, agent, said))
    shop.deliver()
    (other,) = shop.replies(shop.mentions(mei, EXCHANGE))
    assert other != answer
    assert [state for state, _ in shop.outcomes() if state != "waiting"] == ["sent"] * 4


def test_a_webhook_that_replays_yesterday_changes_nothing(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    post = shop.mentions(lin, RETURNS)
    written = shop.platform.ids.next()
    events = [mention_event(lin, post), message_event(lin, RETURNS, written)]
    for event in events:
        shop.told(event)
    before = shop.outcomes()
    assert len(before) == 2
    shop.clock.move(86_400)
    for event in [*events, *reversed(events)]:
        shop.told(event)
    shop.sweep()
    assert shop.outcomes() == before


def test_an_answer_to_a_deleted_post_is_left_to_staff_and_not_retried(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    post = shop.platform.create_post(lin.id, f"@{APP.username} {RETURNS}")
    shop.run(shop.yingda.poller.run_once())
    shop.platform.delete_post(post.id)
    shop.settle()
    ((state, code),) = shop.outcomes()
    assert (state, code) == ("failed", "twitter:403")
    assert "原帖已删除" in explain(code).text("zh")
    asked = shop.platform.request_log.requests.copy()
    shop.clock.move(3_600)
    shop.sweep()
    assert shop.platform.request_log.requests == asked


def test_an_edited_post_is_not_answered_again(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    post = shop.mentions(lin, RETURNS)
    shop.platform.edit_post(post.id, f"@{APP.username} {RETURNS}!!")
    shop.looks()
    assert len(shop.platform.brand_posts()) == 1


LONG = "这是一个很长的答案。" * 30


def test_a_long_answer_is_one_short_post_and_the_rest_privately(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, {"hours": Says(LONG)}) as shop:
        lin = shop.platform.person("linxiao")
        shop.writes(lin, "你好")
        post = shop.mentions(lin, "人工客服几点上班？")
        assert len(shop.replies(post)) == 1
        assert shop.links(post) == [LINK]
        assert shop.told_privately(lin)[-1] == LONG


class Says:
    """A skill that says one thing."""

    intent, time_limit = "hours", 1.0

    def __init__(self, words: str) -> None:
        self._words = words

    async def respond(self, turn: Turn) -> Decision:
        return Answer(self._words, slots=turn.conversation.slots)


def publicly(shop: XShop, someone: Person, word: str) -> None:
    shop.mentions(someone, word)


def privately(shop: XShop, someone: Person, word: str) -> None:
    shop.writes(someone, word)


def by_quoting(shop: XShop, someone: Person, word: str) -> None:
    """X adds the address of what is quoted."""
    event = mention_event(someone, shop.platform.create_post(someone.id, f"{word} https://t.co/xxxxxxxx"))
    event["data"] |= _about_us("post.quote.create")
    event["data"]["payload"] |= {"entities": {}, "referenced_tweets": [{"type": "quoted", "id": "7"}]}
    shop.told(event)


def by_webhook(shop: XShop, someone: Person, word: str) -> None:
    shop.told(message_event(someone, word, shop.platform.ids.next()))


def stopped(shop: XShop, word: str) -> str:
    """What confirms it, once and in private."""
    return shop.yingda.editions.current().phrase("rights.stopped", "en" if word.isascii() else "zh")


@pytest.mark.parametrize("word", ["stop", "停止", "退订"])
@pytest.mark.parametrize("path", [publicly, privately, by_quoting, by_webhook])
def test_stop_in_a_post_or_a_message_cancels_what_waits_on_both(
    shop: XShop, path: Callable[[XShop, Person, str], None], word: str
) -> None:
    lin = shop.platform.person("linxiao")
    shop.mentions(lin, RETURNS)
    shop.mentions(lin, "我有多少积分")  # the answer waits until they write privately
    before = len(shop.platform.brand_posts()), len(shop.told_privately(lin))
    path(shop, lin, word)
    shop.clock.move(3_600)
    shop.sweep()
    shop.looks()
    confirmed = [stopped(shop, word)] if path is privately else []  # X refuses one to those who have not written there
    assert len(shop.platform.brand_posts()) == before[0]
    assert shop.told_privately(lin)[before[1] :] == confirmed
    assert shop.outcomes().count(("cancelled", "")) == 1
    shop.mentions(lin, "多久能送到？")
    assert len(shop.platform.brand_posts()) == before[0] + 1


def test_stop_is_obeyed_while_an_agent_has_the_case_and_pending_messages_are_cancelled(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.writes(lin, "人工")
    shop.writes(lin, "stop")
    before = len(shop.told_privately(lin))
    assert shop.told_privately(lin)[-1] == stopped(shop, "stop")
    shop.clock.move(600)
    shop.sweep()
    assert len(shop.told_privately(lin)) == before  # not even that it takes longer than was said
    (case,) = shop.waiting()
    mei = shop.agent("mei")
    shop.claims(mei, case.id)
    shop.run(shop.cases.reply(case.id, mei, AgentReply("好的，不再打扰。", ("好的，不再打扰。",), "key")))
    shop.deliver()  # a person may still say so
    assert shop.told_privately(lin)[before:] == ["好的，不再打扰。"]


@pytest.mark.parametrize("word", ["stop", "STOP!", "停止", "退订。", "please stop", " 取消订阅 "])
def test_a_customer_who_said_stop_gets_nothing_until_they_write_again(shop: XShop, word: str) -> None:
    lin = shop.platform.person("linxiao")
    shop.mentions(lin, "我有多少积分")  # the answer waits until they write privately
    post = shop.mentions(lin, word)
    assert shop.replies(post) == []
    assert ("cancelled", "") in shop.outcomes()
    shop.writes(lin, RETURNS)
    assert len(shop.told_privately(lin)) == 1  # the answer to this alone
    assert "积分" not in shop.told_privately(lin)[0]


def test_the_first_private_message_names_the_privacy_policy(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    policy = "https://www.example.com/privacy"
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, privacy_policy=policy) as shop:
        lin = shop.platform.person("linxiao")
        shop.writes(lin, RETURNS)
        shop.writes(lin, "多久能送到？")
        first, second = shop.told_privately(lin)
        assert (policy in first, policy in second) == (True, False)
        assert shop.replies(shop.mentions(lin, "怎么开发票？"))[0].count("http") == 0
        mei = shop.platform.person("mei")
        shop.mentions(mei, "我有多少积分")
        shop.writes(mei, RETURNS)  # which is not how this talk began
        assert [policy in text for text in shop.told_privately(mei)] == [True, False]


def test_an_account_that_may_write_first_answers_privately_without_an_invitation(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, write_first=True) as shop:
        lin = shop.platform.person("linxiao", messages_open=True)
        shop.mentions(lin, "我有多少积分")
        assert len(shop.told_privately(lin)) == 1

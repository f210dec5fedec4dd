"""Whatever fails, the customer hears what happens next (P5); and the bot says only what an editor wrote (P8)."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select
from support.shop import Shop

from bot.domain.decisions import Answer, Decision, Turn
from bot.domain.messages import Author, Inbound, Kind, OutboxState, Reason
from bot.intents.skills import SKILLS
from bot.members.verification import HttpCodeSender
from bot.ports.nlu import Skill
from bot.stores.sql.schema import events, messages
from bot.text import new_id


class Slow:
    """A skill whose system does not answer."""

    intent = "hours"
    time_limit = 0.05

    async def respond(self, turn: Turn) -> Decision:
        await asyncio.sleep(60)
        return Answer(f"too late: {turn.message.id}")


class Broken:
    """A skill with a problem in it."""

    intent = "hours"
    time_limit = 1.0

    async def respond(self, turn: Turn) -> Decision:
        return Answer(str(turn.conversation.slots["no such slot"]))


@pytest.mark.parametrize("skill", [Slow(), Broken()], ids=["overruns", "breaks"])
def test_a_skill_that_overruns_or_fails_is_handed_off_with_a_message(shop: Shop, skill: Skill) -> None:
    shop.skills["hours"] = skill
    shop.restart()
    reply = shop.hears("alice", "你们几点开门")
    assert reply is not None
    assert "too late" not in reply
    case = shop.case(shop.waiting()[0].id)
    assert case.line.reason is Reason.FAILED
    assert case.detail in ("TimeoutError", "KeyError")
    assert [line.author for line in case.said] == [Author.CUSTOMER, Author.SYSTEM]


def test_a_slow_skill_does_not_delay_other_conversations(shop: Shop) -> None:
    shop.skills["hours"] = Slow()
    shop.restart()

    async def together() -> list[object]:
        slow = shop.answered(Inbound("tea", "alice", new_id(), Kind.TEXT, "你们几点开门"))
        others = [
            shop.answered(Inbound("tea", f"c{number}", new_id(), Kind.TEXT, "怎么退货？")) for number in range(10)
        ]
        return list(await asyncio.gather(slow, *others))

    replies = shop.run(together())
    assert len(set(replies[1:])) == 1
    assert all(isinstance(reply, str) for reply in replies)


def test_a_code_that_cannot_be_sent_is_handed_off(shop: Shop) -> None:
    shop.sender = HttpCodeSender("http://127.0.0.1:1/sms")  # nothing listens there
    shop.restart()
    shop.hears("alice", "我有多少积分")
    shop.hears("alice", "13800000001")
    for _ in range(8):
        shop.clock.move(120)
        shop.deliver()
    assert shop.waiting()[0].reason is Reason.FAILED
    assert len(shop.sent_to("alice")) == 1


def test_every_answer_names_its_edition_and_entry(shop: Shop) -> None:
    shop.hears("alice", "怎么退货？")
    said = shop.run(shop.database.read(lambda connection: connection.execute(select(messages)).all()))
    answer = next(row for row in said if row.author == "bot")
    happened = shop.run(shop.database.read(lambda connection: connection.execute(select(events)).all()))
    assert (answer.edition, bool(answer.entry), answer.confidence > 0.5) == (1, True, True)
    assert [(event.type, event.edition, event.entry) for event in happened] == [
        ("received", 0, ""),
        ("answered", 1, answer.entry),
    ]


def test_replies_use_the_editors_words(shop: Shop) -> None:
    edition = shop.yingda.editions.current()
    reply = shop.hears("alice", "怎么退货？")
    assert reply == edition.answer("return-goods", "zh", "fake", shop.clock.now())
    english = shop.hears("bob", "how do I return something?")
    assert english == edition.answer("return-goods", "en", "fake", shop.clock.now())


def test_a_published_edition_does_not_change(shop: Shop) -> None:
    from bot.stores.sql.editions import SqlEditions

    store = SqlEditions(shop.database)
    before = shop.run(store.load(1))
    second = shop.run(store.publish(before[0], before[1], "tests", 1))
    assert second == 2
    assert shop.run(shop.yingda.editions.refresh())
    assert shop.yingda.editions.current().number == 2
    assert shop.run(store.load(1)) == before
    with pytest.raises(LookupError):
        shop.run(store.load(3))


def test_a_doubtful_send_is_never_repeated_by_machine(shop: Shop) -> None:
    from bot.errors import DeliveryFailed

    shop.hears("alice", "转人工")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.tea.failures.append(DeliveryFailed("timeout", ambiguous=True))
    shop.replies(anna, case.id, "您好")
    shop.replies(anna, case.id, "还在吗")
    assert shop.sent_to("alice") == ["还在吗"]
    states = [row.state for row in shop.case(case.id).outgoing]
    assert states.count(OutboxState.IN_DOUBT) == 1


def test_a_follower_who_unfollows_is_erased(shop: Shop) -> None:
    shop.hears("alice", "我的电话是 13800000001，怎么退货？")
    shop.hears("alice", "转人工")
    shop.hears("alice", "", kind=Kind.UNFOLLOW)
    texts = shop.run(shop.database.read(lambda c: c.execute(select(messages.c.text)).scalars().all()))
    assert not any("13800000001" in text for text in texts)
    assert shop.waiting() == []
    assert shop.hears("alice", "怎么退货？") is not None


def test_two_questions_in_one_message_get_both_answers(shop: Shop) -> None:
    both = shop.hears("alice", "怎么退货？另外怎么开发票？")
    alone = [shop.hears("bob", "怎么退货？"), shop.hears("bob", "怎么开发票？")]
    assert both == "\n\n".join(str(answer) for answer in alone)
    assert shop.waiting() == []


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("怎么退货？另外你们几点开门？", ("怎么退货？", "你们几点开门？")),
        ("what are your opening hours and how do I get an invoice?", ("opening hours", "how do I get an invoice?")),
    ],
)
def test_a_question_and_a_skills_question_in_one_message_get_both_answers(
    shop: Shop, text: str, alone: tuple[str, str]
) -> None:
    said = shop.hears("alice", text)
    assert said == "\n\n".join(str(shop.hears("bob", one)) for one in alone)


def test_a_skill_that_this_release_lacks_is_handed_off(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was not restarted takes up an edition written for a newer one."""
    monkeypatch.delitem(SKILLS, "hours")
    shop.restart()
    assert shop.hears("alice", "你们几点开门") is not None
    assert shop.case(shop.waiting()[0].id).detail == "no_such_skill"

"""From a question the bot cannot answer to a person who does: promises P4, P5 and P6."""

from __future__ import annotations

import pytest
from support.shop import Shop

from bot.domain.messages import Author, Kind, OutboxState, Owner, Reason
from bot.errors import AlreadyTaken, NotAllowed

ODD = "你们茶叶罐上那只鹤的翅膀为什么是反的"


def test_an_odd_question_opens_a_case_with_exactly_one_message_saying_what_happens_next(shop: Shop) -> None:
    reply = shop.hears("alice", "转人工")
    assert reply is not None
    case = shop.waiting()[0]
    assert case.reason is Reason.ASKED
    said = shop.case(case.id).said
    assert [line.author for line in said] == [Author.CUSTOMER, Author.SYSTEM]
    assert said[1].text == reply


def test_a_waiting_customer_is_answered_what_the_bot_is_sure_of_and_keeps_their_place(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    case = shop.waiting()[0]
    assert shop.hears("alice", "怎么退货？") == shop.hears("bob", "怎么退货？")
    assert [line.id for line in shop.waiting()] == [case.id]
    assert shop.case(case.id).conversations[0].owner is Owner.QUEUE


def test_what_the_bot_cannot_answer_meanwhile_is_added_to_the_case_and_said_to_wait_once(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    assert shop.hears("alice", "有人吗") is not None
    assert shop.hears("alice", ODD) is None
    assert shop.hears("alice", "为什么还没有人？") is None
    (case,) = shop.waiting()
    said = shop.case(case.id).said
    assert [line.text for line in said if line.author is Author.CUSTOMER][1:] == ["有人吗", ODD, "为什么还没有人？"]
    assert [line.author for line in said if line.author is not Author.CUSTOMER] == [Author.SYSTEM, Author.SYSTEM]


def test_never_mind_ends_a_case_that_nobody_has_taken(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    assert shop.hears("alice", "算了，不用了") == shop.yingda.editions.current().phrase("handoff.cancelled", "zh")
    assert shop.waiting() == []
    assert shop.hears("alice", "怎么退货？") is not None


def test_never_mind_to_an_agent_is_for_the_agent(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    case = shop.waiting()[0]
    shop.claims(shop.agent("anna"), case.id)
    assert shop.hears("alice", "算了，不用了") is None
    assert [line.id for line in shop.waiting()] == [case.id]


def test_outside_opening_hours_the_customer_hears_when_the_desk_opens(shop: Shop) -> None:
    shop.clock.move(12 * 3600)  # midnight in Shanghai
    reply = shop.hears("alice", "转人工")
    assert reply is not None
    assert "09:00" in reply or "9:00" in reply


def test_the_agent_sees_the_whole_conversation_and_what_the_bot_understood(shop: Shop) -> None:
    shop.hears("alice", "怎么退货？")
    shop.hears("alice", "转人工")
    case = shop.case(shop.waiting()[0].id)
    assert [line.text for line in case.said if line.author is Author.CUSTOMER] == ["怎么退货？", "转人工"]
    assert any(line.author is Author.BOT and line.entry for line in case.said)
    assert len(case.traces) == 2
    assert case.traces[0].trace.candidates[0].confidence > 0.5


def test_the_agent_answers_through_the_customers_own_channel(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.replies(anna, case.id, "您好，我是安娜")
    assert shop.sent_to("alice") == ["您好，我是安娜"]
    assert shop.hears("alice", "怎么退货？") is None  # the bot does not talk over her
    shop.run(shop.cases.resolve(case.id, anna))
    assert shop.waiting() == []
    assert shop.hears("alice", "怎么退货？") is not None


def test_of_two_agents_who_claim_at_once_the_second_reads_who_has_the_case(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    case, anna, bert = shop.waiting()[0], shop.agent("anna"), shop.agent("bert")
    shop.claims(anna, case.id)
    with pytest.raises(AlreadyTaken) as taken:
        shop.claims(bert, case.id)
    assert taken.value.winner == anna.id
    with pytest.raises(NotAllowed):
        shop.replies(bert, case.id, "hello")


def test_a_case_with_a_silent_agent_goes_back_to_the_queue(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    case = shop.waiting()[0]
    shop.claims(shop.agent("anna"), case.id)
    shop.hears("alice", "在吗")
    shop.clock.move(16 * 60)
    shop.sweep()
    assert shop.waiting()[0].agent is None
    shop.claims(shop.agent("bert"), case.id)


def test_a_customer_comes_back_to_the_same_agent_unless_the_bot_is_sure(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.run(shop.cases.resolve(case.id, anna))
    shop.hears("alice", ODD)
    again = shop.waiting()[0]
    assert (again.reason, again.prefer) == (Reason.REOPENED, anna.id)
    assert again.id != case.id


def test_after_a_day_a_resolved_case_is_forgotten(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.run(shop.cases.resolve(case.id, anna))
    shop.clock.move(25 * 3600)
    shop.hears("alice", ODD)
    assert [line.reason for line in shop.waiting() if line.prefer] == []


def test_the_bot_answers_again_after_a_case_is_handed_back(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.run(shop.cases.hand_back(case.id, anna))
    assert shop.hears("alice", "怎么退货？") is not None


def test_after_a_hand_back_the_bot_says_so_even_if_the_customer_nods_first(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.hears("alice", ODD + "？")
    shop.run(shop.cases.hand_back(case.id, anna))
    assert shop.hears("alice", "嗯") is None
    shop.clock.move(2)
    shop.sweep()
    (said,) = shop.sent_to("alice")
    words = shop.yingda.editions.current()
    assert said.split("\n\n") == [
        words.phrase("people.returned", "zh"),
        words.phrase("people.open", "zh", question=ODD + "？"),
    ]
    shop.clock.move(120)
    shop.sweep()
    assert shop.sent_to("alice") == [said]


def test_another_private_conversation_of_the_customer_joins_the_case(shop: Shop) -> None:
    """P6: one customer is one customer on every account; a second identity is linked by membership."""
    link(shop, "alice", "tea")
    link(shop, "alice-at-square", "square")
    shop.hears("alice", "转人工")
    assert shop.hears("alice-at-square", "怎么退货？", "square") is not None
    cases = shop.waiting()
    assert len(cases) == 1
    view = shop.case(cases[0].id)
    assert {line.text for line in view.said if line.author is Author.CUSTOMER} >= {"转人工", "怎么退货？"}
    assert all(talk.owner is Owner.QUEUE for talk in view.conversations)


def test_a_picture_is_stored_and_handed_to_a_person(shop: Shop) -> None:
    assert shop.hears("alice", "", kind=Kind.IMAGE) is not None
    case = shop.waiting()[0]
    assert case.reason is Reason.MEDIA
    assert shop.case(case.id).said[0].kind is Kind.IMAGE


def test_an_unknown_kind_of_message_gets_a_courteous_answer_and_no_case(shop: Shop) -> None:
    assert shop.hears("alice", "", kind=Kind.UNSUPPORTED) is not None
    assert shop.waiting() == []


def test_a_failed_message_is_shown_on_the_desk_and_only_a_person_sends_it_again(shop: Shop) -> None:
    from bot.errors import DeliveryFailed

    shop.hears("alice", "转人工")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.tea.failures.append(DeliveryFailed("timeout", ambiguous=True))
    shop.replies(anna, case.id, "您好")
    shop.clock.move(3600)
    shop.sweep()
    assert shop.sent_to("alice") == []
    doubtful = [row for row in shop.case(case.id).outgoing if row.state is OutboxState.IN_DOUBT]
    assert len(doubtful) == 1
    shop.run(shop.cases.send_again(case.id, doubtful[0].id, anna, OutboxState.PENDING))
    shop.deliver()
    assert shop.sent_to("alice") == ["您好"]


def link(shop: Shop, customer: str, account: str) -> None:
    """Prove to be the first demo member."""
    import re

    shop.hears(customer, "绑定会员", account)
    shop.hears(customer, MEMBER, account)
    code = re.search(r"\d{6}", shop.texts.sent[-1].text)
    assert code is not None
    shop.hears(customer, code.group(), account)


MEMBER = "13800000001"

"""What people write around their questions: openers, nods, lone numbers. No case comes of it, and no second answer."""

from __future__ import annotations

from support.shop import Shop
from support.talks import ODD, PERSON, PIECE, RETURNS, UNSURE, answer, decided, event_types, open_cases, phrase

from bot.domain.messages import Reason

NODS = (
    *("嗯", "哦", "好", "好的", "👍", "1", "...", "OK", "哈哈", "知道了", "不客气"),
    *("没问题", "that's fine", "no worries"),
)
OPENERS = ("我想问一下", "请问", "在吗，我想咨询个问题", "hi, quick question", "can I ask you something?")


def test_what_asks_nothing_is_never_a_case(shop: Shop) -> None:
    for number, text in enumerate((*NODS, *OPENERS, "在吗", "?", "是")):
        for _ in range(3):
            shop.hears(f"nobody {number}", text)
        shop.hears(f"somebody {number}", RETURNS)
        shop.hears(f"somebody {number}", text)
    assert shop.waiting() == []


def test_a_nod_after_an_answer_is_left_as_it_is(shop: Shop) -> None:
    shop.hears("alice", RETURNS)
    assert [shop.hears("alice", nod) for nod in NODS] == [None] * len(NODS)
    assert shop.sent_to("alice") == []


def test_a_nod_out_of_nowhere_is_invited_to_ask_once(shop: Shop) -> None:
    assert shop.hears("alice", "哦") == phrase(shop, "talk.invite")
    assert shop.hears("alice", "嗯") is None


def test_an_opener_is_invited_and_the_question_after_it_answered(shop: Shop) -> None:
    for opener in OPENERS:
        language = "zh" if opener[0] > "z" else "en"
        assert shop.hears(opener, opener) == phrase(shop, "talk.invite", language)
        asked = {"zh": RETURNS, "en": "how do I return something?"}[language]
        assert shop.hears(opener, asked) == answer(shop, "return-goods", language)


def test_the_same_politeness_is_not_said_twice_in_a_row(shop: Shop) -> None:
    assert shop.hears("alice", "我想问一下") == phrase(shop, "talk.invite")
    assert shop.hears("alice", "请问") is None
    assert shop.hears("alice", "谢谢") == answer(shop, "thanks")
    assert shop.hears("alice", "谢谢") is None
    assert shop.hears("alice", "多谢啦") is None
    assert shop.hears("alice", "请问") == phrase(shop, "talk.invite"), "something else was said in between"


def test_nobody_is_greeted_anew_after_a_talk_has_begun(shop: Shop) -> None:
    greeted = answer(shop, "hello")
    assert shop.hears("alice", "你好") == greeted
    shop.hears("alice", RETURNS)
    for greeting in ("你好", "在吗", "hello"):
        assert shop.hears("alice", greeting) != greeted
    shop.clock.move(3_601)
    assert shop.hears("alice", "你好") == greeted, "an hour later a talk begins anew"


def test_a_question_mark_alone_is_asked_what_it_means_once(shop: Shop) -> None:
    shop.hears("alice", RETURNS)
    assert shop.hears("alice", "？") == phrase(shop, "talk.ask")
    assert shop.hears("alice", "?") is None


def test_a_lone_number_is_asked_about_and_a_second_one_reaches_somebody_who_can_tell(shop: Shop) -> None:
    assert shop.hears("alice", "20261130") == phrase(shop, "talk.number")
    assert shop.waiting() == []
    assert shop.hears("bob", "SF 1234 5678") == phrase(shop, "talk.number")


def test_a_number_that_was_not_offered_is_asked_about_and_the_offer_stands(shop: Shop) -> None:
    shop.hears("alice", UNSURE)
    assert shop.hears("alice", "7") == phrase(shop, "talk.ask")
    assert shop.hears("alice", "1") == answer(shop, "invoice-request")


def test_three_unclear_messages_in_a_row_reach_a_person(shop: Shop) -> None:
    for piece in (PIECE, "红色的盒子"):
        assert shop.hears("alice", piece) is None
    assert shop.waiting() == []
    assert shop.hears("alice", "上面有龙") is not None
    assert [line.reason for line in shop.waiting()] == [Reason.UNSURE]


def test_asking_back_does_not_begin_the_count_of_unclear_messages_anew(shop: Shop) -> None:
    assert shop.hears("alice", "茶叶") is not None
    assert shop.hears("alice", "就是上次说的那个") is None
    assert shop.waiting() == []
    shop.hears("alice", "红色的盒子")
    assert [line.reason for line in shop.waiting()] == [Reason.UNSURE]


def test_nods_between_unclear_messages_do_not_count(shop: Shop) -> None:
    for text in ("你好", PIECE, "嗯", "好的", "👍", "红色的盒子", "哦"):
        shop.hears("alice", text)
    assert shop.waiting() == []
    shop.hears("alice", "上面有龙")
    assert len(shop.waiting()) == 1


def test_an_answer_ends_the_count_of_unclear_messages(shop: Shop) -> None:
    for text in (PIECE, "红色的盒子", RETURNS, "红色的盒子", "上面有龙"):
        shop.hears("alice", text)
    assert shop.waiting() == []


def test_a_complete_question_or_report_that_nothing_matches_goes_to_a_person_at_once(shop: Shop) -> None:
    for text in (ODD, "my crane on the tin looks backwards, why is that?", "茶针断在里面了，差点扎到手"):
        assert shop.hears(text, text) is not None
        assert len(open_cases(shop, text)) == 1


def test_in_public_and_in_the_queue_no_word_is_lost_on_a_nod(shop: Shop) -> None:
    shop.hears("alice", RETURNS, "square", thread="post-1")
    assert shop.hears("alice", "嗯", "square", thread="post-1") is None
    assert shop.hears("alice", "请问", "square", thread="post-1") is None
    shop.hears("bob", PERSON)
    assert shop.hears("bob", "嗯") is None
    assert decided(shop, "bob")["detail"] == "nod"
    assert [line.public for line in shop.waiting()] == [False]
    assert "handed_off" not in event_types(shop, "alice")

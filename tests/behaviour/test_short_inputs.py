"""A few signs, as people really send them: pasted, spoken, in the other script, in full width."""

from __future__ import annotations

import json

from shop import Shop
from sqlalchemy import select

from bot.messages import Kind, OutboxState
from bot.stores.record.tables import conversations, identities, messages


def language_of_the_talk(shop: Shop, customer: str) -> str:
    with shop.database.engine.connect() as connection:
        theirs = select(conversations.c.slots).join(identities, identities.c.id == conversations.c.identity_id)
        slots = connection.execute(theirs.where(identities.c.handle == customer)).scalar_one()
    return str(json.loads(slots)["language"])


def test_a_one_in_whatever_dress_fetches_what_waits(shop: Shop) -> None:
    anna = shop.agent("anna")
    for one in ("１", "1。", "一", "\u202d1\u202c", "1谢谢"):
        shop.hears(one, "转人工", "counter")
        (case,) = shop.waiting()
        shop.claims(anna, case.id)
        shop.replies(anna, case.id, "您好，我是安娜", OutboxState.WAITING)
        shop.run(shop.cases.hand_back(case.id, anna))
        assert shop.hears(one, one, "counter") == "您好，我是安娜"


def test_who_says_stop_in_either_script_hears_nothing_more_and_is_quoted_as_they_said_it(shop: Shop) -> None:
    stops = ["退訂", "停止订阅", "停止訂閱", "别再给我发了", "ＳＴＯＰ"]
    for stop in stops:
        assert shop.hears(stop, "怎么退货？")
        assert shop.hears(stop, stop) is None
    with shop.database.engine.connect() as connection:
        assert all(connection.execute(select(identities.c.silenced_at)).scalars())
        assert set(stops) <= set(connection.execute(select(messages.c.text)).scalars())
    assert shop.hears("alice", "怎么停止自动续费") is not None


def test_a_borrowed_word_does_not_turn_a_chinese_talk_english_and_a_sentence_does(shop: Shop) -> None:
    for word in ("OK", "VIP", "WiFi", "hi", "thx", "iPhone", "DHL", "asdkjh"):
        shop.hears(word, "怎么退货？")
        shop.hears(word, word)
        assert language_of_the_talk(shop, word) == "zh", word
    shop.hears("OK", "where is my order?")
    assert language_of_the_talk(shop, "OK") == "en"
    shop.hears("OK", "OK")
    assert language_of_the_talk(shop, "OK") == "en", "nor does it turn an English talk Chinese"


def test_a_name_behind_a_question_is_not_part_of_it(shop: Shop) -> None:
    assert shop.hears("alice", "怎么退货？@YunshanTea") == shop.hears("bob", "怎么退货？") is not None


def test_a_text_that_shows_nothing_is_told_so(shop: Shop) -> None:
    words = shop.yingda.shelf.current()
    assert shop.hears("alice", "\u200b\u2060") == words.phrase("unsupported", "zh")


def test_a_voice_that_was_not_recognised_while_a_code_is_awaited_is_asked_to_type(shop: Shop) -> None:
    words = shop.yingda.shelf.current()
    shop.hears("alice", "查积分")
    shop.hears("alice", "13800000001")
    assert shop.hears("alice", "", kind=Kind.VOICE) == words.phrase("link.ask_code", "zh")
    assert shop.waiting() == []


def test_a_choice_is_picked_in_whatever_dress(shop: Shop) -> None:
    asking = "公司报账要票，抬头和税号我发给谁"
    shop.hears("bob", asking)
    usual = shop.hears("bob", "2")
    assert usual is not None
    for pick in ("２。", "二", "第二个", "選2", "2谢谢", "2️⃣"):
        shop.hears(pick, asking)
        assert shop.hears(pick, pick) == usual, pick

"""A few signs, as people really send them: pasted, spoken, in the other script, in full width."""

from __future__ import annotations

import json

from sqlalchemy import select
from support.shop import Shop

from bot.domain.messages import Kind, OutboxState
from bot.stores.sql.schema import conversations, identities, messages


def language_of_the_talk(shop: Shop, customer: str) -> str:
    with shop.database.engine.connect() as connection:
        theirs = select(conversations.c.slots).join(identities, identities.c.id == conversations.c.identity_id)
        slots = connection.execute(theirs.where(identities.c.handle == customer)).scalar_one()
    return str(json.loads(slots)["language"])


def test_a_one_in_any_width_or_punctuation_fetches_waiting_replies(shop: Shop) -> None:
    anna = shop.agent("anna")
    for one in ("１", "1。", "一", "\u202d1\u202c", "1谢谢"):
        shop.hears(one, "转人工", "counter")
        (case,) = shop.waiting()
        shop.claims(anna, case.id)
        shop.replies(anna, case.id, "您好，我是安娜", OutboxState.WAITING)
        shop.run(shop.cases.hand_back(case.id, anna))
        assert shop.hears(one, one, "counter") == "您好，我是安娜"


def test_stop_in_either_script_silences_the_bot_is_confirmed_once_and_stored_as_written(shop: Shop) -> None:
    words = shop.yingda.editions.current()
    stops = ["退訂", "停止订阅", "停止訂閱", "别再给我发了", "ＳＴＯＰ"]
    for stop in stops:
        assert shop.hears(stop, "怎么退货？")
        assert shop.hears(stop, stop) == words.phrase("rights.stopped", "zh")
    with shop.database.engine.connect() as connection:
        assert all(connection.execute(select(identities.c.silenced_at)).scalars())
        assert set(stops) <= set(connection.execute(select(messages.c.text)).scalars())
    assert shop.hears("alice", "怎么停止自动续费") is not None


def test_an_english_word_leaves_a_conversation_chinese_and_a_sentence_makes_it_english(shop: Shop) -> None:
    for word in ("OK", "VIP", "WiFi", "hi", "thx", "iPhone", "DHL", "asdkjh"):
        shop.hears(word, "怎么退货？")
        shop.hears(word, word)
        assert language_of_the_talk(shop, word) == "zh", word
    shop.hears("OK", "where is my order?")
    assert language_of_the_talk(shop, "OK") == "en"
    shop.hears("OK", "OK")
    assert language_of_the_talk(shop, "OK") == "en", "nor does it turn an English talk Chinese"


def test_a_name_after_a_question_is_not_part_of_it(shop: Shop) -> None:
    assert shop.hears("alice", "怎么退货？@YunshanTea") == shop.hears("bob", "怎么退货？") is not None


def test_a_text_without_visible_characters_gets_the_unsupported_answer(shop: Shop) -> None:
    words = shop.yingda.editions.current()
    assert shop.hears("alice", "\u200b\u2060") == words.phrase("unsupported", "zh")


def test_an_unrecognised_voice_message_during_linking_is_asked_to_be_typed(shop: Shop) -> None:
    words = shop.yingda.editions.current()
    shop.hears("alice", "查积分")
    shop.hears("alice", "13800000001")
    assert shop.hears("alice", "", kind=Kind.VOICE) == words.phrase("link.ask_code", "zh")
    assert shop.waiting() == []


def test_a_choice_is_picked_in_any_width_script_or_punctuation(shop: Shop) -> None:
    asking = "公司报账要票，抬头和税号我发给谁"
    shop.hears("bob", asking)
    usual = shop.hears("bob", "2")
    assert usual is not None
    for pick in ("２。", "二", "第二个", "選2", "2谢谢", "2️⃣"):
        shop.hears(pick, asking)
        assert shop.hears(pick, pick) == usual, pick

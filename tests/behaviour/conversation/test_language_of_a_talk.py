"""Single words that both languages share do not change the language of a talk; a sentence does."""

from __future__ import annotations

from support.shop import Shop
from support.talks import PERSON, RETURNS, answer, language_of, phrase

SHARED = ("OK", "VIP", "App", "thx", "WiFi", "👍", "1", "SF")


def test_a_shared_word_leaves_a_talk_in_its_language(shop: Shop) -> None:
    for word in SHARED:
        shop.hears(f"zh {word}", RETURNS)
        shop.hears(f"zh {word}", word)
        assert language_of(shop, f"zh {word}") == "zh"
        shop.hears(f"en {word}", "how do I return something?")
        shop.hears(f"en {word}", word)
        assert language_of(shop, f"en {word}") == "en"


def test_a_sentence_changes_it_both_ways(shop: Shop) -> None:
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")
    assert shop.hears("alice", "how do I get an invoice?") == answer(shop, "invoice-request", "en")
    assert shop.hears("alice", "thx") == answer(shop, "thanks", "en")
    assert shop.hears("alice", "怎么退货？") == answer(shop, "return-goods")
    assert shop.hears("alice", "thx") == answer(shop, "thanks")


def test_an_english_sentence_that_names_a_tea_in_chinese_is_english(shop: Shop) -> None:
    shop.hears("alice", "how do I brew 龙井")
    assert language_of(shop, "alice") == "en"


def test_what_the_bot_says_first_is_in_the_language_of_the_talk(shop: Shop) -> None:
    shop.hears("alice", "the tin from last week")
    shop.clock.move(60)
    shop.sweep()
    assert shop.sent_to("alice") == [phrase(shop, "talk.ask", "en")]


def test_the_words_after_people_are_in_the_language_of_the_talk(shop: Shop) -> None:
    anna = shop.agent("anna")
    shop.hears("bob", "I want to talk to a person")
    (line,) = shop.waiting()
    shop.claims(anna, line.id)
    shop.hears("bob", "OK")
    shop.run(shop.cases.resolve(line.id, anna))
    shop.sweep()
    assert shop.sent_to("bob") == [phrase(shop, "people.resolved", "en")]
    shop.hears("alice", PERSON)
    assert shop.hears("alice", "cancel") == phrase(shop, "handoff.cancelled", language_of(shop, "alice"))

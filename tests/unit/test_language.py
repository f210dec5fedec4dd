"""The language of a talk follows what is said in it, and nothing that only looks like a word."""

from __future__ import annotations

import pytest

from bot.text.language import language_of, script_of

BORROWED = (
    *("OK", "ok", "VIP", "App", "WiFi", "hi", "Hello", "thx", "iPhone", "DHL", "asdkjh", "LOL haha", "OK thanks"),
    *("iPhone 15 Pro Max", "DHL EMS", "Jasmine Dragon", "thank you", "Good morning!", "MENU_POINTS", "YT12345678"),
    *("https://example.com/how/to/return", "@YunshanTea", "#tea", "lin@example.com", "😀", "12345", "", "V", "yes"),
)
ENGLISH = (
    *("where is my order", "WHERE IS MY ORDER", "refund", "How do I return this?", "unsubscribe", "lost parcel"),
    *("OK, where is it?", "is the WiFi free?", "my VIP card", "hi, can you help", "Can’t log in", "for gold?"),
    *("ordr 4711 not arive", "Green tea brewing temperature", "speak to a human", "points", "ship it by DHL"),
)


@pytest.mark.parametrize("text", BORROWED)
@pytest.mark.parametrize("so_far", ["zh", "en"])
def test_a_borrowed_word_a_name_or_a_slip_leaves_the_language_as_it_is(text: str, so_far: str) -> None:
    assert language_of(text, so_far) == so_far


@pytest.mark.parametrize("text", ENGLISH)
def test_english_words_switch_the_conversation_to_english(text: str) -> None:
    assert language_of(text, "zh") == "en"


@pytest.mark.parametrize("text", ["我的OK了吗", "WiFi密碼", "return 茶", "how do I return 这一罐龙井茶"])
def test_chinese_words_switch_the_conversation_to_chinese(text: str) -> None:
    assert language_of(text, "en") == "zh"


@pytest.mark.parametrize("text", ["how do I return 茶", "what is the price of 明前龙井?"])
def test_an_english_sentence_about_something_with_a_chinese_name_is_english(text: str) -> None:
    assert language_of(text, "zh") == "en"


def test_an_example_in_a_file_has_the_language_of_its_script() -> None:
    assert [script_of(text) for text in ("VIP", "会员", "12")] == ["en", "zh", "zh"]

"""A text as the engine reads it: without what stands around the question, however long the text is."""

from __future__ import annotations

import pytest
from support.cpu_time import cpu_within

from bot.intents.classifier.features import plain
from bot.intents.utterances import split_questions
from bot.stores.sql.customers import masked


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("怎么退货？@YunshanTea", "怎么退货?"),
        ("你好，怎么退貨？谢谢", "怎么退货"),
        ("mail me at a@example", "mail me at a@example"),
        ("@YunshanTea", "@yunshantea"),
        ("where is it, please thanks", "where is it"),
    ],
)
def test_courtesies_around_a_question_are_removed(said: str, read: str) -> None:
    assert plain(said) == read


@pytest.mark.parametrize("sign", [",", "谢谢", "请问", " ", "@a ", "hi "])
def test_a_long_text_of_courtesies_is_normalised_in_time(sign: str) -> None:
    with cpu_within(0.5):
        plain(sign * 10_000 + "x")


def test_several_questions_are_split_where_the_next_is_announced() -> None:
    assert split_questions("怎么退货， 另外，运费是多少") == ["怎么退货", "运费是多少"]
    assert split_questions("how do I return it, and also how long does it take") == [
        "how do I return it",
        "how long does it take",
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("lin.xiao+tea@mail.example.com", "•@•"),
        ("写信到 a@b.cn 或 c@d.com", "写信到 •@• 或 •@•"),
        ("@@a@b", "@@a@b"),
        ("a@b@c.d", "a@•@•"),
    ],
)
def test_addresses_and_digits_are_masked_in_place(text: str, kept: str) -> None:
    assert masked(text) == kept

"""A text as the engine reads it: without what stands around the question, however long the text is."""

from __future__ import annotations

import time

import pytest

from bot.intents.sentences import questions
from bot.intents.understanding.normalise import plain
from bot.stores.record.forgetting import masked


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
def test_what_stands_around_a_question_is_not_read(said: str, read: str) -> None:
    assert plain(said) == read


@pytest.mark.parametrize("sign", [",", "谢谢", "请问", " ", "@a ", "hi "])
def test_a_long_text_of_courtesies_is_read_at_once(sign: str) -> None:
    began = time.thread_time()
    plain(sign * 10_000 + "x")
    assert time.thread_time() - began < 0.5


def test_several_questions_are_parted_where_the_next_one_is_announced() -> None:
    assert questions("怎么退货， 另外，运费是多少") == ["怎么退货", "运费是多少"]
    assert questions("how do I return it, and also how long does it take") == [
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
def test_addresses_and_digits_are_masked_where_they_stand(text: str, kept: str) -> None:
    assert masked(text) == kept

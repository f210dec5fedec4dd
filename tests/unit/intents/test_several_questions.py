"""Where one question ends and the next begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.intents.utterances import MOST, split_questions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("怎么退货？运费谁出？", ["怎么退货", "运费谁出"]),
        ("茶什么时候发货，另外能开发票吗", ["茶什么时候发货", "能开发票吗"]),
        ("How do I return it? And where is my refund?", ["How do I return it", "where is my refund"]),
        ("can I pay by card and where is my invoice", ["can I pay by card", "where is my invoice"]),
        ("你好！怎么退货", []),
        ("怎么退货？？？", []),
        ("I bought tea and cups yesterday", []),
        ("Version 2.0 is out now", []),
        ("我昨天买的茶。今天到了。打开一看。全是碎的。怎么办呢？", []),
        ("", []),
    ],
)
def test_several_questions_in_a_text_are_found(text: str, found: list[str]) -> None:
    assert split_questions(text) == found


@given(st.text(max_size=300))
def test_every_question_found_is_part_of_the_text(text: str) -> None:
    found = split_questions(text)
    assert len(found) in range(2, MOST + 1) or not found
    assert all(question in text for question in found)

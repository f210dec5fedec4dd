"""An answer that is said again: only the line that the customer names, if there is one."""

from __future__ import annotations

import pytest

from bot.intents.repeats import named_line

ANSWER = """Paid before 16:00, it leaves the same day:
江浙沪 1 天，其他省份 2–3 天
新疆、西藏、青海 4–6 天
Tibet, Qinghai: 4–6 days
In a hurry? Pick up in store."""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("那新疆呢", "新疆、西藏、青海 4–6 天"),
        ("what about Tibet?", "Tibet, Qinghai: 4–6 days"),
        ("北京呢", ""),
        ("paid today", ""),  # the first line leads to the others and says nothing alone
        ("江浙沪还是新疆", ""),
        ("", ""),
    ],
)
def test_the_line_is_the_only_one_that_has_a_word_of_the_question(text: str, line: str) -> None:
    assert named_line(text, ANSWER) == line


def test_of_a_short_answer_no_line_is_said_alone() -> None:
    assert named_line("新疆", "新疆 4–6 天\n其他 2 天") == ""

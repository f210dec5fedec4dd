"""A customer asks about the hours of one day and hears those of that day."""

from __future__ import annotations

import pytest
from support.shop import Shop


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("are you open on Saturday 6 Feb", "on 6 February 2027"),
        ("are you open tomorrow?", "tomorrow"),
        ("2月6日客服上班吗", "2027年2月6日"),
        ("下周一几点开门", "9月28日"),
    ],
)
def test_a_question_about_a_day_is_answered_with_its_hours(shop: Shop, text: str, words: str) -> None:
    answer = shop.hears("mei", text) or ""
    assert f"{words}人工客服的服务时间：09:00–21:00" in answer or f"online {words}: 9:00–21:00" in answer

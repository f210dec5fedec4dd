"""What may stand in a text, and how a long one is cut."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.wording import clean, cut, measure


@pytest.mark.parametrize("unit", ["bytes", "characters", "weighted"])
@given(text=st.text(max_size=300), length=st.integers(40, 280))
def test_every_piece_fits_and_nothing_but_space_between_them_is_lost(unit: str, text: str, length: int) -> None:
    pieces = cut(text, length, unit)
    assert all(measure(piece, unit) <= length for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_public_post_uses_the_whole_room_and_keeps_an_address_whole() -> None:
    text = "a" * 270 + " https://example.com/returns and more"
    assert cut(text, 280, "weighted") == ["a" * 270, "https://example.com/returns and more"]
    assert [len(piece) for piece in cut("汉" * 300, 280, "weighted")] == [140, 140, 20]


@pytest.mark.parametrize("sign", ["汉", "a.", "a.cn ", "x", "👍🏽", "。"])
def test_ten_thousand_signs_are_cut_before_anybody_waits(sign: str) -> None:
    text = sign * (10_000 // len(sign))
    cut("a.cn 👍", 280, "weighted")
    began = time.thread_time()
    cut(text, 280, "weighted")
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize(
    "sign",
    [
        *("\x00", "\x02", "\x1d", "\x7f", "\x80", "\x85", "\x9f", "\u202a", "\u202d", "\u202e", "\u2066", "\u2069"),
        *("\ufdd0", "\ufdef", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff", "\ud800", "\udfff"),
    ],
)
def test_what_no_carrier_takes_and_what_turns_the_reading_direction_is_dropped(sign: str) -> None:
    assert clean(f"退{sign}货") == "退货"


@pytest.mark.parametrize(
    "text", ["👨\u200d👩\u200d👧", "❤\ufe0f", "a\tb\r\nc", "עִבְרִית\u200f", "می\u200cخواهم", "🏴\U000e0067\U000e007f"]
)
def test_what_makes_up_emoji_words_and_lines_stays(text: str) -> None:
    assert clean(text) == text

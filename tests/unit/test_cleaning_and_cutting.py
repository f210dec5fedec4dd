"""What may stand in a text, and how a long one is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import cpu_within

from bot.channels.twitter.weighted_length import WEIGHTED
from bot.text import BYTES, CHARACTERS, Unit, clean, cut, measure


@pytest.mark.parametrize("unit", [BYTES, CHARACTERS, WEIGHTED], ids=["bytes", "characters", "weighted"])
@given(text=st.text(max_size=300), length=st.integers(40, 280))
def test_every_piece_fits_and_nothing_but_space_between_them_is_lost(unit: Unit, text: str, length: int) -> None:
    pieces = cut(text, length, unit)
    assert all(measure(piece, unit) <= length for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_public_post_uses_the_whole_room_and_keeps_an_address_whole() -> None:
    text = "a" * 270 + " https://example.com/returns and more"
    assert cut(text, 280, WEIGHTED) == ["a" * 270, "https://example.com/returns and more"]
    assert [len(piece) for piece in cut("汉" * 300, 280, WEIGHTED)] == [140, 140, 20]


@pytest.mark.parametrize("sign", ["汉", "a.", "a.cn ", "x", "👍🏽", "。"])
def test_ten_thousand_characters_are_cut_quickly(sign: str) -> None:
    text = sign * (10_000 // len(sign))
    cut("a.cn 👍", 280, WEIGHTED)
    with cpu_within(0.5):
        cut(text, 280, WEIGHTED)


@pytest.mark.parametrize(
    "sign",
    [
        *("\x00", "\x02", "\x1d", "\x7f", "\x80", "\x85", "\x9f", "\u202a", "\u202d", "\u202e", "\u2066", "\u2069"),
        *("\ufdd0", "\ufdef", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff", "\ud800", "\udfff"),
    ],
)
def test_control_characters_and_direction_overrides_are_dropped(sign: str) -> None:
    assert clean(f"退{sign}货") == "退货"


@pytest.mark.parametrize(
    "text", ["👨\u200d👩\u200d👧", "❤\ufe0f", "a\tb\r\nc", "עִבְרִית\u200f", "می\u200cخواهم", "🏴\U000e0067\U000e007f"]
)
def test_joiners_tabs_and_line_ends_stay(text: str) -> None:
    assert clean(text) == text

"""Short fixed inputs mean the same in whatever dress they come."""

from __future__ import annotations

import sys
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.folding import LONGEST, ascii_digits, folded, is_invisible, normalised, search_variants


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *(
            (one, "1")
            for one in ("1", "１", " 1 ", "1。", "①", "⑴", "1️⃣", "一", "壹", "١", "1谢谢", "请1", "\u202d1\u202c")
        ),
        *(
            (stop, "停止")
            for stop in ("停止", "停 止", "停　止！", "停\u200b止", "请停止", "停止吧", "「停止」", "谢谢，停止")
        ),
        *(
            (stop, "stop")
            for stop in ("STOP", "ｓｔｏｐ", "Stop.", "please stop", "stop please!", "st\u00adop", "*stop*")
        ),
        ("取消訂閱", "取消订阅"),
        ("Never   mind…", "never mind"),
        ("I didn’t get it", "i didnt get it"),
        ("opt-out", "opt out"),
    ],
)
def test_a_short_input_has_one_form_in_any_width_case_and_script(said: str, meant: str) -> None:
    assert folded(said) == folded(meant) == meant


@pytest.mark.parametrize("courtesy", ["谢谢", "你好", "please", "好的", "拜托", "感谢您"])
def test_a_courtesy_alone_is_kept(courtesy: str) -> None:
    assert folded(courtesy) == courtesy


@pytest.mark.parametrize("said", ["再次感谢", "表示感谢"])
def test_thanks_that_are_part_of_the_meaning_are_kept(said: str) -> None:
    assert folded(said) == said


def test_a_long_text_is_returned_unchanged() -> None:
    text = "停止 " * LONGEST
    assert folded(text) == text
    assert folded("停止" + "\u200b" * 5_000) == "停止", "what does not show does not make it long"


def test_a_text_of_only_punctuation_keeps_it() -> None:
    assert (folded("？？"), folded("👌"), folded("")) == ("??", "👌", "")


def test_every_invisible_character_is_listed() -> None:
    """All of Unicode's format characters and variation selectors."""
    every = (chr(code) for code in range(sys.maxunicode + 1))
    formats = [sign for sign in every if unicodedata.category(sign) == "Cf"]
    selectors = [chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))]
    assert [sign for sign in formats + selectors if not is_invisible(sign)] == []
    assert not is_invisible("é")


def test_digits_of_any_script_are_digits() -> None:
    assert ascii_digits("٣५１〇二两") == "351022"


@given(st.text(st.characters(categories=["L", "N", "P"]), max_size=400), st.sampled_from(["NFC", "NFKC"]))
def test_a_long_text_is_normalised_as_a_short_one(text: str, form: Literal["NFC", "NFKC"]) -> None:
    marked = "e\u0301".join(text)
    assert normalised(marked, form) == unicodedata.normalize(form, marked)


def test_a_search_term_has_variants_in_both_scripts_and_widths() -> None:
    assert set(search_variants("\u200b张丽ＡＢ ")) >= {"张丽AB", "張麗AB"}
    assert "张丽" in search_variants("張麗")
    assert search_variants(" \u200b") == ()

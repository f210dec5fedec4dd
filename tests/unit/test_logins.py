"""A login is one login, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import cpu_within

from bot.access.credentials import LONGEST_LOGIN, normalize_login

_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u2066\ufe0f\u180b\u034f\u3164\u115f\x00\x07\U000e0100\ud800"


@pytest.mark.parametrize("written", ["mei", "MEI", " mei\n", "\u3000mei\u00a0", "ｍｅｉ", "𝓶𝓮𝓲", "ⓂⒺⒾ"])
def test_width_case_and_space_around_it_make_no_other_login(written: str) -> None:
    assert normalize_login(written) == "mei"


@given(st.lists(st.sampled_from(_UNSEEN), max_size=6), st.integers(0, 3), st.booleans())
def test_invisible_characters_make_no_other_login(unseen: list[str], at: int, upper: bool) -> None:
    written = "mei"[:at] + "".join(unseen) + "mei"[at:]
    assert normalize_login(written.upper() if upper else written) == "mei"


def test_visibly_different_logins_are_two_logins() -> None:
    assert len({normalize_login(one) for one in ("mei", "mei2", "me.i", "m ei", "梅", "méi", "")}) == 7


@given(st.text())
def test_a_plain_login_stays_as_it_is_and_fits_its_column(written: str) -> None:
    plain = normalize_login(written)
    assert normalize_login(plain) == plain
    assert len(plain) <= LONGEST_LOGIN
    assert "\x00" not in plain


def test_a_very_long_login_is_normalised_quickly() -> None:
    with cpu_within(0.05):
        normalize_login("ﷺ" * 100_000)

"""Which passwords are not taken."""

from __future__ import annotations

import secrets
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.passwords import SHORTEST, weakness

BRAND = ("云杉茶 Yunshan Tea", "shop")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("k3v9-xq2m", "short"),
        ("x" * 201, "long"),
        ("mei2026mei!", "login"),
        ("MEI-mei-2026", "login"),
        ("yunshan-tea-2026", "brand"),
        ("Yingda2026!!", "brand"),
        ("云杉茶2026云杉茶", "brand"),
        ("demo-tea-2026", "common"),
        ("ＹｕｎｓｈａｎＴｅａ１", "brand"),
        ("password12", "common"),
        ("P@ssw0rd2026", "common"),
        ("Qwertyuiop1", "common"),
        ("1234567890", "common"),
        ("9876543210aa", "common"),
        ("aaaaaaaaaaaa", "common"),
        ("abababababab", "common"),
        ("13800000001", "common"),
        ("iloveyou1314520", "common"),
        ("1qaz2wsx3edc", "common"),
        ("admin-admin-admin", "common"),
    ],
)
def test_what_a_guesser_tries_first_is_no_password(password: str, why: str) -> None:
    assert weakness(password, "mei", BRAND) == why


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "seven owls at dusk",
        "k3v9-xq2m-77pl",
        "J7f!0aQz91",
        "春眠不觉晓处处闻啼鸟",
        "my tea grows cold",
    ],
)
def test_what_nobody_else_would_say_is_one(password: str) -> None:
    assert weakness(password, "mei", BRAND) == ""


def test_what_is_made_for_people_is_always_taken() -> None:
    assert [weakness(secrets.token_urlsafe(12), "mei", BRAND) for _ in range(500)] == [""] * 500


@given(st.text(max_size=300), st.text(max_size=60), st.lists(st.text(max_size=30), max_size=3))
def test_any_text_can_be_judged(password: str, login: str, brand: list[str]) -> None:
    why = weakness(password, login, brand)
    assert why in ("", "short", "long", "login", "brand", "common")
    assert (why == "short") == (len(password) < SHORTEST)


@pytest.mark.parametrize("sign", ["a", "1", " ", "云", "-", "\x00"])
def test_a_long_password_is_judged_at_once(sign: str) -> None:
    before = time.perf_counter()
    weakness(sign * 200, sign * 60, [sign * 1_000])
    weakness(sign * 65_536)
    assert time.perf_counter() - before < 0.05

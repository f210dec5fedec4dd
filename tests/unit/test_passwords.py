"""Which passwords are not taken."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import cpu_within

from bot.access.credentials import SHORTEST_PASSWORD, password_weakness

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
def test_commonly_guessed_passwords_are_refused(password: str, why: str) -> None:
    assert password_weakness(password, "mei", BRAND) == why


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
def test_an_unusual_phrase_is_accepted_as_a_password(password: str) -> None:
    assert password_weakness(password, "mei", BRAND) == ""


def test_generated_passwords_are_always_accepted() -> None:
    assert [password_weakness(secrets.token_urlsafe(12), "mei", BRAND) for _ in range(500)] == [""] * 500


@given(st.text(max_size=300), st.text(max_size=60), st.lists(st.text(max_size=30), max_size=3))
def test_any_text_gets_a_password_verdict(password: str, login: str, brand: list[str]) -> None:
    why = password_weakness(password, login, brand)
    assert why in ("", "short", "long", "login", "brand", "common")
    assert (why == "short") == (len(password) < SHORTEST_PASSWORD)


@pytest.mark.parametrize("sign", ["a", "1", " ", "云", "-", "\x00"])
def test_a_long_password_is_judged_at_once(sign: str) -> None:
    with cpu_within(0.05):
        password_weakness(sign * 200, sign * 60, [sign * 1_000])
        password_weakness(sign * 65_536)

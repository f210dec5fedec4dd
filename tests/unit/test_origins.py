"""Hosts and origins: what names the same place is the same, and no text whatever raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.origins import Host, host_of, hostname_of, origin_of, safe_path, same_host
from bot.web.webchat.app import caller_of

ODD = [
    "[",
    "]",
    "http://[",
    "//[",
    "http://x:99999",
    "http://x:²",
    "\x00",
    "\ud800",
    "a@b",
    "x:y:z",
    ":",
    "http://",
    "",
]
TEXTS = st.text(max_size=80) | st.text("[]:/@.\\ http09\x00²", max_size=40) | st.sampled_from(ODD)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://bot.brand.example", "bot.brand.example"),
        ("https://bot.brand.example", "bot.brand.example:443"),
        ("https://bot.brand.example", "bot.brand.example:80"),
        ("http://bot.brand.example:80", "bot.brand.example"),
        ("https://BOT.brand.example", "bot.Brand.example"),
        ("https://bot.brand.example:8443", "bot.brand.example:8443"),
        ("http://[2001:db8::1]:8080", "[2001:DB8::1]:8080"),
        ("http://[::1]", "[::1]"),
    ],
)
def test_the_same_host_is_recognised_in_every_spelling(origin: str, host: str) -> None:
    assert same_host(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://bot.brand.example:8443", "bot.brand.example"),
        ("https://bot.brand.example", "bot.brand.example.evil.test"),
        ("https://evil.test", "bot.brand.example"),
        ("https://bot.brand.example/", "bot.brand.example"),
        ("https://bot.brand.example@evil.test", "evil.test"),
        ("null", "null"),
        ("bot.brand.example", "bot.brand.example"),
        ("ftp://bot.brand.example", "bot.brand.example"),
        ("http://[", "["),
        ("http://", ""),
        ("", ""),
        ("http://a:99999", "a:99999"),
    ],
)
def test_another_host_or_none_is_not_ours(origin: str, host: str) -> None:
    assert not same_host(origin, host)


@given(TEXTS, TEXTS)
def test_any_text_is_read_as_an_origin_without_an_exception(one: str, other: str) -> None:
    host_of(one), origin_of(one), hostname_of(one), same_host(one, other)
    caller = caller_of({"origin": one, "host": other}, ())
    assert caller.allowed == caller.own
    led = safe_path(one, "/desk")
    assert led.startswith("/")
    assert not led.startswith("//")
    assert "\\" not in led


def test_a_host_is_read_from_an_address() -> None:
    assert host_of("Desk.test:8080") == Host("desk.test", 8080)
    assert host_of("desk.test:443") == host_of("desk.test:") == host_of("desk.test") == Host("desk.test")
    assert host_of("a b") is host_of("a/b") is host_of("a" * 300) is None

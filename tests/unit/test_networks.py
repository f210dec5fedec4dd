"""Whom an internet address counts as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import cpu_within

from bot.access.origins import UNKNOWN_NETWORK, network_of


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113.7:51000", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:443", "203.0.113.7"),
        ("2002:cb00:7107:1::1", "203.0.113.7"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("2001:0DB8:0001:0002::", "2001:db8:1:2::"),
        ("[2001:db8:1:2::9]:80", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
    ],
)
def test_an_address_counts_as_its_network(address: str, counts_as: str) -> None:
    assert network_of(address) == counts_as


@pytest.mark.parametrize("words", ["", "a socket", "unknown", "_hidden", "203.0.113", "1.2.3.4.5", "[::1", "٣.1.1.1"])
def test_invalid_addresses_share_one_network(words: str) -> None:
    assert network_of(words) == UNKNOWN_NETWORK


@given(st.one_of(st.text(), st.text("0123456789abcdef:.[]%"), st.ip_addresses().map(str)))
def test_any_text_counts_as_a_network_and_a_network_as_itself(text: str) -> None:
    network = network_of(text)
    assert network == UNKNOWN_NETWORK or network_of(network) == network


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_all_addresses_of_one_64_are_one_network(one: int, other: int) -> None:
    both = {network_of(f"2001:db8:9:9:{f'{host:016x}'[:4]}:{f'{host:016x}'[4:8]}::") for host in (one, other)}
    assert both == {"2001:db8:9:9::"}


def test_only_the_beginning_of_a_very_long_text_is_read() -> None:
    with cpu_within(0.05):
        assert network_of("1" * 1_000_000) == network_of("[" + ":" * 1_000_000) == UNKNOWN_NETWORK

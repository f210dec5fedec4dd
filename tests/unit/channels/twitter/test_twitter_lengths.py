"""A post is as long as X says: the cases of twitter-text's own conformance suite (Apache-2.0)."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import cpu_within
from support.twitter_payloads import PAYLOADS

from bot.channels.twitter import weighted_length
from bot.channels.twitter.weighted_length import WEIGHTED, weigh
from bot.text import cut, measure

SUITE: Any = yaml.safe_load((PAYLOADS / "twitter-text-validate.yml").read_text(encoding="utf-8"))["tests"]
GROUPS = (
    "WeightedTweetsCounterTest",
    "WeightedTweetsWithDiscountedEmojiCounterTest",
    "UnicodeDirectionalMarkerCounterTest",
)
# Two texts stand in two groups: in the first as config v2 counted emoji, in the second as v3 does, which is X's.
WEIGHED = {one["text"]: one["expected"] for group in GROUPS for one in SUITE[group]}.items()


@pytest.mark.parametrize(("text", "expected"), WEIGHED)
def test_lengths_agree_with_the_conformance_suite(text: str, expected: dict[str, Any]) -> None:
    assert (weigh(text), weigh(text) <= 280) == (expected["weightedLength"], expected["weightedLength"] <= 280)


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("汉" * 140, 280),
        ("汉" * 140 + "a", 281),
        ("example.com", 23),
        ("查询积分http://a.cn/你好", 35),
        ("👨‍👩‍👧‍👦", 2),
        ("cafe\u0301", 4),
        ("https://twitter.com/messages/compose?recipient_id=1600000000000000001", 23),
        ("", 0),
    ],
)
def test_characters_urls_and_emoji_have_their_weights(text: str, weight: int) -> None:
    assert measure(text, WEIGHTED) == weight


@given(text=st.text(max_size=400))
def test_any_text_has_a_weight_and_can_be_cut(text: str) -> None:
    assert weigh(text) >= 0
    assert all(measure(piece, WEIGHTED) <= 280 for piece in cut(text, 280, WEIGHTED))


ATOMS = st.sampled_from(
    [
        "a",
        "b.cn",
        "example.com",
        "http://",
        "https://",
        "t.co/",
        "/",
        "?q=1",
        "&",
        "@",
        "#",
        "看",
        "。",
        ".",
        "-",
        " ",
        "(",
        ")",
        "xn--p1ai",
        "é",
        "👨\u200d👩\u200d👧",
        "👍🏽",
        "1️⃣",
        "🇨🇳",
        "\u200d",
        "café",
        "co.uk",
        "\r\n",
        "网址",
    ]
)


@given(atoms=st.lists(ATOMS, max_size=5))
def test_a_texts_weight_equals_that_of_the_official_parser(atoms: list[str]) -> None:
    """Short texts only: the official parser takes half a minute for 5,000 characters of "a.a."."""
    text = " ".join(atoms)
    with weighted_length.substituted_pkg_resources():
        from twitter_text import parse_tweet
    assert weigh(text) == parse_tweet(text).weightedLength


@pytest.mark.parametrize("sign", ["a.", "a.cn ", "http://a.cn/(", "👍🏽", "\u0301\u0316", "看.cn"])
def test_a_long_text_is_weighed_quickly(sign: str) -> None:
    weigh("a.cn 👍🏽")
    with cpu_within(0.5):
        weigh(sign * (10_000 // len(sign)))


def test_the_pattern_for_candidates_covers_every_emoji() -> None:
    known = weighted_length.known_emoji().all
    assert [one for one in known if not weighted_length.MAYBE_EMOJI.fullmatch(one.lstrip("0123456789#*"))] == []

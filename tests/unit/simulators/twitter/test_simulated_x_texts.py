"""How the simulated X weighs and reads texts, by twitter-text's own conformance suite."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import cpu_within
from support.simulated_x import APP
from support.twitter_openapi import PAYLOADS

from bot.simulators.twitter.auth import Authenticator, SignedRequest
from bot.simulators.twitter.queries import QueryError, parse_query
from bot.simulators.twitter.refusals import Refusal
from bot.simulators.twitter.state import People
from bot.simulators.twitter.texts import links_in, mentions_in, weighted_length, wrap_links

SUITE: dict[str, list[dict[str, Any]]] = yaml.safe_load((PAYLOADS / "twitter-text-validate.yml").read_text("utf-8"))[
    "tests"
]
# Hosts in other scripts are no links here.
FOREIGN_HOSTS = {
    "Allow > 140 CJK characters by virtue of CJK chars less than 63 punycode encoded chars in the host",
    "Tweet text containing directional characters should be considered valid",
}
# The suite's older half counts each part of an emoji by itself, as config v2 did.
PARTS_OF_EMOJI = {
    "Count a mix of single byte single word, and double word unicode characters",
    "Count unicode emoji chars outside the basic multilingual plane with skin tone modifiers",
}


def cases(*sections: str) -> list[Any]:
    return [pytest.param(one, id=one["description"]) for section in sections for one in SUITE[section]]


@pytest.mark.parametrize(
    "case",
    cases(
        "WeightedTweetsCounterTest",
        "WeightedTweetsWithDiscountedEmojiCounterTest",
        "UnicodeDirectionalMarkerCounterTest",
    ),
)
def test_the_weighted_length_is_that_of_twitter_text(case: dict[str, Any]) -> None:
    right = weighted_length(case["text"]) == case["expected"]["weightedLength"]
    older = case["description"] in PARTS_OF_EMOJI and case not in SUITE["WeightedTweetsWithDiscountedEmojiCounterTest"]
    assert right is not (older or case["description"] in FOREIGN_HOSTS)


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("查询积分http://a.cn/你好", ["http://a.cn/"]),
        ("见 shop.a.cn 与 a.cn 与 a.cn/x", ["shop.a.cn", "a.cn/x"]),
        (".htaccess virtual.host.conf e.g. 3.5 v1.2 U.S.A", []),
        ("me@example.com example.com,", ["example.com"]),
        (
            "https://twitter.com/messages/compose?recipient_id=16.",
            ["https://twitter.com/messages/compose?recipient_id=16"],
        ),
    ],
)
def test_links_are_found_where_x_finds_them(text: str, links: list[str]) -> None:
    assert [one.word for one in links_in(text)] == links


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@YunshanTea 在吗", ["YunshanTea"]),
        ("你好@YunshanTea。＠emma", ["YunshanTea", "emma"]),
        ("a@b.com @林 @@x @a_name_longer_than_15", []),
    ],
)
def test_handles_are_found_where_x_finds_them(text: str, names: list[str]) -> None:
    assert [one.word for one in mentions_in(text)] == names


@given(st.text())
def test_wrapped_links_are_at_the_places_given(text: str) -> None:
    made, links = wrap_links(text)
    assert all(made[one.start : one.end].startswith("https://t.co/") for one in links)
    assert [one.word for one in links] == [one.word for one in links_in(text)]
    assert weighted_length(text) >= 0


@pytest.mark.parametrize(
    "text", ["a." * 20_000, "http://" + "a-" * 20_000, "http://a.cn/?" + "(" * 20_000, "@" * 25_000]
)
def test_no_text_takes_long_to_read(text: str) -> None:
    with cpu_within(2):
        weighted_length(text)
        mentions_in(text)


@given(st.text(alphabet=st.sampled_from('ab OR()-":@is.云')))
def test_queries_are_read_or_refused(query: str) -> None:
    try:
        parse_query(query, People())
    except QueryError:
        return


@given(st.text())
def test_arbitrary_authorization_headers_are_refused(authorization: str) -> None:
    for said in (authorization, f"OAuth {authorization}", f"Bearer {authorization}"):
        with pytest.raises(Refusal):
            Authenticator(APP).authenticate(
                SignedRequest("GET", "http://127.0.0.1/2/users/me", "/2/users/me", authorization, said)
            )

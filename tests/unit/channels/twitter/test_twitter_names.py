"""Where a name in a post ends, and what is left of the post without names and links that X added."""

from __future__ import annotations

from typing import Any

import pytest
from support.cpu_time import cpu_within
from support.twitter_payloads import JULY_24, activity, push, webhook_channel

from bot.domain.messages import Inbound, Kind, Messages
from bot.intents.opt_out import wants_opt_out

CHANNEL = webhook_channel()


def said(text: str, **more: Any) -> Inbound:
    event = activity("post.mention.create")
    event["data"]["payload"].update({"text": text, **more})
    got = CHANNEL.receive(push(event, JULY_24))
    assert isinstance(got, Messages)
    return got.inbounds[0]


@pytest.mark.parametrize(
    "before",
    [
        *(
            "@YunshanTea",
            "@YunshanTea ",
            "@YunshanTea　",
            "＠YunshanTea",
            "@YunshanTea，",
            "@YunshanTea: ",
            ".@YunshanTea ",
        ),
        *("@YunshanTea\u200b", "@OtherUser @YunshanTea", "\u2066@YunshanTea\u2069", "\u200b@YunshanTea "),
    ],
)
def test_a_mention_ends_where_its_letters_end(before: str) -> None:
    assert said(f"{before}怎么退货？").text == "怎么退货？"


@pytest.mark.parametrize("stop", ["@YunshanTea停止", "@YunshanTea退訂", "＠YunshanTea停止订阅"])
def test_stop_directly_after_the_mention_is_read_as_stop(stop: str) -> None:
    assert wants_opt_out(said(stop).text)


@pytest.mark.parametrize(
    "text", ["@joséphine says hi", "@a@example.com", "me@YunshanTea.com", "怎么退货？@YunshanTea", "@"]
)
def test_text_before_the_message_that_is_no_mention_is_kept(text: str) -> None:
    assert said(text).text == text


def test_a_post_of_only_a_mention_is_an_event() -> None:
    assert said("@YunshanTea").kind is Kind.EVENT


@pytest.mark.parametrize(
    "links", ["https://t.co/a1", " https://t.co/a1 https://t.co/b2 ", "https://t.co/a1https://t.co/b2"]
)
def test_links_that_x_appends_for_media_are_removed(links: str) -> None:
    pictured = {"attachments": {"media_keys": ["3_1"]}}
    assert said(f"@YunshanTea 坏了{links}", **pictured).text == "坏了"
    assert said(f"@YunshanTea {links.strip()} 坏了", **pictured).text == f"{links.strip()} 坏了"


def test_only_the_entities_that_x_escapes_are_decoded() -> None:
    assert said("1 &lt; 2 &amp;amp; &quot; &#x202e;").text == "1 < 2 &amp; &quot; &#x202e;"
    assert said("&#" + "9" * 5_000 + ";").kind is Kind.TEXT


@pytest.mark.parametrize("sign", ["@a ", "@", "https://t.co/a ", " ", ",", "&amp;"])
def test_a_post_of_25_000_characters_is_read_quickly(sign: str) -> None:
    long = f"@YunshanTea {sign * (25_000 // len(sign))}!"
    more = {"note_tweet": {"text": long}, "attachments": {"media_keys": ["3_1"]}}
    said("warm", **more)
    with cpu_within(0.1):
        said("@YunshanTea", **more)

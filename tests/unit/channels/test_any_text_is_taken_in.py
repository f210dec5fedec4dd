"""On X and in web chat too, what somebody types costs nobody their message: text, names, whatever it holds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.services import MovableClock
from support.twitter_payloads import BRAND, JULY_24, activity, push, signed, webhook_channel

from bot.channels.twitter import TwitterChannel
from bot.channels.webchat import VisitorTokens, WebChatChannel, WebChatSettings
from bot.domain.messages import Inbound, Messages, RawRequest
from bot.stores.redis.client import RedisClient

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=80)
CONTROLS = "".join(map(chr, range(32))) + "\x7f\x85\u200b\u202e\ufffe\uffff\ud800"
PLACES = [
    ("post.mention.create", ("data", "payload", "text")),
    ("post.mention.create", ("data", "includes", "users", 0, "username")),
    ("post.mention.create", ("data", "includes", "users", 0, "name")),
    ("dm.received", ("data", "payload", "direct_message_events", 0, "message_create", "message_data", "text")),
]


def heard(channel: TwitterChannel, request: RawRequest) -> Inbound:
    got = channel.receive(request)
    assert isinstance(got, Messages)
    (inbound,) = got.inbounds
    assert not set(inbound.text + "".join(inbound.data.values())) & set("\x00\x02\x1d\ufffe\ud800")
    return inbound


def with_text(event: object, path: tuple[str | int, ...], text: str) -> object:
    holder = event
    for step in path[:-1]:
        holder = holder[step]  # type: ignore[index]
    holder[path[-1]] = text  # type: ignore[index]
    return event


@settings(max_examples=100, deadline=None)
@given(place=st.sampled_from(PLACES), text=st.one_of(ANY_TEXT, st.just(CONTROLS)))
def test_any_text_and_any_name_on_x_is_accepted(place: tuple[str, tuple[str | int, ...]], text: str) -> None:
    event = with_text(activity(place[0]), place[1], text)
    heard(webhook_channel(user_id=BRAND), push(event))


@pytest.mark.parametrize("raw", [b"\x02", b"\x00", b"\n", b"\xff", b"\xed\xa0\x80"])
def test_an_unescaped_control_character_in_json_is_accepted(raw: bytes) -> None:
    event = with_text(activity("post.mention.create"), PLACES[0][1], "where is MARK my order")
    body = json.dumps(event).encode().replace(b"MARK", raw)
    assert heard(webhook_channel(), signed(body)).text.startswith("where is")


@settings(max_examples=100, deadline=None)
@given(text=ANY_TEXT.map(lambda text: f"a{text}b"))
def test_any_text_of_a_visitor_is_accepted(text: str) -> None:
    visitors = VisitorTokens("site", "a-secret-for-tests", 30, MovableClock(JULY_24))
    channel = WebChatChannel("site", WebChatSettings(), visitors, RedisClient("redis://127.0.0.1:1"))
    token = visitors.renew("").token
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    raw = text.encode(errors="surrogatepass").replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    body = b'{"id": "12345678", "text": "' + raw + b'"}'
    got = channel.receive(RawRequest("POST", {}, headers, body, JULY_24))
    assert isinstance(got, Messages)
    assert len(got.inbounds) == 1

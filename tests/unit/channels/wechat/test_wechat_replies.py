"""Passive replies: read back by parsers that we did not write, whatever an editor or agent put into them."""

from __future__ import annotations

import pytest
import xmltodict
from hypothesis import given
from hypothesis import strategies as st
from support.wechat_payloads import (
    APP_ID,
    GH,
    KEY,
    NOW,
    OPENID,
    PLAIN,
    SAFE,
    TOKEN,
    payload,
    plain_request,
    push_xml,
    safe_request,
)
from werobot.crypto import MessageCrypt

from bot.channels.wechat import WeChatChannel
from bot.domain.messages import Outbound, RawRequest

HARD = [
    "您好，积分余额是 1,280 分。",
    "🎁👨‍👩‍👧 𠮷野家",
    "]]>",
    "]]><MsgType>image</MsgType><![CDATA[",
    "a]]>b]]>]]>>c",
    "]]",
    "<b>&amp; \"quotes\" 'and' more</b>",
    "第一行\n第二行\t缩进",
]


def said(channel: WeChatChannel, request: RawRequest, text: str) -> dict[str, str]:
    """The fields of the reply as xmltodict reads them, after WeRoBot has opened what is sealed."""
    response = channel.answer(request, Outbound("1", "shop", OPENID, "", text))
    assert response.content_type.startswith("application/xml")
    fields = dict(xmltodict.parse(response.body, strip_whitespace=False)["xml"])
    if "Encrypt" not in fields:
        return fields
    opened = MessageCrypt(TOKEN, KEY, APP_ID).decrypt_message(
        fields["TimeStamp"], fields["Nonce"], fields["MsgSignature"], fields["Encrypt"]
    )
    return dict(xmltodict.parse(opened, strip_whitespace=False)["xml"])


@pytest.mark.parametrize("text", HARD)
def test_a_reply_arrives_as_it_was_written(text: str) -> None:
    for channel, request in (
        (WeChatChannel("shop", PLAIN), plain_request(push_xml())),
        (WeChatChannel("shop", SAFE), safe_request(push_xml())),
    ):
        fields = said(channel, request, text)
        assert fields["Content"] == text
        assert fields["MsgType"] == "text"
        assert (fields["ToUserName"], fields["FromUserName"]) == (OPENID, GH)
        assert fields["CreateTime"] == str(int(NOW))


def test_control_characters_and_halves_of_emoji_are_left_out() -> None:
    fields = said(WeChatChannel("shop", SAFE), safe_request(push_xml()), "a\x00b\x0bc\x1fd\ud83de￾")
    assert fields["Content"] == "abcde"


@given(text=st.text(st.characters(exclude_categories=[]), min_size=1, max_size=200))
def test_any_reply_is_valid_xml_with_its_text(text: str) -> None:
    channel, request = WeChatChannel("shop", SAFE), safe_request(push_xml())
    if channel.answer(request, Outbound("1", "shop", OPENID, "", text)).body == b"success":
        return
    fields = said(channel, request, text)
    assert fields["MsgType"] == "text"
    assert "\0" not in fields["Content"]


def test_an_encrypted_reply_has_the_requests_nonce_and_our_time() -> None:
    response = WeChatChannel("shop", SAFE).answer(
        safe_request(push_xml(), now=NOW + 3), Outbound("1", "shop", OPENID, "", "好")
    )
    fields = xmltodict.parse(response.body)["xml"]
    assert set(fields) == {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}
    assert (fields["Nonce"], fields["TimeStamp"]) == ("415670741", str(int(NOW + 3)))


def test_an_encrypted_reply_does_not_contain_its_text() -> None:
    response = WeChatChannel("shop", SAFE).answer(
        safe_request(push_xml()), Outbound("1", "shop", OPENID, "", "secret words")
    )
    assert b"secret words" not in response.body
    assert OPENID.encode() not in response.body


@pytest.mark.parametrize("text", [None, "", "  ", "\x00\x01"])
def test_an_empty_reply_is_the_plain_acknowledgement_in_both_modes(text: str | None) -> None:
    """An empty Content is not the same: WeChat would show that the account is out of order (reference 1.3)."""
    reply = None if text is None else Outbound("1", "shop", OPENID, "", text)
    for channel, request in (
        (WeChatChannel("shop", PLAIN), plain_request(push_xml())),
        (WeChatChannel("shop", SAFE), safe_request(push_xml())),
    ):
        response = channel.answer(request, reply)
        assert (response.status, response.body) == (200, b"success")


@pytest.mark.parametrize("name", ["event_subscribe", "event_click", "image", "voice", "unknown_type"])
def test_every_received_push_can_be_answered(name: str) -> None:
    fields = said(WeChatChannel("shop", SAFE), safe_request(payload(name)), "欢迎")
    assert (fields["FromUserName"], fields["Content"]) == ("toUser", "欢迎")


def test_the_reply_comes_from_the_account_in_the_encrypted_part() -> None:
    request = safe_request(push_xml())
    body = request.body.replace(GH.encode(), b"gh_somebody_else")
    moved = RawRequest("POST", request.query, {}, body, NOW)
    assert said(WeChatChannel("shop", SAFE), moved, "好")["FromUserName"] == GH

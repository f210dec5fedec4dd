"""Whatever a follower types or pastes, rightly signed, is read: no character and no markup in it costs the message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.wechat_payloads import (
    GH,
    KEY,
    NOW,
    OPENID,
    PLAIN,
    SAFE,
    TOKEN,
    plain_request,
    push_xml,
    received,
    sealed_request,
)

from bot.channels.wechat import WeChatChannel
from bot.channels.wechat.security import MessageCrypto, sign
from bot.domain.messages import Inbound, Kind, RawRequest

SAFE_CHANNEL = WeChatChannel("shop", SAFE)


def in_both_modes(body: bytes) -> Inbound:
    """What a push says, which is the same whether it came plain or sealed."""
    plain = received(WeChatChannel("shop", PLAIN), plain_request(body))
    assert received(SAFE_CHANNEL, sealed(body)) == plain
    return plain


def sealed(body: bytes) -> RawRequest:
    closed = MessageCrypto(KEY, SAFE.app_id).encrypt(body)
    return sealed_request(closed, sign(TOKEN, str(int(NOW)), "1", closed), str(int(NOW)), "1", NOW)


def text_push(content: bytes, field: str = "Content", kind: str = "text") -> bytes:
    """A push with these bytes where people's words stand, as WeChat writes it."""
    return push_xml("?", kind).encode().replace(b"<Content><![CDATA[?]]></Content>", b"").replace(
        b"<MsgId>", b"<%s><![CDATA[" % field.encode() + content + b"]]></%s><MsgId>" % field.encode()
    )  # fmt: skip


@pytest.mark.parametrize(
    "odd",
    [b"\x02", b"\x1d", b"\x00", b"\x0b", b"\x7f\x1f", "\ufffe".encode(), "\uffff".encode(), b"\xed\xa0\x80", b"\xff"],
    ids=["02", "1d", "00", "0b", "1f", "FFFE", "FFFF", "surrogate", "no UTF-8"],
)
def test_a_character_that_xml_forbids_is_dropped_and_the_text_is_read(odd: bytes) -> None:
    heard = in_both_modes(text_push("怎么".encode() + odd + "退货？".encode()))
    assert (heard.kind, heard.text.replace("\ufffd", "").replace("\x7f", "")) == (Kind.TEXT, "怎么退货？")


@pytest.mark.parametrize("number", ["&#2;", "&#xFFFE;", "&#0;", "&#xD800;", "&#x110000;", f"&#{'9' * 5000};"])
def test_a_forbidden_character_by_its_number_is_dropped_too(number: str) -> None:
    body = push_xml().replace("<![CDATA[你好]]>", f"怎么{number}退货&#xFF1F;")
    assert in_both_modes(body.encode()).text == "怎么退货？"


def test_a_typed_character_reference_stays_text() -> None:
    assert in_both_modes(text_push(b"what is &#2; or &#x41;?")).text == "what is &#2; or &#x41;?"


def test_invalid_utf_8_is_replaced() -> None:
    heard = in_both_modes(text_push("怎么".encode() + "退".encode("gbk") + b" 4711"))
    assert heard.kind is Kind.TEXT
    assert heard.text.startswith("怎么")
    assert heard.text.endswith(" 4711")


NESTED = "<xml><ToUserName><![CDATA[gh_x]]></ToUserName><Content><![CDATA[你好]]></Content></xml>"


@pytest.mark.parametrize(
    "typed",
    [
        "]]>",
        "a]]>b",
        "]]]]>>",
        NESTED,
        f"<![CDATA[{NESTED}]]>",
        "]]></Content></xml>",
        "]]></Content><Content><![CDATA[",
        "]]></Content><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[unsubscribe]]></Event><Content><![CDATA[",
        "]]></Content><FromUserName><![CDATA[somebody]]></FromUserName><Content><![CDATA[x",
        "]]></Content><bizmsgmenuid>101</bizmsgmenuid><x><![CDATA[",
        "]]></Content><MsgId>1</MsgId><!-- ",
        "]]></Content><Title><![CDATA[t]]></Title><Url><![CDATA[http://example.com]]></Url>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
        "]]\x02></Content><MsgType>event</MsgType>",
    ],
)
def test_a_text_that_contains_markup_is_only_text(typed: str) -> None:
    heard = in_both_modes(text_push(typed.encode()))
    assert (heard.kind, heard.handle) == (Kind.TEXT, OPENID)
    assert heard.text == typed.replace("\x02", "")
    assert heard.data == {"id": "23456789012345678"}
    assert heard.dedup_key == in_both_modes(text_push(b"hello")).dedup_key


def test_a_text_split_over_cdata_sections_is_joined() -> None:
    assert in_both_modes(text_push(b"a]]]]><![CDATA[>b")).text == "a]]>b"


def test_no_field_of_a_link_can_replace_another() -> None:
    def link(title: str, description: str, url: str) -> Inbound:
        body = push_xml("", "link", Title=title, Description=description, Url=url)
        return in_both_modes(body.replace("<Content><![CDATA[]]></Content>", "").encode())

    trick = "]]></Title><MsgType><![CDATA[event]]></MsgType><Description><![CDATA["
    for heard in (link(trick, "d", "https://a.cn"), link("t", trick, "https://a.cn"), link(trick, trick, trick)):
        assert (heard.kind, heard.handle) == (Kind.LINK, OPENID)


FIELDS = [("text", "Content"), ("link", "Title"), ("link", "Url"), ("location", "Label"), ("voice", "Recognition")]
SCRAPS = [
    b"]]>",
    b"<![CDATA[",
    b"</Content>",
    b"<MsgType>",
    b"</Title>",
    b"<Title><![CDATA[",
    b"&#2;",
    b"&",
    b"<",
    b"\0",
]
ANY_BYTES = st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(SCRAPS)), max_size=12).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(where=st.sampled_from(FIELDS), typed=ANY_BYTES)
def test_any_bytes_in_a_text_field_leave_the_sender_unchanged(where: tuple[str, str], typed: bytes) -> None:
    kind, field = where
    heard = in_both_modes(text_push(typed, field, kind))
    assert (heard.account, heard.handle) == ("shop", OPENID)
    assert heard.kind in (Kind.UNSUPPORTED, Kind(kind))
    assert heard.dedup_key.startswith(OPENID)
    assert GH not in heard.dedup_key

"""Pushes and replies of the simulator: what WeChat would take, and what it would call malformed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.wechat_webhook import ACCOUNT
from wechatpy.parser import parse_message
from wechatpy.replies import ArticlesReply, ImageReply, TextReply, TransferCustomerServiceReply

from bot.simulators.wechat import actions
from bot.simulators.wechat.actions import FollowerAction
from bot.simulators.wechat.envelopes import Envelopes, MalformedReply, Reply, read_xml, write_xml

PLAIN = replace(ACCOUNT, mode="plain")
OPENID = "oX1"
SAYABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=300)


def _reply(fields: dict[str, str | int]) -> bytes:
    head: dict[str, str | int] = {"ToUserName": OPENID, "FromUserName": PLAIN.original_id, "CreateTime": 1}
    return write_xml(head | fields)


@pytest.mark.parametrize(
    ("said", "kind", "field", "value"),
    [
        (actions.text("你好 👋 ]]> <b>"), "text", "content", "你好 👋 ]]> <b>"),
        (actions.image("http://127.0.0.1/a.svg", "m1"), "image", "media_id", "m1"),
        (actions.voice("营业时间"), "voice", "recognition", "营业时间"),
        (actions.video("m2"), "video", "media_id", "m2"),
        (actions.location(31.2, 121.4, "南京西路"), "location", "label", "南京西路"),
        (actions.link("标题", "http://127.0.0.1/"), "link", "url", "http://127.0.0.1/"),
        (actions.follow(), "event", "event", "subscribe"),
        (actions.unfollow(), "event", "event", "unsubscribe"),
        (actions.click("我的积分"), "event", "key", "我的积分"),
    ],
)
def test_wechatpy_reads_every_kind_of_push(said: FollowerAction, kind: str, field: str, value: str) -> None:
    message = parse_message(Envelopes(PLAIN).seal(OPENID, said, 7, 1_790_000_000.5).body)
    assert (message.type, getattr(message, field)) == (kind, value)
    assert (message.source, message.target) == (OPENID, PLAIN.original_id)
    assert message.create_time.year == 2026


def test_a_safe_push_shows_nothing_but_the_account() -> None:
    push = Envelopes(ACCOUNT).seal(OPENID, actions.text("秘密"), 7, 1_790_000_000.0)
    assert set(read_xml(push.body)) == {"ToUserName", "Encrypt"}
    assert push.query["encrypt_type"] == "aes"
    assert list(push.query) == ["signature", "timestamp", "nonce", "openid", "encrypt_type", "msg_signature"]


@given(st.dictionaries(st.from_regex(r"[A-Z][a-z]{1,8}", fullmatch=True), SAYABLE))
def test_what_is_written_is_read_back(fields: dict[str, str]) -> None:
    assert read_xml(write_xml(fields)) == fields


ODD = st.text(max_size=300).map(lambda said: f"<xml>{said}</xml>".encode("utf-16"))


@given(st.one_of(st.binary(max_size=300), ODD))
def test_any_bytes_are_read_without_an_exception(body: bytes) -> None:
    try:
        assert isinstance(read_xml(body), dict)
    except MalformedReply:
        return


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><xml><Content>&b;</Content></xml>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml><Content>x</Content></xml>',
        b"<xml><Content>a</Content><Content>b</Content></xml>",
        b"<xml>" + b"<a>" * 100_000,
        b"<html><body>it works</body></html>",
        b'{"content": "hello"}',
    ],
    ids=["bomb", "external", "twice", "deep", "html", "json"],
)
def test_hostile_or_wrong_replies_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedReply):
        Envelopes(PLAIN).open(OPENID, body)


@pytest.mark.parametrize(
    "fields",
    [
        {"MsgType": "text", "Content": ""},
        {"MsgType": "text", "Content": "a", "ToUserName": "somebody"},
        {"MsgType": "text", "Content": "a", "FromUserName": "gh_other"},
        {"MsgType": "text", "Content": "a", "CreateTime": "today"},
        {"MsgType": "telegram", "Content": "a"},
        {"Content": "a"},
    ],
)
def test_replies_that_wechat_would_not_show_are_malformed(fields: dict[str, str | int]) -> None:
    with pytest.raises(MalformedReply):
        Envelopes(PLAIN).open(OPENID, _reply(fields))


@pytest.mark.parametrize("body", [b"", b"success", b" success\n"])
def test_success_and_nothing_show_nothing_in_both_modes(body: bytes) -> None:
    assert Envelopes(PLAIN).open(OPENID, body) is None
    assert Envelopes(ACCOUNT).open(OPENID, body) is None


def test_a_plain_reply_is_malformed_in_safe_mode() -> None:
    with pytest.raises(MalformedReply):
        Envelopes(ACCOUNT).open(OPENID, _reply({"MsgType": "text", "Content": "hello"}))


def test_wechatpys_replies_of_all_kinds_are_understood() -> None:
    message = parse_message(Envelopes(PLAIN).seal(OPENID, actions.text("hi"), 7, 1_790_000_000.0).body)
    articles = ArticlesReply(message=message)
    articles.add_article({"title": "退货", "description": "", "image": "", "url": ""})
    articles.add_article({"title": "换货", "description": "", "image": "", "url": ""})
    shown = [
        Envelopes(PLAIN).open(OPENID, reply.render().encode())
        for reply in (
            TextReply(content=" 您好 ", message=message),
            ImageReply(media_id="m", message=message),
            articles,
            TransferCustomerServiceReply(message=message),
        )
    ]
    assert shown == [
        Reply("text", " 您好 "),
        Reply("image", "m"),
        Reply("news", "退货"),
        Reply("transfer_customer_service", ""),
    ]


def test_a_passive_reply_over_2048_bytes_loses_its_end_at_a_character() -> None:
    reply = Envelopes(PLAIN).open(OPENID, _reply({"MsgType": "text", "Content": "长" * 700}))
    assert reply == Reply("text", "长" * 682, cut=True)

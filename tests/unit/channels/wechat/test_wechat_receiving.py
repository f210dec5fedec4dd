"""What followers send, as the rest of Yingda gets to see it. Every push goes through WeRoBot's encryption first."""

from __future__ import annotations

import pytest
from support.wechat_payloads import (
    GH,
    NOW,
    OPENID,
    PLAIN,
    SAFE,
    payload,
    plain_request,
    push_xml,
    received,
    safe_request,
)
from wechatpy import parse_message

from bot.channels.wechat import WeChatChannel, WeChatSettings
from bot.domain.messages import Inbound, Kind, Media

CHANNEL = WeChatChannel("shop", SAFE)
EVERY = [
    ("text", Kind.TEXT, "this is a test"),
    ("text_from_article", Kind.TEXT, "this is a test"),
    ("text_menu_choice", Kind.CLICK, "满意"),
    ("text_sticker", Kind.UNSUPPORTED, ""),
    ("image", Kind.IMAGE, ""),
    ("voice", Kind.VOICE, ""),
    ("voice_recognised", Kind.VOICE, "腾讯微信团队"),
    ("video", Kind.VIDEO, ""),
    ("shortvideo", Kind.VIDEO, ""),
    ("location", Kind.LOCATION, ""),
    ("link", Kind.LINK, ""),
    ("unknown_type", Kind.UNSUPPORTED, ""),
    ("device_event", Kind.EVENT, ""),
    ("event_subscribe", Kind.FOLLOW, ""),
    ("event_subscribe_scan", Kind.FOLLOW, ""),
    ("event_unsubscribe", Kind.UNFOLLOW, ""),
    ("event_scan", Kind.EVENT, ""),
    ("event_location", Kind.EVENT, ""),
    ("event_click", Kind.CLICK, "EVENTKEY"),
    ("event_view", Kind.EVENT, ""),
    ("event_template_job", Kind.EVENT, ""),
    ("event_pic_sysphoto", Kind.EVENT, ""),
    ("event_publish_job", Kind.EVENT, ""),
    ("event_subscribe_msg_popup", Kind.EVENT, ""),
    ("event_user_authorization_revoke", Kind.EVENT, ""),
]


def heard(xml: str) -> Inbound:
    return received(CHANNEL, safe_request(xml))


@pytest.mark.parametrize(("name", "kind", "text"), EVERY, ids=[name for name, _, _ in EVERY])
def test_every_documented_push_is_read_the_same_in_both_modes(name: str, kind: Kind, text: str) -> None:
    inbound = heard(payload(name))
    assert (inbound.kind, inbound.text) == (kind, text)
    assert received(WeChatChannel("shop", PLAIN), plain_request(payload(name))) == inbound


@pytest.mark.parametrize("name", [name for name, _, _ in EVERY])
def test_sender_and_time_are_those_wechatpy_reads(name: str) -> None:
    inbound, theirs = heard(payload(name)), parse_message(payload(name))
    assert (inbound.account, inbound.handle, inbound.at) == ("shop", theirs.source, float(theirs.time))


def test_media_are_kept_by_reference_and_shown_as_what_they_are() -> None:
    assert heard(payload("image")).media == Media("media_id")
    assert heard(payload("image")).data["url"] == "this is a url"
    assert heard(payload("voice")).media == Media("media_id", "Format")
    assert heard(payload("video")).data["thumb"] == "thumb_media_id"
    assert heard(payload("link")).media == Media("url", "link", "公众平台官网链接", "公众平台官网链接")


def test_a_place_arrives_with_its_coordinates_and_name() -> None:
    assert heard(payload("location")).data == {
        "lat": "23.134521",
        "lon": "113.358803",
        "label": "位置信息",
        "id": "1234567890123456",
    }


def test_location_reports_of_followers_are_not_kept() -> None:
    assert heard(payload("event_location")).data == {"event": "location"}


def test_a_follow_by_qr_code_has_its_scene() -> None:
    assert heard(payload("event_subscribe_scan")).data == {"scene": "123123", "ticket": "TICKET"}
    assert heard(payload("event_subscribe")).data == {}
    assert heard(payload("event_scan")).data == {"event": "scan", "key": "SCENE_VALUE", "ticket": "TICKET"}


@pytest.mark.parametrize("unfollow", ["erase", "anonymise"])
def test_an_unfollow_says_how_data_is_erased(unfollow: str) -> None:
    channel = WeChatChannel("shop", PLAIN.model_copy(update={"unfollow": unfollow}))
    inbound = received(channel, plain_request(payload("event_unsubscribe")))
    assert (inbound.kind, inbound.data) == (Kind.UNFOLLOW, {"mode": unfollow})


def test_a_closed_wechat_account_is_treated_like_an_unfollow() -> None:
    told = push_xml(kind="event", Event="user_authorization_cancellation", OpenID=OPENID, FromUserName="platform")
    inbound = heard(told)
    assert (inbound.kind, inbound.handle, inbound.data) == (Kind.UNFOLLOW, OPENID, {"mode": "erase"})
    assert heard(told.replace(OPENID, "somebody-else")).dedup_key != inbound.dedup_key
    nobody = heard(push_xml(kind="event", Event="user_authorization_cancellation"))
    assert nobody.kind is Kind.EVENT


@pytest.mark.parametrize(
    "name",
    [
        "PUBLISHJOBFINISH",
        "subscribe_msg_popup_event",
        "subscribe_msg_change_event",
        "subscribe_msg_sent_event",
        "user_info_modified",
        "user_authorization_revoke",
        "debug_demo",
        "kf_create_session",
        "invented_tomorrow",
    ],
)
def test_an_unknown_event_is_an_event(name: str) -> None:
    inbound = heard(push_xml(kind="event", Event=name))
    assert (inbound.kind, inbound.data["event"]) == (Kind.EVENT, name.lower())


def test_event_names_come_in_any_case() -> None:
    assert heard(push_xml(kind="event", Event="Subscribe")).kind is Kind.FOLLOW
    assert heard(push_xml(kind="Event", Event="click", EventKey="points")).text == "points"


def test_a_customers_text_is_kept_as_it_was_typed() -> None:
    assert heard(push_xml("  两行\n  文字 🎁 ")).text == "  两行\n  文字 🎁 "
    assert heard(push_xml("a &amp; <b>")).text == "a &amp; <b>"


@pytest.mark.parametrize("content", ["", "   ", "\n\t"])
def test_a_blank_text_is_unsupported(content: str) -> None:
    assert heard(push_xml(content)).kind is Kind.UNSUPPORTED


@pytest.mark.parametrize(
    "xml",
    [
        push_xml(kind=""),
        push_xml(kind="event"),
        push_xml(kind="image"),
        push_xml(kind="link"),
        push_xml(kind="holograph"),
        push_xml().replace("<MsgType><![CDATA[text]]></MsgType>", ""),
        push_xml().replace("</xml>", "<Content>another</Content></xml>"),
    ],
    ids=[
        "empty type",
        "event without name",
        "image without id",
        "link without address",
        "new type",
        "no type",
        "twice",
    ],
)
def test_a_signed_but_malformed_push_is_unsupported(xml: str) -> None:
    inbound = heard(xml)
    assert (inbound.kind, inbound.text, inbound.handle) == (Kind.UNSUPPORTED, "", OPENID)


def test_a_push_without_a_readable_time_is_dated_by_its_arrival() -> None:
    assert heard(push_xml(CreateTime="yesterday")).at == NOW
    assert heard(push_xml(CreateTime="９９")).at == NOW


def test_a_repeat_has_the_same_key_and_nothing_else_has() -> None:
    first = heard(push_xml("你好"))
    keys = [
        first.dedup_key,
        heard(push_xml("你好", MsgId="1")).dedup_key,
        heard(push_xml("你好", FromUserName="somebody")).dedup_key,
        heard(push_xml("你好", CreateTime="1790000001")).dedup_key,
    ]
    assert len(set(keys)) == len(keys)
    assert received(CHANNEL, safe_request(push_xml("你好"), now=NOW + 10)).dedup_key == first.dedup_key


def test_events_of_the_same_second_are_told_apart() -> None:
    def event(name: str, **more: str) -> str:
        return heard(payload_event(name, **more)).dedup_key

    keys = [event("CLICK", EventKey="a"), event("CLICK", EventKey="b"), event("VIEW", EventKey="a"), event("SCAN")]
    jobs = [event("TEMPLATESENDJOBFINISH", MsgID=number) for number in ("1", "2")]
    assert len({*keys, *jobs}) == 6


def test_a_dedup_key_always_fits_its_column() -> None:
    long = [heard(payload_event("CLICK", EventKey="钥" * 300 + end)).dedup_key for end in "ab"]
    assert long[0] != long[1]
    assert max(map(len, long)) <= 200


def payload_event(name: str, **more: str) -> str:
    tags = {"ToUserName": GH, "FromUserName": OPENID, "CreateTime": "1790000000", "MsgType": "event", "Event": name}
    return "<xml>" + "".join(f"<{tag}>{text}</{tag}>" for tag, text in (tags | more).items()) + "</xml>"


def test_in_compatible_mode_the_encrypted_half_is_read() -> None:
    request = safe_request(push_xml("what WeChat said"))
    body = request.body.replace(b"</xml>", b"<MsgType>text</MsgType><Content>what a stranger added</Content></xml>")
    both = type(request)("POST", request.query, {}, body, NOW)
    assert received(CHANNEL, both).text == "what WeChat said"


def test_an_account_with_its_original_id_refuses_pushes_for_others() -> None:
    ours = WeChatChannel("shop", WeChatSettings.model_validate({**PLAIN.model_dump(), "original_id": GH}))
    assert received(ours, plain_request(push_xml())).handle == OPENID

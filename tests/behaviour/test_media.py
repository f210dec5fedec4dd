"""What is no text reaches a person with everything there is to show of it: names, titles, places, pictures."""

from __future__ import annotations

import pytest
from support.shop import Shop
from support.wechat_payloads import PLAIN, plain_request, push_xml, received

from bot.channels.wechat import WeChatChannel
from bot.domain.messages import Author, Inbound, Kind, Media, Reason, TranscriptLine

FILE = """<xml>
    <ToUserName>
        <![CDATA[gh_demo]]>
    </ToUserName>
    <FromUserName>
        <![CDATA[oAlice]]>
    </FromUserName>
    <CreateTime>1790000000</CreateTime>
    <MsgType>
        <![CDATA[file]]>
    </MsgType>
    <Title>
        <![CDATA[发票 2026-09.pdf]]>
    </Title>
    <Description>
        <![CDATA[]]>
    </Description>
    <FileKey>
        <![CDATA[AwAAAAAAAAABTrial1]]>
    </FileKey>
    <FileMd5>
        <![CDATA[00112233445566778899aabbccddeeff]]>
    </FileMd5>
    <FileTotalLen>10203788</FileTotalLen>
    <MsgId>23456789012345678</MsgId>
</xml>"""


def pushed(xml: str) -> Inbound:
    inbound = received(WeChatChannel("tea", PLAIN), plain_request(xml))
    return Inbound(
        "tea", inbound.handle, inbound.dedup_key, inbound.kind, inbound.text, inbound.media, data=inbound.data
    )


def of_kind(kind: str, **more: str) -> str:
    return push_xml("", kind, **more).replace("<Content><![CDATA[]]></Content>", "")


def on_the_desk(shop: Shop, xml: str) -> tuple[Reason, TranscriptLine]:
    """What an agent sees of a push: why there is a case, and the customer's line in it."""
    shop.run(shop.answered(pushed(xml)))
    (case,) = shop.waiting()
    (line,) = (line for line in shop.case(case.id).said if line.author is Author.CUSTOMER)
    return case.reason, line


def test_a_file_opens_a_case_that_shows_its_name(shop: Shop) -> None:
    reason, line = on_the_desk(shop, FILE)
    assert (reason, line.kind) == (Reason.MEDIA, Kind.FILE)
    assert line.media == Media("AwAAAAAAAAABTrial1", "", "发票 2026-09.pdf", "9.7 MB")


def test_the_customer_hears_that_their_file_was_received(shop: Shop) -> None:
    said = shop.run(shop.answered(pushed(FILE)))
    assert isinstance(said, str)
    assert "收到您的文件" in said


@pytest.mark.parametrize(
    ("xml", "kind", "media"),
    [
        (of_kind("link", Title="新品", Description="春茶"), Kind.LINK, Media("", "link", "新品", "春茶")),
        (of_kind("image", PicUrl="http://mmbiz.qpic.cn/1/0"), Kind.IMAGE, Media("http://mmbiz.qpic.cn/1/0")),
        (
            of_kind("image", PicUrl="http://mmbiz.qpic.cn/1/0", MediaId="m1"),
            Kind.IMAGE,
            Media("http://mmbiz.qpic.cn/1/0"),
        ),
        (of_kind("voice", MediaId="m1", Format="speex", Recognition=""), Kind.VOICE, Media("m1", "speex")),
        (
            of_kind("miniprogrampage", Title="订单", PagePath="pages/order?id=1"),
            Kind.LINK,
            Media("pages/order?id=1", "miniprogram", "订单"),
        ),
        (
            of_kind("hologram", Title="一只鹤", Url="https://a.cn"),
            Kind.UNSUPPORTED,
            Media("https://a.cn", "hologram", "一只鹤"),
        ),
        (push_xml("看看这个", "hologram"), Kind.UNSUPPORTED, Media("", "hologram", "", "看看这个")),
        (
            of_kind("location", Location_X="31.2", Location_Y="121.4", Label="静安寺"),
            Kind.LOCATION,
            Media("31.2, 121.4", title="静安寺"),
        ),
    ],
)
def test_the_desk_shows_the_content_of_every_kind_of_message(shop: Shop, xml: str, kind: Kind, media: Media) -> None:
    reason, line = on_the_desk(shop, xml)
    assert (reason, line.kind, line.media) == (Reason.MEDIA, kind, media)


def test_a_voice_message_with_recognised_text_is_answered_without_its_sound(shop: Shop) -> None:
    said = shop.run(shop.answered(pushed(of_kind("voice", Recognition="怎么退货"))))
    assert isinstance(said, str)
    assert shop.waiting() == []


def test_an_empty_message_gets_the_unsupported_answer_and_opens_no_case(shop: Shop) -> None:
    said = shop.run(shop.answered(pushed(of_kind("hologram"))))
    assert isinstance(said, str)
    assert "文字" in said
    assert shop.waiting() == []

"""Turns a push's fields into an Inbound: one small function per message type and per event that matters.

Rules: developers.weixin.qq.com, "Receiving standard messages" and "Receiving event pushes". No function here fails on a
missing field: the message becomes UNSUPPORTED instead. Unknown types keep their title, text and address for the desk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from bot.channels.wechat.xml import XmlFields, is_number
from bot.domain.messages import Inbound, Instant, Kind, Media
from bot.errors import Refused
from bot.text import clean

MAX_FACT = 512  # characters kept of a field; scene values and menu keys have at most 128 bytes

# Texts that WeChat sends in place of stickers and other content that it does not pass on.
PLACEHOLDER_TEXTS = frozenset(
    {
        "【收到不支持的消息类型，暂无法显示】",
        "【收到不支援的訊息類型，無法顯示】",
        "[Unsupported Message]",
        "[Unsupported message]",
    }
)


@dataclass(frozen=True, slots=True)
class MessageMeaning:
    """What a push says, without its sender and time."""

    kind: Kind
    text: str = ""
    media: Media | None = None
    data: dict[str, str] = field(default_factory=dict)
    sender_tag: str = "FromUserName"  # the tag that holds the customer's openid


def meaning_of(fields: XmlFields) -> MessageMeaning:
    """What a push says. A push with a repeated tag is UNSUPPORTED, because either value could be the real one."""
    kind = fields.get("MsgType").lower()
    if fields.repeated:
        return _unsupported(fields)
    if kind == "event" or kind.startswith("device_"):
        return _event(fields)
    return _MESSAGES.get(kind, _unknown)(fields)


def fact(fields: XmlFields, name: str) -> str:
    """A field cleaned and cut to MAX_FACT characters."""
    return clean(fields.get(name))[:MAX_FACT]


def _facts(fields: XmlFields, **names: str) -> dict[str, str]:
    """The fields that are present, by our names. names: our name = the tag's name."""
    return {ours: value for ours, theirs in names.items() if (value := fact(fields, theirs))}


def _unsupported(fields: XmlFields) -> MessageMeaning:
    return MessageMeaning(Kind.UNSUPPORTED, data=_facts(fields, type="MsgType", event="Event"))


def _unknown(fields: XmlFields) -> MessageMeaning:
    """A message type that is not known yet: keep its title, text or address for the desk."""
    reference = fact(fields, "MediaId") or fact(fields, "Url") or fact(fields, "PagePath")
    title, words = fact(fields, "Title"), fact(fields, "Description") or fact(fields, "Content")
    type_ = fact(fields, "MsgType")
    nothing = MessageMeaning(Kind.UNSUPPORTED, data=_facts(fields, type="MsgType", event="Event"))
    if not type_ or not (reference or title or words):
        return nothing
    return MessageMeaning(Kind.UNSUPPORTED, media=Media(reference, type_, title, words), data=nothing.data)


def _text(fields: XmlFields) -> MessageMeaning:
    """A text, or a click in a msgmenu: that arrives as text with `bizmsgmenuid` and opens the click's reply window."""
    text = clean(fields.raw("Content"))
    if not text.strip() or text.strip() in PLACEHOLDER_TEXTS:
        return _unsupported(fields)
    choice = _facts(fields, menu="bizmsgmenuid")
    return MessageMeaning(Kind.CLICK if choice else Kind.TEXT, text, data=choice)


def _media(kind: Kind, fields: XmlFields, text: str = "", **names: str) -> MessageMeaning:
    reference, facts = fact(fields, "MediaId"), _facts(fields, **names)
    if not reference and not text and "url" not in facts:
        return _unsupported(fields)
    return MessageMeaning(kind, text, Media(reference, fact(fields, "Format")), facts)


def _file(fields: XmlFields) -> MessageMeaning:
    """A document. Only its name is kept: WeChat has no API by which an account can fetch the file."""
    title, reference = fact(fields, "Title"), fact(fields, "FileKey") or fact(fields, "MediaId")
    if not title and not reference:
        return _unsupported(fields)
    told = fact(fields, "Description") or _size(fields.get("FileTotalLen"))
    return MessageMeaning(Kind.FILE, media=Media(reference, "", title, told))


def _size(number: str) -> str:
    """A number of bytes for display: '9.7 MB'; '' if it is no number."""
    if not is_number(number):
        return ""
    count = int(number) / 1024
    return f"{count / 1024:.1f} MB" if count >= 1024 else f"{max(count, 0.1):.1f} KB"


def _video(fields: XmlFields) -> MessageMeaning:
    return _media(Kind.VIDEO, fields, thumb="ThumbMediaId")


def _link(fields: XmlFields) -> MessageMeaning:
    address, title, words = clean(fields.get("Url")), fact(fields, "Title"), fact(fields, "Description")
    if not (address or title or words):
        return _unsupported(fields)
    return MessageMeaning(Kind.LINK, media=Media(address, "link", title, words))


def _mini_program(fields: XmlFields) -> MessageMeaning:
    """A shared page of a mini program."""
    title, path = fact(fields, "Title"), fact(fields, "PagePath")
    return MessageMeaning(Kind.LINK, media=Media(path, "miniprogram", title)) if title or path else _unsupported(fields)


_MESSAGES: Mapping[str, Callable[[XmlFields], MessageMeaning]] = MappingProxyType(
    {
        "text": _text,
        "image": lambda fields: _media(Kind.IMAGE, fields, url="PicUrl"),
        # `Recognition` is present if the account has speech recognition switched on.
        "voice": lambda fields: _media(Kind.VOICE, fields, clean(fields.get("Recognition"))),
        "video": _video,
        "shortvideo": _video,
        "location": lambda fields: MessageMeaning(
            Kind.LOCATION, data=_facts(fields, lat="Location_X", lon="Location_Y", label="Label")
        ),
        "link": _link,
        "file": _file,
        "miniprogrampage": _mini_program,
    }
)


def _event(fields: XmlFields) -> MessageMeaning:
    """An event push. Names come in mixed case; an unknown event is kept as Kind.EVENT, which needs no reply."""
    name = (fields.get("Event") or fields.get("MsgType")).lower()
    if name == "event":
        return _unsupported(fields)
    return _EVENTS.get(name, _other)(fields)


def _subscribe(fields: XmlFields) -> MessageMeaning:
    """A new follower. After the scan of a QR code EventKey is `qrscene_` and the code's value."""
    data = _facts(fields, scene="EventKey", ticket="Ticket")
    if "scene" in data:
        data["scene"] = data["scene"].removeprefix("qrscene_")
    return MessageMeaning(Kind.FOLLOW, data=data)


def _closed_account(fields: XmlFields) -> MessageMeaning:
    """A closed WeChat account: its data is treated like that of a customer who unfollows.

    The platform sends this event itself, so the customer is in OpenID. The related user_authorization_revoke concerns
    web-page data that we never hold and stays a plain event.
    Source: developers.weixin.qq.com/doc/service/guide/h5/authorization_change
    """
    return MessageMeaning(Kind.UNFOLLOW, sender_tag="OpenID") if fields.get("OpenID") else _other(fields)


def _click(fields: XmlFields) -> MessageMeaning:
    """A menu click: its key is understood like a text."""
    key = fact(fields, "EventKey")
    return MessageMeaning(Kind.CLICK, key, data={"event": "click", "key": key}) if key else _other(fields)


def _other(fields: XmlFields) -> MessageMeaning:
    """Any other event: keep its name and key, but no coordinates (LOCATION, every five seconds): nothing uses them."""
    data = _facts(fields, key="EventKey", ticket="Ticket", status="Status", id="MsgID", subject="OpenID")
    return MessageMeaning(
        Kind.EVENT, data={"event": (fact(fields, "Event") or fact(fields, "MsgType")).lower(), **data}
    )


_EVENTS: Mapping[str, Callable[[XmlFields], MessageMeaning]] = MappingProxyType(
    {
        "subscribe": _subscribe,
        "unsubscribe": lambda _fields: MessageMeaning(Kind.UNFOLLOW),
        "user_authorization_cancellation": _closed_account,
        "click": _click,
    }
)


MAX_ID_LENGTH = 128  # characters of an openid or gh_ id; real openids have 28
MAX_KEY_LENGTH = 200  # characters of a dedup key, as wide as its column in the database
# If one of these occurs twice, sender, receiver or message is uncertain: the push is refused.
MUST_BE_UNIQUE = frozenset({"ToUserName", "FromUserName", "OpenID", "CreateTime", "MsgId", "MsgID", "MsgType", "Event"})


def inbound_of(account: str, fields: XmlFields, arrived: Instant, unfollow: Literal["erase", "anonymise"]) -> Inbound:
    """The message in a verified push. Raises Refused(400) if its sender is missing or ambiguous.

    arrived: the time to use if the push has none.
    """
    if MUST_BE_UNIQUE & fields.repeated:
        raise Refused(400, "repeated")
    meaning = meaning_of(fields)
    created = fields.get("CreateTime")
    return Inbound(
        account=account,
        handle=openid_in(fields, meaning.sender_tag),
        dedup_key=dedup_key(fields),
        kind=meaning.kind,
        text=meaning.text,
        media=meaning.media,
        at=float(created) if is_number(created) else arrived,
        data=_data(fields, meaning, unfollow),
    )


def openid_in(fields: XmlFields, tag: str) -> str:
    """The openid or gh_ id in `tag`. Raises Refused(400) if it is missing or malformed."""
    name = fields.get(tag)
    if not 0 < len(name) <= MAX_ID_LENGTH or not name.isprintable() or " " in name:
        raise Refused(400, "name")
    return name


def dedup_key(fields: XmlFields) -> str:
    """A key that is equal for every repeat of a push and unique among the account's pushes.

    MsgId alone is not unique: WeChat reused it for people who wrote at the same moment (WxJava#333); sender and second
    are not unique for events (weixin-java-tools#66). Job events carry MsgID, events about a customer OpenID. EventKey
    is free text, so it comes last: no other field can be confused with it. A key too long for its column is hashed.
    """
    parts = [fields.get("FromUserName"), fields.get("CreateTime"), fields.get("MsgId") or fields.get("MsgID")]
    if fields.get("Event"):
        parts += [fields.get("Event").lower(), fields.get("Ticket"), fields.get("UserCardCode")]
        parts += [fields.get("OpenID"), fields.get("EventKey")]
    key = "|".join(parts)
    return key if len(key) <= MAX_KEY_LENGTH else hashlib.sha256(key.encode()).hexdigest()


def _data(fields: XmlFields, meaning: MessageMeaning, unfollow: str) -> dict[str, str]:
    """The message's data. id: WeChat's 64-bit message id. mode: what an unfollow does to the customer's data."""
    if meaning.kind is Kind.UNFOLLOW:
        return {**meaning.data, "mode": unfollow}
    number = fields.get("MsgId")
    return (
        {**meaning.data, "id": number} if number.isascii() and number.isdigit() and len(number) <= 20 else meaning.data
    )

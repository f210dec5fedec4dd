"""What each kind of push means: one small function per message type and per event that matters.

[DOC Receiving_standard_messages, Receiving_event_pushes]. None of them can fail: a field that is missing makes a
message UNSUPPORTED, not an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bot.channels.wechat.reading import Fields
from bot.messages import Kind, Media
from bot.wording import clean

LONGEST_FACT = 512  # characters of a platform fact that we keep; scene values and keys have at most 128 bytes

# What WeChat writes into a text message in place of stickers and whatever else it will not pass on.
NOT_SHOWN = frozenset(
    {
        "【收到不支持的消息类型，暂无法显示】",
        "【收到不支援的訊息類型，無法顯示】",
        "[Unsupported Message]",
        "[Unsupported message]",
    }
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """`about`: the tag that says whose message it is."""

    kind: Kind
    text: str = ""
    media: Media | None = None
    data: dict[str, str] = field(default_factory=dict)
    about: str = "FromUserName"


def meaning_of(fields: Fields) -> Meaning:
    """What a push says. A push with a repeated tag is never understood: nobody knows which of the two was meant."""
    kind = fields.get("MsgType").lower()
    if fields.repeated:
        return _unsupported(fields)
    if kind == "event" or kind.startswith("device_"):
        return _event(fields)
    return _MESSAGES.get(kind, _unsupported)(fields)


def fact(fields: Fields, name: str) -> str:
    return clean(fields.get(name))[:LONGEST_FACT]


def _facts(fields: Fields, **names: str) -> dict[str, str]:
    """The named fields that are there, under our own names."""
    return {ours: value for ours, theirs in names.items() if (value := fact(fields, theirs))}


def _unsupported(fields: Fields) -> Meaning:
    return Meaning(Kind.UNSUPPORTED, data=_facts(fields, type="MsgType", event="Event"))


def _text(fields: Fields) -> Meaning:
    """A click in a msgmenu arrives as a text with `bizmsgmenuid`, and counts as a click for the reply window."""
    text = clean(fields.raw("Content"))
    if not text.strip() or text.strip() in NOT_SHOWN:
        return _unsupported(fields)
    choice = _facts(fields, menu="bizmsgmenuid")
    return Meaning(Kind.CLICK if choice else Kind.TEXT, text, data=choice)


def _media(kind: Kind, fields: Fields, text: str = "", **names: str) -> Meaning:
    reference = fact(fields, "MediaId")
    if not reference:
        return _unsupported(fields)
    return Meaning(kind, text, Media(reference, fact(fields, "Format")), _facts(fields, **names))


def _image(fields: Fields) -> Meaning:
    return _media(Kind.IMAGE, fields, url="PicUrl")


def _voice(fields: Fields) -> Meaning:
    """`Recognition` is there if the account has speech recognition switched on; then the voice is as good as text."""
    return _media(Kind.VOICE, fields, clean(fields.get("Recognition")))


def _video(fields: Fields) -> Meaning:
    return _media(Kind.VIDEO, fields, thumb="ThumbMediaId")


def _location(fields: Fields) -> Meaning:
    return Meaning(Kind.LOCATION, data=_facts(fields, lat="Location_X", lon="Location_Y", label="Label"))


def _link(fields: Fields) -> Meaning:
    address = clean(fields.get("Url"))
    if not address:
        return _unsupported(fields)
    return Meaning(Kind.LINK, media=Media(address, "link", fact(fields, "Title"), fact(fields, "Description")))


_MESSAGES: Mapping[str, Callable[[Fields], Meaning]] = MappingProxyType(
    {
        "text": _text,
        "image": _image,
        "voice": _voice,
        "video": _video,
        "shortvideo": _video,
        "location": _location,
        "link": _link,
    }
)


def _event(fields: Fields) -> Meaning:
    """Event names come in mixed case. One that we don't know is an event all the same: the customer said nothing."""
    name = (fields.get("Event") or fields.get("MsgType")).lower()
    if name == "event":
        return _unsupported(fields)
    return _EVENTS.get(name, _other)(fields)


def _subscribe(fields: Fields) -> Meaning:
    """Came by a QR code if there is a scene: EventKey is then `qrscene_` and the code's value."""
    data = _facts(fields, scene="EventKey", ticket="Ticket")
    if "scene" in data:
        data["scene"] = data["scene"].removeprefix("qrscene_")
    return Meaning(Kind.FOLLOW, data=data)


def _unsubscribe(_fields: Fields) -> Meaning:
    return Meaning(Kind.UNFOLLOW)


def _closed_account(fields: Fields) -> Meaning:
    """A WeChat user who is no more, told by the platform in its own name: what is known of them goes like that of
    whoever unfollows. What somebody withdraws from web pages (user_authorization_revoke) we never had: an event.
    [developers.weixin.qq.com/doc/service/guide/h5/authorization_change]
    """
    return Meaning(Kind.UNFOLLOW, about="OpenID") if fields.get("OpenID") else _other(fields)


def _click(fields: Fields) -> Meaning:
    """A menu key is read like the text it stands for."""
    key = fact(fields, "EventKey")
    return Meaning(Kind.CLICK, key, data={"event": "click", "key": key}) if key else _other(fields)


def _other(fields: Fields) -> Meaning:
    """Kept by name and key. Where somebody is (LOCATION, every five seconds) is not kept: nothing needs it."""
    data = _facts(fields, key="EventKey", ticket="Ticket", status="Status", id="MsgID", subject="OpenID")
    return Meaning(Kind.EVENT, data={"event": (fact(fields, "Event") or fact(fields, "MsgType")).lower(), **data})


_EVENTS: Mapping[str, Callable[[Fields], Meaning]] = MappingProxyType(
    {
        "subscribe": _subscribe,
        "unsubscribe": _unsubscribe,
        "user_authorization_cancellation": _closed_account,
        "click": _click,
    }
)

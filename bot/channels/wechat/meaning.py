"""What each kind of push means: one small function per message type and per event that matters.

[DOC Receiving_standard_messages, Receiving_event_pushes]. None of them can fail: a field that is missing makes a
message UNSUPPORTED, not an exception. Whatever there is to show of a message is kept for the people on the desk, also
of a kind that is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bot.channels.wechat.reading import Fields
from bot.channels.wechat.signature import is_number
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
    return _MESSAGES.get(kind, _unknown)(fields)


def fact(fields: Fields, name: str) -> str:
    return clean(fields.get(name))[:LONGEST_FACT]


def _facts(fields: Fields, **names: str) -> dict[str, str]:
    """The named fields that are there, under our own names."""
    return {ours: value for ours, theirs in names.items() if (value := fact(fields, theirs))}


def _unsupported(fields: Fields) -> Meaning:
    return Meaning(Kind.UNSUPPORTED, data=_facts(fields, type="MsgType", event="Event"))


def _unknown(fields: Fields) -> Meaning:
    """A type that WeChat invents tomorrow: a title, some words or an address are shown, whatever they belong to."""
    reference = fact(fields, "MediaId") or fact(fields, "Url") or fact(fields, "PagePath")
    title, words = fact(fields, "Title"), fact(fields, "Description") or fact(fields, "Content")
    type_ = fact(fields, "MsgType")
    nothing = Meaning(Kind.UNSUPPORTED, data=_facts(fields, type="MsgType", event="Event"))
    if not type_ or not (reference or title or words):
        return nothing
    return Meaning(Kind.UNSUPPORTED, media=Media(reference, type_, title, words), data=nothing.data)


def _text(fields: Fields) -> Meaning:
    """A click in a msgmenu arrives as a text with `bizmsgmenuid`, and counts as a click for the reply window."""
    text = clean(fields.raw("Content"))
    if not text.strip() or text.strip() in NOT_SHOWN:
        return _unsupported(fields)
    choice = _facts(fields, menu="bizmsgmenuid")
    return Meaning(Kind.CLICK if choice else Kind.TEXT, text, data=choice)


def _media(kind: Kind, fields: Fields, text: str = "", **names: str) -> Meaning:
    reference, facts = fact(fields, "MediaId"), _facts(fields, **names)
    if not reference and not text and "url" not in facts:
        return _unsupported(fields)
    return Meaning(kind, text, Media(reference, fact(fields, "Format")), facts)


def _image(fields: Fields) -> Meaning:
    return _media(Kind.IMAGE, fields, url="PicUrl")


def _voice(fields: Fields) -> Meaning:
    """`Recognition` is there if the account has speech recognition switched on; then the voice is as good as text."""
    return _media(Kind.VOICE, fields, clean(fields.get("Recognition")))


def _file(fields: Fields) -> Meaning:
    """A document out of WeChat's chat, by name: there is no interface by which an account could fetch it."""
    title, reference = fact(fields, "Title"), fact(fields, "FileKey") or fact(fields, "MediaId")
    if not title and not reference:
        return _unsupported(fields)
    told = fact(fields, "Description") or _size(fields.get("FileTotalLen"))
    return Meaning(Kind.FILE, media=Media(reference, "", title, told))


def _size(number: str) -> str:
    """A number of bytes as people read it: '9.7 MB'."""
    if not is_number(number):
        return ""
    count = int(number) / 1024
    return f"{count / 1024:.1f} MB" if count >= 1024 else f"{max(count, 0.1):.1f} KB"


def _video(fields: Fields) -> Meaning:
    return _media(Kind.VIDEO, fields, thumb="ThumbMediaId")


def _location(fields: Fields) -> Meaning:
    return Meaning(Kind.LOCATION, data=_facts(fields, lat="Location_X", lon="Location_Y", label="Label"))


def _link(fields: Fields) -> Meaning:
    address, title, words = clean(fields.get("Url")), fact(fields, "Title"), fact(fields, "Description")
    if not (address or title or words):
        return _unsupported(fields)
    return Meaning(Kind.LINK, media=Media(address, "link", title, words))


def _mini_program(fields: Fields) -> Meaning:
    """A page of a mini program that somebody shares."""
    title, path = fact(fields, "Title"), fact(fields, "PagePath")
    return Meaning(Kind.LINK, media=Media(path, "miniprogram", title)) if title or path else _unsupported(fields)


_MESSAGES: Mapping[str, Callable[[Fields], Meaning]] = MappingProxyType(
    {
        "text": _text,
        "image": _image,
        "voice": _voice,
        "video": _video,
        "shortvideo": _video,
        "location": _location,
        "link": _link,
        "file": _file,
        "miniprogrampage": _mini_program,
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

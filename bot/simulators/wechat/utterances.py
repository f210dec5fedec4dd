"""What a follower can do in the chat, as WeChat words it in its pushes.

Fields: "Receiving standard messages" and "Receiving event pushes", developers.weixin.qq.com/doc/service.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bot.wording import clean

Fields: TypeAlias = Mapping[str, str | int | float]
Opens: TypeAlias = Literal["message", "click", "follow", ""]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing a follower does. `shown` is how it looks in their own chat; `opens` is the reply window it opens."""

    msg_type: str
    fields: Fields = field(default_factory=dict)
    shown: str = ""
    opens: Opens = "message"

    @property
    def event(self) -> str:
        """The event's name in lower case; '' for messages."""
        return str(self.fields.get("Event", "")).lower()


def text(content: str) -> Utterance:
    return Utterance("text", {"Content": clean(content)}, clean(content))


def image(pic_url: str, media_id: str = "") -> Utterance:
    return Utterance("image", {"PicUrl": pic_url, "MediaId": media_id or _media_id()}, pic_url)


def voice(recognition: str = "", media_id: str = "") -> Utterance:
    """A voice message; `recognition` is what WeChat understood, where the account has that switched on."""
    heard = {"Recognition": clean(recognition)} if recognition else {}
    return Utterance("voice", {"MediaId": media_id or _media_id(), "Format": "amr", **heard}, clean(recognition))


def video(media_id: str = "") -> Utterance:
    return Utterance("video", {"MediaId": media_id or _media_id(), "ThumbMediaId": _media_id()})


def location(latitude: float, longitude: float, label: str) -> Utterance:
    fields: Fields = {"Location_X": latitude, "Location_Y": longitude, "Scale": 15, "Label": clean(label)}
    return Utterance("location", fields, clean(label))


def link(title: str, url: str, description: str = "") -> Utterance:
    return Utterance("link", {"Title": clean(title), "Description": clean(description), "Url": url}, clean(title))


def follow() -> Utterance:
    return event("subscribe", opens="follow")


def unfollow() -> Utterance:
    return event("unsubscribe")


def click(key: str, label: str = "") -> Utterance:
    """A tap on a menu button of type click."""
    return event("CLICK", clean(key), shown=clean(label) or clean(key), opens="click")


def event(name: str, key: str = "", shown: str = "", opens: Opens = "") -> Utterance:
    """Any event. Menu taps of type click, scancode_push and scancode_waitmsg open a reply window; most do not."""
    return Utterance("event", {"Event": name, "EventKey": key}, shown, opens or _opened_by(name))


def _opened_by(name: str) -> Opens:
    if name.lower() in ("click", "scancode_push", "scancode_waitmsg"):
        return "click"
    return "follow" if name.lower() in ("subscribe", "scan") else ""


def _media_id() -> str:
    return secrets.token_urlsafe(48)

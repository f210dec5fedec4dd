"""What a follower can do in the chat, with the fields of the push that WeChat sends for it.

Fields: "Receiving standard messages" and "Receiving event pushes", developers.weixin.qq.com/doc/service.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bot.text import clean

Fields: TypeAlias = Mapping[str, str | int | float]
Opens: TypeAlias = Literal["message", "click", "follow", ""]
# By event; rules: developers.weixin.qq.com/doc/service/api/customer/message/api_sendcustommessage
_OPENS: Mapping[str, Opens] = {
    **dict.fromkeys(("click", "scancode_push", "scancode_waitmsg"), "click"),
    **dict.fromkeys(("subscribe", "scan"), "follow"),
}


@dataclass(frozen=True, slots=True)
class FollowerAction:
    msg_type: str
    fields: Fields = field(default_factory=dict)  # of the push's XML, without those that all pushes have
    shown: str = ""  # text in the follower's own chat
    opens: Opens = "message"  # the reply window that it opens, see state.Quota; '' for none

    @property
    def kind(self) -> str:
        """The event's name in lower case; of messages, their type."""
        return str(self.fields.get("Event") or self.msg_type).lower()


def text(content: str) -> FollowerAction:
    return FollowerAction("text", {"Content": clean(content)}, clean(content))


def image(pic_url: str, media_id: str = "") -> FollowerAction:
    return FollowerAction("image", {"PicUrl": pic_url, "MediaId": media_id or _media_id()}, pic_url)


def voice(recognition: str = "", media_id: str = "") -> FollowerAction:
    """A voice message. recognition: WeChat's transcript, if the account has speech recognition switched on."""
    transcript = {"Recognition": clean(recognition)} if recognition else {}
    fields = {"MediaId": media_id or _media_id(), "Format": "amr", **transcript}
    return FollowerAction("voice", fields, clean(recognition))


def video(media_id: str = "") -> FollowerAction:
    return FollowerAction("video", {"MediaId": media_id or _media_id(), "ThumbMediaId": _media_id()})


def location(latitude: float, longitude: float, label: str) -> FollowerAction:
    fields: Fields = {"Location_X": latitude, "Location_Y": longitude, "Scale": 15, "Label": clean(label)}
    return FollowerAction("location", fields, clean(label))


def link(title: str, url: str, description: str = "") -> FollowerAction:
    return FollowerAction("link", {"Title": clean(title), "Description": clean(description), "Url": url}, clean(title))


def follow() -> FollowerAction:
    return event("subscribe")


def unfollow() -> FollowerAction:
    return event("unsubscribe")


def click(key: str, label: str = "") -> FollowerAction:
    """A tap on a menu button of type click."""
    return event("CLICK", clean(key), shown=clean(label) or clean(key))


def event(name: str, key: str = "", shown: str = "") -> FollowerAction:
    """Any event. It opens the window that WeChat's rules give it; most events open none."""
    return FollowerAction("event", {"Event": name, "EventKey": key}, shown, _OPENS.get(name.lower(), ""))


def _media_id() -> str:
    return secrets.token_urlsafe(48)

"""From a push's fields to an Inbound: who said it, when, and what makes it the same push again."""

from __future__ import annotations

import hashlib
from typing import Literal

from bot.channels.wechat.meaning import Meaning, meaning_of
from bot.channels.wechat.reading import Fields
from bot.channels.wechat.signature import is_number
from bot.errors import Refused
from bot.messages import Inbound, Instant, Kind

LONGEST_NAME = 128
LONGEST_KEY = 200
# Twice in one push, these leave open who wrote what to whom; such a push is refused, not guessed at.
DECISIVE = frozenset({"ToUserName", "FromUserName", "OpenID", "CreateTime", "MsgId", "MsgID", "MsgType", "Event"})


def inbound_of(account: str, fields: Fields, arrived: Instant, unfollow: Literal["erase", "anonymise"]) -> Inbound:
    """What a proven push brings. `arrived` stands in for a missing time. Raises Refused(400) if it names nobody."""
    if DECISIVE & fields.repeated:
        raise Refused(400, "repeated")
    meaning = meaning_of(fields)
    created = fields.get("CreateTime")
    return Inbound(
        account=account,
        handle=name_in(fields, meaning.about),
        dedup_key=dedup_key(fields),
        kind=meaning.kind,
        text=meaning.text,
        media=meaning.media,
        at=float(created) if is_number(created) else arrived,
        data=_data(fields, meaning, unfollow),
    )


def name_in(fields: Fields, tag: str) -> str:
    """The openid or gh_ id in `tag`. Raises Refused(400) if there is none or nobody could have that name."""
    name = fields.get(tag)
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or " " in name:
        raise Refused(400, "name")
    return name


def dedup_key(fields: Fields) -> str:
    """The same for every repeat of a push, and for no other push to the account.

    MsgId alone is not enough: it came back for several people who spoke at once [issue WxJava#333]; nor is sender and
    second for events [issue weixin-java-tools#66]. Jobs carry MsgID, what the platform tells of somebody OpenID.
    EventKey is free text and stands last, so that nothing can be mistaken for it. A key too long for the record is
    hashed.
    """
    parts = [fields.get("FromUserName"), fields.get("CreateTime"), fields.get("MsgId") or fields.get("MsgID")]
    if fields.get("Event"):
        parts += [fields.get("Event").lower(), fields.get("Ticket"), fields.get("UserCardCode")]
        parts += [fields.get("OpenID"), fields.get("EventKey")]
    key = "|".join(parts)
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()


def _data(fields: Fields, meaning: Meaning, unfollow: str) -> dict[str, str]:
    """`id` is WeChat's number of the message; `mode` tells the record what an unfollow does to what it knows."""
    if meaning.kind is Kind.UNFOLLOW:
        return {**meaning.data, "mode": unfollow}
    number = fields.get("MsgId")
    return {**meaning.data, "id": number} if _is_id(number) else meaning.data


def _is_id(text: str) -> bool:
    """A 64-bit number."""
    return text.isascii() and text.isdigit() and len(text) <= 20

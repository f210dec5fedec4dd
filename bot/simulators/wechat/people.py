"""The platform's people: followers, and what stands in their chats with the account."""

from __future__ import annotations

import base64
import hashlib
import itertools
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.errors import YingdaError
from bot.simulators.wechat.quota import Quota


class UnknownFollower(YingdaError):
    """Nobody here has this openid."""


class NotFollowing(YingdaError):
    """Only followers can write to the account."""


@dataclass(frozen=True, slots=True)
class Follower:
    """A person with a phone. `phone` is the number that text messages go to, '' if it is not known."""

    openid: str
    name: str
    phone: str = ""
    following: bool = True
    quota: Quota = field(default_factory=Quota)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chat as the follower sees it.

    via: 'push' what the follower did; 'passive' a reply in the webhook's response; 'api' a customer-service message;
    'platform' the platform's own notice. state: 'sending', 'seen', 'failed' for pushes. attempts: how often asked.
    """

    id: int
    openid: str
    side: Literal["follower", "account", "system"]
    kind: str
    text: str
    at: float
    via: Literal["push", "passive", "api", "platform"]
    state: str = ""
    attempts: int = 0
    cut: bool = False


class People:
    """Followers by openid, each with the lines of their chat in the order shown."""

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self._followers: dict[str, Follower] = {}
        self._chats: dict[str, dict[int, Line]] = {}
        self._ids = itertools.count(1)

    def add(self, name: str, phone: str, following: bool) -> Follower:
        """A new person; the same name is the same person, also after a restart of the simulator."""
        openid = _openid(self._app_id, name)
        if openid not in self._followers:
            self._followers[openid] = Follower(openid, name, phone, following)
            self._chats[openid] = {}
        elif phone:
            self.put(replace(self._followers[openid], phone=phone))
        return self._followers[openid]

    def get(self, openid: str) -> Follower:
        """Raises UnknownFollower."""
        try:
            return self._followers[openid]
        except KeyError as missing:
            raise UnknownFollower(openid) from missing

    def put(self, follower: Follower) -> Follower:
        self._followers[follower.openid] = follower
        return follower

    def all(self) -> list[Follower]:
        return list(self._followers.values())

    def with_phone(self, phone: str) -> Follower | None:
        """Whose number this is, however either side writes it: '138 0013-8000' and '+86 13800138000' are the same."""
        wanted = _digits(phone)
        return next((one for one in self._followers.values() if wanted and _digits(one.phone) == wanted), None)

    def chat(self, openid: str) -> list[Line]:
        """Raises UnknownFollower."""
        return list(self._chats[self.get(openid).openid].values())

    def next_id(self) -> int:
        return next(self._ids)

    def write(self, line: Line) -> Line:
        """Add a line, or replace the one with its id."""
        self._chats[line.openid][line.id] = line
        return line


def _digits(phone: str) -> str:
    """A number by its digits; China's own prefix may be left out."""
    digits = "".join(sign for sign in phone if sign.isdecimal())
    return digits.removeprefix("86") if len(digits) == 13 else digits


def _openid(app_id: str, name: str) -> str:
    made = base64.urlsafe_b64encode(hashlib.sha256(f"{app_id}/{name}".encode()).digest()).decode()
    return "o" + made[:27]

"""What the simulated platform knows: the account, its followers with quotas and chats, text messages, and faults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge, Le
from pydantic import ConfigDict

from bot.errors import ConfigProblem, SettingError
from bot.i18n import Message, message, translate
from bot.simulators.server import PageRefusal
from bot.simulators.wechat.actions import Opens

_AES_KEY = re.compile(r"[A-Za-z0-9]{43}")  # Base64 of 32 bytes, without the padding sign
Count = Annotated[int, Ge(0)]


@dataclass(frozen=True, slots=True)
class MenuButton:
    """A button under the chat, as in WeChat's menus (developers.weixin.qq.com/doc/service/api/custommenu)."""

    label: Message  # a tap pushes the event CLICK with the label as its key, of at most 128 bytes
    buttons: tuple[MenuButton, ...] = ()  # or a tap opens these, at most five


# No button to reach a person: a tap lets the account reply for one minute only, a written message for two days.
MENU = (
    MenuButton(message("simulator.menu.points")),
    MenuButton(
        message("simulator.menu.help"),
        (
            MenuButton(message("simulator.menu.returns")),
            MenuButton(message("simulator.menu.delivery")),
            MenuButton(message("simulator.menu.invoice")),
            MenuButton(message("simulator.menu.brewing")),
        ),
    ),
    MenuButton(message("simulator.menu.hours")),
)
# The page offers these before a follower's first message, and sends the chosen one as text.
QUESTIONS = (
    message("simulator.question.how_many_points"),
    message("simulator.question.returns"),
    message("simulator.question.crane"),
    message("simulator.question.person"),
)


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """An official account of the simulated platform.

    Raises SettingError for an EncodingAESKey that is not 43 letters and digits.
    """

    app_id: str
    app_secret: str
    token: str
    encoding_aes_key: str
    original_id: str
    mode: Literal["safe", "plain"] = "safe"  # whether pushes and replies are encrypted
    # False: a personal or unverified account, whose customer-service messages are refused with 48001.
    permission: bool = True
    name_zh: str = translate("simulator.account.wechat", "zh")
    name_en: str = translate("simulator.account.wechat", "en")
    timezone: str = "Asia/Shanghai"  # of the followers' phones

    def __post_init__(self) -> None:
        if self.mode == "safe" and not _AES_KEY.fullmatch(self.encoding_aes_key):
            raise SettingError(ConfigProblem.of("simulator", 0, "encoding_aes_key", "problem.simulated_aes_key"))


_HOUR = 3600.0
# By what the follower did: how many customer-service messages the account may send, and for how many seconds. Rule
# since 2023-06-12 (developers.weixin.qq.com/doc/service/api/customer/message/api_sendcustommessage).
_RULES = {"message": (5, 48 * _HOUR), "click": (3, 60.0), "follow": (3, 60.0)}


@dataclass(frozen=True, slots=True)
class ReplyWindow:
    left: int  # messages that may still be sent
    until: float  # Unix time


@dataclass(frozen=True, slots=True)
class Quota:
    """The customer-service messages that an account may send to one follower. Times are Unix seconds."""

    windows: Mapping[str, ReplyWindow] = field(default_factory=dict)

    def opened(self, by: Opens, now: float) -> Quota:
        """The quota after an action of the follower; '' opens no window."""
        if not by:
            return self
        count, seconds = _RULES[by]  # a further message starts a full window, it does not add to the open one
        return Quota({**self.windows, by: ReplyWindow(count, now + seconds)})

    def left(self, now: float) -> int:
        return sum(window.left for window in self._open(now).values())

    def shown(self, now: float) -> dict[str, Any]:
        """For the page: the messages left, of how many at the start of the open windows, and until when."""
        windows = self._open(now)
        until = max((window.until for window in windows.values()), default=None)
        return {"left": self.left(now), "of": sum(_RULES[name][0] for name in windows), "until": until}

    def refusal(self, now: float) -> int:
        """0 if one more message may be sent, else WeChat's error code."""
        if not self._open(now):
            return 45015
        return 0 if self.left(now) else 45047

    def spent(self, now: float) -> Quota:
        """The quota after one more message, which counts against the open window that closes first."""
        usable = {name: window for name, window in self._open(now).items() if window.left}
        name = min(usable, key=lambda key: usable[key].until)
        return Quota({**self.windows, name: replace(usable[name], left=usable[name].left - 1)})

    def _open(self, now: float) -> dict[str, ReplyWindow]:
        return {name: window for name, window in self.windows.items() if window.until > now}


class UnknownFollower(PageRefusal):
    detail = "no follower has this openid"


class NotFollowing(PageRefusal):
    status = 409
    detail = "does not follow the account"


@dataclass(frozen=True, slots=True)
class Follower:
    openid: str
    name: str
    phone: str = ""  # number that text messages go to; '' if unknown
    following: bool = True
    quota: Quota = field(default_factory=Quota)


Side: TypeAlias = Literal["follower", "account", "system"]
# The follower's own action; a reply in the webhook's response; a customer-service message; the platform's notice.
Via: TypeAlias = Literal["push", "passive", "api", "platform"]


@dataclass(frozen=True, slots=True)
class ChatLine:
    """One line of a chat as the follower sees it."""

    id: int
    openid: str
    side: Side
    kind: str  # MsgType, or the event's name
    text: str
    at: float  # Unix time
    via: Via
    state: str = ""  # of a push: 'sending', 'seen' or 'failed'
    attempts: int = 0  # of a push
    cut: bool = False  # the text was too long and lost its end


def phone_digits(phone: str) -> str:
    """A number's digits without China's country code: 13 digits are 86 and a mobile number of 11."""
    digits = "".join(sign for sign in phone if sign.isdecimal())
    return digits.removeprefix("86") if len(digits) == 13 else digits


@dataclass(frozen=True, slots=True)
class Sms:
    """A text message to a phone."""

    key: str  # chosen by the sender; a repeat of it is the same message
    phone: str
    text: str
    at: float  # Unix time
    openid: str = ""  # of the follower with this number; '' if there is none


class SmsInbox:
    """Text messages, each kept once by its key."""

    def __init__(self) -> None:
        self._arrived: dict[str, Sms] = {}

    def accept(self, sms: Sms) -> bool:
        """Keep a message. False if its key is known."""
        return self._arrived.setdefault(sms.key, sms) is sms

    def all(self) -> list[Sms]:
        return list(self._arrived.values())


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of the platform, and the body of PUT /api/faults. A Count is the number of times that it happens."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    slow: Annotated[float, Ge(0), Le(60)] = 0.0  # seconds by which every API call is late
    down: bool = False  # every API call gets 503
    error: int = 0  # errcode of the next `error_times` sends
    error_times: Count = 0
    drop: Count = 0  # sends that are carried out, whose connection then breaks
    duplicate: Count = 0  # messages that are pushed twice at the same time
    swap: Count = 0  # messages that are overtaken by the next one
    refuse: int = 0  # errcode of every call, also of the one for an access token

"""The official account as the platform knows it, and what its followers find on its screen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bot.errors import Mistake, SettingError

_AES_KEY = re.compile(r"[A-Za-z0-9]{43}")


@dataclass(frozen=True, slots=True)
class MenuButton:
    """A button under the chat. A tap pushes the event CLICK with `key` (at most 128 bytes)."""

    zh: str
    en: str
    key: str


@dataclass(frozen=True, slots=True)
class Question:
    """Something a follower might ask; the page offers it as a chip that is sent as text."""

    zh: str
    en: str


MENU = (
    MenuButton("我的积分", "My points", "我的积分"),
    MenuButton("营业时间", "Opening hours", "营业时间"),
    MenuButton("人工客服", "Talk to us", "人工客服"),
)
QUESTIONS = (
    Question("我有多少积分？", "How many points do I have?"),
    Question("怎么退货？", "How do I return something?"),
    Question("包裹到哪了？", "Where is my parcel?"),
    Question("我要找人工客服", "I want to talk to a person"),
)


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """An official account registered with the simulated platform.

    mode: 'safe' encrypts every push and demands encrypted replies; 'plain' does neither. permission: False stands for
    a personal or unverified account, whose customer-service messages are refused with 48001. Raises SettingError for
    an EncodingAESKey that is not 43 letters and digits.
    """

    app_id: str
    app_secret: str
    token: str
    encoding_aes_key: str
    original_id: str
    mode: Literal["safe", "plain"] = "safe"
    permission: bool = True
    name_zh: str = "示例公众号"
    name_en: str = "Example account"
    menu: tuple[MenuButton, ...] = MENU
    questions: tuple[Question, ...] = QUESTIONS

    def __post_init__(self) -> None:
        if self.mode == "safe" and not _AES_KEY.fullmatch(self.encoding_aes_key):
            raise SettingError(
                Mistake("simulator", 0, "encoding_aes_key", "is no EncodingAESKey", "write 43 letters and digits")
            )

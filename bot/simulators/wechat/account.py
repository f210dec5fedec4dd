"""The official account as the platform knows it, and what its followers find on its screen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bot.errors import Mistake, SettingError

_AES_KEY = re.compile(r"[A-Za-z0-9]{43}")


@dataclass(frozen=True, slots=True)
class MenuButton:
    """A button under the chat. A tap pushes the event CLICK with the label as its key (at most 128 bytes), or opens
    `buttons`: at most five, as in WeChat's menus (developers.weixin.qq.com/doc/service/api/custommenu)."""

    zh: str
    en: str
    buttons: tuple[MenuButton, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Something a follower might ask; the page offers it before their first word, and sends it as text."""

    zh: str
    en: str


# No button for a person: a tap lets the account write for one minute only, a written question for two days.
MENU = (
    MenuButton("我的积分", "My points"),
    MenuButton(
        "常见问题",
        "Help",
        (
            MenuButton("怎么退货？", "How do I return something?"),
            MenuButton("多久能送到？", "When will my order arrive?"),
            MenuButton("怎么开发票？", "How do I get an invoice?"),
            MenuButton("绿茶怎么泡？", "How do I brew green tea?"),
        ),
    ),
    MenuButton("营业时间", "Opening hours"),
)
QUESTIONS = (
    Question("我有多少积分？", "How many points do I have?"),
    Question("怎么退货？", "How do I return something?"),
    Question("罐子上的鹤为什么回头看？", "Why does the crane on your tin look backwards?"),
    Question("我要找人工客服", "I want to talk to a person"),
)


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """An official account registered with the simulated platform.

    mode: 'safe' encrypts every push and demands encrypted replies; 'plain' does neither. permission: False stands for
    a personal or unverified account, whose customer-service messages are refused with 48001. timezone: in which the
    followers' phones tell the time. Raises SettingError for an EncodingAESKey that is not 43 letters and digits.
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
    timezone: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        if self.mode == "safe" and not _AES_KEY.fullmatch(self.encoding_aes_key):
            raise SettingError(
                Mistake("simulator", 0, "encoding_aes_key", "is no EncodingAESKey", "write 43 letters and digits")
            )

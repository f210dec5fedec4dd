"""How many customer-service messages an account may send to a follower now. Pure.

Rule since 2023-06-12: a message opens five for 48 hours; a menu tap, a follow or a scan three for one minute each
(developers.weixin.qq.com/doc/service/api/customer/message/api_sendcustommessage). A further message opens five anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.simulators.wechat.utterances import Opens

USED_UP = 45047
WINDOW_OVER = 45015
_HOUR = 3600.0
_RULES = {"message": (5, 48 * _HOUR), "click": (3, 60.0), "follow": (3, 60.0)}


@dataclass(frozen=True, slots=True)
class Window:
    """`left` more messages until `until`."""

    left: int
    until: float


@dataclass(frozen=True, slots=True)
class Quota:
    windows: Mapping[str, Window] = field(default_factory=dict)

    def opened(self, by: Opens, now: float) -> Quota:
        """After something that opens a window; unchanged by anything else."""
        if not by:
            return self
        count, seconds = _RULES[by]
        return Quota({**self.windows, by: Window(count, now + seconds)})

    def left(self, now: float) -> int:
        return sum(window.left for window in self._open(now).values())

    def of(self, now: float) -> int:
        """How many there were when the open windows opened."""
        return sum(_RULES[name][0] for name in self._open(now))

    def until(self, now: float) -> float | None:
        """When the last open window shuts; None if none is open."""
        return max((window.until for window in self._open(now).values()), default=None)

    def refusal(self, now: float) -> int:
        """0 if one more may be sent, else WeChat's error code."""
        if not self._open(now):
            return WINDOW_OVER
        return 0 if self.left(now) else USED_UP

    def spent(self, now: float) -> Quota:
        """After one more message, taken from the window that shuts first."""
        usable = {name: window for name, window in self._open(now).items() if window.left}
        name = min(usable, key=lambda key: usable[key].until)
        return Quota({**self.windows, name: replace(usable[name], left=usable[name].left - 1)})

    def _open(self, now: float) -> dict[str, Window]:
        return {name: window for name, window in self.windows.items() if window.until > now}

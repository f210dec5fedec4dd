"""Who a visitor is: a random handle in a signed token, good for one account alone."""

from __future__ import annotations

from bot.passes import DAY, Pass, Passes
from bot.ports import Clock

__all__ = ["DAY", "Pass", "Visitors"]


class Visitors(Passes):
    """The visitors of one account."""

    def __init__(self, account: str, secret: str, days: int, clock: Clock) -> None:
        super().__init__("webchat visitor", account, secret, days, clock.now)

"""What requests cost: credits bought up front, taken per thing read or written.

Prices of August 2026 (docs.x.com "Pricing"). What was read is charged once per UTC day; failed requests cost nothing.
Whether a reply that was asked for and holds a link costs the one or the other is not established: here, the link's.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bot.ports import Clock

POST_READ = Decimal("0.005")
OWNED_READ = Decimal("0.001")
MESSAGE_READ = Decimal("0.010")
USER_READ = Decimal("0.010")
POST = Decimal("0.015")
POST_WITH_LINK = Decimal("0.200")
SUMMONED_REPLY = Decimal("0.010")
MESSAGE = Decimal("0.015")
_DAY = 86_400


class Purse:
    """The app's credits in dollars. left: None is no end of them."""

    def __init__(self, clock: Clock, left: Decimal | None = None) -> None:
        self.left = left
        self.spent = Decimal(0)
        self._clock = clock
        self._day = -1
        self._read: set[str] = set()

    @property
    def empty(self) -> bool:
        return self.left is not None and self.left <= 0

    def pay(self, price: Decimal) -> None:
        self.spent += price
        if self.left is not None:
            self.left -= price

    def pay_for_reading(self, ids: Iterable[str], price: Decimal) -> None:
        """Each thing once a day."""
        today = int(self._clock.now()) // _DAY
        if today != self._day:
            self._day = today
            self._read.clear()
        for one in ids:
            if one not in self._read:
                self._read.add(one)
                self.pay(price)

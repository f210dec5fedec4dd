"""A sender that its platform refuses as such, whatever it sends: it is left alone but for one try now and then.

What was to be sent waits meanwhile. The first try that works lets everything go on; nobody has to press anything.
"""

from __future__ import annotations

from bot.allowance import Asked, Standing
from bot.errors import DeliveryFailed, Unavailable
from bot.ports import Allowance

AGAIN = 60.0  # seconds after which what was refused asks again; the record says when it is really its turn


class Halting:
    """One sender's halt, kept in the record for all processes. name: an account's, or 'sms' for the gateway of text
    messages. label: before its platform's codes."""

    def __init__(self, name: str, label: str, allowance: Allowance) -> None:
        self._name, self._label, self._allowance = name, label, allowance

    async def permit(self) -> bool:
        """Whether this is the one try that finds out whether it works again.

        Raises DeliveryFailed, untried, while nothing may be sent. If the record is away, nothing is known against it.
        """
        try:
            granted = await self._allowance.book(Asked(self._name))
        except Unavailable:
            return False
        if granted.until:
            code = granted.why if granted.why.startswith(self._label) else f"{self._label}{granted.why}"
            raise DeliveryFailed(code, retry_after=AGAIN, tried=False)
        return granted.probes

    async def met(self, failed: DeliveryFailed, *, trying: bool) -> None:
        """Note a refusal: one of the sender halts it; one of the message alone shows that the sender may go on."""
        try:
            if failed.halts:
                await self._allowance.halt(self._name, failed.code)
            elif trying and failed.permanent:
                await self._allowance.went_well(self._name)
        except Unavailable:
            return  # the next one meets the same

    async def worked(self) -> None:
        """The one try came through."""
        try:
            await self._allowance.went_well(self._name)
        except Unavailable:
            return  # the next try tells the same

    async def standing(self) -> Standing:
        """How the sender fares. Raises Unavailable."""
        return await self._allowance.standing(self._name)

"""How many visitors of one network may be new, and how many of them may begin to write.

A visitor has at most one open case, and who has never written has none: so many visitors may begin to write, so many
cases can a network open. The bounds are generous, because behind one address there may be an office or a campus.
"""

from __future__ import annotations

from collections import OrderedDict

from bot.channels.webchat.gate import Gate, Rate

NEW = Rate(1 / 30, 300)  # tokens for visitors who never came before
BEGINNING = Rate(1 / 60, 100)  # visitors who begin to write
MOST_KNOWN = 50_000


class Crowd:
    """Counts over all processes. Which visitors have begun to write each process knows by itself: one that another
    process let in is counted again here, once."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._known: OrderedDict[str, None] = OrderedDict()

    async def comes(self, network: str) -> None:
        """A visitor who has no token yet. Raises TooMany."""
        await self._gate.knock(f"webchat-fresh:{network}", NEW)

    async def writes(self, visitor: str, network: str) -> None:
        """A visitor, by account and handle. Raises TooMany."""
        if visitor not in self._known:
            await self._gate.knock(f"webchat-begins:{network}", BEGINNING)
        self._known[visitor] = None
        self._known.move_to_end(visitor)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

"""Tells waiting customers once that the answer takes longer than they were told."""

from __future__ import annotations

from collections.abc import Callable

from bot.compose import pieces_of
from bot.desk.queue import HandoffPhrases
from bot.domain.cases import OverdueCase
from bot.domain.messages import Author, Conversation, Limits
from bot.domain.turns import Reply
from bot.knowledge.editions import Edition
from bot.ports.channels import Clock
from bot.ports.storage import Waits
from bot.telemetry import count

AT_ONCE = 32  # customers told in one sweep


class WaitCorrections:
    """Part of the sweeper's work. It waits while the desk is closed: the customer was told when it opens."""

    def __init__(
        self,
        waits: Waits,
        phrases: HandoffPhrases,
        edition: Callable[[], Edition],  # the current one; raises LookupError while none is loaded
        limits: Callable[[Conversation], Limits],  # what the conversation's channel can carry now
        clock: Clock,
        language: str,  # of customers who have written none yet
    ) -> None:
        self._waits, self._phrases, self._edition, self._limits = waits, phrases, edition, limits
        self._clock, self._language = clock, language

    async def say_due(self) -> list[str]:
        """Tell the customers whose time has come, and return the ids of their cases. Raises Unavailable."""
        now = self._clock.now()
        if not self._phrases.is_open(now):
            return []
        overdue = await self._waits.overdue(self._phrases.counts_since(now), AT_ONCE)
        told = [case.id for case in overdue if await self._say(case)]
        if told:
            count("waits_corrected", len(told))
        return told

    async def _say(self, case: OverdueCase) -> bool:
        try:
            edition = self._edition()
        except LookupError:
            return False  # the process has just started
        language = str(case.conversation.slots.get("language", self._language))
        text = self._phrases.corrected(edition, language, case.queue)
        return await self._waits.correct(
            case.id, pieces_of(Reply(text, Author.SYSTEM), self._limits(case.conversation))
        )

"""The card at the top of a case: why a person was asked, what the bot understood, and what it had said by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.cases import CaseView, TurnTrace
from bot.decisions import Candidate
from bot.messages import Author, Reason, Said

TOP = 3
_LATEST_ANSWERS = 3


@dataclass(frozen=True, slots=True)
class HandoffCard:
    """`asked` is the message that led to the case; `answered` what the bot had said to it and before, oldest first."""

    reason: Reason
    detail: str = ""
    asked: Said | None = None
    candidates: tuple[Candidate, ...] = ()
    answered: tuple[Said, ...] = ()
    edition: int = 0


def handoff_card(view: CaseView) -> HandoffCard:
    turn = _turn(view)
    asked = next((said for said in view.said if turn and said.id == turn.message_id), None)
    return HandoffCard(
        view.line.reason,
        view.detail,
        asked,
        turn.trace.candidates[:TOP] if turn else (),
        _answers(view.said, asked.at if asked else view.line.opened_at),
        turn.trace.edition if turn else 0,
    )


def _turn(view: CaseView) -> TurnTrace | None:
    """The turn that opened the case: the newest of its conversation's that was decided by then."""
    earlier = [turn for turn in view.traces if turn.at <= view.line.opened_at]
    own = [turn for turn in earlier if turn.conversation_id == view.line.conversation_id]
    return max(own, key=lambda turn: turn.at, default=None)


def _answers(said: Sequence[Said], until: float) -> tuple[Said, ...]:
    by_bot = [line for line in said if line.author is Author.BOT and line.at <= until]
    return tuple(by_bot[-_LATEST_ANSWERS:])

"""What the desk shows of a case: the handoff card, and the customer's conversations merged into one transcript."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.cases import CaseView, OutgoingPart, TurnTrace
from bot.domain.decisions import Candidate
from bot.domain.messages import Author, OutboxState, Reason, TranscriptLine

CANDIDATES_SHOWN = 3  # guesses of the classifier on the card
_LATEST_ANSWERS = 3  # answers of the bot on the card


@dataclass(frozen=True, slots=True)
class HandoffCard:
    """Why a case was opened, what the bot understood, and what it had answered."""

    reason: Reason
    detail: str = ""
    asked: TranscriptLine | None = None  # the message that led to the case; None if it is not known
    candidates: tuple[Candidate, ...] = ()  # best first
    answered: tuple[TranscriptLine, ...] = ()  # the bot's last lines up to that message, oldest first
    edition: int = 0  # number of the edition that decided; 0 if none did


def handoff_card(view: CaseView) -> HandoffCard:
    turn = _opening_turn(view)
    asked = next((said for said in view.said if turn and said.id == turn.message_id), None)
    until = asked.at if asked else view.line.opened_at
    by_bot = [line for line in view.said if line.author is Author.BOT and line.at <= until]
    return HandoffCard(
        view.line.reason,
        view.detail,
        asked,
        turn.trace.candidates[:CANDIDATES_SHOWN] if turn else (),
        tuple(by_bot[-_LATEST_ANSWERS:]),
        turn.trace.edition if turn else 0,
    )


def _opening_turn(view: CaseView) -> TurnTrace | None:
    """The turn that opened the case: the newest in its conversation when the case was opened."""
    earlier = [turn for turn in view.traces if turn.at <= view.line.opened_at]
    own = [turn for turn in earlier if turn.conversation_id == view.line.conversation_id]
    return max(own, key=lambda turn: turn.at, default=None)


_WORST_FIRST = (
    OutboxState.FAILED,
    OutboxState.IN_DOUBT,
    OutboxState.LEFT,
    OutboxState.CANCELLED,
    OutboxState.SENDING,
    OutboxState.PENDING,
    OutboxState.OFFERED,
    OutboxState.WAITING,
    OutboxState.SENT,
)


def merge_transcripts(transcripts: Iterable[TranscriptLine]) -> tuple[TranscriptLine, ...]:
    """Lines of several conversations ordered by time; within a conversation, by `seq`."""
    # A platform's times are whole seconds of its own clock. A line that appears older than its predecessor in the
    # conversation takes the predecessor's time.
    latest: dict[str, float] = defaultdict(float)
    places = []
    for line in sorted(transcripts, key=lambda line: (line.conversation_id, line.seq)):
        latest[line.conversation_id] = max(latest[line.conversation_id], line.at)
        places.append((latest[line.conversation_id], line.conversation_id, line.seq, line))
    places.sort(key=lambda place: place[:3])
    return tuple(line for *_, line in places)


def worst_part(parts: Iterable[OutgoingPart]) -> OutgoingPart | None:
    """The part of a line that needs attention most: a failed one before one that arrived. None for no parts."""
    return min(parts, key=lambda part: _WORST_FIRST.index(part.state), default=None)

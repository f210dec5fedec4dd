"""Why the bot decided so: shown on the desk, and read by `yingda evaluate`."""

from __future__ import annotations

from bot.domain.decisions import Answer, Ask, Decision, HandOff, Quiet, Trace
from bot.intents import policy
from bot.intents.turn import DialogueTurn

NONE_OF_THESE = "none_of_these"  # detail of a handoff: the customer meant no choice of those offered


def reason_of(decision: Decision) -> str:
    return decision.reason.value if isinstance(decision, HandOff) else ""


def _detail(decision: Decision) -> str:
    match decision:
        case HandOff(detail=detail):
            return detail
        case Quiet(why=why):
            return why
        case Answer(more_entries=entries):
            return " ".join(entries)
    return ""


def trace_of(turn: DialogueTurn, decision: Decision) -> Trace:
    entry = "" if isinstance(decision, Quiet) else decision.entry
    return Trace(
        turn.edition.number,
        turn.language,
        turn.understanding.candidates[:3],
        type(decision).__name__,
        entry,
        reason_of(decision),
        _detail(decision),
        turn.understanding.exact,
        _offered(turn, decision),
        bool(entry) and entry == policy.chosen_entry(turn.edition, turn),
    )


def _offered(turn: DialogueTurn, decision: Decision) -> tuple[str, ...]:
    """The entries that are offered, or were, if the customer means none of them."""
    if isinstance(decision, HandOff) and decision.detail == NONE_OF_THESE:
        return tuple(turn.slots.get("choices", ()))
    return decision.choices if isinstance(decision, Ask) else ()

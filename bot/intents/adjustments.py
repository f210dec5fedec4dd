"""A decision as it fits its conversation: while a case waits, after an edit, and with what later turns look back to."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.decisions import Answer, Ask, Change, Decision, HandOff, Quiet, Turn
from bot.domain.messages import Author, Reason
from bot.intents.turn import DialogueTurn

WITH_A_PERSON = Quiet("with_a_person")  # the case waits for a person: the message is for them
_APOLOGY = "apology"  # in the slot `said`
_REMEMBERED = 60  # characters of the customer's words


def in_queue(turn: DialogueTurn, decision: Decision) -> Decision:
    """The decision while a case waits for an agent: what the bot is sure of it says, the rest is added to the case."""
    if not turn.conversation.in_queue or turn.conversation.overheard:
        return decision
    if isinstance(decision, HandOff) and decision.reason is Reason.ALWAYS and decision.text:
        return Answer(decision.text, decision.entry, decision.confidence)
    if isinstance(decision, HandOff):
        return _added_to_the_case(turn, decision)
    return WITH_A_PERSON if isinstance(decision, Ask) and decision.choices else decision


def _added_to_the_case(turn: DialogueTurn, decision: HandOff) -> Decision:
    """The message is for the person who will come, sooner if it is urgent. Anger gets its apology, once."""
    if not decision.priority:
        return WITH_A_PERSON
    sooner = (Change("rank", {"priority": decision.priority, "detail": decision.reason.value}),)
    if decision.reason is not Reason.ANGER or turn.slots.get("said") == _APOLOGY:
        return replace(WITH_A_PERSON, changes=sooner)
    slots = {**turn.slots, "said": _APOLOGY}
    return Answer(decision.text, decision.entry, decision.confidence, changes=sooner, slots=slots)


def remembered(turn: DialogueTurn, decision: Decision) -> Decision:
    """The decision with what later turns look back to: when the bot spoke, and the words that it answered."""
    if isinstance(decision, Quiet) or (isinstance(decision, Answer) and decision.author is Author.SYSTEM):
        return decision
    slots = {**decision.slots, "at": turn.now}
    entry = turn.edition.entries.get(decision.entry)
    if isinstance(decision, Answer) and entry is not None and not entry.small_talk:
        slots |= {"last_intent": entry.id}
        if "repeats" not in slots:  # a follow-up leans on the words that it followed
            slots |= {"words": turn.message.text[:_REMEMBERED]}
        else:
            slots |= {"words": turn.slots.get("words", "")}
    return replace(decision, slots=slots)


def is_unsure(decision: Decision) -> bool:
    """Whether the bot does not know what the customer wants."""
    if isinstance(decision, HandOff):
        return decision.reason is Reason.UNSURE
    return isinstance(decision, Ask) and bool(decision.choices)


def unless_answered_before_edit(turn: Turn, decision: Decision) -> Decision:
    """Quiet if the customer edited a post that was already answered, and the answer would be the same entry."""
    answered = turn.message.data.get("edited") == "answered"
    if answered and isinstance(decision, Answer) and decision.entry and not (decision.more_entries or decision.effects):
        same = decision.entry == turn.conversation.slots.get("last_intent")
        return Quiet("answered_before_the_edit") if same else decision
    return decision

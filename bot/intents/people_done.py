"""What the bot says once an agent has handed the conversation back, or resolved the case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.cases import CaseState
from bot.domain.decisions import Answer, Decision, Quiet, Understanding
from bot.domain.messages import Author, Kind, Owner
from bot.intents import faq, policy
from bot.intents.policy import SayEntry
from bot.intents.sayings import asks
from bot.intents.turn import DialogueTurn

_QUOTED = 40  # characters of a question
_SOON = 1.0  # seconds
_NOTED = ("people_done", "unanswered")  # slots


def unanswered(turn: DialogueTurn) -> list[str]:
    """What the customer asked while the agent had the conversation, and heard no answer to; oldest first."""
    return [text for text in turn.slots.get("unanswered", ()) if asks(text)]


def after_people(turn: DialogueTurn, readings: Sequence[Understanding], channel: str) -> Decision:
    """One sentence, and of each question that is still open its answer where the bot is sure, else that it is open.

    readings: of what is `unanswered`.
    """
    if turn.conversation.owner not in (Owner.BOT, Owner.CLOSED) or turn.conversation.identity.silenced_at:
        return Quiet("people_done")
    answers, words = [], [turn.edition.phrase(_phrase(turn), turn.language)]
    for question, reading in zip(unanswered(turn), readings, strict=True):
        route = policy.decide(reading, turn.edition, turn)
        answer = faq.respond(route, turn.edition, turn, channel) if isinstance(route, SayEntry) else None
        if isinstance(answer, Answer):
            answers.append(answer)
        words.append(answer.text if isinstance(answer, Answer) else _is_open(turn, question))
    text = "\n\n".join(dict.fromkeys(words))
    if not answers:
        slots = {name: turn.slots[name] for name in ("last_intent", "at") if name in turn.slots}
        return Answer(text, entry=_phrase(turn), author=Author.SYSTEM, slots=slots)
    also = tuple(dict.fromkeys(answer.entry for answer in answers[:-1] if answer.entry != answers[-1].entry))
    return replace(answers[-1], text=text, variants=(), more_entries=also)


def _is_open(turn: DialogueTurn, asked: str) -> str:
    question = asked if len(asked) <= _QUOTED else f"{asked[:_QUOTED]}…"
    return turn.edition.phrase("people.open", turn.language, question=question)


def or_still_due(turn: DialogueTurn, decision: Decision) -> Decision:
    """The decision on what a customer wrote before the bot could say so: it still does, unless it speaks now."""
    if "people_done" not in turn.slots or turn.message.kind is Kind.PROMPT or decision.changes:
        return decision
    if isinstance(decision, Quiet):
        return replace(decision, prompt_in=_SOON)
    return replace(decision, slots={name: decision.slots[name] for name in decision.slots if name not in _NOTED})


def _phrase(turn: DialogueTurn) -> str:
    return "people.returned" if turn.slots["people_done"] == CaseState.RETURNED.value else "people.resolved"

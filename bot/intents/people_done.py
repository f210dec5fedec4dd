"""What the bot says once an agent has handed the conversation back, or resolved the case."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.cases import CaseState
from bot.domain.decisions import Answer, Decision, Quiet
from bot.domain.messages import Author, Kind, Owner
from bot.intents import faq, policy
from bot.intents.policy import SayEntry
from bot.intents.sayings import asks
from bot.intents.turn import DialogueTurn

_QUOTED = 40  # characters of a question
_SOON = 1.0  # seconds
_NOTED = ("people_done", "unanswered")  # slots


def unanswered(turn: DialogueTurn) -> str:
    """What the customer asked while the agent had the conversation, and heard no answer to; '' if nothing."""
    return "\n".join(text for text in turn.slots.get("unanswered", ()) if asks(text))


def after_people(turn: DialogueTurn, channel: str) -> Decision:
    """One sentence, and what is still open: its answer where the bot is sure (`turn.understanding` is of what is
    unanswered), else that it is open."""
    if turn.conversation.owner not in (Owner.BOT, Owner.CLOSED) or turn.conversation.identity.silenced_at:
        return Quiet("people_done")
    words = [turn.edition.phrase(_phrase(turn), turn.language)]
    slots = {name: turn.slots[name] for name in ("last_intent", "at") if name in turn.slots}
    asked = unanswered(turn)
    if not asked:
        return Answer(words[0], entry=_phrase(turn), author=Author.SYSTEM, slots=slots)
    route = policy.decide(turn.understanding, turn.edition, turn)
    answer = faq.respond(route, turn.edition, turn, channel) if isinstance(route, SayEntry) else None
    if isinstance(answer, Answer):
        return Answer("\n\n".join((*words, answer.text)), answer.entry, answer.confidence, slots=answer.slots)
    last = asked.splitlines()[-1]
    question = last if len(last) <= _QUOTED else f"{last[:_QUOTED]}…"
    words.append(turn.edition.phrase("people.open", turn.language, question=question))
    return Answer("\n\n".join(words), entry=_phrase(turn), author=Author.SYSTEM, slots=slots)


def or_still_due(turn: DialogueTurn, decision: Decision) -> Decision:
    """The decision on what a customer wrote before the bot could say so: it still does, unless it speaks now."""
    if "people_done" not in turn.slots or turn.message.kind is Kind.PROMPT or decision.changes:
        return decision
    if isinstance(decision, Quiet):
        return replace(decision, prompt_in=_SOON)
    return replace(decision, slots={name: decision.slots[name] for name in decision.slots if name not in _NOTED})


def _phrase(turn: DialogueTurn) -> str:
    return "people.returned" if turn.slots["people_done"] == CaseState.RETURNED.value else "people.resolved"

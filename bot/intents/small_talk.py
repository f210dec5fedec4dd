"""Nods, openers, pieces of a question, pauses: what people say around their questions, and what is said to that.

A talk is polite and never chatty: no nod makes a case, no customer is greeted twice, and the same courtesy is not said
twice in a row. A piece of a question waits for its rest; if none comes within a minute, the bot asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.domain.decisions import Answer, Ask, Change, Decision, HandOff, Quiet
from bot.domain.messages import PERSONS, Kind, Reason
from bot.intents.adjustments import is_unsure
from bot.intents.fragments import is_nod, is_number, is_piece
from bot.intents.sayings import calls_off, cancels, is_opener
from bot.intents.turn import DialogueTurn
from bot.text import truncate
from bot.text.folding import words_of

PIECES_LAST = 600.0  # seconds for which a piece is read with the next message
PROMPTS = ("talk.invite", "talk.here", "talk.ask", "talk.number")  # phrases that ask the customer to speak
_SMALL_TALK = ("greeting", "courtesy", "dissatisfied")  # signals
_PAUSE = 60.0  # seconds without the rest of a question, after which the bot asks for it
_AT_ONCE = 0.001  # seconds
_MOST_UNCLEAR = 3  # unclear messages in a row, the last of which goes to a person
_MOST_PIECES, _LONGEST_PIECE = 4, 60  # characters
SURE_ENOUGH_TO_ASK = 0.6  # confidence from which a piece is asked about at once


def courtesy(turn: DialogueTurn) -> Decision | None:
    """The decision on a text that asks nothing; None for every other."""
    text = turn.message.text
    if turn.message.kind is Kind.CLICK:
        return None
    if is_opener(text):
        return Quiet("opener") if turn.conversation.public else _once(turn, "talk.invite")
    if is_nod(text) and not (turn.understanding.exact and any(map(str.isdigit, text))):  # "88" is a goodbye
        return _nod(turn, text)
    if turn.understanding.exact:
        return None
    return _once(turn, "talk.number") if is_number(text) and not _insists(turn) else None


def _nod(turn: DialogueTurn, text: str) -> Decision:
    if turn.conversation.public or turn.conversation.in_queue:
        return Quiet("nod")
    picks = bool(turn.slots.get("choices")) and words_of(text).isdigit()  # of what was offered, which has fewer
    if "?" in text or "？" in text or picks:
        return _once(turn, "talk.ask")
    return Quiet("nod", prompt_in=_until_prompt(turn)) if turn.begun else _once(turn, "talk.invite")


def _until_prompt(turn: DialogueTurn) -> float:
    """Seconds until the bot speaks first, if it was about to: a nod says nothing that it waits for. 0: it was not."""
    if "people_done" in turn.slots:
        return _AT_ONCE
    asked = turn.slots.get("said") == "talk.ask" or turn.slots.get("choices")
    if asked or "pieces" not in turn.slots:
        return 0.0
    return max(float(turn.slots["pieces_at"]) + _PAUSE - turn.now, _AT_ONCE)


def _insists(turn: DialogueTurn) -> bool:
    """Whether a person can tell what a number means: one that follows another, or is written to who is waited for."""
    talk = turn.conversation
    return talk.public or talk.in_queue or bool(turn.slots.get("said") == "talk.number")


def called_off(turn: DialogueTurn) -> Decision | None:
    """The decision on "never mind": it ends a case that no agent has claimed."""
    text = turn.message.text
    if turn.conversation.in_queue and cancels(text):
        words = turn.edition.phrase("handoff.cancelled", turn.language)
        return Answer(words, entry="handoff.cancelled", changes=(Change("cancel_case"),))
    if turn.conversation.public or turn.understanding.exact or not calls_off(text):
        return None
    return _once(turn, "talk.fine")


def politely(turn: DialogueTurn, decision: Decision) -> Decision:
    """The decision, less greetings in the middle of a talk and courtesies that were just said.

    "Is anybody there?" and "that didn't help" while a case waits are meant for the person who is to come.
    """
    entry = turn.edition.entries.get(decision.entry) if isinstance(decision, Answer) else None
    if not isinstance(decision, Answer) or entry is None or entry.signal not in _SMALL_TALK:
        return decision
    if entry.signal != "courtesy" and turn.conversation.in_queue:
        return Quiet("with_a_person")
    if entry.signal == "dissatisfied" or turn.conversation.public:
        return decision
    if entry.signal == "greeting" and turn.begun:
        return _once(turn, "talk.here")
    if turn.begun and turn.slots.get("said") == entry.id:
        return Quiet("said_already")
    return replace(decision, slots={**decision.slots, "said": entry.id})


def pieces(turn: DialogueTurn) -> str:
    """What the customer has written so far of a question, with this message; '' if it is the first piece."""
    earlier = turn.slots.get("pieces", ())
    if not earlier or turn.now - float(turn.slots.get("pieces_at", 0.0)) > PIECES_LAST:
        return ""
    return truncate(("" if turn.language == "zh" else " ").join((*earlier, turn.message.text)))


def or_wait_for_the_rest(turn: DialogueTurn, decision: Decision) -> Decision:
    """The decision; for a piece of a question that it cannot answer, nothing yet: the rest may be still to come."""
    talk = turn.conversation
    if talk.public or talk.in_queue or not is_piece(turn.message.text):
        return decision
    unclear = int(turn.slots.get("unclear", 0)) + 1
    earlier = turn.slots["pieces"] if pieces(turn) else ()
    kept = [*earlier, turn.message.text[:_LONGEST_PIECE]][-_MOST_PIECES:]
    piece = {"pieces": kept, "pieces_at": turn.now, "unclear": unclear}
    if isinstance(decision, Ask) and (decision.confidence or 0.0) >= SURE_ENOUGH_TO_ASK:
        return replace(decision, slots={**decision.slots, **piece})  # it may be answered with another piece
    if not is_unsure(decision):
        return decision
    if unclear >= _MOST_UNCLEAR or turn.slots.get("said") == "talk.ask":  # it was asked already, and said no more
        return HandOff(Reason.UNSURE)
    slots = {**turn.slots, **piece}
    if not turn.limits.active and turn.slots.get("said") != "talk.invite":  # later the account could not ask
        return _said(turn, "talk.invite", slots)
    return Quiet("piece", slots=slots, prompt_in=_PAUSE)


def after_pause(turn: DialogueTurn) -> Decision:
    """The bot speaks first: it asks for the rest of a question."""
    if turn.conversation.owner in PERSONS or turn.conversation.identity.silenced_at:
        return Quiet("with_a_person")
    return _once(turn, "talk.ask")


def _once(turn: DialogueTurn, phrase: str) -> Decision:
    """An editor's phrase, unless it was the last thing that was said."""
    if turn.begun and turn.slots.get("said") == phrase:
        return Quiet("said_already")
    return _said(turn, phrase, turn.slots)


def _said(turn: DialogueTurn, phrase: str, slots: Mapping[str, Any]) -> Answer:
    words = turn.edition.phrase(phrase, turn.language)
    return Answer(words, entry=phrase, slots={**slots, "said": phrase})

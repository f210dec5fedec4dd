"""Examining an edition: what the bot would do about questions that nobody has asked yet. Sends and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.decisions import Turn, Understanding, Utterance
from bot.intents.policy import DidYouMean, Over, Route, decide
from bot.knowledge.editions import Edition
from bot.knowledge.regression import Did, Reaction
from bot.language import script_of
from bot.messages import Conversation, Heard, Identity, Instant, Kind
from bot.ports import Engine
from bot.wording import digest

AT_ONCE = 16


def reactions(questions: Sequence[str], engine: Engine, edition: Edition, now: Instant) -> Iterator[Reaction]:
    """What the bot does about each question if a conversation begins with it, in order. Raises EngineFailed."""
    for start in range(0, len(questions), AT_ONCE):
        some = questions[start : start + AT_ONCE]
        asked = [Utterance(digest(text), script_of(text), edition.number) for text in some]
        for utterance, understood in zip(asked, engine.understand(asked), strict=True):
            turn = _first_turn(utterance, understood, now)
            yield _reaction(decide(understood, edition, turn), edition, turn)


def _first_turn(utterance: Utterance, understood: Understanding, now: Instant) -> Turn:
    conversation = Conversation("", "", "", Identity("", "", "", ""))
    heard = Heard("", "", 1, "", Kind.TEXT, utterance.text, now)
    return Turn(heard, conversation, understood, utterance.language, utterance.edition, now)


def _reaction(route: Route, edition: Edition, turn: Turn) -> Reaction:
    if isinstance(route, DidYouMean):
        return Reaction(Did.ASKED, route.choices, route.confidence)
    named = (route.entry,) if route.entry else ()
    entry = edition.entries.get(route.entry)
    over = isinstance(route, Over) or entry is None or not entry.valid_on(edition.day(turn.now))
    return Reaction(Did.HANDED_OFF if over else Did.ANSWERED, named, route.confidence or 0.0)

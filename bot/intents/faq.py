"""Answering from the knowledge base: a route through the policy becomes a decision in an editor's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.decisions import Answer, Ask, Decision, HandOff, Turn
from bot.intents.policy import DidYouMean, Over, Route, Say, Use, dissatisfied
from bot.knowledge.editions import Edition
from bot.messages import Audience, Reason


def respond(route: Route, edition: Edition, turn: Turn, channel: str) -> Decision:
    """The decision for every route but a skill's own."""
    match route:
        case Say():
            return _answer(route, edition, turn, channel)
        case DidYouMean():
            return _ask(route, edition, turn)
        case Over():
            words = edition.answer(route.entry, turn.language, channel, turn.now) or ""
            return HandOff(route.reason, route.entry, route.confidence, text=words)
    return HandOff(Reason.UNSURE, route.entry, route.confidence, detail="no_such_skill")


def _answer(route: Say, edition: Edition, turn: Turn, channel: str) -> Decision:
    wordings = edition.wordings(route.entry, turn.language, channel, turn.now)
    if not wordings:  # it was true once
        return HandOff(Reason.UNSURE, route.entry, route.confidence, detail="not_valid_now")
    text, *variants = wordings
    slots = _memory(route, edition, turn)
    return Answer(text, route.entry, route.confidence, slots=slots, variants=tuple(variants))


def respond_to_each(
    routes: Sequence[Say | Use], looked_up: Mapping[str, Answer], edition: Edition, turn: Turn, channel: str
) -> Answer | None:
    """One answer to several questions, as sure as the least sure of them; None if an entry is not valid now, or a skill
    has more to do than to say something. looked_up: what skills say, by entry."""
    each = [
        _said(looked_up.get(route.entry))
        if isinstance(route, Use)
        else edition.wordings(route.entry, turn.language, channel, turn.now)
        for route in routes
    ]
    if not all(each) or not each:
        return None
    first, *others = routes
    words, *variants = _joined(each)
    private = any(answer.audience is Audience.PRIVATE for answer in looked_up.values())
    return Answer(
        words,
        first.entry,
        min(route.confidence for route in routes),
        Audience.PRIVATE if private else Audience.ANYONE,
        slots=_memory_of_each(routes, edition, turn),
        also=tuple(route.entry for route in others),
        variants=tuple(variants),
    )


def _said(answer: Answer | None) -> tuple[str, ...]:
    """What a skill says, if that is all it does."""
    if answer is None or answer.effects or answer.changes or answer.slots:
        return ()
    return (answer.text,)


def _memory_of_each(routes: Sequence[Say | Use], edition: Edition, turn: Turn) -> Mapping[str, Any]:
    said = [route for route in routes if isinstance(route, Say)]
    return _memory(said[-1], edition, turn) if said else _kept(turn)


def _joined(each: Sequence[Sequence[str]]) -> list[str]:
    """As many wordings of several answers as the richest has; who has fewer begins again."""
    most = max(map(len, each))
    return ["\n\n".join(wordings[place % len(wordings)] for wordings in each) for place in range(most)]


def _ask(route: DidYouMean, edition: Edition, turn: Turn) -> Ask:
    lines = (f"{number}. {edition.title(choice, turn.language)}" for number, choice in enumerate(route.choices, 1))
    question = edition.phrase("ask.did_you_mean", turn.language, choices="\n".join(lines))
    slots = {**_kept(turn), "choices": list(route.choices), "asked": 1}
    return Ask(question, confidence=route.confidence, choices=route.choices, slots=slots)


def _memory(route: Say, edition: Edition, turn: Turn) -> Mapping[str, Any]:
    """What the next turn should know: what this one was about, and whether the customer grows impatient."""
    if edition.entries[route.entry].signal == "dissatisfied":
        return {**_kept(turn), "dissatisfied": dissatisfied(turn)}
    return {**_kept(turn), "last_intent": route.entry}


def _kept(turn: Turn) -> dict[str, Any]:
    slots = turn.conversation.slots
    return {name: slots[name] for name in ("last_intent", "dissatisfied") if name in slots}

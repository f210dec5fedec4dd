"""Answers from the knowledge base: turns a route of the policy into a decision with an editor's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.decisions import URGENT, Answer, Ask, Decision, HandOff, Turn
from bot.domain.messages import Audience, Reason
from bot.intents.policy import DidYouMean, Route, SayEntry, ToPerson, UseSkill, dissatisfied
from bot.intents.turn import DialogueTurn
from bot.knowledge.editions import Edition
from bot.text import measure


def respond(route: Route, edition: Edition, turn: DialogueTurn, channel: str) -> Decision:
    """The decision for a route. A skill's route only reaches this if this release lacks the skill: a hand-off."""
    match route:
        case SayEntry():
            return _answer(route, edition, turn, channel)
        case DidYouMean():
            return _ask(route, edition, turn)
        case ToPerson():
            words = edition.answer(route.entry, turn.language, channel, turn.now) or ""
            if route.reason is not Reason.ANGER:
                return HandOff(route.reason, route.entry, route.confidence, text=words)
            words = words or edition.phrase("handoff.sorry", turn.language)
            return HandOff(route.reason, route.entry, route.confidence, priority=URGENT, text=words)
    return HandOff(Reason.UNSURE, route.entry, route.confidence, detail="no_such_skill")


def _answer(route: SayEntry, edition: Edition, turn: Turn, channel: str) -> Decision:
    wordings = edition.wordings(route.entry, turn.language, channel, turn.now)
    if not wordings:  # outside the entry's dates of validity
        return HandOff(Reason.UNSURE, route.entry, route.confidence, detail="not_valid_now")
    text, *variants = wordings
    slots = _slots_after(route, edition, turn)
    return Answer(text, route.entry, route.confidence, slots=slots, variants=tuple(variants))


def respond_to_each(
    routes: Sequence[Route], answers: Mapping[str, Answer], edition: Edition, turn: Turn, channel: str
) -> Decision | None:
    """One reply to several questions: the answers to those that the bot is sure of, and a person for the others.

    None if an entry is not valid now, or a skill does more than say something. answers: the skills' answers, by entry.
    """
    sure = [route for route in routes if isinstance(route, SayEntry | UseSkill)]
    answer = _answer_to_each(sure, answers, edition, turn, channel)
    if answer is None or len(sure) == len(routes):
        return answer if len(sure) > 1 else None
    if answer.audience is Audience.PRIVATE and turn.conversation.public:
        return None
    return HandOff(Reason.UNSURE, answer.entry, answer.confidence, detail="one_of_several", text=answer.text)


def _answer_to_each(
    routes: Sequence[SayEntry | UseSkill], answers: Mapping[str, Answer], edition: Edition, turn: Turn, channel: str
) -> Answer | None:
    """One answer to several questions, with the confidence of the least sure one."""
    each = [
        _text_of(answers.get(route.entry))
        if isinstance(route, UseSkill)
        else edition.wordings(route.entry, turn.language, channel, turn.now)
        for route in routes
    ]
    if not all(each) or not each:
        return None
    first, *others = routes
    words, *variants = _joined(each)
    answered = [route for route in routes if isinstance(route, SayEntry)]
    private = any(answer.audience is Audience.PRIVATE for answer in answers.values())
    return Answer(
        words,
        first.entry,
        min(route.confidence for route in routes),
        Audience.PRIVATE if private else Audience.ANYONE,
        slots=_slots_after(answered[-1], edition, turn) if answered else _kept_slots(turn),
        more_entries=tuple(route.entry for route in others),
        variants=tuple(variants),
    )


def _text_of(answer: Answer | None) -> tuple[str, ...]:
    """A skill's text as its only wording; () if it does anything else."""
    if answer is None or answer.effects or answer.changes or answer.slots:
        return ()
    return (answer.text,)


def _joined(each: Sequence[Sequence[str]]) -> list[str]:
    """The answers joined: as many wordings as the answer with the most has; the others repeat theirs."""
    most = max(map(len, each))
    return ["\n\n".join(wordings[place % len(wordings)] for wordings in each) for place in range(most)]


def _ask(route: DidYouMean, edition: Edition, turn: DialogueTurn) -> Ask:
    """A question with as many choices as fit into one message: a post is short."""
    asked = [
        (_question(route.choices[:most], edition, turn.language), most) for most in range(len(route.choices), 0, -1)
    ]
    limits = turn.limits
    fitting = (one for one in asked if not turn.conversation.public or measure(one[0], limits.unit) <= limits.length)
    question, most = next(fitting, asked[-1])
    choices = route.choices[:most]
    slots = {**_kept_slots(turn), "choices": list(choices), "asked": 1}
    return Ask(question, confidence=route.confidence, choices=choices, slots=slots)


def _question(choices: Sequence[str], edition: Edition, language: str) -> str:
    lines = (f"{number}. {edition.title(choice, language)}" for number, choice in enumerate(choices, 1))
    return edition.phrase("ask.did_you_mean", language, choices="\n".join(lines))


def _slots_after(route: SayEntry, edition: Edition, turn: Turn) -> Mapping[str, Any]:
    """The slots after an answer: its entry, for follow-ups, and the number of dissatisfied turns."""
    if edition.entries[route.entry].signal == "dissatisfied":
        return {**_kept_slots(turn), "dissatisfied": dissatisfied(turn)}
    return {**_kept_slots(turn), "last_intent": route.entry}


def _kept_slots(turn: Turn) -> dict[str, Any]:
    slots = turn.conversation.slots
    return {name: slots[name] for name in ("last_intent", "dissatisfied") if name in slots}

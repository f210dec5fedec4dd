"""What the bot makes of one message: who may answer, what was meant, and the decision that follows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.decisions import Answer, Ask, Change, Decision, HandOff, Quiet, Trace, Turn, Understanding, Utterance
from bot.folding import folded, shows_nothing
from bot.intents import faq
from bot.intents.following import in_context, leaning, sure
from bot.intents.overheard import unread
from bot.intents.policy import Use, decide, decide_each, picked
from bot.intents.sentences import questions
from bot.intents.stopping import wants_silence
from bot.knowledge.editions import Edition
from bot.language import language_of
from bot.messages import Conversation, Heard, Instant, Kind, Owner, Reason
from bot.ports import Skill
from bot.turns import Work
from bot.wording import digest

_SPOKEN = frozenset({Kind.TEXT, Kind.CLICK, Kind.VOICE})
_UNSAID = frozenset({Kind.OUTCOME, Kind.EVENT, Kind.NOTE})
_PERSONS = (Owner.QUEUE, Owner.AGENT)
FETCH = "1"
ENGINE_LIMIT = 10.0  # seconds; an engine that overruns hands off


class Running(Protocol):
    """A skill that asks several things in a row, and knows whether a message is an answer to it."""

    def wants(self, turn: Turn) -> bool: ...


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with its reasons, and the words of the edition it was made on."""

    decision: Decision
    trace: Trace
    language: str
    edition: Edition


@dataclass(frozen=True, slots=True)
class Memory:
    """How long a person's resolution still counts, in seconds, and the language of those who wrote none yet. posts: the
    channels with public posts: what editors write for one of them is for its posts."""

    reopen_within: float = 86_400.0
    language: str = "zh"
    posts: frozenset[str] = frozenset()


class Mind:
    """Understands and decides; writes nothing. `understand` gathers the texts of many conversations. `ready` returns
    once there is an edition to decide by."""

    def __init__(
        self,
        understand: Callable[[Utterance], Awaitable[Understanding]],
        edition: Callable[[], Edition],
        skills: Mapping[str, Skill],
        memory: Memory,
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        self.ready = ready
        self._understand = understand
        self._edition = edition
        self._skills = skills
        self._memory = memory

    async def decide(self, work: Work, now: Instant) -> Decided:
        """The decision on one message. Raises whatever a skill or engine raises, and TimeoutError for an overrun."""
        await self.ready()
        edition = self._edition()
        turn = await self._turn(work, edition, now)
        overheard = work.conversation.overheard
        decision = await (self._use(self._skills["overheard"], turn) if overheard else self._decision(turn, edition))
        return Decided(decision, _trace(turn, decision, edition), turn.language, edition)

    def give_up(self, work: Work, why: str) -> Decided:
        """The decision on a message that nothing could be made of: a person, with the reason's code."""
        language = self._language(work.message, work.conversation)
        decision = unread(why) if work.conversation.overheard else HandOff(Reason.FAILED, detail=why)
        edition, reason = self._edition(), decision.reason.value
        return Decided(decision, Trace(edition.number, language, (), "HandOff", "", reason, why), language, edition)

    def phrase(self, name: str, text: str) -> str:
        """A phrase without placeholders, in the language of `text`."""
        return self._edition().phrase(name, language_of(text, self._memory.language))

    async def _turn(self, work: Work, edition: Edition, now: Instant) -> Turn:
        message, conversation = work.message, work.conversation
        language = self._language(message, conversation)
        understanding = Understanding()
        if message.kind in _SPOKEN and not shows_nothing(message.text) and not fetches(work):
            understanding = await self._understood(message.text, language, conversation, edition)
        return Turn(message, conversation, understanding, language, edition.number, now)

    async def _understood(
        self, text: str, language: str, conversation: Conversation, edition: Edition
    ) -> Understanding:
        """What a text means: by its own words, and if they are few and say too little, by what was answered last."""
        last = str(conversation.slots.get("last_intent", ""))
        alone = await self._understand(Utterance(digest(text), language, edition.number, last))
        about = leaning(text)
        if not about or last not in edition.entries or alone.exact or sure(alone, edition):
            return alone
        full = f"{edition.title(last, language)} {about}"
        together = await self._understand(Utterance(digest(full), language, edition.number, last))
        return in_context(alone, together, last, edition)

    def _language(self, message: Heard, conversation: Conversation) -> str:
        return language_of(message.text, str(conversation.slots.get("language", self._memory.language)))

    async def _decision(self, turn: Turn, edition: Edition) -> Decision:
        conversation, kind = turn.conversation, turn.message.kind
        if kind is Kind.UNFOLLOW:
            return Quiet("unfollowed", (Change("forget", {"mode": turn.message.data.get("mode", "erase")}),))
        if kind in _SPOKEN and wants_silence(turn.message.text):
            return Quiet("opted_out", (Change("silence"),))
        if conversation.owner in _PERSONS or joins(conversation):
            return Quiet("with_a_person")
        if kind in _UNSAID:
            return _outcome(turn.message) if kind is Kind.OUTCOME else Quiet("event")
        if fetches(Work(conversation, turn.message)):
            return Quiet("fetch")
        return _unless_said(turn, self._again(turn, await self._said(turn, edition)))

    async def _said(self, turn: Turn, edition: Edition) -> Decision:
        """The decision on something a customer said to the bot."""
        kind, silent = turn.message.kind, shows_nothing(turn.message.text)
        running = self._skills.get(str(turn.conversation.slots.get("skill", "")))
        if running is not None and running.wants(turn):  # type: ignore[attr-defined]
            return await self._use(running, turn)
        if kind is Kind.FOLLOW:
            return Answer(edition.phrase("welcome", turn.language), entry="welcome")
        nothing_to_show = kind is Kind.UNSUPPORTED and turn.message.media is None
        if nothing_to_show or (kind in (Kind.TEXT, Kind.CLICK) and silent):
            return Answer(edition.phrase("unsupported", turn.language), entry="unsupported")
        if kind not in _SPOKEN or silent:
            what = edition.phrase(f"media.{kind.value}", turn.language)
            received = edition.phrase("media.received", turn.language, kind=what)
            return HandOff(Reason.MEDIA, detail=kind.value, text=received)
        return await self._meant(turn, edition)

    async def _meant(self, turn: Turn, edition: Edition) -> Decision:
        answer = await self._several(turn, edition)
        if answer is not None:
            return answer
        route = decide(turn.understanding, edition, turn)
        if isinstance(route, Use) and route.skill in self._skills:  # an edition may know a newer skill than this code
            decision = await self._use(self._skills[route.skill], turn)
            return _from_entry(decision, route.entry, route.confidence)
        return faq.respond(route, edition, turn, self._surface(turn.conversation))

    async def _several(self, turn: Turn, edition: Edition) -> Answer | None:
        """The answers to all questions of a message that asks several, if every single one is sure."""
        asked = [] if turn.understanding.exact else questions(digest(turn.message.text))
        if not asked:
            return None
        said = (Utterance(question, turn.language, edition.number) for question in asked)
        parts = await asyncio.gather(*(self._understand(one) for one in said))
        each = decide_each(parts, edition, turn)
        looked_up = await self._looked_up([route for route in each if isinstance(route, Use)], turn)
        return faq.respond_to_each(each, looked_up, edition, turn, self._surface(turn.conversation))

    async def _looked_up(self, routes: Sequence[Use], turn: Turn) -> Mapping[str, Answer]:
        """What skills answer at once, by entry."""
        known = [route for route in routes if route.skill in self._skills]
        decisions = await asyncio.gather(*(self._use(self._skills[route.skill], turn) for route in known))
        return {route.entry: said for route, said in zip(known, decisions, strict=True) if isinstance(said, Answer)}

    def _surface(self, conversation: Conversation) -> str:
        """The channel for which editors may have written words of their own; '' in private beside public posts."""
        private = conversation.channel in self._memory.posts and not conversation.public
        return "" if private else conversation.channel

    async def _use(self, skill: Skill, turn: Turn) -> Decision:
        async with asyncio.timeout(skill.time_limit):
            return await skill.respond(turn)

    def _again(self, turn: Turn, decision: Decision) -> Decision:
        """Back after a person resolved it: unless the bot is sure, the same person first."""
        conversation = turn.conversation
        recent = turn.now - conversation.resolved_at < self._memory.reopen_within
        unsure = (isinstance(decision, Ask) and decision.choices) or (
            isinstance(decision, HandOff) and decision.reason is Reason.UNSURE
        )
        if conversation.resolved_by and recent and unsure:
            return HandOff(Reason.REOPENED)
        return decision


def joins(conversation: Conversation) -> bool:
    """Whether people hold another private conversation of this customer, which this one is to join."""
    return bool(conversation.customer_case) and not conversation.case_id and not conversation.public


def fetches(work: Work) -> bool:
    """Whether the customer only asks for what waits for them."""
    return work.conversation.waiting > 0 and folded(work.message.text) == FETCH


def _outcome(message: Heard) -> Decision:
    """An effect that worked needs no words; one that did not is a person's."""
    if message.data.get("state") == "sent":
        return Quiet("effect_done")
    return HandOff(Reason.FAILED, detail=f"{message.data.get('effect', '')}:{message.data.get('code', '')}")


def _unless_said(turn: Turn, decision: Decision) -> Decision:
    """Whoever edits what was answered already, and means the same as before, is not answered twice."""
    answered = turn.message.data.get("edited") == "answered"
    if answered and isinstance(decision, Answer) and decision.entry and not (decision.also or decision.effects):
        same = decision.entry == turn.conversation.slots.get("last_intent")
        return Quiet("answered_before_the_edit") if same else decision
    return decision


def _from_entry(decision: Decision, entry: str, confidence: float) -> Decision:
    """A skill's decision names the entry that led to it."""
    if isinstance(decision, Quiet) or decision.entry:
        return decision
    return replace(decision, entry=entry, confidence=confidence)


def _trace(turn: Turn, decision: Decision, edition: Edition) -> Trace:
    """The turn's reasons, for the desk and for learning from use."""
    entry = "" if isinstance(decision, Quiet) else decision.entry
    reason = decision.reason.value if isinstance(decision, HandOff) else ""
    detail = {HandOff: "detail", Quiet: "why"}.get(type(decision))
    also = " ".join(decision.also) if isinstance(decision, Answer) else ""
    return Trace(
        turn.edition,
        turn.language,
        turn.understanding.candidates[:3],
        type(decision).__name__,
        entry,
        reason,
        getattr(decision, detail) if detail else also,
        turn.understanding.exact,
        decision.choices if isinstance(decision, Ask) else (),
        bool(entry) and entry == picked(edition, turn),
    )

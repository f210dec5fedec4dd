"""The dialogue manager: decides on one message. Its gates are asked in order, and the first that applies decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from bot.domain.decisions import (
    URGENT,
    WITH_AGENT,
    Answer,
    Decision,
    HandOff,
    Quiet,
    Trace,
    Turn,
    Understanding,
    Utterance,
    has_change,
)
from bot.domain.messages import PERSONS, Author, Conversation, Kind, Limits, Reason, StoredMessage
from bot.domain.turns import ClaimedMessage
from bot.errors import EngineFailed
from bot.intents import faq, policy
from bot.intents.adjustments import WITH_A_PERSON, in_queue, is_unsure, remembered, unless_answered_before_edit
from bot.intents.context import follow_up
from bot.intents.fragments import is_piece
from bot.intents.inference import InferenceThread
from bot.intents.mood import Mood
from bot.intents.people_done import after_people, or_still_due, unanswered
from bot.intents.policy import SayEntry, UseSkill, refuses_choices
from bot.intents.repeats import shortened
from bot.intents.rights import exercised_right
from bot.intents.sayings import asks, without_fillers
from bot.intents.skills.account_linking import CODES_SPENT
from bot.intents.skills.social_listening import handoff_unread
from bot.intents.small_talk import PROMPTS, after_pause, called_off, courtesy, or_wait_for_the_rest, pieces, politely
from bot.intents.traces import NONE_OF_THESE, reason_of, trace_of
from bot.intents.turn import DialogueTurn
from bot.intents.utterances import completed, is_sure, split_questions, surer
from bot.knowledge.editions import Edition
from bot.ports.channels import Clock
from bot.ports.nlu import MultiTurnSkill, Skill
from bot.text import truncate
from bot.text.folding import is_invisible
from bot.text.language import language_of

log = logging.getLogger(__name__)
_SURELY_ANGRY = 0.9  # probability from which a piece of a sentence, or what the bot could answer, is anger
_IN_ANY_ORDER = (Reason.UNSURE, Reason.ASKED, Reason.ALWAYS, Reason.REOPENED)  # of handoffs that may be urgent
_PRAISE = 0.8  # likelihood from which an unclear post is no question; cheerful questions reach 0.75


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """A decision with its reasons, and the edition it was made on."""

    decision: Decision
    trace: Trace
    language: str
    edition: Edition


@dataclass(frozen=True, slots=True)
class DialogueSettings:
    reopen_within: float = 86_400.0  # seconds after a resolution in which the same person is asked first
    language: str = "zh"  # of customers who have written none yet
    # Channels with public posts. Wordings that an editor wrote for such a channel are for its posts only.
    public_channels: frozenset[str] = frozenset()


Gate: TypeAlias = Callable[[DialogueTurn], Awaitable[Decision | None]]


class DialogueManager:
    """Understands and decides; writes nothing."""

    def __init__(
        self,
        inference: InferenceThread,  # what texts mean
        edition: Callable[[], Edition],  # the current one; raises LookupError before `ready` has returned
        skills: Mapping[str, Skill],  # by the name that entries give them
        settings: DialogueSettings,
        ready: Callable[[], Awaitable[None]],  # returns once the first edition is loaded
        clock: Clock,
    ) -> None:
        self.ready = ready
        self._clock = clock
        self._inference = inference
        self._understand = inference.understand
        self._edition = edition
        self._skills = skills
        self._settings = settings
        # The order is the policy. Each gate decides, or leaves the message to the next by returning None.
        self._gates: tuple[Gate, ...] = (
            self._overheard,  # written about the brand and not to it: a case or nothing, never a reply
            self._right,  # stop, unlink, erase, unfollow: carried out also while an agent has the conversation
            self._with_agent,
            self._event,
            self._prompt,  # the customer wrote nothing, and the bot speaks first
            self._fetch,  # asks for waiting replies and nothing else: they travel with the response
            self._running_skill,  # an answer to a skill's question must not be understood as a question
            self._follow,
            self._unsupported,
            self._media,
            self._choice,
            self._courtesy,  # a nod, an opener, "never mind": no question
            self._engine_failed,
            self._angry,
            self._several_questions,
            self._policy,
        )

    async def decide(self, claimed: ClaimedMessage, limits: Limits) -> DecisionResult:
        """Decide on one message. Raises what a skill raises, and TimeoutError for one that overruns its limit."""
        await self.ready()
        turn = await self._turn(claimed, limits)
        for gate in self._gates:
            decision = await gate(turn)
            if decision is not None:
                break
        else:
            raise AssertionError("the last gate always decides")
        decision = unless_answered_before_edit(turn, self._or_last_agent(turn, decision))
        decision = in_queue(turn, await self._or_urgent(turn, decision))
        decision = or_still_due(turn, remembered(turn, self._resumed(turn, decision)))
        return DecisionResult(decision, trace_of(turn, decision), turn.language, turn.edition)

    def give_up(self, claimed: ClaimedMessage, why: str) -> DecisionResult:
        """The decision on a message whose turn failed: a case, with the code `why`. If an agent already has the
        conversation they see the message, and nothing changes."""
        conversation, edition = claimed.conversation, self._edition()
        language, decision = self._language(claimed.message, conversation), _failed(why)
        if conversation.with_agent:
            decision = Quiet(WITH_AGENT)
        elif conversation.owner in PERSONS or conversation.joins:
            decision = WITH_A_PERSON  # a commit that opens a second case is refused
        elif conversation.overheard:
            decision = handoff_unread(why)
        trace = Trace(edition.number, language, (), type(decision).__name__, "", reason_of(decision), why)
        return DecisionResult(decision, trace, language, edition)

    def phrase(self, name: str, text: str) -> str:
        """A phrase of the current edition, without placeholders, in the language of `text`."""
        return self._edition().phrase(name, language_of(text, self._settings.language))

    # The gates, in their order.

    async def _overheard(self, turn: DialogueTurn) -> Decision | None:
        return await _use(self._skills["overheard"], turn) if turn.conversation.overheard else None

    async def _right(self, turn: DialogueTurn) -> Decision | None:
        return exercised_right(turn)

    async def _with_agent(self, turn: DialogueTurn) -> Decision | None:
        return Quiet(WITH_AGENT) if turn.conversation.with_agent else None

    async def _event(self, turn: DialogueTurn) -> Decision | None:
        """Events and outcomes of effects. A successful effect needs no words, nor does one too many of those that a
        customer asked for at the same moment; another failed one is handed to a person."""
        if turn.message.kind in (Kind.EVENT, Kind.NOTE):
            return Quiet("event")
        if turn.message.kind is not Kind.OUTCOME:
            return None
        outcome = turn.message.data
        if outcome.get("state") == "sent" or outcome.get("code") == CODES_SPENT:
            return Quiet("effect_done")
        return _failed(f"{outcome.get('effect', '')}:{outcome.get('code', '')}")

    async def _prompt(self, turn: DialogueTurn) -> Decision | None:
        if turn.message.kind is not Kind.PROMPT:
            return None
        if "people_done" in turn.slots:
            asked = await asyncio.gather(*(self._read_if_possible(turn, text) for text in unanswered(turn)))
            return after_people(turn, asked, self._wording_channel(turn.conversation))
        return after_pause(turn)

    async def _fetch(self, turn: DialogueTurn) -> Decision | None:
        return Quiet("fetch") if turn.fetches else None

    async def _running_skill(self, turn: DialogueTurn) -> Decision | None:
        """The skill that the slot names, if it takes the message for an answer to its question."""
        name = turn.slots.get("skill")
        if not name or policy.chosen_entry(turn.edition, turn) is not None:  # offered after the skill's question
            return None
        # The slot may name a skill that never asks: an edition or a release may have changed it in between.
        skill = self._skills.get(str(name))
        return await _use(skill, turn) if isinstance(skill, MultiTurnSkill) and skill.wants(turn) else None

    async def _follow(self, turn: DialogueTurn) -> Decision | None:
        if turn.message.kind is not Kind.FOLLOW:
            return None
        return Answer(turn.edition.phrase("welcome", turn.language), entry="welcome")

    async def _unsupported(self, turn: DialogueTurn) -> Decision | None:
        """An unknown kind of message, or a text without a visible character."""
        message = turn.message
        unknown = message.kind is Kind.UNSUPPORTED and message.media is None
        blank = message.kind in (Kind.TEXT, Kind.CLICK) and is_invisible(message.text)
        if not unknown and not blank:
            return None
        return Answer(turn.edition.phrase("unsupported", turn.language), entry="unsupported")

    async def _media(self, turn: DialogueTurn) -> Decision | None:
        """A picture, a place, a voice message that was not recognised: a person looks at it."""
        if turn.has_words:
            return None
        kind = turn.message.kind.value
        what = turn.edition.phrase(f"media.{kind}", turn.language)
        return HandOff(Reason.MEDIA, detail=kind, text=turn.edition.phrase("media.received", turn.language, kind=what))

    async def _choice(self, turn: DialogueTurn) -> Decision | None:
        """An entry picked from those offered before, or none of them: then a person, who sees what was offered."""
        if refuses_choices(turn):
            return HandOff(Reason.UNSURE, detail=NONE_OF_THESE)
        return await self._policy(turn) if policy.chosen_entry(turn.edition, turn) is not None else None

    async def _courtesy(self, turn: DialogueTurn) -> Decision | None:
        return called_off(turn) or courtesy(turn) if turn.has_words else None

    async def _angry(self, turn: DialogueTurn) -> Decision | None:
        """Anger goes before all that the bot could say. An example of an entry means what the entry says."""
        if turn.understanding.exact or turn.message.kind is Kind.CLICK:
            return None
        tone = await self._inference.mood(turn.message.text)
        calm_words = is_sure(turn.understanding, turn.edition) or is_piece(turn.message.text)
        if tone.mood is not Mood.ANGRY or (calm_words and tone.anger < _SURELY_ANGRY):
            return None
        route = policy.angry(turn.understanding, turn.edition)
        return faq.respond(route, turn.edition, turn, self._wording_channel(turn.conversation))

    async def _engine_failed(self, turn: DialogueTurn) -> Decision | None:
        return _failed(type(turn.failure).__name__) if turn.failure is not None else None

    async def _several_questions(self, turn: DialogueTurn) -> Decision | None:
        """The answers to all questions of a message that asks several, if the bot is sure of each."""
        asked = [] if turn.understanding.exact else split_questions(truncate(turn.message.text))
        if not asked:
            return None
        utterances = (Utterance(question, turn.language, turn.edition.number) for question in asked)
        parts = await asyncio.gather(*(self._understand(one) for one in utterances))
        routes = policy.decide_each(parts, turn.edition, turn)
        if not routes:
            return None
        unsure = (text for text, route in zip(asked, routes, strict=True) if not isinstance(route, SayEntry | UseSkill))
        if not all(map(asks, unsure)):  # a part that asks nothing belongs to the other
            return None
        answers = await self._skill_answers([route for route in routes if isinstance(route, UseSkill)], turn)
        return faq.respond_to_each(routes, answers, turn.edition, turn, self._wording_channel(turn.conversation))

    async def _policy(self, turn: DialogueTurn) -> Decision | None:
        """By the edition's thresholds: an entry's answer, its skill, a question back, or a person."""
        route = policy.decide(turn.understanding, turn.edition, turn)
        # An edition may name a skill that this release does not have yet: `faq.respond` hands off then.
        if isinstance(route, UseSkill) and route.skill in self._skills:
            decision = await _use(self._skills[route.skill], turn)
            return _from_entry(decision, route.entry, route.confidence)
        decision = faq.respond(route, turn.edition, turn, self._wording_channel(turn.conversation))
        if turn.conversation.public and is_unsure(decision):  # praise is left alone, and not asked about
            text = turn.message.text
            praises = not asks(text) and (await self._inference.sentiment(text)).happy >= _PRAISE
            return Quiet("praise") if praises else decision
        return or_wait_for_the_rest(turn, politely(turn, shortened(turn, decision)))

    # What the gates look at.

    async def _turn(self, claimed: ClaimedMessage, limits: Limits) -> DialogueTurn:
        """The turn with the message's understanding, which the desk shows whichever gate decides."""
        message, conversation, edition = claimed.message, claimed.conversation, self._edition()
        language = self._language(message, conversation)
        turn = DialogueTurn(message, conversation, Understanding(), language, edition, self._clock.now(), limits)
        if turn.fetches or not (turn.has_words or message.kind is Kind.PROMPT):
            return turn
        try:
            return replace(turn, understanding=await self._understood(turn))
        except (EngineFailed, TimeoutError) as failure:
            log.warning("the engine failed (%s); a message that needs it is handed to a person", failure)
            return replace(turn, failure=failure)

    async def _understood(self, turn: DialogueTurn) -> Understanding:
        """The best reading of what the customer wrote: alone, without fillers, with the pieces before, or after what
        was answered last."""
        if turn.message.kind is Kind.PROMPT:
            asked = unanswered(turn)
            return await self._read(turn, asked[-1]) if asked else Understanding()
        text = turn.message.text
        alone = await self._read(turn, text)
        if alone.exact or is_sure(alone, turn.edition):
            return alone if alone.exact else await self._in_context(turn, alone)
        if (shorter := without_fillers(text)) != text:
            alone = surer(alone, await self._read(turn, shorter))
        if whole := pieces(turn):
            alone = completed(alone, await self._read(turn, whole))
        return alone if is_sure(alone, turn.edition) else await self._in_context(turn, alone)

    async def _read(self, turn: DialogueTurn, text: str) -> Understanding:
        last = str(turn.slots.get("last_intent", ""))
        return await self._understand(Utterance(truncate(text), turn.language, turn.edition.number, last))

    async def _read_if_possible(self, turn: DialogueTurn, text: str) -> Understanding:
        try:
            return await self._read(turn, text)
        except (EngineFailed, TimeoutError):
            return Understanding()

    async def _in_context(self, turn: DialogueTurn, alone: Understanding) -> Understanding:
        """The understanding of a text that may ask for more about the entry that was answered last."""
        if turn.message.data.get("edited"):  # an edited post says the same once more, and follows nothing
            return alone
        read, channel = partial(self._read, turn), self._wording_channel(turn.conversation)
        return await follow_up(turn, alone, channel, read, self._inference.closeness)

    async def _skill_answers(self, routes: Sequence[UseSkill], turn: Turn) -> Mapping[str, Answer]:
        """The answers of skills that need no further question, by entry."""
        known = [route for route in routes if route.skill in self._skills]
        decisions = await asyncio.gather(*(_use(self._skills[route.skill], turn) for route in known))
        return {route.entry: said for route, said in zip(known, decisions, strict=True) if isinstance(said, Answer)}

    def _language(self, message: StoredMessage, conversation: Conversation) -> str:
        return language_of(message.text, str(conversation.slots.get("language", self._settings.language)))

    def _wording_channel(self, conversation: Conversation) -> str:
        """The channel whose own wordings are used, '' for the common ones."""
        private = conversation.channel in self._settings.public_channels and not conversation.public
        return "" if private else conversation.channel

    async def _or_urgent(self, turn: DialogueTurn, decision: Decision) -> Decision:
        """The decision; a case of a customer who needs something soon goes before ordinary ones."""
        if not isinstance(decision, HandOff) or decision.reason not in _IN_ANY_ORDER or not turn.has_words:
            return decision
        if turn.failure or (await self._inference.mood(turn.message.text)).mood is not Mood.URGENT:
            return decision
        words = decision.text or turn.edition.phrase("handoff.urgent", turn.language)
        return replace(decision, priority=URGENT, text=words)

    def _resumed(self, turn: DialogueTurn, decision: Decision) -> Decision:
        """The decision on something in between the questions of a skill, which then asks its question once more."""
        skill = self._skills.get(str(turn.slots.get("skill", "")))
        if isinstance(decision, Quiet) or not isinstance(skill, MultiTurnSkill) or decision.entry == skill.intent:
            return decision
        if has_change(decision.changes, "silence"):  # a customer who wants to hear no more is asked no more
            return decision
        asked = skill.again(turn)
        if asked is not None and decision.entry in PROMPTS:  # no courtesy: the customer knows what to say
            return asked
        if asked is None or "skill" in decision.slots:
            return decision
        slots = {**decision.slots, **asked.slots}
        if not isinstance(decision, Answer) or decision.author is Author.SYSTEM:
            return replace(decision, slots=slots)
        variants = tuple(f"{text}\n\n{asked.text}" for text in decision.variants)
        return replace(decision, text=f"{decision.text}\n\n{asked.text}", variants=variants, slots=slots)

    def _or_last_agent(self, turn: Turn, decision: Decision) -> Decision:
        """The decision, or a handoff to the agent who resolved the last case, if the bot is unsure soon after it."""
        conversation = turn.conversation
        recent = turn.now - conversation.resolved_at < self._settings.reopen_within
        again = conversation.resolved_by and recent and is_unsure(decision)
        return HandOff(Reason.REOPENED) if again else decision


async def _use(skill: Skill, turn: Turn) -> Decision:
    async with asyncio.timeout(skill.time_limit):
        return await skill.respond(turn)


def _failed(detail: str) -> Decision:
    return HandOff(Reason.FAILED, detail=detail)


def _from_entry(decision: Decision, entry: str, confidence: float) -> Decision:
    """A skill's decision with the entry that led to it."""
    if isinstance(decision, Quiet) or decision.entry:
        return decision
    return replace(decision, entry=entry, confidence=confidence)

"""Request and response models of the desk's API. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from bot.desk.case_view import HandoffCard, handoff_card
from bot.domain.cases import CaseCounts, CaseEvent, CaseLine, CaseView, OutgoingPart, TurnTrace, UndeliveredMessage
from bot.domain.messages import (
    Author,
    Conversation,
    Customer,
    Instant,
    Limits,
    OutboxState,
    PostingRules,
    TranscriptLine,
)
from bot.errors import MemberSystemFailed
from bot.text import cleaned
from bot.web.dependencies import CustomerDesk, DeskHours

Clean = BeforeValidator(cleaned)  # removes characters that the database cannot store
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000), Clean]


@dataclass(frozen=True, slots=True)
class UndeliveredResponse:
    """A message outside any open case that may not have arrived."""

    id: str
    account: str
    channel: str
    public: bool
    customer: Customer
    text: str
    author: Author
    state: OutboxState
    at: Instant
    error: str  # the platform's code
    trouble: str  # what the code means, in the reader's language; '' for an unknown code


@dataclass(frozen=True, slots=True)
class BoardResponse:
    """The list of open cases, and the rest of the desk's page."""

    now: Instant
    me: str  # the reader's staff id
    lines: list[CaseLine]  # all cases of the reader, and the first of the others in the order of the queue
    undelivered: list[UndeliveredResponse]  # newest first
    hours: DeskHours
    halted: list[str]  # why accounts send nothing now, a sentence each
    counts: CaseCounts  # of all open cases
    more: int  # open cases that are not among the lines


@dataclass(frozen=True, slots=True)
class LimitsResponse:
    """`bot.domain.messages.Limits` with the name of their unit."""

    length: int
    unit: str
    public: bool
    active: bool
    window_until: Instant | None
    left: int | None
    posting_rules: PostingRules


@dataclass(frozen=True, slots=True)
class ThreadResponse:
    """One conversation of the customer."""

    id: str
    account: str
    channel: str
    public: bool
    overheard: bool  # a post about the brand that was not addressed to it
    joined: bool  # it belongs to this case, so the agent may answer in it unless it was only overheard
    heard_at: Instant
    sent_in_window: int
    limits: LimitsResponse


@dataclass(frozen=True, slots=True)
class MemberResponse:
    """A verified member."""

    name: str = ""
    number: str = ""
    tier: str = ""
    points: int | None = None  # None if the member system does not answer
    expiring: int = 0
    expiring_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class CaseResponse:
    """A case with everything said in it."""

    now: Instant
    me: str  # the reader's staff id
    line: CaseLine
    threads: list[ThreadResponse]
    said: tuple[TranscriptLine, ...]
    outgoing: tuple[OutgoingPart, ...]
    traces: tuple[TurnTrace, ...]
    events: tuple[CaseEvent, ...]
    handoff: HandoffCard
    names: Mapping[str, str]  # of staff, by id
    titles: Mapping[str, str] = field(default_factory=dict)  # of the intents and entries in it, by id
    member: MemberResponse | None = None
    troubles: Mapping[str, str] = field(default_factory=dict)  # what the errors of its messages mean, by code


class Draft(BaseModel):
    """A reply as the page sends it."""

    model_config = ConfigDict(extra="forbid")
    text: Text
    # Made once per draft, so that a repeated request does not send it again.
    key: Annotated[str, StringConstraints(min_length=8, max_length=64), Clean]
    conversation: Annotated[str, StringConstraints(max_length=32), Clean] = ""


class TypingIn(BaseModel):
    """The conversation in which a reply is being written; '' for the one with the customer's last message."""

    model_config = ConfigDict(extra="forbid")
    conversation: Annotated[str, StringConstraints(max_length=32), Clean] = ""


class Search(BaseModel):
    """A search. It is sent in the body, because proxies log URLs, and customers' names do not belong in logs."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), Clean] = ""


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: Text


class Correction(BaseModel):
    """The entry that answers a customer's message; '' for none."""

    model_config = ConfigDict(extra="forbid")
    message: Annotated[str, StringConstraints(min_length=1, max_length=32), Clean]
    entry: Annotated[str, StringConstraints(max_length=64), Clean] = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The response to an action."""

    message: str = ""  # id of the message that was written; '' for none


def undelivered_response(message: UndeliveredMessage, desk: CustomerDesk, language: str) -> UndeliveredResponse:
    return UndeliveredResponse(
        message.id,
        message.conversation.account,
        message.conversation.channel,
        message.conversation.public,
        message.customer,
        message.text,
        message.author,
        message.state,
        message.at,
        message.error,
        desk.explain(message.error).text(language),
    )


def case_response(
    view: CaseView, desk: CustomerDesk, member: MemberResponse | None, reader: tuple[str, str], now: Instant
) -> CaseResponse:
    """reader: the staff id and language of the person who reads the case."""
    me, language = reader
    card = handoff_card(view)
    return CaseResponse(
        now,
        me,
        view.line,
        [_thread(one, view, desk.limits(one, now)) for one in view.conversations],
        view.said,
        view.outgoing,
        view.traces,
        view.events,
        card,
        view.names,
        {intent: desk.intent_title(intent, language) for intent in _intents(view)},
        member,
        {line.error: desk.explain(line.error).text(language) for line in view.said if line.error},
    )


def _thread(one: Conversation, view: CaseView, limits: Limits) -> ThreadResponse:
    return ThreadResponse(
        one.id,
        one.account,
        one.channel,
        one.public,
        one.overheard,
        one.id in view.joined,
        one.heard_at,
        one.sent_in_window,
        LimitsResponse(
            limits.length,
            limits.unit.name,
            limits.public,
            limits.active,
            limits.window_until,
            limits.left,
            limits.posting_rules,
        ),
    )


def _intents(view: CaseView) -> set[str]:
    understood = (one.intent for turn in view.traces for one in turn.trace.candidates)
    said: Iterable[str] = (line.entry for line in view.said if line.entry)
    corrected = (step.entry for step in view.events if step.type == "corrected" and step.entry)
    return {*understood, *said, *corrected}


async def member_response(member_id: str | None, desk: CustomerDesk, language: str) -> MemberResponse | None:
    """The verified member, or None. If the member system fails, only the member's id is known."""
    if member_id is None:
        return None
    try:
        member = await desk.member(member_id)
        points = await desk.points(member_id)
    except MemberSystemFailed:
        return MemberResponse(number=member_id)
    if member is None:
        return None
    tier = desk.tier_name(member.tier, language)
    return MemberResponse(member.name, member.number, tier, points.balance, points.expiring, points.expiring_at)

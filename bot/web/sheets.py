"""What the desk's page is told, as it travels: plain data, times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from bot.cases import CaseCounts, CaseEvent, CaseLine, CaseView, Outgoing, Stray, TurnTrace
from bot.desk.handoff import HandoffCard, handoff_card
from bot.errors import MemberSystemFailed
from bot.messages import Author, Conversation, Customer, Instant, Limits, OutboxState, Said
from bot.web.parts import CustomerDesk, DeskHours
from bot.wording import cleaned

Clean = BeforeValidator(cleaned)  # nothing reaches the record that it cannot carry
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000), Clean]


@dataclass(frozen=True, slots=True)
class StraySheet:
    """A message that may not have arrived, in nobody's case. trouble: what its error means, if anybody knows."""

    id: str
    account: str
    channel: str
    public: bool
    customer: Customer
    text: str
    author: Author
    state: OutboxState
    at: Instant
    error: str
    trouble: str


@dataclass(frozen=True, slots=True)
class BoardSheet:
    """The first open cases in the order of the queue, the newest strays, and whether the desk is open. `me`: the
    reader's staff id, whose own cases are all here; `now`: the record's time. halted: why accounts send nothing now, a
    sentence each. counts: of all open cases. more: how many of them are not among the lines."""

    now: Instant
    me: str
    lines: list[CaseLine]
    strays: list[StraySheet]
    hours: DeskHours
    halted: list[str]
    counts: CaseCounts
    more: int


@dataclass(frozen=True, slots=True)
class ThreadSheet:
    """One conversation of the customer. joined: it belongs to this case, so the agent may answer in it, unless they
    were only overheard there."""

    id: str
    account: str
    channel: str
    public: bool
    overheard: bool
    joined: bool
    heard_at: Instant
    sent_in_window: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class MemberSheet:
    """A verified member. `points` None: the member system does not answer just now."""

    name: str = ""
    number: str = ""
    tier: str = ""
    points: int | None = None
    expiring: int = 0
    expiring_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class CaseSheet:
    """A case with everything said. `titles` says how people call the intents and entries in it, `troubles` what the
    errors of its messages mean."""

    now: Instant
    me: str
    line: CaseLine
    threads: list[ThreadSheet]
    said: tuple[Said, ...]
    outgoing: tuple[Outgoing, ...]
    traces: tuple[TurnTrace, ...]
    events: tuple[CaseEvent, ...]
    handoff: HandoffCard
    names: Mapping[str, str]
    titles: Mapping[str, str] = field(default_factory=dict)
    member: MemberSheet | None = None
    troubles: Mapping[str, str] = field(default_factory=dict)


class Draft(BaseModel):
    """A reply as the page sends it. key: made once per draft, so that sending it twice says it once."""

    model_config = ConfigDict(extra="forbid")
    text: Text
    key: Annotated[str, StringConstraints(min_length=8, max_length=64), Clean]
    conversation: Annotated[str, StringConstraints(max_length=32), Clean] = ""


class Writing(BaseModel):
    """Where somebody is writing a reply; '' where the customer spoke last."""

    model_config = ConfigDict(extra="forbid")
    conversation: Annotated[str, StringConstraints(max_length=32), Clean] = ""


class Search(BaseModel):
    """In a body and not in the address: proxies log addresses, and names are nobody's business there."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), Clean] = ""


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: Text


class Correction(BaseModel):
    """Which entry would have answered a customer's message; '' for none."""

    model_config = ConfigDict(extra="forbid")
    message: Annotated[str, StringConstraints(min_length=1, max_length=32), Clean]
    entry: Annotated[str, StringConstraints(max_length=64), Clean] = ""


@dataclass(frozen=True, slots=True)
class Done:
    """message: the id of the line that was written, if any."""

    message: str = ""


def stray_sheet(stray: Stray, desk: CustomerDesk, language: str) -> StraySheet:
    talk = stray.conversation
    return StraySheet(
        stray.id,
        talk.account,
        talk.channel,
        talk.public,
        stray.customer,
        stray.text,
        stray.author,
        stray.state,
        stray.at,
        stray.error,
        desk.trouble(stray.error, language),
    )


def case_sheet(
    view: CaseView, desk: CustomerDesk, member: MemberSheet | None, reader: tuple[str, str], now: Instant
) -> CaseSheet:
    """`reader`: the staff id and language of who reads."""
    me, language = reader
    card = handoff_card(view)
    return CaseSheet(
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
        {line.error: desk.trouble(line.error, language) for line in view.said if line.error},
    )


def _thread(one: Conversation, view: CaseView, limits: Limits) -> ThreadSheet:
    return ThreadSheet(
        one.id,
        one.account,
        one.channel,
        one.public,
        one.overheard,
        one.id in view.joined,
        one.heard_at,
        one.sent_in_window,
        limits,
    )


def _intents(view: CaseView) -> set[str]:
    understood = (one.intent for turn in view.traces for one in turn.trace.candidates)
    said: Iterable[str] = (line.entry for line in view.said if line.entry)
    corrected = (step.entry for step in view.events if step.type == "corrected" and step.entry)
    return {*understood, *said, *corrected}


async def member_sheet(member_id: str | None, desk: CustomerDesk, language: str) -> MemberSheet | None:
    """Who the customer is, if they proved it. A member system that fails hides its part, not the case."""
    if member_id is None:
        return None
    try:
        member = await desk.member(member_id)
        points = await desk.points(member_id)
    except MemberSystemFailed:
        return MemberSheet(number=member_id)
    if member is None:
        return None
    tier = desk.tier_name(member.tier, language)
    return MemberSheet(member.name, member.number, tier, points.balance, points.expiring, points.expiring_at)

"""What a decision means for the conversation: who owns it now, what is said and how it travels. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.intents.mind import Decided, joins
from bot.messages import (
    Answer,
    Ask,
    Audience,
    Author,
    Change,
    HandOff,
    Limits,
    OutboxState,
    Owner,
    Quiet,
    Reason,
)
from bot.turns import Happened, NewCase, Parcel, Reply, TurnCommit, Work
from bot.wording import cut, measure

_EVENTS = {Answer: "answered", Ask: "asked", HandOff: "handed_off", Quiet: "quiet"}
_CHANGES = {"verify_identity": "verified", "forget": "erased", "unlink": "unlinked"}
_ROOM_FOR_HINT = 200
_PERSONS = (Owner.QUEUE, Owner.AGENT)


@dataclass(frozen=True, slots=True)
class Way:
    """How replies can leave now. offered: a response is open and reserved. parcels: earlier replies still waiting."""

    limits: Limits
    offered: bool
    parcels: Sequence[Parcel] = ()


@dataclass(frozen=True, slots=True)
class Composed:
    """A turn ready to be written, and what its response says (None: nothing to say, only acknowledge)."""

    commit: TurnCommit
    response: str | None


def compose(work: Work, decided: Decided, way: Way, system_words: str | None) -> Composed:
    """The whole effect of a decision. `system_words`: what is said in the desk's name, where it has to be."""
    decision, conversation = decided.decision, work.conversation
    said = _said(work, decided, system_words)
    carried = _carry(said, way, decided)
    commit = TurnCommit(
        conversation,
        work.message,
        owner=_owner(work, decided),
        by_bot=not isinstance(decision, Quiet),
        trace=decided.trace,
        replies=carried.replies,
        slots=_slots(work, decided),
        effects=getattr(decision, "effects", ()),
        changes=getattr(decision, "changes", ()),
        events=tuple(_events(work, decided)),
        case=_case(work, decided),
        joins=conversation.customer_case if joins(conversation) else None,
        fetched=carried.fetched,
        still_waiting_said=isinstance(decision, Quiet) and system_words is not None,
    )
    return Composed(commit, carried.response)


def needs_system_words(work: Work, decided: Decided) -> bool:
    """Whether the desk has something to say: a case opens, or the customer writes again while waiting for one."""
    if isinstance(decided.decision, HandOff):
        return True
    conversation = work.conversation
    asked = work.message.text.strip() and decided.decision == Quiet("with_a_person")
    return bool(asked) and conversation.owner is Owner.QUEUE and not conversation.still_waiting_said


def _owner(work: Work, decided: Decided) -> Owner:
    decision, owner = decided.decision, work.conversation.owner
    if isinstance(decision, HandOff):
        return Owner.QUEUE
    if isinstance(decision, Quiet):
        return Owner.CLOSED if _forgets(decision.changes) else owner
    return Owner.BOT


def _slots(work: Work, decided: Decided) -> Mapping[str, Any]:
    """What is remembered: the decision's own; a Quiet one leaves all as it was, unless all is to be forgotten."""
    decision = decided.decision
    if not isinstance(decision, Quiet):
        return {**getattr(decision, "slots", {}), "language": decided.language}
    return {} if _forgets(decision.changes) else work.conversation.slots


def _forgets(changes: Sequence[Change]) -> bool:
    return any(change.name == "forget" for change in changes)


def _said(work: Work, decided: Decided, system_words: str | None) -> list[Reply]:
    """The texts of the turn in full length, in the thread where each may stand."""
    decision = decided.decision
    if system_words is not None:
        first = getattr(decision, "text", "")
        return [Reply(f"{first}\n\n{system_words}" if first else system_words, Author.SYSTEM, decided.trace.entry)]
    if not isinstance(decision, Answer | Ask):
        return []
    reply = Reply(decision.text, entry=decision.entry, confidence=decision.confidence)
    if decision.audience is Audience.PRIVATE and work.conversation.public:
        moved = decided.edition.phrase("private.moved", decided.language)
        return [Reply(moved), replace(reply, here=False)]
    return [reply]


@dataclass(frozen=True, slots=True)
class _Carried:
    replies: tuple[Reply, ...]
    fetched: tuple[str, ...] = ()
    response: str | None = None


def _carry(said: Sequence[Reply], way: Way, decided: Decided) -> _Carried:
    """Divide what is said between the open response and the outbox."""
    later = OutboxState.PENDING if way.limits.active else OutboxState.WAITING
    room = way.limits.length - (0 if way.limits.active else _ROOM_FOR_HINT)
    elsewhere = [replace(reply, state=later) for reply in said if not reply.here]
    pieces = [
        replace(reply, text=piece, state=later)
        for reply in said
        if reply.here
        for piece in cut(reply.text, room, way.limits.unit)
    ]
    if not way.offered:
        return _Carried((*pieces, *elsewhere))
    fetched = _fitting(way.parcels, room, way.limits.unit)
    texts = [parcel.text for parcel in fetched]
    first = len(fetched) == len(way.parcels) and pieces and _fits([*texts, pieces[0].text], room, way.limits.unit)
    if first:
        texts.append(pieces[0].text)
        pieces[0] = replace(pieces[0], state=OutboxState.OFFERED)
    left = len(way.parcels) - len(fetched) + len(pieces) - bool(first)
    if left and not way.limits.active:
        texts.append(decided.edition.phrase("fetch.more", decided.language))
    return _Carried((*pieces, *elsewhere), tuple(parcel.id for parcel in fetched), "\n\n".join(texts) or None)


def _fitting(parcels: Sequence[Parcel], room: int, unit: str) -> list[Parcel]:
    """As many waiting replies as go into one message, oldest first."""
    fitting: list[Parcel] = []
    for parcel in parcels:
        if not _fits([*(one.text for one in fitting), parcel.text], room, unit):
            break
        fitting.append(parcel)
    return fitting


def _fits(texts: Sequence[str], room: int, unit: str) -> bool:
    return measure("\n\n".join(texts), unit) <= room


def _case(work: Work, decided: Decided) -> NewCase | None:
    decision = decided.decision
    if not isinstance(decision, HandOff):
        return None
    prefer = work.conversation.resolved_by if decision.reason is Reason.REOPENED else None
    return NewCase(decision.reason, decision.priority, decision.detail, decision.entry, prefer)


def _events(work: Work, decided: Decided) -> list[Happened]:
    decision, trace = decided.decision, decided.trace
    happened = []
    if work.conversation.owner is Owner.CLOSED and not isinstance(decision, Quiet):
        happened.append(Happened("reopened", "customer"))
    if joins(work.conversation):
        happened.append(Happened("joined", "system"))
    why = {"reason": trace.reason} if trace.reason else {"why": trace.detail} if isinstance(decision, Quiet) else {}
    confidence = getattr(decision, "confidence", None)
    happened.append(Happened(_EVENTS[type(decision)], "bot", trace.edition, trace.entry, confidence, why))
    happened += [Happened(_CHANGES[c.name], "customer") for c in getattr(decision, "changes", ()) if c.name in _CHANGES]
    return happened

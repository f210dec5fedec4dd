"""What a decision means for the conversation: who owns it now, what is said and how it travels. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.decisions import Answer, Ask, Change, HandOff, Quiet
from bot.intents.mind import Decided, joins
from bot.messages import Audience, Author, Limits, OutboxState, Owner, Reason
from bot.turns import Happened, NewCase, Parcel, Posting, Reply, TurnCommit, Work, silences
from bot.wording import cut, measure

_EVENTS = {Answer: "answered", Ask: "asked", HandOff: "handed_off", Quiet: "quiet"}
_CHANGES = {"verify_identity": "verified", "forget": "erased", "unlink": "unlinked", "silence": "opted_out"}
_ROOM_FOR_HINT = 200
_PERSONS = (Owner.QUEUE, Owner.AGENT)


@dataclass(frozen=True, slots=True)
class Way:
    """How replies can leave now. offered: a response is open and reserved. parcels: earlier replies still waiting.
    posted: what was said in public too short a time ago to be said again."""

    limits: Limits
    offered: bool
    parcels: Sequence[Parcel] = ()
    posted: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Composed:
    """A turn ready to be written, and what its response says (None: nothing to say, only acknowledge)."""

    commit: TurnCommit
    response: str | None


def compose(work: Work, decided: Decided, way: Way, system_words: str | None) -> Composed:
    """The whole effect of a decision. `system_words`: what is said in the desk's name, where it has to be."""
    decision, conversation = decided.decision, work.conversation
    said = _placed(work, decided, way, system_words)
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
        releases=bool(conversation.waiting) and way.limits.active and conversation.owner not in _PERSONS,
        posting=_posting(work, way, said),
    )
    return Composed(commit, carried.response)


def needs_system_words(work: Work, decided: Decided) -> bool:
    """Whether the desk has something to say: a case opens, or the customer writes again while waiting for one.
    To somebody who was only overheard nobody says anything."""
    if work.conversation.overheard:
        return False
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
    if silences(decision.changes):
        return {"language": decided.language}
    return {} if _forgets(decision.changes) else work.conversation.slots


def _forgets(changes: Sequence[Change]) -> bool:
    return any(change.name == "forget" for change in changes)


def public_texts(work: Work, decided: Decided, limits: Limits, system_words: str | None) -> tuple[str, ...]:
    """All that this turn could say in a public thread, best first: its reply in each wording that may stand there and
    is short enough, else that it comes privately, in several wordings; at last addressed to the customer by name."""
    reply = _said(decided, system_words)
    if reply is None or not work.conversation.public:
        return ()
    private = getattr(decided.decision, "audience", Audience.ANYONE) is Audience.PRIVATE
    wordings = [] if private else _wordings(reply, decided)
    short = [wording for wording in wordings if measure(wording, limits.unit) <= limits.length]
    answers = _begun_elsewhere(short, work) if limits.manners.same_after else short
    return (*answers, *_invitations(work, decided, limits))


def _wordings(reply: Reply, decided: Decided) -> list[str]:
    """What the turn says, and the same in other words."""
    return [reply.text, *getattr(decided.decision, "variants", ())]


def _begun_elsewhere(wordings: list[str], work: Work) -> list[str]:
    """Those who ask the same at the same moment should not all be told in the same words, of which only one of them
    could be: each begins elsewhere."""
    first = sum(work.message.id.encode()) % max(len(wordings), 1)
    return wordings[first:] + wordings[:first]


def _invitations(work: Work, decided: Decided, limits: Limits) -> list[str]:
    if not limits.manners.link:
        return [decided.edition.phrase("private.moved", decided.language)]
    phrase = decided.edition.phrase("private.invited", decided.language, link=limits.manners.link)
    wordings = _begun_elsewhere([line for line in phrase.splitlines() if line.strip()], work)
    name = work.message.data.get("username", "")
    return [*wordings, f"@{name} {wordings[0]}"] if name else wordings


def _placed(work: Work, decided: Decided, way: Way, system_words: str | None) -> list[Reply]:
    """What the turn says, where it may stand: in a public thread one text at most, the rest privately."""
    reply, manners = _said(decided, system_words), way.limits.manners
    if reply is None or work.conversation.overheard:
        return []
    policy = ""
    if manners.privacy_policy:
        policy = "\n\n" + decided.edition.phrase("private.policy", decided.language, link=manners.privacy_policy)
    if not work.conversation.public:
        return [replace(reply, text=reply.text + policy * (work.message.seq == 1))]
    texts = public_texts(work, decided, way.limits, system_words)
    public = next((text for text in texts if text not in way.posted), None)
    if public and public in _wordings(reply, decided):
        return [replace(reply, text=public)]
    private = replace(reply, text=reply.text + policy, here=False, asked_first=manners.asked_first)
    return [Reply(public, reply.author), private] if public else [private]


def _posting(work: Work, way: Way, said: Sequence[Reply]) -> Posting | None:
    if not work.conversation.public or not way.limits.manners.same_after:
        return None
    return next((Posting(reply.text, way.limits.manners.same_after) for reply in said if reply.here), None)


def _said(decided: Decided, system_words: str | None) -> Reply | None:
    """The text of the turn in full length."""
    decision = decided.decision
    if system_words is not None:
        first = getattr(decision, "text", "")
        return Reply(f"{first}\n\n{system_words}" if first else system_words, Author.SYSTEM, decided.trace.entry)
    if not isinstance(decision, Answer | Ask):
        return None
    return Reply(decision.text, entry=decision.entry, confidence=decision.confidence)


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
    waits = not work.conversation.overheard
    return NewCase(decision.reason, decision.priority, decision.detail, decision.entry, prefer, waits)


def _why(decided: Decided) -> dict[str, str]:
    """The codes that an event carries besides entry and confidence."""
    decision, trace = decided.decision, decided.trace
    if trace.reason:
        return {"reason": trace.reason}
    if isinstance(decision, Quiet):
        return {"why": trace.detail}
    return {"also": " ".join(decision.also)} if isinstance(decision, Answer) and decision.also else {}


def _events(work: Work, decided: Decided) -> list[Happened]:
    """What a customer changed by their own words names the edition: `verified` is their consent, `unlinked` its end."""
    decision, trace = decided.decision, decided.trace
    happened = []
    if work.conversation.owner is Owner.CLOSED and not isinstance(decision, Quiet):
        happened.append(Happened("reopened", "customer"))
    if joins(work.conversation):
        happened.append(Happened("joined", "system"))
    why = _why(decided)
    confidence = getattr(decision, "confidence", None)
    happened.append(Happened(_EVENTS[type(decision)], "bot", trace.edition, trace.entry, confidence, why))
    changed = (_CHANGES[one.name] for one in getattr(decision, "changes", ()) if one.name in _CHANGES)
    happened += [Happened(what, "customer", trace.edition, trace.entry) for what in changed]
    return happened

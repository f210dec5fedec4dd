"""Cases as the desk reads them: the open queue, search, and one case with its whole transcript."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Exists, Row, Select, case, exists, func, or_, select, true

from bot.desk.case_view import merge_transcripts, worst_part
from bot.desk.queue import queue_order
from bot.desk.transitions import OPEN, WORKERS
from bot.domain.cases import (
    MOST_LINES,
    CaseCounts,
    CaseEvent,
    CaseLine,
    CaseSearch,
    CaseState,
    CaseView,
    OutgoingPart,
    TurnTrace,
)
from bot.domain.decisions import Candidate, Trace
from bot.domain.messages import (
    INTERNAL,
    Author,
    Conversation,
    Customer,
    Instant,
    Kind,
    Media,
    OutboxState,
    Reason,
    TranscriptLine,
)
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import CONVERSATION, conversation_of, media_of
from bot.stores.sql.schema import cases, conversations, customers, events, identities, messages, outbox, staff, traces
from bot.text.folding import search_variants

_INTERNAL = [kind.value for kind in INTERNAL]
MOST_IN_TRACES = 20  # entries searched in traces: each is a search through JSON text

_talk = conversations.alias("talk")
_belongs = or_(_talk.c.id == cases.c.conversation_id, _talk.c.case_id == cases.c.id)


def _label_conditions(word: CaseSearch, now: Instant) -> list[ColumnElement[bool]]:
    """The conditions that a search matches, any of them. A member matches only where the identity is verified."""
    verified = identities.c.member_id.in_(word.members) & (identities.c.verified_until > now)
    found: list[ColumnElement[bool]] = [
        _held_by(word.text),
        _has_conversation(_talk.c.account.in_(word.accounts)),
        # the desk shows an account's name where it has no label
        _has_conversation(_talk.c.account.icontains(word.text, autoescape=True)),
        _has_conversation(_talk.c.channel.in_(word.channels)),
        cases.c.reason.in_(word.reasons),
        cases.c.state.in_(word.states),
        _has_conversation(_talk.c.identity_id.in_(select(identities.c.id).where(verified))),
        *_about_entries(word.entries),
    ]
    if word.public:
        found.append(_has_conversation(_talk.c.thread != ""))
    if word.urgent:
        found.append(cases.c.priority > 0)
    return found


def _has_conversation(condition: ColumnElement[bool]) -> Exists:
    return exists(select(_talk.c.id).where(_belongs, condition).correlate(cases))


def _held_by(name: str) -> Exists:
    return exists(
        select(staff.c.id)
        .where(staff.c.id == cases.c.agent, staff.c.name.icontains(name, autoescape=True))
        .correlate(cases)
    )


def _about_entries(entries: frozenset[str]) -> list[ColumnElement[bool]]:
    """Cases whose handoff, one of whose answers, or one of whose candidates is among `entries`."""
    if not entries:
        return []
    answered = exists(
        select(messages.c.id)
        .where(messages.c.conversation_id == cases.c.conversation_id, messages.c.entry.in_(entries))
        .correlate(cases)
    )
    candidates = [traces.c.trace.contains(f'"intent": "{entry}"', autoescape=True) for entry in sorted(entries)]
    understood = exists(
        select(traces.c.message_id)
        .where(traces.c.conversation_id == cases.c.conversation_id, or_(*candidates[:MOST_IN_TRACES]))
        .correlate(cases)
    )
    return [cases.c.entry.in_(entries), answered, understood]


_STEPS = (
    "handed_off",
    "reopened",
    "joined",
    "claimed",
    "released",
    "resolved",
    "returned_to_bot",
    "resent",
    "left",
    "withdrawn",
    "cancelled",
    "unlinked",
    "opted_out",
    "erased",
    "corrected",
)
_preferred = staff.alias("preferred")  # who should take the case first, while they still work cases
_AT_WORK = (_preferred.c.disabled_at == 0) & _preferred.c.role.in_([role.value for role in WORKERS])
_spoken = messages.alias("spoken")
_newest = (
    select(_spoken.c.id)
    .where(_spoken.c.conversation_id == cases.c.conversation_id, _spoken.c.author != Author.SYSTEM.value)
    .order_by(_spoken.c.seq.desc())
    .limit(1)
    .correlate(cases)
    .scalar_subquery()
)
# Fields of a message's data that the desk shows.
_SHOWN = ("id", "username", "edited", "deleted", "event", "key", "type")
_LINES: Select[Any] = (
    select(
        cases,
        customers.c.name.label("customer_name"),
        customers.c.member_id,
        conversations.c.account,
        conversations.c.channel,
        conversations.c.thread,
        staff.c.name.label("agent_name"),
        _preferred.c.id.label("preferred"),
        messages.c.text.label("said"),
        messages.c.author.label("said_by"),
        messages.c.kind.label("said_kind"),
    )
    .join(customers, customers.c.id == cases.c.customer_id)
    .join(conversations, conversations.c.id == cases.c.conversation_id)
    .outerjoin(staff, staff.c.id == cases.c.agent)
    .outerjoin(_preferred, (_preferred.c.id == cases.c.prefer) & _AT_WORK)
    .outerjoin(messages, messages.c.id == _newest)
)


class SqlCaseQueries:
    """ports.CaseQueries on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lines(self, reader: str = "", limit: int = MOST_LINES) -> list[CaseLine]:
        return await self._database.read(lambda connection: _open_lines(connection, reader, limit))

    async def counts(self, reader: str) -> CaseCounts:
        return await self._database.read(lambda connection: _counts(connection, reader))

    async def case(self, case_id: str) -> CaseView | None:
        return await self._database.read(lambda connection: _view(connection, case_id, self._database.now(connection)))

    async def search_ended(self, search: str, limit: int) -> list[CaseLine]:
        wanted = _LINES.where(cases.c.ended_at > 0).order_by(cases.c.ended_at.desc(), cases.c.id.desc()).limit(limit)
        if written := search_variants(search):
            wanted = wanted.where(or_(*map(_matches, written)))
        return await self._database.read(lambda connection: [_line(row) for row in connection.execute(wanted)])

    async def search_open(self, words: Sequence[CaseSearch], limit: int) -> list[CaseLine]:
        def work(connection: Connection) -> list[CaseLine]:
            now = self._database.now(connection)
            found = [or_(*map(_matches, search_variants(word.text)), *_label_conditions(word, now)) for word in words]
            wanted = _LINES.where(_is_open, *found)
            newest = wanted.order_by(cases.c.opened_at.desc(), cases.c.id.desc()).limit(limit)
            return queue_order(_line(row) for row in connection.execute(newest))

        return await self._database.read(work)

    async def members(self, limit: int) -> list[str]:
        return await self._database.read(
            lambda connection: _verified_members(connection, self._database.now(connection), limit)
        )

    async def last_change(self) -> Instant:
        newest = select(func.max(events.c.at))
        return await self._database.read(lambda connection: connection.execute(newest).scalar() or 0.0)


def _matches(search: str) -> ColumnElement[bool]:
    """Part of a name or handle, ignoring case, or the beginning of a case's id."""
    by_handle = exists().where(
        identities.c.customer_id == cases.c.customer_id, identities.c.handle.icontains(search, autoescape=True)
    )
    by_name = customers.c.name.icontains(search, autoescape=True)
    return or_(by_name, by_handle, cases.c.id.startswith(search.lower(), autoescape=True))


_is_open = cases.c.state.in_([state.value for state in OPEN])
_is_waiting = cases.c.state == CaseState.WAITING.value
_since = case((cases.c.waiting_since > 0, cases.c.waiting_since), else_=cases.c.opened_at)
_waits = case((or_(cases.c.waiting_since > 0, _is_waiting), 0), else_=1)
_QUEUE = (cases.c.priority.desc(), _waits, _since, cases.c.opened_at, cases.c.id)  # as bot.desk.queue.in_order


def _open_lines(connection: Connection, reader: str, limit: int) -> list[CaseLine]:
    """The first `limit` cases of the reader and of all others."""
    # Ids first: the last message of each case is a subquery, which must not run for cases beyond the limit.
    holder = func.coalesce(cases.c.agent, "")
    own = select(cases.c.id).where(_is_open, holder == reader).limit(limit) if reader else None
    others = select(cases.c.id).where(_is_open, holder != reader if reader else true()).order_by(*_QUEUE).limit(limit)
    ids = [id_ for wanted in (own, others) if wanted is not None for id_ in connection.execute(wanted).scalars()]
    return queue_order(_line(row) for row in connection.execute(_LINES.where(cases.c.id.in_(ids))))


def _counts(connection: Connection, reader: str) -> CaseCounts:
    own = func.sum(case((cases.c.agent == reader, 1), else_=0))
    waiting = func.sum(case((_is_waiting, 1), else_=0))
    row = connection.execute(select(waiting, own, func.count()).select_from(cases).where(_is_open)).one()
    return CaseCounts(int(row[0] or 0), int(row[1] or 0), int(row[2]))


def _verified_members(connection: Connection, now: Instant, limit: int) -> list[str]:
    members = (
        select(identities.c.member_id, func.max(cases.c.opened_at))
        .join(conversations, conversations.c.identity_id == identities.c.id)
        .join(cases, or_(cases.c.id == conversations.c.case_id, cases.c.conversation_id == conversations.c.id))
        .where(_is_open)
        .where(identities.c.member_id.is_not(None), identities.c.verified_until > now)
        .group_by(identities.c.member_id)
        .order_by(func.max(cases.c.opened_at).desc(), identities.c.member_id)
        .limit(limit)
    )
    return [row.member_id for row in connection.execute(members)]


def _line(row: Row[Any]) -> CaseLine:
    return CaseLine(
        row.id,
        row.conversation_id,
        Customer(row.customer_id, row.customer_name, row.member_id),
        row.account,
        row.channel,
        bool(row.thread),
        Reason(row.reason),
        CaseState(row.state),
        row.opened_at,
        row.waiting_since,
        row.priority,
        row.agent,
        row.agent_name or "",
        row.preferred,
        row.said or "",
        Author(row.said_by or Author.CUSTOMER),
        Kind(row.said_kind or Kind.TEXT),
        row.ended_at,
    )


def _view(connection: Connection, case_id: str, now: Instant) -> CaseView | None:
    row = connection.execute(_LINES.where(cases.c.id == case_id)).first()
    if row is None:
        return None
    of_customer = CONVERSATION.where(identities.c.customer_id == row.customer_id).order_by(conversations.c.id)
    threads = tuple(conversation_of(one) for one in connection.execute(of_customer))
    ids = [thread.id for thread in threads]
    others = (one.id for one in threads if one.case_id == case_id and one.id != row.conversation_id)
    joined = (row.conversation_id, *others)
    outgoing = _outgoing(connection, ids)
    transcript = merge_transcripts(_transcript(connection, ids, outgoing))
    events = _events(connection, ids)
    return CaseView(
        _line(row),
        threads,
        joined,
        transcript,
        outgoing,
        _traces(connection, ids),
        events,
        row.entry,
        row.detail,
        _verified_member(threads, joined, now),
        _names(connection, {*(line.by for line in transcript), *(step.actor for step in events), row.agent}),
    )


def _verified_member(threads: Iterable[Conversation], joined: Sequence[str], now: Instant) -> str | None:
    """The member id, if an identity of the case's own conversations is verified now: only then the desk shows data."""
    proven = (
        thread.identity.member_id
        for thread in threads
        if thread.id in joined and thread.identity.verified_until > now and thread.identity.member_id
    )
    return next(proven, None)


def _outgoing(connection: Connection, ids: Sequence[str]) -> tuple[OutgoingPart, ...]:
    rows = connection.execute(
        select(outbox)
        .where(outbox.c.conversation_id.in_(ids), outbox.c.message_id.is_not(None))
        .order_by(outbox.c.conversation_id, outbox.c.seq, outbox.c.id)
    )
    return tuple(OutgoingPart(row.id, row.message_id, OutboxState(row.state), row.text, row.error) for row in rows)


def _transcript(connection: Connection, ids: Sequence[str], outgoing: Iterable[OutgoingPart]) -> list[TranscriptLine]:
    pieces: dict[str, list[OutgoingPart]] = defaultdict(list)
    for piece in outgoing:
        pieces[piece.message_id].append(piece)
    everything = select(messages).where(messages.c.conversation_id.in_(ids), messages.c.kind.not_in(_INTERNAL))
    return [_transcript_line(row, worst_part(pieces[row.id])) for row in connection.execute(everything)]


def _transcript_line(row: Row[Any], worst: OutgoingPart | None) -> TranscriptLine:
    return TranscriptLine(
        row.id,
        row.conversation_id,
        row.seq,
        Author(row.author),
        Kind(row.kind),
        row.text,
        row.at,
        row.by,
        _media(row),
        row.entry,
        row.edition,
        row.confidence,
        worst.state if worst else None,
        worst.error if worst else "",
        _shown_data(row),
    )


def _shown_data(row: Row[Any]) -> dict[str, str]:
    """The fields of a message's data that the desk shows: all for a post that only mentions us."""
    facts: dict[str, str] = json.loads(row.data) if row.data else {}
    return facts if row.kind == Kind.OVERHEARD.value else {name: facts[name] for name in _SHOWN if name in facts}


def _media(row: Row[Any]) -> Media | None:
    """The media of a message. A location, and the public address of a picture, are in its data."""
    media, facts = media_of(row.media), json.loads(row.data) if row.data else {}
    if row.kind == Kind.IMAGE.value and "url" in facts:
        return Media(facts["url"]) if media is None else replace(media, reference=facts["url"])
    if row.kind != Kind.LOCATION.value:
        return media
    return Media(", ".join(facts[part] for part in ("lat", "lon") if part in facts), title=facts.get("label", ""))


def _traces(connection: Connection, ids: Sequence[str]) -> tuple[TurnTrace, ...]:
    rows = connection.execute(
        select(traces).where(traces.c.conversation_id.in_(ids)).order_by(traces.c.at, traces.c.message_id)
    )
    return tuple(TurnTrace(row.message_id, row.conversation_id, row.at, trace_of(row.trace)) for row in rows)


def trace_of(text: str) -> Trace:
    """Parse a stored trace (turn_effects.trace_text)."""
    kept = json.loads(text)
    candidates = tuple(Candidate(one["intent"], one["confidence"]) for one in kept["candidates"])
    return Trace(**(kept | {"candidates": candidates, "choices": tuple(kept.get("choices", ()))}))


def _events(connection: Connection, ids: Sequence[str]) -> tuple[CaseEvent, ...]:
    rows = connection.execute(
        select(events)
        .where(events.c.conversation_id.in_(ids), events.c.type.in_(_STEPS))
        .order_by(events.c.at, events.c.conversation_id, events.c.seq)
    )
    return tuple(
        CaseEvent(row.at, row.type, row.actor, row.conversation_id, json.loads(row.data) if row.data else {}, row.entry)
        for row in rows
    )


def _names(connection: Connection, ids: set[str | None]) -> dict[str, str]:
    rows = connection.execute(select(staff.c.id, staff.c.name).where(staff.c.id.in_([one for one in ids if one])))
    return {row.id: row.name for row in rows}

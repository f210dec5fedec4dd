"""Cases as the desk reads them: the list of open ones, and one with everything that was said."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, case, exists, func, or_, select, true

from bot.cases import MOST_LINES, CaseCounts, CaseEvent, CaseLine, CaseState, CaseView, Outgoing, Sought, TurnTrace
from bot.decisions import Candidate, Trace
from bot.desk.moves import OPEN, WORKERS
from bot.desk.queue import in_order
from bot.desk.thread import gravest, merged
from bot.folding import spellings
from bot.messages import Author, Conversation, Customer, Instant, Kind, Media, OutboxState, Reason, Said
from bot.stores.record.database import Database
from bot.stores.record.rows import CONVERSATION, conversation_of, media_of
from bot.stores.record.searching import labelled
from bot.stores.record.tables import (
    cases,
    conversations,
    customers,
    events,
    identities,
    messages,
    outbox,
    staff,
    traces,
)

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
    "corrected",
)
_preferred = staff.alias("preferred")  # nobody is waited for who works cases no more
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
_SHOWN = ("id", "username", "edited", "deleted", "event", "key", "type")  # facts of a line that the desk shows
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


class Board:
    """ports.CaseBoard on the record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lines(self, reader: str = "", limit: int = MOST_LINES) -> list[CaseLine]:
        return await self._database.read(lambda connection: _open_lines(connection, reader, limit))

    async def counts(self, reader: str) -> CaseCounts:
        return await self._database.read(lambda connection: _counts(connection, reader))

    async def case(self, case_id: str) -> CaseView | None:
        return await self._database.read(lambda connection: _view(connection, case_id, self._database.now(connection)))

    async def ended(self, search: str, limit: int) -> list[CaseLine]:
        wanted = _LINES.where(cases.c.ended_at > 0).order_by(cases.c.ended_at.desc(), cases.c.id.desc()).limit(limit)
        if written := spellings(search):
            wanted = wanted.where(or_(*map(_found_by, written)))
        return await self._database.read(lambda connection: [_line(row) for row in connection.execute(wanted)])

    async def open_with(self, words: Sequence[Sought], limit: int) -> list[CaseLine]:
        def work(connection: Connection) -> list[CaseLine]:
            now = self._database.now(connection)
            found = [or_(*map(_found_by, spellings(word.text)), *labelled(word, now)) for word in words]
            wanted = _LINES.where(_is_open, *found)
            newest = wanted.order_by(cases.c.opened_at.desc(), cases.c.id.desc()).limit(limit)
            return in_order(_line(row) for row in connection.execute(newest))

        return await self._database.read(work)

    async def members(self, limit: int) -> list[str]:
        return await self._database.read(
            lambda connection: _proven_members(connection, self._database.now(connection), limit)
        )

    async def pulse(self) -> Instant:
        return await self._database.read(_last_event)


def _found_by(search: str) -> ColumnElement[bool]:
    """Part of a name or handle in any case of letters, or how a case's id begins."""
    theirs = exists().where(
        identities.c.customer_id == cases.c.customer_id, identities.c.handle.icontains(search, autoescape=True)
    )
    named = customers.c.name.icontains(search, autoescape=True)
    return or_(named, theirs, cases.c.id.startswith(search.lower(), autoescape=True))


_is_open = cases.c.state.in_([state.value for state in OPEN])
_is_waiting = cases.c.state == CaseState.WAITING.value
_since = case((cases.c.waiting_since > 0, cases.c.waiting_since), else_=cases.c.opened_at)
_waits = case((or_(cases.c.waiting_since > 0, _is_waiting), 0), else_=1)
_QUEUE = (cases.c.priority.desc(), _waits, _since, cases.c.opened_at, cases.c.id)  # as bot.desk.queue.in_order


def _open_lines(connection: Connection, reader: str, limit: int) -> list[CaseLine]:
    """Which they are is asked first, because what was said last in a case takes a look of its own at each."""
    holder = func.coalesce(cases.c.agent, "")
    theirs = select(cases.c.id).where(_is_open, holder == reader).limit(limit) if reader else None
    others = select(cases.c.id).where(_is_open, holder != reader if reader else true()).order_by(*_QUEUE).limit(limit)
    ids = [id_ for wanted in (theirs, others) if wanted is not None for id_ in connection.execute(wanted).scalars()]
    return in_order(_line(row) for row in connection.execute(_LINES.where(cases.c.id.in_(ids))))


def _counts(connection: Connection, reader: str) -> CaseCounts:
    """Of no reader, none is theirs."""
    theirs = func.sum(case((cases.c.agent == reader, 1), else_=0))
    waiting = func.sum(case((_is_waiting, 1), else_=0))
    row = connection.execute(select(waiting, theirs, func.count()).select_from(cases).where(_is_open)).one()
    return CaseCounts(int(row[0] or 0), int(row[1] or 0), int(row[2]))


def _proven_members(connection: Connection, now: Instant, limit: int) -> list[str]:
    theirs = (
        select(identities.c.member_id, func.max(cases.c.opened_at))
        .join(conversations, conversations.c.identity_id == identities.c.id)
        .join(cases, or_(cases.c.id == conversations.c.case_id, cases.c.conversation_id == conversations.c.id))
        .where(_is_open)
        .where(identities.c.member_id.is_not(None), identities.c.verified_until > now)
        .group_by(identities.c.member_id)
        .order_by(func.max(cases.c.opened_at).desc(), identities.c.member_id)
        .limit(limit)
    )
    return [row.member_id for row in connection.execute(theirs)]


def _last_event(connection: Connection) -> Instant:
    return connection.execute(select(func.max(events.c.at))).scalar() or 0.0


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
    threads = _conversations(connection, row.customer_id)
    ids = [thread.id for thread in threads]
    joined = _joined(row, threads)
    outgoing = _outgoing(connection, ids)
    said = merged(_said(connection, ids, outgoing))
    steps = _events(connection, ids)
    return CaseView(
        _line(row),
        threads,
        joined,
        said,
        outgoing,
        _traces(connection, ids),
        steps,
        row.entry,
        row.detail,
        _verified_member(threads, joined, now),
        _names(connection, {*(line.by for line in said), *(step.actor for step in steps), row.agent}),
    )


def _conversations(connection: Connection, customer_id: str) -> tuple[Conversation, ...]:
    theirs = CONVERSATION.where(identities.c.customer_id == customer_id).order_by(conversations.c.id)
    return tuple(conversation_of(row) for row in connection.execute(theirs))


def _joined(case: Row[Any], threads: Iterable[Conversation]) -> tuple[str, ...]:
    others = (thread.id for thread in threads if thread.case_id == case.id and thread.id != case.conversation_id)
    return (case.conversation_id, *others)


def _verified_member(threads: Iterable[Conversation], joined: Sequence[str], now: Instant) -> str | None:
    """Personal data stands beside a case only if the person in one of its own conversations proved who they are."""
    proven = (
        thread.identity.member_id
        for thread in threads
        if thread.id in joined and thread.identity.verified_until > now and thread.identity.member_id
    )
    return next(proven, None)


def _outgoing(connection: Connection, ids: Sequence[str]) -> tuple[Outgoing, ...]:
    rows = connection.execute(
        select(outbox)
        .where(outbox.c.conversation_id.in_(ids), outbox.c.message_id.is_not(None))
        .order_by(outbox.c.conversation_id, outbox.c.seq, outbox.c.id)
    )
    return tuple(Outgoing(row.id, row.message_id, OutboxState(row.state), row.text, row.error) for row in rows)


def _said(connection: Connection, ids: Sequence[str], outgoing: Iterable[Outgoing]) -> list[Said]:
    pieces: dict[str, list[Outgoing]] = defaultdict(list)
    for piece in outgoing:
        pieces[piece.message_id].append(piece)
    everything = select(messages).where(messages.c.conversation_id.in_(ids), messages.c.kind != Kind.OUTCOME.value)
    return [_said_line(row, gravest(pieces[row.id])) for row in connection.execute(everything)]


def _said_line(row: Row[Any], worst: Outgoing | None) -> Said:
    return Said(
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
        _shown(row),
    )


def _shown(row: Row[Any]) -> dict[str, str]:
    """What the desk shows of a line's facts: all of a post that was overheard, of others where they stand and since
    when they read so."""
    facts: dict[str, str] = json.loads(row.data) if row.data else {}
    return facts if row.kind == Kind.OVERHEARD.value else {name: facts[name] for name in _SHOWN if name in facts}


def _media(row: Row[Any]) -> Media | None:
    """A location has no media: where it is stands in its facts, and so does the address at which people see a
    picture."""
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
    """A trace as it is kept: its fields as JSON, candidates as objects of intent and confidence."""
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

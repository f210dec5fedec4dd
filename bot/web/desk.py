"""The desk: its page, and the API that the page lives on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from bot.cases import AgentReply, CaseLine, CaseView, Deed, Session
from bot.desk import moves
from bot.desk.moves import OPEN, WORKERS, Standing
from bot.errors import DeliveryFailed, NotAllowed
from bot.messages import NOWHERE, Conversation, Instant, Limits, OutboxState
from bot.web.live import tell
from bot.web.pages import page, reader_language
from bot.web.parts import SiteParts
from bot.web.searching import sought
from bot.web.sessions import Only, parts_of
from bot.web.sheets import (
    BoardSheet,
    CaseSheet,
    Correction,
    Done,
    Draft,
    Note,
    Search,
    Writing,
    case_sheet,
    member_sheet,
    stray_sheet,
)
from bot.wording import cut, measure

router = APIRouter()
api = APIRouter(prefix="/api/desk", tags=["desk"])
Agent = Annotated[Session, Depends(Only(*WORKERS))]
Parts = Annotated[SiteParts, Depends(parts_of)]
MOST_STRAYS = 100
SOME_LINES = 200
Lines = Annotated[int, Query(ge=1, le=2_000)]
MOST_ENDED = 50
MOST_FOUND = 200
READ_AGAIN = 600.0  # seconds after which it is noted anew that somebody reads a case
MOST_READ = 10_000


class Reading:
    """Who has been reading which case lately, in this process."""

    def __init__(self) -> None:
        self._since: OrderedDict[tuple[str, str], Instant] = OrderedDict()

    def begins(self, staff_id: str, case_id: str, now: Instant) -> bool:
        """Whether it is long ago that they began, or they never have."""
        key = staff_id, case_id
        if now - self._since.get(key, -READ_AGAIN) < READ_AGAIN:
            return False
        self._since[key] = now
        self._since.move_to_end(key)
        if len(self._since) > MOST_READ:
            self._since.popitem(last=False)
        return True


@router.get("/desk", response_class=HTMLResponse)
@router.get("/desk/cases/{case_id}", response_class=HTMLResponse)
async def desk(request: Request, session: Agent) -> HTMLResponse:
    """The page; which case it shows stands in its address and is asked for by the page itself."""
    return page(request, "desk.html", session)


@api.get("/board")
async def board(request: Request, session: Agent, parts: Parts, limit: Lines = SOME_LINES) -> BoardSheet:
    """The reader's cases and the first `limit` of the others, in the order in which they should be taken, and how many
    there are; what may not have arrived; the desk's hours."""
    now, strays = parts.clock.now(), await parts.cases.strays.undelivered(MOST_STRAYS)
    language = reader_language(request)
    sheets = [stray_sheet(stray, parts.customer, language) for stray in strays]
    hours = parts.place.hours(language, now)
    lines, counts = (
        await parts.cases.board.lines(session.staff.id, limit),
        await parts.cases.board.counts(session.staff.id),
    )
    halted = [
        f"{fare.label}: {fare.explain(fare.standing.halted, language)}"
        for fare in await parts.fares()
        if fare.standing.halted
    ]
    return BoardSheet(now, session.staff.id, lines, sheets, hours, halted, counts, max(0, counts.open - len(lines)))


@api.post("/ended")
async def ended(search: Search, _session: Agent, parts: Parts) -> list[CaseLine]:
    """The cases that ended last, newest first, of customers with `text` in their name or handle; or a case by id."""
    return await parts.cases.board.ended(search.text, MOST_ENDED)


@api.post("/here")
async def here(_session: Agent) -> Done:
    """Somebody sits at the page: asked at most once a minute while keys and pointer are used."""
    return Done()


@api.post("/open")
async def open_cases(search: Search, _session: Agent, parts: Parts) -> list[CaseLine]:
    """The open cases that every word of `text` finds: by a customer's name or handle, a case's id, or a label that the
    desk shows of them in either language."""
    words = await sought(search.text, parts)
    return await parts.cases.board.open_with(words, MOST_FOUND) if words else []


@api.get("/cases/{case_id}")
async def case(case_id: str, request: Request, session: Agent, parts: Parts) -> CaseSheet:
    """One case with everything said since the first message, on every channel of the customer.

    That somebody reads it is noted for the audit, once in ten minutes: an open page asks every few seconds.
    """
    view = await _view(parts, case_id)
    reading: Reading = request.app.state.read
    if reading.begins(session.staff.id, case_id, parts.clock.now()):
        await parts.door.audit.note([Deed(parts.clock.now(), session.staff.id, "read", case_id)])
    language = reader_language(request)
    member = await member_sheet(view.member_id, parts.customer, language)
    return case_sheet(view, parts.customer, member, (session.staff.id, language), parts.clock.now())


@api.post("/cases/{case_id}/claim")
async def claim(case_id: str, session: Agent, parts: Parts) -> Done:
    """Take a waiting case. 409 `taken` with the winner's name if somebody was faster."""
    return await _moved(parts, case_id, parts.cases.work.claim(case_id, session.staff))


@api.post("/cases/{case_id}/release")
async def release(case_id: str, session: Agent, parts: Parts) -> Done:
    """Put a claimed case back into the queue."""
    return await _moved(parts, case_id, parts.cases.work.release(case_id, session.staff))


@api.post("/cases/{case_id}/resolve")
async def resolve(case_id: str, session: Agent, parts: Parts) -> Done:
    """The case is done."""
    return await _moved(parts, case_id, parts.cases.work.resolve(case_id, session.staff))


@api.post("/cases/{case_id}/hand-back")
async def hand_back(case_id: str, session: Agent, parts: Parts) -> Done:
    """The case ends and the bot answers again."""
    return await _moved(parts, case_id, parts.cases.work.hand_back(case_id, session.staff))


@api.post("/cases/{case_id}/reply")
async def reply(case_id: str, draft: Draft, session: Agent, parts: Parts) -> Done:
    """Say something to the customer, in the named conversation or where they spoke last.

    409 `quota` if the platform would not take as many messages as the text needs; `too_long` if a public reply needs
    more than one. 403 `said_lately` if the account said the same in public too short a time ago.
    """
    view = await _view(parts, case_id)
    thread = _thread(view, draft.conversation)
    if view.line.state in OPEN:  # whose case it is counts before anything is done; of an ended one the record decides
        moves.reply(Standing(view.line.state, view.line.agent), session.staff, thread.id, view.joined)
    limits = parts.customer.limits(thread, parts.clock.now())
    _must_reach(limits)
    if limits.public and measure(draft.text, limits.unit) > limits.length:
        raise HTTPException(409, "too_long")
    pieces = tuple(cut(draft.text, limits.length, limits.unit))
    if limits.left is not None and limits.left < len(pieces):
        raise HTTPException(409, "quota")
    same_after = limits.manners.same_after if limits.public else 0.0
    said = AgentReply(draft.text, pieces, draft.key, _first_state(limits), thread.id, same_after)
    with _found():
        message = await parts.cases.talk.reply(case_id, session.staff, said)
    return await _sent(parts, case_id, message)


@api.post("/cases/{case_id}/note")
async def note(case_id: str, note: Note, session: Agent, parts: Parts) -> Done:
    """Write something that only staff read."""
    with _found():
        message = await parts.cases.talk.note(case_id, session.staff, note.text)
    await tell(parts.live, case_id)
    return Done(message)


@api.get("/entries")
async def entries(request: Request, _session: Agent, parts: Parts) -> Mapping[str, str]:
    """What people call every entry of the live edition, by its id."""
    return parts.customer.entries(reader_language(request))


@api.post("/cases/{case_id}/correct")
async def correct(case_id: str, said: Correction, request: Request, session: Agent, parts: Parts) -> Done:
    """Say which entry would have answered a message; editions are judged by it. 404 `entry`, `case`."""
    if said.entry and said.entry not in parts.customer.entries(reader_language(request)):
        raise HTTPException(404, "entry")
    with _found():
        await parts.cases.talk.correct(case_id, session.staff, said.message, said.entry)
    await tell(parts.live, case_id)
    return Done()


@api.post("/cases/{case_id}/outgoing/{outgoing_id}/send-again")
async def send_again(case_id: str, outgoing_id: str, session: Agent, parts: Parts) -> Done:
    """Send an in-doubt or failed message once more: a person's decision, never the machine's."""
    view = await _view(parts, case_id)
    piece = next((one for one in view.outgoing if one.id == outgoing_id), None)
    line = next((one for one in view.said if piece and one.id == piece.message_id), None)
    if line is None:
        raise HTTPException(404, "outgoing")
    limits = parts.customer.limits(_thread(view, line.conversation_id), parts.clock.now())
    _must_reach(limits)
    with _found():
        await parts.cases.talk.send_again(case_id, outgoing_id, session.staff, _first_state(limits))
    return await _sent(parts, case_id, line.id)


@api.post("/cases/{case_id}/typing")
async def typing(case_id: str, writing: Writing, session: Agent, parts: Parts) -> Done:
    """Let the customer see that a reply is being written. A courtesy: what the platform refuses is nobody's worry."""
    view = await _view(parts, case_id)
    if view.line.agent != session.staff.id:
        raise NotAllowed("not_yours")
    with suppress(DeliveryFailed):
        await parts.customer.typing(_thread(view, writing.conversation))
    return Done()


@api.post("/undelivered/{outgoing_id}/send-again")
async def send_stray_again(outgoing_id: str, session: Agent, parts: Parts) -> Done:
    """Send an in-doubt or failed message of no case once more: a person's decision, never the machine's."""
    stray = await parts.cases.strays.stray(outgoing_id)
    if stray is None:
        raise HTTPException(404, "outgoing")
    limits = parts.customer.limits(stray.conversation, parts.clock.now())
    _must_reach(limits)
    with _found():
        await parts.cases.strays.send_again(outgoing_id, session.staff, _first_state(limits))
    return await _sent(parts, "", "")


@api.post("/undelivered/{outgoing_id}/leave")
async def leave_stray(outgoing_id: str, session: Agent, parts: Parts) -> Done:
    """Leave an in-doubt or failed message of no case as it is."""
    with _found():
        await parts.cases.strays.leave(outgoing_id, session.staff)
    await tell(parts.live, "")
    return Done()


async def _view(parts: SiteParts, case_id: str) -> CaseView:
    view = await parts.cases.board.case(case_id)
    if view is None:
        raise HTTPException(404, "case")
    return view


def _thread(view: CaseView, conversation_id: str) -> Conversation:
    """The named conversation if the case has it, or with '' the one in which the customer spoke last."""
    joined = [one for one in view.conversations if one.id in view.joined and conversation_id in ("", one.id)]
    if not joined:
        raise HTTPException(403, "elsewhere")
    return max(joined, key=lambda one: one.heard_at)


def _must_reach(limits: Limits) -> None:
    if limits is NOWHERE:
        raise HTTPException(409, "account_gone")


def _first_state(limits: Limits) -> OutboxState:
    """An account that cannot send by itself keeps the message until the customer fetches it."""
    return OutboxState.PENDING if limits.active else OutboxState.WAITING


async def _moved(parts: SiteParts, case_id: str, move: Awaitable[None]) -> Done:
    with _found():
        await move
    await tell(parts.live, case_id)
    return Done()


async def _sent(parts: SiteParts, case_id: str, message: str) -> Done:
    parts.outgoing()
    await tell(parts.live, case_id)
    return Done(message)


@contextmanager
def _found() -> Iterator[None]:
    try:
        yield
    except LookupError as nothing:
        raise HTTPException(404, "case") from nothing

"""The desk for agents: its page, and the API that the page calls."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from bot.desk import transitions
from bot.desk.transitions import OPEN, CaseStatus
from bot.domain.cases import AgentReply, AuditEntry, CaseLine, CaseView
from bot.domain.messages import NOWHERE, Conversation, Instant, Limits, OutboxState
from bot.errors import DeliveryFailed, NotAllowed
from bot.text import cut, measure
from bot.web.auth import Agent, Parts
from bot.web.case_search import search_terms
from bot.web.dependencies import SiteParts
from bot.web.live import notify_desks
from bot.web.pages import page, reader_language
from bot.web.schemas import (
    BoardResponse,
    CaseResponse,
    Correction,
    Done,
    Draft,
    Note,
    Search,
    TypingIn,
    case_response,
    member_response,
    undelivered_response,
)

router = APIRouter()
api = APIRouter(prefix="/api/desk", tags=["desk"])
MOST_UNDELIVERED = 100  # undelivered messages on the board
DEFAULT_LINES = 200  # cases on the board
Lines = Annotated[int, Query(ge=1, le=2_000)]
MOST_ENDED = 50  # ended cases in the list
MOST_FOUND = 200  # open cases that a search returns
READ_AUDITED_FOR = 600.0  # seconds after which reading the same case is audited again
MOST_READS = 10_000  # pairs of staff member and case that are remembered


class ReadAudit:
    """Which staff member has read which case in the last READ_AUDITED_FOR seconds, in this process."""

    def __init__(self) -> None:
        self._audited_at: OrderedDict[tuple[str, str], Instant] = OrderedDict()

    def is_due(self, staff_id: str, case_id: str, now: Instant) -> bool:
        """Whether this read must be audited: the first one in READ_AUDITED_FOR seconds."""
        key = staff_id, case_id
        if now - self._audited_at.get(key, -READ_AUDITED_FOR) < READ_AUDITED_FOR:
            return False
        self._audited_at[key] = now
        self._audited_at.move_to_end(key)
        if len(self._audited_at) > MOST_READS:
            self._audited_at.popitem(last=False)
        return True


@router.get("/desk", response_class=HTMLResponse)
@router.get("/desk/cases/{case_id}", response_class=HTMLResponse)
async def desk(request: Request, session: Agent) -> HTMLResponse:
    """The page. Its script takes the case from the URL and fetches it."""
    return page(request, "desk.html", session)


@api.get("/board")
async def board(request: Request, session: Agent, parts: Parts, limit: Lines = DEFAULT_LINES) -> BoardResponse:
    """The reader's cases and the first `limit` of the others in the order of the queue, with the counts of all, the
    undelivered messages, and the desk's hours."""
    now, language = parts.clock.now(), reader_language(request)
    undelivered = await parts.cases.undelivered.undelivered(MOST_UNDELIVERED)
    lines = await parts.cases.queries.lines(session.staff.id, limit)
    counts = await parts.cases.queries.counts(session.staff.id)
    halted = [
        f"{one.label}: {parts.customer.explain(one.sending.halted).text(language)}"
        for one in await parts.account_statuses(language)
        if one.sending.halted
    ]
    return BoardResponse(
        now,
        session.staff.id,
        lines,
        [undelivered_response(one, parts.customer, language) for one in undelivered],
        parts.branding.hours(language, now),
        halted,
        counts,
        max(0, counts.open - len(lines)),
    )


@api.post("/ended")
async def ended(search: Search, _session: Agent, parts: Parts) -> list[CaseLine]:
    """The cases that ended last, newest first, with `text` in the customer's name or handle or as a case's id."""
    return await parts.cases.queries.search_ended(search.text, MOST_ENDED)


@api.post("/here")
async def here(_session: Agent) -> Done:
    """Keeps the session from becoming idle: the page sends it at most once a minute while a person uses it."""
    return Done()


@api.post("/open")
async def open_cases(search: Search, _session: Agent, parts: Parts) -> list[CaseLine]:
    """The open cases that match every word of `text`, by name, handle, id, or a label of the desk in any language."""
    words = await search_terms(search.text, parts)
    return await parts.cases.queries.search_open(words, MOST_FOUND) if words else []


@api.get("/cases/{case_id}")
async def case(case_id: str, request: Request, session: Agent, parts: Parts) -> CaseResponse:
    """One case with all messages of the customer, on every channel."""
    view = await _view(parts, case_id)
    read_audit: ReadAudit = request.app.state.read_audit
    if read_audit.is_due(session.staff.id, case_id, parts.clock.now()):  # an open page reads every few seconds
        await parts.login.audit.record([AuditEntry(parts.clock.now(), session.staff.id, "read", case_id)])
    language = reader_language(request)
    member = await member_response(view.member_id, parts.customer, language)
    return case_response(view, parts.customer, member, (session.staff.id, language), parts.clock.now())


@api.post("/cases/{case_id}/claim")
async def claim(case_id: str, session: Agent, parts: Parts) -> Done:
    """Take a waiting case. 409 `taken` with the winner's name if a colleague was faster."""
    return await _moved(parts, case_id, parts.cases.actions.claim(case_id, session.staff))


@api.post("/cases/{case_id}/release")
async def release(case_id: str, session: Agent, parts: Parts) -> Done:
    """Put a claimed case back into the queue."""
    return await _moved(parts, case_id, parts.cases.actions.release(case_id, session.staff))


@api.post("/cases/{case_id}/resolve")
async def resolve(case_id: str, session: Agent, parts: Parts) -> Done:
    """The case is done."""
    return await _moved(parts, case_id, parts.cases.actions.resolve(case_id, session.staff))


@api.post("/cases/{case_id}/hand-back")
async def hand_back(case_id: str, session: Agent, parts: Parts) -> Done:
    """The case ends and the bot answers again."""
    return await _moved(parts, case_id, parts.cases.actions.hand_back(case_id, session.staff))


@api.post("/cases/{case_id}/reply")
async def reply(case_id: str, draft: Draft, session: Agent, parts: Parts) -> Done:
    """Send a reply to the customer, in the named conversation or the one with their last message.

    409 `quota` if the text needs more messages than the platform permits now, `too_long` if a public reply needs more
    than one. 403 `said_lately` if the account recently posted the same text.
    """
    view = await _view(parts, case_id)
    thread = _thread(view, draft.conversation)
    if view.line.state in OPEN:  # checked before the limits, so that the more important error is shown
        transitions.reply(CaseStatus(view.line.state, view.line.agent), session.staff, thread.id, view.joined)
    limits = _limits(parts, thread)
    if limits.public and measure(draft.text, limits.unit) > limits.length:
        raise HTTPException(409, "too_long")
    pieces = tuple(cut(draft.text, limits.length, limits.unit))
    if limits.left is not None and limits.left < len(pieces):
        raise HTTPException(409, "quota")
    same_after = limits.posting_rules.same_after if limits.public else 0.0
    agent_reply = AgentReply(draft.text, pieces, draft.key, _first_state(limits), thread.id, same_after)
    with _not_found():
        message = await parts.cases.messaging.reply(case_id, session.staff, agent_reply)
    return await _sent(parts, case_id, message)


@api.post("/cases/{case_id}/note")
async def note(case_id: str, note: Note, session: Agent, parts: Parts) -> Done:
    """Add a note that only staff read."""
    with _not_found():
        message = await parts.cases.messaging.note(case_id, session.staff, note.text)
    await notify_desks(parts.live, case_id)
    return Done(message)


@api.get("/entries")
async def entries(request: Request, _session: Agent, parts: Parts) -> Mapping[str, str]:
    """The titles of all entries of the live edition, by id."""
    return parts.customer.entries(reader_language(request))


@api.post("/cases/{case_id}/correct")
async def correct(case_id: str, correction: Correction, request: Request, session: Agent, parts: Parts) -> Done:
    """Name the entry that answers a message; editions are evaluated by it. 404 `entry` or `case`."""
    if correction.entry and correction.entry not in parts.customer.entries(reader_language(request)):
        raise HTTPException(404, "entry")
    with _not_found():
        await parts.cases.messaging.correct(case_id, session.staff, correction.message, correction.entry)
    await notify_desks(parts.live, case_id)
    return Done()


@api.post("/cases/{case_id}/outgoing/{outgoing_id}/send-again")
async def send_again(case_id: str, outgoing_id: str, session: Agent, parts: Parts) -> Done:
    """Send an in-doubt or failed message once more. Only a person decides this: the customer may get it twice."""
    view = await _view(parts, case_id)
    piece = next((one for one in view.outgoing if one.id == outgoing_id), None)
    line = next((one for one in view.said if piece and one.id == piece.message_id), None)
    if line is None:
        raise HTTPException(404, "outgoing")
    limits = _limits(parts, _thread(view, line.conversation_id))
    with _not_found():
        await parts.cases.messaging.send_again(case_id, outgoing_id, session.staff, _first_state(limits))
    return await _sent(parts, case_id, line.id)


@api.post("/cases/{case_id}/typing")
async def typing(case_id: str, writing: TypingIn, session: Agent, parts: Parts) -> Done:
    """Show the customer that a reply is being written. A failure is ignored."""
    view = await _view(parts, case_id)
    if view.line.agent != session.staff.id:
        raise NotAllowed("not_yours")
    with suppress(DeliveryFailed):
        await parts.customer.typing(_thread(view, writing.conversation))
    return Done()


@api.post("/undelivered/{outgoing_id}/send-again")
async def send_undelivered_again(outgoing_id: str, session: Agent, parts: Parts) -> Done:
    """Send an in-doubt or failed message outside any open case once more."""
    message = await parts.cases.undelivered.find(outgoing_id)
    if message is None:
        raise HTTPException(404, "outgoing")
    limits = _limits(parts, message.conversation)
    with _not_found():
        await parts.cases.undelivered.send_again(outgoing_id, session.staff, _first_state(limits))
    return await _sent(parts, "", "")


@api.post("/undelivered/{outgoing_id}/leave")
async def leave_undelivered(outgoing_id: str, session: Agent, parts: Parts) -> Done:
    """Leave an in-doubt or failed message outside any open case as it is."""
    with _not_found():
        await parts.cases.undelivered.leave_unsent(outgoing_id, session.staff)
    await notify_desks(parts.live, "")
    return Done()


async def _view(parts: SiteParts, case_id: str) -> CaseView:
    view = await parts.cases.queries.case(case_id)
    if view is None:
        raise HTTPException(404, "case")
    return view


def _thread(view: CaseView, conversation_id: str) -> Conversation:
    """The named conversation of the case, or with '' the one with the customer's last message. 403 `elsewhere`."""
    joined = [one for one in view.conversations if one.id in view.joined and conversation_id in ("", one.id)]
    if not joined:
        raise HTTPException(403, "elsewhere")
    return max(joined, key=lambda one: one.heard_at)


def _limits(parts: SiteParts, conversation: Conversation) -> Limits:
    """What can be sent in a conversation now. 409 `account_gone` if its account is no longer configured."""
    limits = parts.customer.limits(conversation, parts.clock.now())
    if limits is NOWHERE:
        raise HTTPException(409, "account_gone")
    return limits


def _first_state(limits: Limits) -> OutboxState:
    # An account without a send API keeps the message until the customer writes and fetches it.
    return OutboxState.PENDING if limits.active else OutboxState.WAITING


async def _moved(parts: SiteParts, case_id: str, move: Awaitable[None]) -> Done:
    with _not_found():
        await move
    await notify_desks(parts.live, case_id)
    return Done()


async def _sent(parts: SiteParts, case_id: str, message: str) -> Done:
    parts.wake_delivery()
    await notify_desks(parts.live, case_id)
    return Done(message)


@contextmanager
def _not_found() -> Iterator[None]:
    """Turns LookupError into 404 `case`."""
    try:
        yield
    except LookupError as missing:
        raise HTTPException(404, "case") from missing

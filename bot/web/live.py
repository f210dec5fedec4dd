"""Server-sent events that make open desk pages read again. Only case ids travel, never customer data."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.desk.transitions import WORKERS
from bot.domain.cases import Session
from bot.domain.messages import Instant
from bot.errors import Unavailable
from bot.http import stream
from bot.ports.realtime import LiveEvents
from bot.web.auth import SESSION_COOKIE, Agent, Parts
from bot.web.dependencies import SiteParts

TOPIC = "desk"
SESSION_CHECK_INTERVAL = 2.0  # seconds
router = APIRouter()


async def notify_desks(live: LiveEvents, case_id: str) -> None:
    """Make every open desk read its list again, and pages that show this case the case. case_id: '' for no case."""
    await live.publish(TOPIC, json.dumps({"case": case_id}))


class ChangePoll:
    """When the database last changed, queried at most once a second for all pages of this process."""

    def __init__(self, parts: SiteParts) -> None:
        self._parts = parts
        self._last: Instant = 0.0
        self._queried_at: Instant = 0.0

    async def last(self) -> Instant:
        now = self._parts.clock.now()
        if now - self._queried_at >= 1:
            self._queried_at = now
            try:
                self._last = await self._parts.cases.queries.last_change()
            except Unavailable:
                return self._last  # the pages keep what they show until the database is back
        return self._last


@router.get("/api/desk/events", response_class=EventSourceResponse)
async def events(request: Request, session: Agent, parts: Parts) -> EventSourceResponse:
    """Stream the event `changed` with `{"case": id}` or `{}` whenever something on the desk changes."""
    check = SessionCheck(parts, session, SESSION_COOKIE.read(request))
    return stream(changes(parts, request.app.state.change_poll, check))


class SessionCheck:
    """Whether the session of a listening page is still valid. Listening does not keep a session from becoming idle."""

    def __init__(self, parts: SiteParts, session: Session, token: str) -> None:
        self._parts = parts
        self._until = session.until
        self._token = token
        self._checked_at = parts.clock.now()

    async def ended(self) -> bool:
        """Whether the session has ended or lost its role. Queries it at most once per SESSION_CHECK_INTERVAL."""
        now = self._parts.clock.now()
        if now >= self._until:
            return True
        if now - self._checked_at < SESSION_CHECK_INTERVAL:
            return False
        self._checked_at = now
        try:
            session = await self._parts.staff.find_session(self._token, active=False)
        except Unavailable:
            return False  # no change can be announced either until the database is back
        return session is None or session.staff.role not in WORKERS


async def changes(parts: SiteParts, poll: ChangePoll, session: SessionCheck) -> AsyncGenerator[ServerSentEvent, None]:
    """Yield an event per change until the session ends: published changes, and those seen only in the database."""
    seen = await poll.last()
    yield _changed("{}")  # changes missed before are not repeated, so the page reads everything once
    async for data in parts.live.subscribe(TOPIC):
        if await session.ended():
            return
        if data:
            yield _changed(data)
            continue
        # '' means that nothing was published for a while: look in the database, for publishing may be broken.
        last = await poll.last()
        if last != seen:
            seen = last
            yield _changed("{}")


def _changed(data: str) -> ServerSentEvent:
    return ServerSentEvent(data=data, event="changed")

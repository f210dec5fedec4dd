"""Telling open pages that something changed. Only ids travel; the page asks for the state again."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.cases import Session
from bot.desk.moves import WORKERS
from bot.errors import Unavailable
from bot.messages import Instant
from bot.ports import LiveEvents
from bot.streams import stream
from bot.web.parts import SiteParts
from bot.web.sessions import SESSION_COOKIE, Only, parts_of

TOPIC = "desk"
LOOK_AGAIN = 2.0
router = APIRouter()


async def tell(live: LiveEvents, case_id: str) -> None:
    """Everybody's desk reads again; a page that shows this case reads it again, too."""
    await live.publish(TOPIC, json.dumps({"case": case_id}))


class Pulse:
    """When the record last changed, asked at most once a second for all pages of this process together."""

    def __init__(self, parts: SiteParts) -> None:
        self._parts = parts
        self._last: Instant = 0.0
        self._asked_at: Instant = 0.0

    async def last(self) -> Instant:
        now = self._parts.clock.now()
        if now - self._asked_at >= 1:
            self._asked_at = now
            try:
                self._last = await self._parts.cases.board.pulse()
            except Unavailable:
                return self._last  # the pages keep what they show until the record is back
        return self._last


@router.get("/api/desk/events", response_class=EventSourceResponse)
async def events(request: Request, session: Annotated[Session, Depends(Only(*WORKERS))]) -> EventSourceResponse:
    """Server-sent events: `changed` with `{"case": id}` or `{}` whenever something on the desk is not as it was."""
    parts = parts_of(request)
    return stream(changes(parts, request.app.state.pulse, Presence(parts, session, SESSION_COOKIE.sent(request))))


class Presence:
    """Whether whoever listens still may: their session may have ended, their role been taken away. Listening alone
    does not keep a session from growing idle."""

    def __init__(self, parts: SiteParts, session: Session, token: str) -> None:
        self._parts = parts
        self._until = session.until
        self._token = token
        self._looked_at = parts.clock.now()

    async def ended(self) -> bool:
        """Looked up every other second."""
        now = self._parts.clock.now()
        if now >= self._until:
            return True
        if now - self._looked_at < LOOK_AGAIN:
            return False
        self._looked_at = now
        try:
            session = await self._parts.staff.by_session(self._token, active=False)
        except Unavailable:
            return False  # nothing can be told either until the record is back
        return session is None or session.staff.role not in WORKERS


async def changes(parts: SiteParts, pulse: Pulse, presence: Presence) -> AsyncGenerator[ServerSentEvent, None]:
    """What was published, and without the nerve what the record's pulse shows; ends with the session.

    The first event makes a page that was away read everything again: what it missed is not repeated.
    """
    seen = await pulse.last()
    yield _changed("{}")
    async for data in parts.live.subscribe(TOPIC):
        if await presence.ended():
            return
        if data:
            yield _changed(data)
            continue
        last = await pulse.last()
        if last != seen:
            seen = last
            yield _changed("{}")


def _changed(data: str) -> ServerSentEvent:
    return ServerSentEvent(data=data, event="changed")

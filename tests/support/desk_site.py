"""The web site on a database, with live events inside the process and a member system of one member."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from support.services import MovableClock

from bot.access.cookies import BrowserTokens
from bot.domain.cases import Role, StaffMember
from bot.domain.members import Member, Points
from bot.domain.messages import Conversation, Instant, Limits
from bot.errors import DeliveryFailed, MemberSystemFailed
from bot.i18n import NO_TEXT, Message, message
from bot.stores.sql.account_health import SqlAccountHealth
from bot.stores.sql.case_queries import SqlCaseQueries
from bot.stores.sql.cases import SqlCases, SqlUndelivered
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import SqlAuditTrail
from bot.stores.sql.staff import SqlStaff
from bot.text import BYTES
from bot.web.app import create_site
from bot.web.dependencies import (
    AccountInfo,
    Branding,
    CaseDesk,
    CustomerDesk,
    DemoInfo,
    DeskHours,
    LoginDeps,
    SiteParts,
)
from bot.web.middleware import OuterMiddleware

PASSWORD = "correct horse battery"
ORIGIN = "http://desk.test"
ACCOUNTS = {
    "brand-wechat": AccountInfo("wechat"),
    "brand-x": AccountInfo("twitter", "app:0123456789abcdef", costs=True, budget=5_000_000),
}


class LocalEvents:
    """LiveEvents and RateLimiter of one process. tries: how often a name is allowed at most, however long it takes."""

    def __init__(self, tries: int = 100) -> None:
        self.said: list[tuple[str, str]] = []
        self._listeners: list[tuple[str, asyncio.Queue[str]]] = []
        self._tries = tries
        self._calls: dict[str, int] = {}

    async def publish(self, topic: str, data: str) -> None:
        self.said.append((topic, data))
        for heard, queue in self._listeners:
            if heard == topic:
                queue.put_nowait(data)

    async def subscribe(self, topic: str) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.append((topic, queue))
        while True:
            try:
                yield await asyncio.wait_for(queue.get(), 0.05)
            except TimeoutError:
                yield ""

    async def subscribed(self) -> None:
        """Returns once somebody listens."""
        while not self._listeners:  # noqa: ASYNC110  a few turns of the loop
            await asyncio.sleep(0.01)

    async def allow(self, name: str, per_second: float, burst: int) -> bool:
        self._calls[name] = self._calls.get(name, 0) + 1
        return per_second > 0 and self._calls[name] <= min(burst, self._tries)


class OneMember:
    """A member system that knows M1, and can fail."""

    fails = False

    async def find(self, member_id: str) -> Member | None:
        if self.fails:
            raise MemberSystemFailed
        return Member("M1", "88001234", "林晓", "13800000000", "Gold") if member_id == "M1" else None

    async def points(self, member_id: str) -> Points:
        if member_id != "M1":
            raise MemberSystemFailed
        return Points(12_480, "Gold", 800, 1_798_000_000.0)


class DeskSite:
    """A site, and browsers that are logged in to it."""

    def __init__(
        self,
        database: Database,
        clock: MovableClock,
        live_events: LocalEvents | None = None,
        demo: DemoInfo | None = None,
    ) -> None:
        self.live_events = live_events or LocalEvents()
        self.members = OneMember()
        self.directory = SqlStaff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))
        self.woken = 0
        self.typed: list[str] = []
        self.allows_typing = True
        self.hours = DeskHours()
        self.allowance = Limits(2047, BYTES, left=5)
        cases = SqlCases(database)
        self.parts = SiteParts(
            CaseDesk(SqlCaseQueries(database), cases, cases, SqlUndelivered(database)),
            CustomerDesk(
                self._limits,
                self.members.find,
                self.members.points,
                self._title,
                typing=self._type,
                explain=explained,
                entries=self._entries,
            ),
            self.directory,
            LoginDeps(SqlAuditTrail(database), self._passes, ("云杉茶 Yunshan Tea",)),
            self.live_events,
            self.live_events,
            clock,
            SqlAccountHealth(database),
            ACCOUNTS,
            Branding(accounts={"brand-wechat": "小云生活"}, demo=demo, hours=lambda _language, _now: self.hours),
            self._wake,
        )
        self.site: FastAPI = create_site(self.parts)
        self.app = OuterMiddleware(self.site, self.parts.branding.prefix)

    def _passes(self, login: str) -> BrowserTokens:
        return BrowserTokens("known browser", login, "a secret of sixteen or more", 180, self.parts.clock.now)

    def _limits(self, conversation: Conversation, now: Instant) -> Limits:
        return replace(self.allowance, public=conversation.public, window_until=now + 172_800)

    def _title(self, intent: str, language: str) -> str:
        return {"returns.how": "怎么退货"}.get(intent, intent) if language == "zh" else intent

    def _entries(self, language: str) -> dict[str, str]:
        return {entry: self._title(entry, language) for entry in ("returns.how", "repair.start", "delivery.abroad")}

    async def _type(self, conversation: Conversation) -> None:
        if not self.allows_typing:
            raise DeliveryFailed("wechat:45080")
        self.typed.append(conversation.id)

    def _wake(self) -> None:
        self.woken += 1

    async def add_staff(self, login: str, role: Role = Role.AGENT, name: str = "") -> StaffMember:
        return await self.directory.add(login, name or login.title(), role, PASSWORD)

    def new_browser(self) -> httpx.AsyncClient:
        headers = {"origin": ORIGIN, "accept-language": "en"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN, headers=headers)

    async def log_in(self, login: str) -> httpx.AsyncClient:
        """A browser that has logged in and knows its page's token."""
        browser = self.new_browser()
        answer = await browser.post("/login", data={"login": login, "password": PASSWORD})
        assert answer.status_code == 303
        session = await self.directory.find_session(browser.cookies["yingda_session"])
        assert session is not None
        browser.headers["x-csrf-token"] = session.csrf
        return browser

    async def two_agents(self) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
        await self.add_staff("mei", name="小梅")
        await self.add_staff("jun", name="阿俊")
        return await self.log_in("mei"), await self.log_in("jun")

    async def claimed(self, case: str) -> httpx.AsyncClient:
        """The browser of an agent who has taken the case."""
        mei, _ = await self.two_agents()
        assert (await mei.post(f"/api/desk/cases/{case}/claim")).status_code == 200
        return mei


def draft(text: str, **more: str) -> dict[str, str]:
    """What a page sends for a reply."""
    return {"text": text, "key": "draft-0001", **more}


def explained(code: str) -> Message:
    return message("wechat.error.45015") if code == "wechat:45015" else NO_TEXT


def csrf_on(page: str) -> str:
    """The token that stands on a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)

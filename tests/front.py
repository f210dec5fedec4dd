"""The web site over a record, with a nerve inside the process and a member system of one member."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from ground import MovableClock

from bot.cases import Role, StaffMember
from bot.errors import DeliveryFailed, MemberSystemFailed
from bot.membership import Member, Points
from bot.messages import Conversation, Instant, Limits
from bot.passes import Passes
from bot.stores.record.auditing import RecordAudit
from bot.stores.record.board import Board
from bot.stores.record.cases import Cases
from bot.stores.record.database import Database
from bot.stores.record.health import RecordHealth
from bot.stores.record.staff import Staff
from bot.stores.record.strays import RecordStrays
from bot.web.entrance import Entrance
from bot.web.parts import AccountPlace, CaseDesk, CustomerDesk, DeskHours, Door, HealthDesk, Place, Showcase, SiteParts
from bot.web.site import create_site

PASSWORD = "correct horse battery"
ORIGIN = "http://desk.test"
ACCOUNTS = {
    "brand-wechat": AccountPlace("wechat"),
    "brand-x": AccountPlace("twitter", "app:0123456789abcdef", costs=True, budget=5_000_000),
}


class Whispers:
    """LiveEvents and Buckets of one process. `tries` is how often a door may be knocked at, however long it takes."""

    def __init__(self, tries: int = 100) -> None:
        self.said: list[tuple[str, str]] = []
        self._listeners: list[tuple[str, asyncio.Queue[str]]] = []
        self._tries = tries
        self._knocks: dict[str, int] = {}

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

    async def allow(self, name: str, per_second: float, burst: int) -> bool:
        self._knocks[name] = self._knocks.get(name, 0) + 1
        return per_second > 0 and self._knocks[name] <= min(burst, self._tries)


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


class Front:
    """A site, and browsers that are logged in to it."""

    def __init__(
        self,
        database: Database,
        clock: MovableClock,
        whispers: Whispers | None = None,
        demo: Showcase | None = None,
    ) -> None:
        self.whispers = whispers or Whispers()
        self.members = OneMember()
        self.room = Staff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))
        self.woken = 0
        self.typed: list[str] = []
        self.allows_typing = True
        self.hours = DeskHours()
        self.allowance = Limits(2047, "bytes", left=5)
        cases = Cases(database)
        self.parts = SiteParts(
            CaseDesk(Board(database), cases, cases, RecordStrays(database)),
            CustomerDesk(
                self._limits,
                self.members.find,
                self.members.points,
                self._title,
                typing=self._type,
                trouble=explained,
                entries=self._entries,
            ),
            self.room,
            Door(RecordAudit(database), self._passes, ("云杉茶 Yunshan Tea",)),
            self.whispers,
            self.whispers,
            clock,
            HealthDesk(RecordHealth(database), ACCOUNTS, explained),
            Place(accounts={"brand-wechat": "小云生活"}, demo=demo, hours=lambda _language, _now: self.hours),
            self._wake,
        )
        self.site: FastAPI = create_site(self.parts)
        self.app = Entrance(self.site, self.parts.place.prefix)

    def _passes(self, login: str) -> Passes:
        return Passes("known browser", login, "a secret of sixteen or more", 180, self.parts.clock.now)

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

    async def hire(self, login: str, role: Role = Role.AGENT, name: str = "") -> StaffMember:
        return await self.room.add(login, name or login.title(), role, PASSWORD)

    def stranger(self) -> httpx.AsyncClient:
        headers = {"origin": ORIGIN, "accept-language": "en"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN, headers=headers)

    async def enter(self, login: str) -> httpx.AsyncClient:
        """A browser that has logged in and knows its page's token."""
        browser = self.stranger()
        answer = await browser.post("/login", data={"login": login, "password": PASSWORD})
        assert answer.status_code == 303
        session = await self.room.by_session(browser.cookies["yingda_session"])
        assert session is not None
        browser.headers["x-csrf-token"] = session.csrf
        return browser

    async def two_agents(self) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
        await self.hire("mei", name="小梅")
        await self.hire("jun", name="阿俊")
        return await self.enter("mei"), await self.enter("jun")

    async def claimed(self, case: str) -> httpx.AsyncClient:
        """The browser of an agent who has taken the case."""
        mei, _ = await self.two_agents()
        assert (await mei.post(f"/api/desk/cases/{case}/claim")).status_code == 200
        return mei


def draft(text: str, **more: str) -> dict[str, str]:
    """What a page sends for a reply."""
    return {"text": text, "key": "draft-0001", **more}


def explained(code: str, _language: str) -> str:
    return {"wechat:45015": "Too late."}.get(code, "")


def csrf_on(page: str) -> str:
    """The token that stands on a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)

"""A whole Yingda in one process, for tests that tell what customers and agents experience.

Real: the database (SQLite or PostgreSQL), the journey, the engine with the shipped knowledge base, members, the desk.
Shipped fakes: the fake channels `tea` (active), `square` (public threads) and `counter` (cannot send by
itself), and a code sender that remembers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from support.fast_setup import QUICK, tables
from support.paths import ROOT
from support.services import MovableClock

from bot.app.parts import Yingda, assemble
from bot.channels.fake import FakeChannel, FakeSettings
from bot.config import Deployment, load
from bot.domain.cases import AgentReply, CaseLine, CaseView, Role, StaffMember
from bot.domain.messages import Inbound, Kind, OutboxState
from bot.members.verification import RecordingSender
from bot.pending import DeadlinePassed, PendingResponse
from bot.ports.nlu import CodeSender, Skill
from bot.stores.redis.client import RedisClient
from bot.stores.sql.case_queries import SqlCaseQueries
from bot.stores.sql.cases import SqlCases
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions
from bot.stores.sql.inbox import SqlInbox
from bot.stores.sql.staff import SqlStaff
from bot.text import new_id

T = TypeVar("T")
NOBODY = "redis://127.0.0.1:1"
OPEN_MONDAY = 1_790_000_000.0 - 1_790_000_000.0 % 86_400 + 4 * 3_600  # noon in Shanghai


def deployment_in(folder: Path, **changes: Any) -> Deployment:
    """A deployment on the shipped knowledge base, with three rehearsal accounts."""
    settings = {
        "mode": "demo",
        "secret": "demo-secret-for-tests",
        "members": {"kind": "demo", "time_limit": 20},
        "knowledge_base": str(ROOT / "knowledge_base"),
        "accounts": [{"name": name, "channel": "fake"} for name in ("tea", "square", "counter")],
        **changes,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return load(path)


class Shop:
    """A brand with its accounts open. Methods are sentences; everything runs on one event loop."""

    def __init__(
        self,
        deployment: Deployment,
        database: Database,
        clock: MovableClock,
        edition: tuple[str, bytes],
        own_channels: bool = False,
        skills: Mapping[str, Skill] | None = None,
    ) -> None:
        self.deployment = deployment
        self._own_channels = own_channels
        self.skills: dict[str, Skill] = dict(skills or {})
        self.database = database
        self.clock = clock
        self.texts = RecordingSender()
        self.sender: CodeSender = self.texts
        self.tea = FakeChannel("tea")
        self.square = FakeChannel("square")
        self.counter = FakeChannel("counter", FakeSettings(active=False))
        self.staff = SqlStaff(database, 12, QUICK)
        self.cases = SqlCases(database)
        self.board = SqlCaseQueries(database)
        self._runner = asyncio.Runner()
        self._edition = edition
        self.yingda = self.run(self._open())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    async def _open(self) -> Yingda:
        tables(self.database.engine)
        editions = SqlEditions(self.database)
        if await editions.active() == 0:
            await editions.publish(*self._edition, "tests", 0)
        yingda = self.assembled()
        await yingda.editions.refresh()
        return yingda

    def assembled(self) -> Yingda:
        """One more process's worth of Yingda on the same database."""
        rehearsed = {"tea": self.tea, "square": self.square, "counter": self.counter}
        channels = None if self._own_channels else rehearsed
        given = (self.deployment, self.database, RedisClient(NOBODY))
        return assemble(*given, clock=self.clock, channels=channels, sender=self.sender, skills=self.skills)

    def restart(self) -> None:
        """The process ends without warning, and another one starts."""
        self._runner.close()
        self._runner = asyncio.Runner()
        self.yingda = self.run(self._open())

    def close(self) -> None:
        self.run(self.yingda.close())
        self._runner.close()

    def hears(
        self, customer: str, text: str, account: str = "tea", *, thread: str = "", key: str = "", kind: Kind = Kind.TEXT
    ) -> str | None:
        """A customer writes; what the response says (None: only acknowledged). Then what is due is delivered."""
        inbound = Inbound(account, customer, key or new_id(), kind, text, thread=thread)
        reply = self.run(self.answered(inbound))
        self.deliver()
        return reply if not isinstance(reply, DeadlinePassed) else None

    async def answered(self, inbound: Inbound, patience: float = 30.0) -> str | DeadlinePassed | None:
        offer = PendingResponse(lambda reply: reply.text.encode(), asyncio.get_running_loop().time() + patience)
        reply = await self.yingda.journey.handle(inbound, offer)
        await self.yingda.journey.finish(10)
        if isinstance(reply, bytes):
            self.yingda.acks.record(offer.message_id)
            await self.yingda.acks.flush()
            return reply.decode()
        return reply

    def accepted_and_died(self, inbound: Inbound) -> None:
        """Another process accepts a message and ends before its turn."""
        config = self.deployment.config
        kinds = {account.name: account.channel for account in config.accounts}
        intake = SqlInbox(self.database, "a dead process", kinds, config.timings.lease, config.secret)
        self.run(intake.accept([inbound]))

    def deliver(self) -> None:
        """What is due goes out, and what comes back of it is handled."""

        async def all_of_it() -> None:
            while await self.yingda.delivery.run_once():
                await self.yingda.journey.finish(10)

        self.run(all_of_it())

    def sweep(self) -> None:
        async def all_of_it() -> None:
            await self.yingda.sweeper.sweep()
            await self.yingda.journey.finish(10)

        self.run(all_of_it())
        self.deliver()

    def agent(self, login: str) -> StaffMember:
        """Somebody who works at the desk."""
        known = {member.login: member for member in self.run(self.staff.active_staff())}
        return known.get(login) or self.run(self.staff.add(login, login.title(), Role.AGENT, "a long password"))

    def waiting(self) -> list[CaseLine]:
        return self.run(self.board.lines())

    def case(self, case_id: str) -> CaseView:
        view = self.run(self.board.case(case_id))
        assert view is not None
        return view

    def claims(self, agent: StaffMember, case_id: str) -> None:
        self.run(self.cases.claim(case_id, agent))

    def replies(self, agent: StaffMember, case_id: str, text: str, state: OutboxState = OutboxState.PENDING) -> None:
        self.run(self.cases.reply(case_id, agent, AgentReply(text, (text,), new_id(), state)))
        self.deliver()

    def sent_to(self, customer: str, channel: FakeChannel | None = None) -> list[str]:
        return [message.text for message in (channel or self.tea).sent if message.handle == customer]

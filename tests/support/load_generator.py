"""Load: followers who write in numbered order, agents who claim at any moment, and what the platform saw of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, or_, select
from support.load_balancer import Balancer
from support.worker_fleet import ACCOUNTS, INTERVAL, Fleet

from bot.domain.cases import AgentReply, Role, StaffMember
from bot.domain.messages import OutboxState
from bot.errors import AlreadyTaken, NotAllowed, Stale, Unavailable
from bot.simulators.wechat import Delivery, Platform, running
from bot.simulators.wechat.state import ChatLine
from bot.stores.sql.cases import SqlCases
from bot.stores.sql.database import Database
from bot.stores.sql.schema import cases, conversations, outbox
from bot.text import new_id

QUESTIONS = ("怎么退货？", "你们几点开门", "包邮吗", "茶叶怎么保存", "How do I return something?", "积分有效期多久？")
SMALL_TALK = ("你好", "谢谢", "hello", "再见")
ODD = ("转人工", "我要投诉", "量子纠缠是什么", "I want to talk to a person")
MIX = (*QUESTIONS * 4, *SMALL_TALK * 3, *ODD)
_LOST_RACES = (Stale, AlreadyTaken, NotAllowed, Unavailable, LookupError)
_ON_THEIR_WAY = (OutboxState.PENDING.value, OutboxState.SENDING.value, OutboxState.OFFERED.value)


@dataclass(frozen=True)
class Pushed:
    """One text of a follower: what was asked, and what came of it on the platform. line: the reply's id in the chat.
    began, ended: on the event loop's clock."""

    account: str
    openid: str
    text: str
    patient: bool
    delivery: Delivery
    line: int
    began: float
    ended: float

    @property
    def acknowledged(self) -> bool:
        return any(attempt.settled for attempt in self.delivery.attempts)

    @property
    def once(self) -> bool:
        """Whether the platform asked only once."""
        return len(self.delivery.attempts) == 1

    def overlaps(self, other: Pushed) -> bool:
        """Whether the same follower's requests were open at the same time: their responses may cross on the way."""
        return (self.account, self.openid) == (other.account, other.openid) and (
            self is not other and self.began < other.ended and other.began < self.ended
        )


@dataclass
class Observed:
    pushed: list[Pushed] = field(default_factory=list)
    chats: dict[tuple[str, str], list[ChatLine]] = field(default_factory=dict)
    claims: int = 0


@dataclass(frozen=True)
class Crowd:
    """How many write how much, pausing at most so many seconds. Every third writes to the account that cannot send;
    every second doesn't wait for answers."""

    followers: int
    texts: int
    rng: random.Random
    pause: float = 0.6


@dataclass
class Stage:
    """What faults can reach."""

    fleet: Fleet
    platforms: dict[str, Platform]
    rng: random.Random


Fault = Callable[[Stage], Awaitable[None]]


def run_load(fleet: Fleet, ports: dict[str, int], crowd: Crowd, faults: Sequence[Fault]) -> Observed:
    """Let the crowd write, the agents work and the faults happen in turn; then wait until nothing is pending."""
    return asyncio.run(_run_load(fleet, ports, crowd, faults))


async def _run_load(fleet: Fleet, ports: dict[str, int], crowd: Crowd, faults: Sequence[Fault]) -> Observed:
    observed = Observed()
    database = Database(fleet.database)
    async with AsyncExitStack() as stack:
        stack.callback(database.close)
        balancer = await stack.enter_async_context(Balancer(fleet.worker_ports))
        platforms = {}
        for name, account in ACCOUNTS.items():
            platform = Platform(account, f"{balancer.url}/wechat/{name}", interval=INTERVAL)
            platforms[name] = await stack.enter_async_context(platform)
            await stack.enter_async_context(running(platform, port=ports[name]))
        stage = Stage(fleet, platforms, crowd.rng)
        agents = asyncio.gather(*(_agent(database, crowd.rng, observed, name) for name in ("anna", "ben", "chen")))
        await asyncio.gather(_write(stage, crowd, observed), _go_wrong(stage, faults))
        await _calm(database)
        agents.cancel()
        with suppress(asyncio.CancelledError):
            await agents
        await _calm(database)
        for name, platform in platforms.items():
            for someone in platform.followers():
                observed.chats[name, someone.openid] = platform.chat(someone.openid)
    return observed


async def _write(stage: Stage, crowd: Crowd, observed: Observed) -> None:
    await asyncio.gather(*(_follow(stage, crowd, observed, number) for number in range(crowd.followers)))


async def _follow(stage: Stage, crowd: Crowd, observed: Observed, number: int) -> None:
    account = "counter" if number % 3 == 2 else "tea"
    platform, patient = stage.platforms[account], number % 2 == 0
    openid = platform.follower(f"follower {number}").openid
    rng = random.Random(crowd.rng.random())
    talking = []
    for turn in range(crowd.texts):
        text = f"{rng.choice(MIX)} {turn}"
        said = asyncio.create_task(_say(platform, account, openid, text, patient, observed))
        talking.append(said)
        if patient:
            await said
        await asyncio.sleep(rng.uniform(0.02, crowd.pause))
    await asyncio.gather(*talking)


async def _say(platform: Platform, account: str, openid: str, text: str, patient: bool, observed: Observed) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    delivery = await platform.say(openid, text)
    passive = [line.id for line in platform.chat(openid) if line.via == "passive"] if delivery.reply else [0]
    observed.pushed.append(Pushed(account, openid, text, patient, delivery, passive[-1], began, clock()))


async def _go_wrong(stage: Stage, faults: Sequence[Fault]) -> None:
    for fault in faults:
        await asyncio.sleep(stage.rng.uniform(0.3, 1.0))
        await fault(stage)


async def _agent(database: Database, rng: random.Random, observed: Observed, name: str) -> None:
    """Claims every case, sometimes answers, and soon ends it or hands it back."""
    desk = SqlCases(database)
    me = StaffMember(name, name, name.title(), Role.AGENT)
    while True:
        await asyncio.sleep(0.2)
        try:
            for case_id, state, account in await database.read(lambda connection: _open(connection, name)):
                if state == "waiting":
                    await desk.claim(case_id, me)
                    observed.claims += 1
                await _work(desk, case_id, account, me, rng)
        except _LOST_RACES:
            continue


def _open(connection: Connection, name: str) -> Sequence[Any]:
    """Cases that wait, and those that this agent could not end because something failed."""
    listed = select(cases.c.id, cases.c.state, conversations.c.account).join(
        conversations, conversations.c.id == cases.c.conversation_id
    )
    mine = and_(cases.c.state == "claimed", cases.c.agent == name)
    return connection.execute(listed.where(or_(cases.c.state == "waiting", mine)).order_by(cases.c.id)).all()


async def _work(desk: SqlCases, case_id: str, account: str, me: StaffMember, rng: random.Random) -> None:
    if rng.random() < 0.5:
        state = OutboxState.WAITING if account == "counter" else OutboxState.PENDING
        await desk.reply(case_id, me, AgentReply(f"agent {case_id}", (f"agent {case_id}",), new_id(), state))
    await asyncio.sleep(rng.uniform(0, 0.3))
    await (desk.resolve if rng.random() < 0.5 else desk.hand_back)(case_id, me)


async def _calm(database: Database, seconds: float = 90.0) -> None:
    """Wait until every message has had its turn and nothing is being sent."""
    until = asyncio.get_running_loop().time() + seconds
    while left := await database.read(_unsettled):
        assert asyncio.get_running_loop().time() < until, f"still not settled: {left}"
        await asyncio.sleep(0.3)


def _unsettled(connection: Connection) -> Sequence[Any]:
    c = conversations.c
    unhandled = connection.execute(select(c.id, c.lease, c.lease_until).where(c.inbound_seq > c.handled_seq)).all()
    moving = select(outbox.c.id, outbox.c.state, outbox.c.error).where(outbox.c.state.in_(_ON_THEIR_WAY))
    return [*unhandled, *connection.execute(moving).all()]

"""The composition root: the only file that names concrete classes. To remove a channel, remove its line and folder."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from bot.batches import Together
from bot.channels.rehearsal import RehearsalChannel, RehearsalSettings
from bot.channels.webchat import House, Visitors, WebChatChannel, WebChatRoom, WebChatSettings
from bot.channels.wechat import WeChatChannel, WeChatClient, WeChatSettings
from bot.config import Config, Deployment
from bot.delivery import Carrier, Delivery, Means
from bot.desk.words import HandoffWords
from bot.errors import SettingError
from bot.intents.hours import HoursSkill
from bot.intents.linking import LinkSkill, Terms
from bot.intents.mind import Decided, Memory, Mind
from bot.intents.one_time_code import OneTimeCodes
from bot.intents.opening import OpeningHours
from bot.intents.person import PersonSkill
from bot.intents.points import PointsSkill
from bot.intents.statement import tier_name
from bot.intents.understanding.semantic import SemanticEngine
from bot.journey import Journey, Record, Surroundings
from bot.knowledge.shelf import Shelf
from bot.members.demo import demo_members
from bot.members.linking import NoGateway, SendLinkCode
from bot.members.senders import HttpCodeSender
from bot.members.sql import SqlMemberDirectory
from bot.messages import HandOff, Instant, Understanding, Utterance
from bot.ports import Channel, Clock, Codes, CodeSender, LiveEvents, Skill
from bot.stores.nerve import Nerve
from bot.stores.record.board import Board
from bot.stores.record.cases import Cases
from bot.stores.record.codes import RecordCodes
from bot.stores.record.commits import RecordTurns
from bot.stores.record.database import POSTGRES_WRITERS, Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.housekeeping import RecordHousekeeping
from bot.stores.record.intake import RecordIntake
from bot.stores.record.mailbox import RecordMailbox
from bot.stores.record.outbox import RecordOutbox
from bot.stores.record.staff import Staff
from bot.sweeper import DAY, Leftovers, Patience, Sweeper
from bot.web.front import Front, Rooms
from bot.web.live import TOPIC
from bot.web.parts import CaseDesk, CustomerDesk, Place, SiteParts
from bot.web.site import create_site
from bot.web.webhooks import Door, Webhooks

SKILLS = ("points", "link", "person", "hours")
DEMO_LOGIN = ("demo", "demo-tea-2026")


class SystemClock:
    def now(self) -> Instant:
        return time.time()


def wechat(deployment: Deployment, index: int, nerve: Nerve, clock: Clock) -> Channel:
    settings: WeChatSettings = deployment.account(index, WeChatSettings)
    client = WeChatClient(settings, nerve, clock) if settings.api == "customer_service" else None
    return WeChatChannel(deployment.config.accounts[index].name, settings, client)


def rehearsal(deployment: Deployment, index: int, _nerve: Nerve, _clock: Clock) -> Channel:
    """Only in demo mode: nobody proves who they are on it."""
    account = deployment.config.accounts[index]
    if deployment.config.mode != "demo":
        wrong = "the rehearsal channel lets anybody be anybody"
        raise SettingError(
            deployment.page.mistake(("accounts", index, "channel"), wrong, "use it with mode: demo only")
        )
    return RehearsalChannel(account.name, deployment.account(index, RehearsalSettings))


def webchat(deployment: Deployment, index: int, nerve: Nerve, clock: Clock) -> Channel:
    name, settings = deployment.config.accounts[index].name, deployment.account(index, WebChatSettings)
    visitors = Visitors(name, deployment.config.secret, settings.token_days, clock)
    return WebChatChannel(name, settings, visitors, nerve)


CHANNELS = {
    "wechat": wechat,
    "webchat": webchat,
    "rehearsal": rehearsal,
}


@dataclass(slots=True)
class Yingda:
    """One process's worth of Yingda, put together and not yet running."""

    config: Config
    database: Database
    nerve: Nerve
    shelf: Shelf
    journey: Journey
    delivery: Delivery
    sweeper: Sweeper
    doors: Mapping[str, Door]
    members: SqlMemberDirectory
    clock: Clock
    closers: list[Callable[[], None]] = field(default_factory=list)

    async def close(self) -> None:
        """Let what is under way end, then let go of everything."""
        await self.journey.finish(5.0)
        await self.journey.written.flush()
        for door in self.doors.values():
            if isinstance(door.channel, WeChatChannel):
                await door.channel.close()
        await self.nerve.close()
        for close in self.closers:
            close()


@dataclass(frozen=True, slots=True)
class Stand:
    """What may be stood on instead of the usual: a test's clock, other channels and skills, a sender of nothing."""

    clock: Clock = field(default_factory=SystemClock)
    channels: Mapping[str, Channel] | None = None
    sender: CodeSender | None = None
    skills: Mapping[str, Skill] = field(default_factory=dict)


def channels_of(deployment: Deployment, nerve: Nerve, clock: Clock) -> dict[str, Channel]:
    """Every configured account's channel. Raises SettingError for the first that is not set up rightly."""
    built = {}
    for index, account in enumerate(deployment.config.accounts):
        if account.channel not in CHANNELS:
            place = ("accounts", index, "channel")
            wrong = f"there is no channel {account.channel}"
            raise SettingError(deployment.page.mistake(place, wrong, f"write one of {', '.join(CHANNELS)}"))
        built[account.name] = CHANNELS[account.channel](deployment, index, nerve, clock)
    return built


def assemble(deployment: Deployment, database: Database, nerve: Nerve, stand: Stand | None = None) -> Yingda:
    """Everything one process needs, from the configuration."""
    stand = stand or Stand()
    config, clock = deployment.config, stand.clock
    channels = stand.channels if stand.channels is not None else channels_of(deployment, nerve, clock)
    kinds = {account.name: account.channel for account in config.accounts}
    holder = f"{os.getpid()}-{secrets.token_hex(6)}"
    timings = config.timings
    intake, turns = RecordIntake(database, holder, kinds, timings.lease), RecordTurns(database, holder, timings.lease)
    outbox, cases, codes = RecordOutbox(database, timings.offer), Cases(database), RecordCodes(database)
    engine = SemanticEngine()
    shelf = Shelf(RecordEditions(database), engine.take_up)
    members = member_directory(config, clock)
    terms = Terms(OneTimeCodes(config.secret), config.linking)
    opening = OpeningHours(config.desk.hours, config.desk.holidays, config.zone)
    thinker = ThreadPoolExecutor(1, thread_name_prefix="understand")
    mind = Mind(
        understanding(engine, thinker, config.intents.batch),
        shelf.current,
        skills(shelf, members, codes, terms, opening) | dict(stand.skills),
        Memory(config.desk.reopen_within_hours * 3600.0, config.language),
    )
    bell = Bell(nerve)
    awake = asyncio.Event()
    around = Surroundings(desk_words(config, opening), bell.ring, awake.set)
    lanes = 1 if database.sqlite else POSTGRES_WRITERS
    journey = Journey(Record(intake, turns, lanes), mind, channels, around, clock)
    sender = stand.sender or code_sender(config)
    link_codes = SendLinkCode(members, codes, sender, lambda _number: shelf.current(), terms, clock) if sender else None
    carriers: dict[str, Carrier] = {SendLinkCode.name: link_codes or NoGateway()}
    delivery = Delivery(outbox, Means(channels, carriers, journey.hear), clock, awake)
    sweeper = Sweeper(
        Leftovers(intake, outbox, cases, RecordHousekeeping(database), delivery),
        Patience(
            config.desk.release_after_minutes * 60.0,
            config.receipts_days * DAY,
            timings.sweep,
            timings.offer,
            timings.sending,
        ),
        clock,
        journey.resume,
        lambda _case: bell.ring(),
    )
    doors = {name: Door(kinds.get(name, "rehearsal"), channel) for name, channel in channels.items()}
    closers = [members.close, thinker.shutdown, database.close]
    return Yingda(config, database, nerve, shelf, journey, delivery, sweeper, doors, members, clock, closers)


def understanding(
    engine: SemanticEngine, thinker: ThreadPoolExecutor, batch: int
) -> Callable[[Utterance], Awaitable[Understanding]]:
    """The engine: what it knows at once, else in a thread of its own, asked for what waits together."""

    async def read(utterances: Sequence[Utterance]) -> list[Understanding]:
        return await asyncio.get_running_loop().run_in_executor(thinker, engine.understand, utterances)

    together = Together(read, batch)

    async def understand(utterance: Utterance) -> Understanding:
        return engine.recall(utterance) or await together(utterance)

    return understand


def skills(
    shelf: Shelf, members: SqlMemberDirectory, codes: Codes, terms: Terms, opening: OpeningHours
) -> dict[str, Skill]:
    """What the bot can do, by intent. A new skill is a file in bot/intents and a line here."""

    def words(_number: int):  # type: ignore[no-untyped-def]
        return shelf.current()

    return {
        "points": PointsSkill(members, words),
        "link": LinkSkill(members, codes, words, terms),
        "person": PersonSkill(),
        "hours": HoursSkill(opening, words),
    }


def member_directory(config: Config, clock: Clock) -> SqlMemberDirectory:
    url = config.members.url or demo_members(config.var / "members.sqlite", clock.now())
    return SqlMemberDirectory(url, config.members.time_limit, clock.now)


def code_sender(config: Config) -> CodeSender | None:
    """The gateway that is configured; the phone page in demo mode; else none, and a person helps."""
    if config.linking.sms_url:
        return HttpCodeSender(config.linking.sms_url)
    if config.mode == "demo":
        return HttpCodeSender(f"http://{config.simulator.host}:{config.simulator.port}/sms")
    return None


def desk_words(config: Config, opening: OpeningHours) -> Callable[[Decided, int, Instant], str]:
    """What the desk says when a case opens, and once more while somebody waits."""
    words = HandoffWords(opening, config.desk.minutes_per_case)

    def say(decided: Decided, position: int, now: Instant) -> str:
        if isinstance(decided.decision, HandOff):
            return words.opening(decided.edition, decided.language, position, now)
        return words.still_waiting(decided.edition, decided.language, position, now)

    return say


class Bell:
    """Rings on every open desk; nobody waits for it."""

    def __init__(self, live: LiveEvents) -> None:
        self._live = live
        self._ringing: set[asyncio.Task[None]] = set()

    def ring(self, _conversation: str = "") -> None:
        task = asyncio.create_task(self._live.publish(TOPIC, json.dumps({})))
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)


def front(yingda: Yingda) -> Front:
    """The process's web application: webhooks, pages, and what runs beside them."""
    site = create_site(site_parts(yingda))
    room = webchat_room(yingda)
    webhooks = Webhooks(yingda.journey, yingda.doors, yingda.config.deadline_seconds)
    beside: dict[str, Callable[[], Awaitable[None]]] = {
        "delivery": yingda.delivery.run,
        "sweeper": partial(yingda.sweeper.run, yingda.nerve),
        "editions": partial(watch_editions, yingda.shelf),
        "webchat": room.lookout.run,
    }
    return Front(Rooms((room, webhooks), site), yingda.shelf.refresh, beside, yingda.close)


def webchat_room(yingda: Yingda) -> WebChatRoom:
    """What web chat shows and tells to visitors' browsers, for all its accounts."""
    chats = {name: door.channel for name, door in yingda.doors.items() if isinstance(door.channel, WebChatChannel)}
    house = House(
        yingda.journey.hear,
        RecordMailbox(yingda.database),
        yingda.nerve,
        yingda.nerve,
        yingda.clock,
        lambda name, language: yingda.shelf.current().phrase(name, language),
    )
    return WebChatRoom(chats, house)


async def watch_editions(shelf: Shelf) -> None:
    """Take up each newly published edition within a second."""
    while True:
        await asyncio.sleep(1.0)
        await shelf.refresh()


def site_parts(yingda: Yingda) -> SiteParts:
    config, database = yingda.config, yingda.database
    cases = Cases(database)
    labels = {account.name: account.label or account.name for account in config.accounts}
    return SiteParts(
        CaseDesk(Board(database), cases, cases),
        CustomerDesk(
            lambda conversation, now: yingda.doors[conversation.account].channel.limits(conversation, now),
            yingda.members.member,
            yingda.members.points,
            partial(intent_title, yingda.shelf),
            lambda tier, language: tier_name(yingda.shelf.current(), tier, language),
        ),
        Staff(database, config.desk.session_hours),
        yingda.nerve,
        yingda.nerve,
        yingda.clock,
        Place(config.timezone, config.language, labels, DEMO_LOGIN if config.mode == "demo" else None),
        yingda.delivery.wake,
    )


def intent_title(shelf: Shelf, intent: str, language: str) -> str:
    edition = shelf.current()
    return edition.title(intent, language) if intent in edition.entries else intent

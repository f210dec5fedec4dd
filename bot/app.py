"""The composition root: here alone concrete parts are named and joined (site.py joins the pages). To remove a channel,
remove its line and folder."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bot.batches import Together
from bot.channels.rehearsal import RehearsalChannel, RehearsalSettings
from bot.channels.twitter import TwitterChannel, TwitterClient, TwitterSettings
from bot.channels.webchat import Visitors, WebChatChannel, WebChatSettings
from bot.channels.wechat import WeChatChannel, WeChatClient, WeChatSettings
from bot.channels.wechat.errcodes import PREFIX
from bot.config import Config, Deployment, OwnEncoder
from bot.decisions import HandOff, Understanding, Utterance
from bot.delivery import Carrier, Delivery, Means
from bot.desk.words import HandoffWords
from bot.errors import SettingError
from bot.halting import Halting
from bot.intents.linking import Terms
from bot.intents.mind import Decided, Memory, Mind
from bot.intents.one_time_code import OneTimeCodes
from bot.intents.opening import OpeningHours
from bot.intents.overheard import OverheardSkill
from bot.intents.rasa import NAME as RASA
from bot.intents.rasa import Breaker, RasaEngine
from bot.intents.sentiment import Sentiment, read
from bot.intents.skills import SKILLS, Reach
from bot.intents.teaching import SemanticTeacher, Teacher
from bot.intents.understanding.asking import Guarded
from bot.intents.understanding.semantic import SemanticEngine
from bot.journey import Journey, Record, Surroundings
from bot.knowledge.editions import Schooled
from bot.knowledge.shelf import Shelf
from bot.members.demo import demo_members
from bot.members.linking import NoGateway, SendLinkCode
from bot.members.senders import GATEWAY, SMS, HttpCodeSender
from bot.members.sql import SqlMemberDirectory
from bot.messages import Instant
from bot.origins import reached
from bot.poller import Poller, Sources
from bot.ports import (
    Allowance,
    Channel,
    Clock,
    CodeSender,
    LiveEvents,
    Parts,
    Polls,
    Skill,
)
from bot.services.encoders import own_encoder
from bot.services.rasa import PROGRAM, Service, engine_on
from bot.services.rasa.teacher import RasaTeacher
from bot.stores.nerve import Nerve
from bot.stores.notes import FileNotes
from bot.stores.record.allowance import RecordAllowance
from bot.stores.record.cases import Cases
from bot.stores.record.codes import RecordCodes
from bot.stores.record.commits import RecordTurns
from bot.stores.record.cursors import RecordCursors
from bot.stores.record.database import POSTGRES_WRITERS, Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.housekeeping import RecordHousekeeping
from bot.stores.record.intake import RecordIntake
from bot.stores.record.outbox import RecordOutbox
from bot.stores.record.parts import RecordParts
from bot.sweeper import Leftovers, Patience, Sweeper
from bot.telemetry import noted
from bot.web.live import TOPIC
from bot.web.webhooks import Door

log = logging.getLogger(__name__)


class SystemClock:
    def now(self) -> Instant:
        return time.time()


@dataclass(frozen=True, slots=True)
class Supplies:
    """What channels are built from besides their settings."""

    nerve: Nerve
    clock: Clock
    allowance: Allowance


def wechat(deployment: Deployment, index: int, supplies: Supplies) -> Channel:
    settings: WeChatSettings = deployment.account(index, WeChatSettings)
    name = deployment.config.accounts[index].name
    if settings.api != "customer_service":
        return WeChatChannel(name, settings)
    halting = Halting(name, PREFIX, supplies.allowance)
    return WeChatChannel(name, settings, WeChatClient(settings, supplies.nerve, supplies.clock, halting))


def rehearsal(deployment: Deployment, index: int, _supplies: Supplies) -> Channel:
    """Only in demo mode: nobody proves who they are on it."""
    account = deployment.config.accounts[index]
    if deployment.config.mode != "demo":
        wrong = "the rehearsal channel lets anybody be anybody"
        raise SettingError(
            deployment.page.mistake(("accounts", index, "channel"), wrong, "use it with mode: demo only")
        )
    return RehearsalChannel(account.name, deployment.account(index, RehearsalSettings))


def webchat(deployment: Deployment, index: int, supplies: Supplies) -> Channel:
    name, settings = deployment.config.accounts[index].name, deployment.account(index, WebChatSettings)
    visitors = Visitors(name, deployment.config.secret, settings.token_days, supplies.clock)
    return WebChatChannel(name, settings, visitors, supplies.nerve)


def twitter(deployment: Deployment, index: int, supplies: Supplies) -> Channel:
    name, settings = deployment.config.accounts[index].name, deployment.account(index, TwitterSettings)
    return TwitterChannel(
        name, settings, TwitterClient(name, settings, supplies.allowance, supplies.clock), supplies.clock
    )


POSTS = frozenset({"twitter"})  # channels on which people speak in public as well as in private
CHANNELS: dict[str, Callable[[Deployment, int, Supplies], Channel]] = {
    "wechat": wechat,
    "twitter": twitter,
    "webchat": webchat,
    "rehearsal": rehearsal,
}


TEACHERS: dict[str, Callable[..., Teacher]] = {
    "semantic": SemanticTeacher,
    "rasa": lambda _encoder=None: RasaTeacher(Path(os.environ.get("YINGDA_RASA_PROGRAM", PROGRAM))),
}
"""What trains each engine. They may be given the encoder of one's choice, if there is one."""


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
    poller: Poller
    doors: Mapping[str, Door]
    members: SqlMemberDirectory
    clock: Clock
    closers: list[Callable[[], None]] = field(default_factory=list)

    async def close(self) -> None:
        """Let what is under way end, then let go of everything."""
        await self.journey.finish(5.0)
        await self.journey.written.flush()
        for door in self.doors.values():
            if isinstance(door.channel, WeChatChannel | TwitterChannel):
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


def channels_of(deployment: Deployment, supplies: Supplies) -> dict[str, Channel]:
    """Every configured account's channel. Raises SettingError for the first that is not set up rightly."""
    refuse_strange_channels(deployment)
    return {
        account.name: CHANNELS[account.channel](deployment, index, supplies)
        for index, account in enumerate(deployment.config.accounts)
    }


def refuse_strange_channels(deployment: Deployment) -> None:
    """Raises SettingError for every account on a channel that does not exist."""
    known = f"write one of {', '.join(CHANNELS)}"
    wrong = [
        deployment.page.mistake(("accounts", index, "channel"), f"there is no channel {account.channel}", known)
        for index, account in enumerate(deployment.config.accounts)
        if account.channel not in CHANNELS
    ]
    if wrong:
        raise SettingError(*wrong)


def assemble(deployment: Deployment, database: Database, nerve: Nerve, stand: Stand | None = None) -> Yingda:
    """Everything one process needs, from the configuration."""
    stand = stand or Stand()
    config, clock = deployment.config, stand.clock
    supplies = Supplies(nerve, clock, RecordAllowance(database))
    channels = stand.channels if stand.channels is not None else channels_of(deployment, supplies)
    kinds = {account.name: account.channel for account in config.accounts}
    holder = f"{os.getpid()}-{secrets.token_hex(6)}"
    timings = config.timings
    intake = RecordIntake(database, holder, kinds, timings.lease, config.secret)
    turns = RecordTurns(database, holder, timings.lease)
    outbox, cases, codes = RecordOutbox(database, timings.offer), Cases(database), RecordCodes(database)
    parts = RecordParts(database)
    engine = engine_of(config, lambda number: schooled_in(shelf, number), parts)
    shelf = Shelf(RecordEditions(database), engine.take_up, parts.fetch)
    members = member_directory(config, clock)
    terms = Terms(OneTimeCodes(config.secret), config.linking)
    opening = OpeningHours(config.desk.hours, config.desk.holidays, config.zone, config.desk.days)
    reach = Reach(members, codes, terms, opening, lambda _number: shelf.current())
    thinker = ThreadPoolExecutor(1, thread_name_prefix="understand")
    mind = Mind(
        understanding(engine, thinker, config.intents.batch),
        shelf.current,
        {intent: make(reach) for intent, make in SKILLS.items()}
        | {"overheard": OverheardSkill(feeling(thinker))}
        | dict(stand.skills),
        Memory(config.desk.reopen_within_hours * 3600.0, config.language, POSTS),
        shelf.ready,
    )
    bell = Bell(nerve)
    awake = asyncio.Event()
    around = Surroundings(desk_words(config, opening), bell.ring, awake.set)
    notes, lanes = FileNotes(config.var / "notes"), 1 if database.sqlite else POSTGRES_WRITERS
    journey = Journey(Record(intake, turns, notes, lanes), mind, channels, around, clock)
    sender = stand.sender or code_sender(config, supplies.allowance)
    link_codes = SendLinkCode(members, codes, sender, reach.words, terms, clock) if sender else None
    carriers: dict[str, Carrier] = {SendLinkCode.name: link_codes or NoGateway()}
    delivery = Delivery(outbox, Means(channels, carriers, journey.hear), clock, awake)
    sweeper = Sweeper(
        Leftovers(intake, outbox, cases, RecordHousekeeping(database, config.retention), delivery),
        Patience(config.desk.release_after_minutes * 60.0, timings.sweep, timings.offer, timings.sending),
        clock,
        journey.resume,
        lambda _case: bell.ring(),
    )
    poller = Poller(Sources(polls_of(channels), RecordCursors(database), journey.take_in), clock)
    doors = {name: Door(kinds.get(name, "rehearsal"), channel) for name, channel in channels.items()}
    closers = [members.close, thinker.shutdown, engine.close, database.close, notes.close]
    return Yingda(config, database, nerve, shelf, journey, delivery, sweeper, poller, doors, members, clock, closers)


def polls_of(channels: Mapping[str, Channel]) -> dict[tuple[str, str], Polls]:
    """What is to be looked at, by account and name."""
    looking = {name: one for name, one in channels.items() if isinstance(one, TwitterChannel)}
    return {(name, what): poll for name, one in looking.items() for what, poll in one.polls.items()}


def engine_of(config: Config, schooled: Callable[[int], Schooled | None], parts: Parts) -> SemanticEngine | RasaEngine:
    """The configured engine. `schooled`: what Rasa learned of the edition of a number."""
    settings = config.intents.rasa
    if config.intents.engine != RASA:
        return SemanticEngine(fetch=parts.fetch, encoder=waiting_encoder(config.intents.encoder))
    service = Service(settings.url, settings.token, settings.time_limit, settings.connections)
    return engine_on(service, schooled, Breaker(settings.failures, settings.pause))


def waiting_encoder(settings: OwnEncoder) -> Guarded | None:
    """The encoder of one's choice, as long as it answers while a customer waits; None for the bundled one."""
    if settings.kind == "bundled":
        return None
    return Guarded(own_encoder(settings, settings.time_limit), Breaker(settings.failures, settings.pause))


def schooled_in(shelf: Shelf, number: int) -> Schooled | None:
    """What Rasa learned of an edition; None if it did not, or if the edition is not the current one any more."""
    edition = shelf.current()
    return edition.others.get(RASA) if edition.number == number else None


def understanding(
    engine: SemanticEngine | RasaEngine, thinker: ThreadPoolExecutor, batch: int
) -> Callable[[Utterance], Awaitable[Understanding]]:
    """The engine: what it knows at once, else in a thread of its own, asked for what waits together."""

    @noted("understand")
    async def read(utterances: Sequence[Utterance]) -> list[Understanding]:
        return await asyncio.get_running_loop().run_in_executor(thinker, engine.understand, utterances)

    together = Together(read, batch)

    async def understand(utterance: Utterance) -> Understanding:
        return engine.recall(utterance) or await together(utterance)

    return understand


def feeling(thinker: ThreadPoolExecutor) -> Callable[[str], Awaitable[Sentiment]]:
    """How somebody feels, in the engine's own thread: customers who wait are understood in between."""

    async def feel(text: str) -> Sentiment:
        return (await asyncio.get_running_loop().run_in_executor(thinker, read, [text]))[0]

    return feel


def member_directory(config: Config, clock: Clock) -> SqlMemberDirectory:
    url = config.members.url or demo_members(config.var / "members.sqlite", clock.now())
    return SqlMemberDirectory(url, config.members.time_limit, clock.now)


def code_sender(config: Config, allowance: Allowance) -> CodeSender | None:
    """The gateway that is configured; the phone page in demo mode; else none, and a person helps."""
    if config.linking.sms_url:
        return HttpCodeSender(config.linking.sms_url, Halting(GATEWAY, SMS, allowance))
    if config.mode == "demo":
        return HttpCodeSender(f"http://{reached(config.simulator.host, config.simulator.port)}/sms")
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

"""The composition root: from the settings to the running parts of one process.

Only here, in site.py (the same parts as one ASGI application), channels.py and engines.py are concrete classes named.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.access.origins import local_address
from bot.app.channels import FAKE, channel_kind, public_channels, refuse_unknown_channels
from bot.app.engines import ENGINES
from bot.circuit_breaker import AccountHalt, CircuitBreaker
from bot.compose import ContextReader
from bot.config import Config, Deployment
from bot.delivery import Delivery
from bot.desk.opening_hours import OpeningHours
from bot.desk.queue import HandoffPhrases
from bot.domain.messages import Conversation, Inbound, Instant, Reason
from bot.encoders import GuardedEncoder, own_encoder
from bot.errors import SettingError
from bot.evaluation.trainers import SemanticTrainer, Trainer
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.dialogue import DialogueManager, DialogueSettings
from bot.intents.inference import InferenceThread
from bot.intents.skills import OF_MEMBERS, SKILLS, PersonSkill, SkillDeps
from bot.intents.skills.account_linking import SEND_CODE, LinkingTerms, OneTimeCodes
from bot.intents.skills.social_listening import SocialListeningSkill
from bot.journey import Journey
from bot.knowledge.editions import EditionCache, ExternalModel
from bot.members.demo import create_demo_members
from bot.members.sql import SqlMemberDirectory
from bot.members.verification import SMS_GATEWAY, SMS_PREFIX, HttpCodeSender, NoMembers, NoSmsGateway, SendLinkCode
from bot.pending import AckRecorder, Retries
from bot.poller import Poller
from bot.ports.channels import Channel, ChannelDeps, Clock, Closes, HasReplyWindow, IsPolled, Polls
from bot.ports.nlu import CodeSender, ServingEngine, Skill
from bot.ports.realtime import LiveEvents
from bot.ports.storage import ChunkStore, RateLimits
from bot.stores.ack_log import FileAckLog
from bot.stores.redis.client import RedisClient
from bot.stores.sql.cases import SqlCases
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlChunks, SqlEditions
from bot.stores.sql.inbox import OpensWindow, SqlCursors, SqlInbox, says_something
from bot.stores.sql.outbox import SqlOutbox
from bot.stores.sql.prompts import SqlPrompts
from bot.stores.sql.rate_limits import SqlRateLimits
from bot.stores.sql.retention import SqlRetention
from bot.stores.sql.staff import SqlOneTimeCodes
from bot.stores.sql.turns import SqlTurns
from bot.stores.sql.waits import SqlWaits
from bot.sweeper import Sweeper, SweepTimings
from bot.wait_corrections import WaitCorrections
from bot.web.live import TOPIC
from bot.web.webhooks import Route


class SystemClock:
    def now(self) -> Instant:
        return time.time()


# What trains each engine; called with an encoder or with nothing. Only `semantic` uses an encoder.
TRAINERS: dict[str, Callable[..., Trainer]] = {
    "semantic": SemanticTrainer,
    **{name: lambda _encoder=None, engine=engine: engine.trainer(os.environ) for name, engine in ENGINES.items()},
}


@dataclass(slots=True)
class Yingda:
    """The parts of one process, joined and not yet running."""

    config: Config
    clock: Clock
    database: Database
    redis: RedisClient
    editions: EditionCache
    members: SqlMemberDirectory | NoMembers
    journey: Journey
    acks: AckRecorder
    delivery: Delivery
    sweeper: Sweeper
    poller: Poller
    routes: Mapping[str, Route]  # by account name
    closers: list[Callable[[], None]]  # of parts that hold threads, files or connections

    async def close(self) -> None:
        """Wait at most 5 seconds for the turns that are running, then close everything."""
        await self.journey.finish(5.0)
        await self.acks.flush()
        for route in self.routes.values():
            if isinstance(route.channel, Closes):
                await route.channel.close()
        await self.redis.close()
        for close in self.closers:
            close()


def assemble(
    deployment: Deployment,
    database: Database,
    redis: RedisClient,
    *,
    clock: Clock | None = None,
    channels: Mapping[str, Channel] | None = None,  # by account name, instead of the configured ones
    sender: CodeSender | None = None,  # of one-time codes, instead of the configured gateway
    skills: Mapping[str, Skill] = MappingProxyType({}),  # by intent, besides or instead of the built-in ones
) -> Yingda:
    """Build the parts of one process. The keyword arguments are for tests and trials. Raises SettingError."""
    config, timings, clock = deployment.config, deployment.config.timings, clock or SystemClock()
    # Names this process as the holder of leases. The random part: a process id is used again after a restart.
    holder = f"{os.getpid()}-{secrets.token_hex(6)}"
    rate_limits, kinds = SqlRateLimits(database), {account.name: account.channel for account in config.accounts}
    if channels is None:
        channels = build_channels(deployment, ChannelDeps(redis, redis, clock, rate_limits, config.secret))

    inbox = SqlInbox(database, holder, kinds, timings.lease, config.secret, window_rule(channels))
    turns, outbox = SqlTurns(database, holder, timings.lease), SqlOutbox(database, timings.offer)
    codes, chunks = SqlOneTimeCodes(database), SqlChunks(database)
    members, hours = member_directory(config, clock), opening_hours(config)

    engine = build_engine(config, lambda number: external_model(editions, config.intents.engine, number), chunks)
    inference = InferenceThread(engine, config.intents.batch)
    editions = EditionCache(SqlEditions(database), inference.load, chunks.fetch)
    terms = LinkingTerms(OneTimeCodes(config.secret), config.linking)
    built_in = build_skills(config, SkillDeps(members, codes, terms, hours), inference)
    dialogue = build_dialogue(config, clock, inference, editions, {**built_in, **skills})

    desk, outbox_due = DeskNotifier(redis), asyncio.Event()
    phrases = HandoffPhrases(hours, config.desk.minutes_per_case)
    context = ContextReader(turns, channels, phrases, clock)
    retries = Retries(inbox, turns, channels, dialogue, clock)
    journey = Journey(inbox, turns, dialogue, context, retries, desk.notify, outbox_due.set)
    ack_log = FileAckLog(config.var / "notes")
    acks = AckRecorder(inbox.record_written, ack_log)

    sender = sender or code_sender(config, rate_limits)
    link_codes = SendLinkCode(members, codes, sender, terms, clock) if sender else NoSmsGateway()
    delivery = Delivery(outbox, channels, {SEND_CODE: link_codes}, journey.accept, clock, outbox_due)
    waits = WaitCorrections(SqlWaits(database), phrases, editions.current, context.limits, clock, config.language)
    sweeper = build_sweeper(config, clock, database, inbox, delivery, journey, desk, waits=waits)
    poller = Poller(polls_of(channels), SqlCursors(database), journey.accept_all, clock)

    routes = {name: Route(kinds.get(name, FAKE), channel) for name, channel in channels.items()}
    closers = [members.close, inference.close, engine.close, database.close, ack_log.close]
    return Yingda(
        config, clock, database, redis, editions, members, journey, acks, delivery, sweeper, poller, routes, closers
    )


def build_channels(deployment: Deployment, deps: ChannelDeps) -> dict[str, Channel]:
    """A channel per configured account, by account name. Raises SettingError for the first invalid one."""
    refuse_unknown_channels(deployment)
    channels = {}
    for index, account in enumerate(deployment.config.accounts):
        kind = channel_kind(account.channel)
        if kind.demo_only and deployment.config.mode != "demo":
            place = ("accounts", index, "channel")
            raise SettingError(deployment.page.problem(place, "config.demo_only", channel=account.channel))
        channels[account.name] = kind.build(account.name, deployment.account(index, kind.settings), deps)
    return channels


def window_rule(channels: Mapping[str, Channel]) -> OpensWindow:
    """Whether an arrival opens the reply window. On a platform without one, whatever a customer says counts."""
    windows = {name: channel for name, channel in channels.items() if isinstance(channel, HasReplyWindow)}

    def opens_window(conversation: Conversation, inbound: Inbound, now: Instant) -> bool:
        window = windows.get(inbound.account)
        return window.opens_window(conversation, inbound, now) if window else says_something(conversation, inbound, now)

    return opens_window


def polls_of(channels: Mapping[str, Channel]) -> dict[tuple[str, str], Polls]:
    """The polls of all channels that have some, by account and the poll's name."""
    polled = {account: channel for account, channel in channels.items() if isinstance(channel, IsPolled)}
    return {(account, name): poll for account, channel in polled.items() for name, poll in channel.polls.items()}


def build_engine(config: Config, model_of: Callable[[int], ExternalModel | None], chunks: ChunkStore) -> ServingEngine:
    """The configured engine. model_of: an engine other than `semantic` looks up its model by the edition's number."""
    other = ENGINES.get(config.intents.engine)
    if other is not None:
        return other.open_engine(config, model_of)
    settings, encoder = config.intents.encoder, None  # None: the bundled encoder, which cannot fail
    if settings.kind != "bundled":
        breaker = CircuitBreaker(settings.failures, settings.pause)
        encoder = GuardedEncoder(own_encoder(settings, settings.time_limit), breaker)
    return SemanticEngine(fetch=chunks.fetch, encoder=encoder)


def external_model(editions: EditionCache, engine: str, number: int) -> ExternalModel | None:
    """The model that an engine other than `semantic` trained on an edition; None unless that is the current one."""
    edition = editions.current()
    return edition.external_models.get(engine) if edition.number == number else None


def opening_hours(config: Config) -> OpeningHours:
    return OpeningHours(config.desk.hours, config.desk.holidays, config.zone, config.desk.days)


def build_dialogue(
    config: Config, clock: Clock, inference: InferenceThread, editions: EditionCache, skills: Mapping[str, Skill]
) -> DialogueManager:
    settings = DialogueSettings(config.desk.reopen_within_hours * 3600.0, config.language, public_channels())
    return DialogueManager(inference, editions.current, skills, settings, editions.ready, clock)


def build_sweeper(  # noqa: PLR0913 - every argument is a part that is built elsewhere
    config: Config,
    clock: Clock,
    database: Database,
    inbox: SqlInbox,
    delivery: Delivery,
    journey: Journey,
    desk: DeskNotifier,
    *,
    waits: WaitCorrections,
) -> Sweeper:
    timings = config.timings
    return Sweeper(
        inbox=inbox,
        cases=SqlCases(database),
        waits=waits,
        retention=SqlRetention(database, config.retention),
        deliveries=delivery,
        prompts=SqlPrompts(database),
        clock=clock,
        timings=SweepTimings(config.desk.release_after_minutes * 60.0, timings.sweep, timings.offer, timings.sending),
        resume=journey.run_turns,
        accept=journey.accept_all,
        notify_desk=desk.notify,
    )


def member_directory(config: Config, clock: Clock) -> SqlMemberDirectory | NoMembers:
    """The member database that `members.kind` names; in demo mode a new SQLite file with invented members."""
    if config.members.kind == "none":
        return NoMembers()
    demo = config.members.kind == "demo"
    url = create_demo_members(config.var / "members.sqlite", clock.now()) if demo else config.members.url
    return SqlMemberDirectory(url, config.members.time_limit, clock.now)


def build_skills(config: Config, deps: SkillDeps, inference: InferenceThread) -> dict[str, Skill]:
    """The built-in skills by intent. Without a member database, those that need one hand off to a person."""
    skills = {intent: make(deps) for intent, make in SKILLS.items()}
    skills["overheard"] = SocialListeningSkill(inference.sentiment)
    if config.members.kind == "none":
        skills |= dict.fromkeys(OF_MEMBERS, PersonSkill(Reason.ALWAYS))
    return skills


def code_sender(config: Config, rate_limits: RateLimits) -> CodeSender | None:
    """The configured SMS gateway; in demo mode the simulated phones. None: linking an account needs a person."""
    if config.members.kind == "none":
        return None
    if config.linking.sms_url:
        return HttpCodeSender(config.linking.sms_url, AccountHalt(SMS_GATEWAY, SMS_PREFIX, rate_limits))
    if config.mode == "demo":
        return HttpCodeSender(f"http://{local_address(config.simulator.host, config.simulator.port)}/sms")
    return None


class DeskNotifier:
    """Tells every open desk that cases have changed, without waiting for redis."""

    def __init__(self, live: LiveEvents) -> None:
        self._live = live
        self._tasks: set[asyncio.Task[None]] = set()  # the event loop holds tasks only weakly

    def notify(self, _id: str) -> None:
        """_id: of a conversation or case. Not sent: a desk reads its whole list again."""
        task = asyncio.create_task(self._live.publish(TOPIC, "{}"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

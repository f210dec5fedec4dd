"""A process's web application, put together: webhooks, pages, and what runs beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from bot.app import Yingda
from bot.channels.twitter import TwitterChannel
from bot.channels.twitter import explain as explain_x
from bot.channels.webchat import House, WebChatChannel, WebChatRoom
from bot.channels.wechat import WeChatChannel
from bot.channels.wechat import explain as explain_wechat
from bot.config import Config
from bot.intents.opening import OpeningHours
from bot.intents.statement import tier_name
from bot.knowledge.shelf import Shelf
from bot.members.senders import GATEWAY
from bot.members.senders import explain as explain_sms
from bot.messages import NOWHERE, Conversation, Instant, Limits
from bot.origins import reached
from bot.passes import Passes
from bot.passwords import DEMO_PASSWORD
from bot.ports import (
    ShowsTyping,
)
from bot.stores.record.allowance import RecordAllowance
from bot.stores.record.auditing import RecordAudit
from bot.stores.record.board import Board
from bot.stores.record.cases import Cases
from bot.stores.record.health import RecordHealth
from bot.stores.record.mailbox import RecordMailbox
from bot.stores.record.pulse import RecordPulse
from bot.stores.record.staff import Staff
from bot.stores.record.strays import RecordStrays
from bot.web.entrance import Entrance
from bot.web.front import Front, Preparing, Rooms
from bot.web.login import KNOWN_DAYS
from bot.web.parts import (
    AccountPlace,
    CaseDesk,
    CustomerDesk,
    DeskHours,
    Fare,
    HealthDesk,
    Person,
    Place,
    Showcase,
    SiteParts,
)
from bot.web.parts import Door as DoorParts
from bot.web.probes import Probes
from bot.web.site import create_site
from bot.web.webhooks import Door, Webhooks

log = logging.getLogger(__name__)
LOOK = 0.25  # seconds between two looks for a new edition
DEMO_LOGIN = ("demo", DEMO_PASSWORD)
DEMO_STAFF = {"demo": "小云 Demo", "demo2": "小杉 Demo 2"}  # both with that password, by login
EXPLAIN = {"twitter": explain_x, "wechat": explain_wechat, "sms": explain_sms}
SMS_LABEL = "短信 Text messages"
DEMO_FOLLOWERS = (Person("林晓", "13800000001", "zh"), Person("Grace Miller", "+447700900123", "en"))


def front(yingda: Yingda, ready: Callable[[], None] = lambda: None) -> Entrance:
    """The process's web application: webhooks, pages, and what runs beside them. ready: called once it can answer."""
    site = create_site(site_parts(yingda))
    room = webchat_room(yingda)
    pulse = RecordPulse(yingda.database)
    probes = Probes(pulse.answers, partial(edition_of, yingda.shelf), yingda.config.metrics_token)
    webhooks = Webhooks(yingda.journey, yingda.doors, yingda.config.deadline_seconds)
    beside: dict[str, Callable[[], Awaitable[None]]] = {
        "delivery": yingda.delivery.run,
        "sweeper": partial(yingda.sweeper.run, yingda.nerve),
        "poller": partial(yingda.poller.run, yingda.nerve),
        "editions": partial(watch_editions, yingda.shelf),
        "webchat": room.lookout.run,
        "refusals": site.state.refusals.run,
        "pulse": pulse.run,
        "notes": yingda.journey.written.take_over,
    }
    rooms = Rooms((room, webhooks, probes), site)
    preparing = Preparing(partial(take_up_edition, yingda.shelf), ready)

    def at_once(path: str) -> bool:
        """Who asks whether we are ready is told that we are, in a moment."""
        return path != "/readyz" and rooms.room(path) in (webhooks, probes)

    whole = Front(rooms, at_once, preparing, beside, yingda.close)
    return Entrance(whole, yingda.config.listen.prefix, https=yingda.config.listen.https)


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
    return WebChatRoom(chats, house, yingda.config.listen.prefix)


async def watch_editions(shelf: Shelf) -> None:
    """Take up each newly published edition; looking costs one row of the record."""
    while True:
        await asyncio.sleep(LOOK)
        await take_up_edition(shelf)


async def take_up_edition(shelf: Shelf) -> None:
    """Answer from the active edition from now on, and say so if it is another one."""
    if await shelf.refresh():
        log.info("edition %d is live", shelf.current().number)


def edition_of(shelf: Shelf) -> int:
    """The number of the edition that this process answers from; 0 before the first."""
    try:
        return shelf.current().number
    except LookupError:
        return 0


def site_parts(yingda: Yingda) -> SiteParts:
    config, database = yingda.config, yingda.database
    cases, opening = (
        Cases(database),
        OpeningHours(config.desk.hours, config.desk.holidays, config.zone, config.desk.days),
    )
    labels = {account.name: account.label or account.name for account in config.accounts}
    places = {name: account_place(door) for name, door in yingda.doors.items()}
    return SiteParts(
        CaseDesk(Board(database), cases, cases, RecordStrays(database)),
        CustomerDesk(
            partial(limits_of, yingda.doors),
            yingda.members.member,
            yingda.members.points,
            partial(intent_title, yingda.shelf),
            lambda tier, language: tier_name(yingda.shelf.current(), tier, language),
            partial(show_typing, yingda.doors),
            explained,
            partial(entry_titles, yingda.shelf),
        ),
        Staff(database, config.desk.session_hours, idle_minutes=config.desk.idle_minutes),
        entrance(yingda, list(labels.values())),
        yingda.nerve,
        yingda.nerve,
        yingda.clock,
        HealthDesk(RecordHealth(database), places, explained),
        Place(
            config.timezone,
            config.language,
            labels,
            showcase(config),
            partial(desk_hours, yingda.shelf, opening),
            config.listen.prefix,
        ),
        yingda.delivery.wake,
        partial(fares, yingda, labels),
    )


def entrance(yingda: Yingda, labels: Sequence[str]) -> DoorParts:
    def passes(login: str) -> Passes:
        return Passes("known browser", login, yingda.config.secret, KNOWN_DAYS, yingda.clock.now)

    names = [account.name for account in yingda.config.accounts]
    return DoorParts(RecordAudit(yingda.database), passes, (*labels, *names))


def limits_of(doors: Mapping[str, Door], conversation: Conversation, now: Instant) -> Limits:
    """What can be sent in a conversation: nothing any more, if its account was taken out of the configuration."""
    door = doors.get(conversation.account)
    return door.channel.limits(conversation, now) if door else NOWHERE


async def fares(yingda: Yingda, labels: Mapping[str, str]) -> Sequence[Fare]:
    """How the accounts fare that can be refused by their platforms, and the gateway of text messages."""
    channels = [door.channel for door in yingda.doors.values()]
    watched = [one for one in channels if isinstance(one, TwitterChannel | WeChatChannel)]
    gateway = await RecordAllowance(yingda.database).standing(GATEWAY)
    fared = [Fare(labels[one.name], await one.standing(), explained) for one in watched]
    return [*fared, Fare(SMS_LABEL, gateway, explained)]


def account_place(door: Door) -> AccountPlace:
    """What leads should know of an account beside how it fares."""
    if not isinstance(door.channel, TwitterChannel):
        return AccountPlace(door.kind)
    return AccountPlace(door.kind, door.channel.app, costs=True, budget=door.channel.budget)


def explained(code: str, language: str) -> str:
    """An error's code in plain words; '' if it is no platform's."""
    channel, _, _ = code.partition(":")
    return EXPLAIN[channel](code, language) if channel in EXPLAIN else ""


def showcase(config: Config) -> Showcase | None:
    """The demo's stage; on a port of the system's choice nobody knows where the phones are."""
    if config.mode != "demo":
        return None
    here = config.simulator
    return Showcase(DEMO_LOGIN, f"http://{reached(here.host, here.port)}" if here.port else "", DEMO_FOLLOWERS)


def desk_hours(shelf: Shelf, opening: OpeningHours, language: str, now: Instant) -> DeskHours:
    """The desk's hours as its people read them, with what customers hear while it is closed."""
    if opening.is_open(now):
        closes = opening.closes_at(now)
        return DeskHours(True, opening.spoken(closes, language, now) if closes else "")
    opens = opening.opens_at(now)
    if opens is None:
        return DeskHours(False)
    spoken = opening.spoken(opens, language, now)
    return DeskHours(False, spoken, shelf.current().phrase("handoff.closed", language, opens=spoken))


async def show_typing(doors: Mapping[str, Door], conversation: Conversation) -> None:
    door = doors.get(conversation.account)
    if door and isinstance(door.channel, ShowsTyping):
        await door.channel.typing(conversation)


def intent_title(shelf: Shelf, intent: str, language: str) -> str:
    edition = shelf.current()
    return edition.title(intent, language) if intent in edition.entries else intent


def entry_titles(shelf: Shelf, language: str) -> Mapping[str, str]:
    edition = shelf.current()
    return {entry: edition.title(entry, language) for entry in edition.entries}

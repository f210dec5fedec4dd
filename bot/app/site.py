"""One process as an ASGI application: webhooks, pages, probes, and the tasks that run in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from bot.access.cookies import BrowserTokens
from bot.access.credentials import DEMO_PASSWORD
from bot.access.origins import local_address
from bot.app.channels import explain_error
from bot.app.parts import Yingda, opening_hours
from bot.config import Config
from bot.desk.opening_hours import OpeningHours
from bot.domain.messages import NOWHERE, Conversation, Instant, Limits
from bot.i18n import translate
from bot.intents.skills.points_statement import tier_name
from bot.knowledge.editions import EditionCache
from bot.members.verification import SMS_GATEWAY
from bot.ports.channels import HasBudget, ReportsStatus, ServesVisitors, ShowsTyping
from bot.stores.sql.account_health import SqlAccountHealth
from bot.stores.sql.case_queries import SqlCaseQueries
from bot.stores.sql.cases import SqlCases, SqlUndelivered
from bot.stores.sql.conversations import SqlChatHistory
from bot.stores.sql.database import DatabaseWriteCheck
from bot.stores.sql.mapping import SqlAuditTrail
from bot.stores.sql.rate_limits import SqlRateLimits
from bot.stores.sql.staff import SqlStaff
from bot.web.app import Dispatcher, WorkerApp, create_site
from bot.web.dependencies import (
    AccountInfo,
    AccountStatus,
    Branding,
    CaseDesk,
    CustomerDesk,
    DemoFollower,
    DemoInfo,
    DeskHours,
    LoginDeps,
    SiteParts,
)
from bot.web.health import HealthEndpoints
from bot.web.login import KNOWN_DAYS
from bot.web.middleware import OuterMiddleware
from bot.web.webchat import WebchatApp, WebchatDeps
from bot.web.webhooks import Route, Webhooks

log = logging.getLogger(__name__)
EDITION_CHECK_INTERVAL = 0.25  # seconds between two looks for a new edition; each reads one row
DEMO_LOGIN = ("demo", DEMO_PASSWORD)
DEMO_STAFF = {"demo": "小云 Demo", "demo2": "小杉 Demo 2"}  # names by login; both have the demo password
DEMO_FOLLOWERS = (DemoFollower("林晓", "13800000001", "zh"), DemoFollower("Grace Miller", "+447700900123", "en"))


def create_app(yingda: Yingda, ready: Callable[[], None] = lambda: None) -> OuterMiddleware:
    """The ASGI application of a process. ready: called once it can answer customers."""
    site = create_site(site_parts(yingda))
    webchat = webchat_app(yingda)
    last_change = DatabaseWriteCheck(yingda.database)
    probes = HealthEndpoints(last_change.answers, partial(edition_number, yingda.editions), yingda.config.metrics_token)
    webhooks = Webhooks(yingda.journey, yingda.routes, yingda.config.deadline_seconds, yingda.acks)
    background: dict[str, Callable[[], Awaitable[None]]] = {
        "delivery": yingda.delivery.run,
        "sweeper": partial(yingda.sweeper.run, yingda.redis),
        "poller": partial(yingda.poller.run, yingda.redis),
        "editions": partial(watch_editions, yingda.editions),
        "webchat": webchat.watcher.run,
        "refusals": site.state.refusals.run,
        "last_change": last_change.run,
        "acks": yingda.acks.take_over,
    }
    dispatcher = Dispatcher((webchat, webhooks, probes), site)

    def before_loading(path: str) -> bool:
        """Whether a path is served before the first edition is loaded: a message is accepted durably without one.

        /readyz waits for it, as pages do, instead of answering 503 for a moment.
        """
        return path != "/readyz" and dispatcher.app_for(path) in (webhooks, probes)

    app = WorkerApp(
        dispatcher,
        load=partial(refresh_edition, yingda.editions),
        loaded=ready,
        serve_while_loading=before_loading,
        background=background,
        close=yingda.close,
    )
    return OuterMiddleware(app, yingda.config.listen.prefix, https=yingda.config.listen.https)


def webchat_app(yingda: Yingda) -> WebchatApp:
    """The web chat pages and sockets of all accounts whose customers write in a browser."""
    chats = {name: route.channel for name, route in yingda.routes.items() if isinstance(route.channel, ServesVisitors)}
    deps = WebchatDeps(
        yingda.journey.accept,
        SqlChatHistory(yingda.database),
        yingda.redis,
        yingda.redis,
        yingda.clock,
        lambda name, language: yingda.editions.current().phrase(name, language),
    )
    return WebchatApp(chats, deps, yingda.config.listen.prefix)


async def watch_editions(editions: EditionCache) -> None:
    """Load each newly published edition, until cancelled."""
    while True:
        await asyncio.sleep(EDITION_CHECK_INTERVAL)
        await refresh_edition(editions)


async def refresh_edition(editions: EditionCache) -> None:
    """Load the active edition if it is not the one in use. Raises Unavailable."""
    if await editions.refresh():
        log.info("edition %d is live", editions.current().number)


def edition_number(editions: EditionCache) -> int:
    """The number of the edition in use; 0 before the first is loaded."""
    try:
        return editions.current().number
    except LookupError:
        return 0


def site_parts(yingda: Yingda) -> SiteParts:
    """What the pages are given. Tests build a site from it without the background tasks."""
    config, database = yingda.config, yingda.database
    cases = SqlCases(database)
    labels = {account.name: account.label or account.name for account in config.accounts}
    return SiteParts(
        CaseDesk(SqlCaseQueries(database), cases, cases, SqlUndelivered(database)),
        CustomerDesk(
            partial(limits_of, yingda.routes),
            yingda.members.member,
            yingda.members.points,
            partial(intent_title, yingda.editions),
            lambda tier, language: tier_name(yingda.editions.current(), tier, language),
            partial(show_typing, yingda.routes),
            explain_error,
            partial(entry_titles, yingda.editions),
        ),
        SqlStaff(database, config.desk.session_hours, idle_minutes=config.desk.idle_minutes),
        login_deps(yingda, list(labels.values())),
        yingda.redis,
        yingda.redis,
        yingda.clock,
        SqlAccountHealth(database),
        {name: account_info(route) for name, route in yingda.routes.items()},
        Branding(
            config.timezone,
            config.language,
            labels,
            demo_info(config),
            partial(desk_hours, yingda.editions, opening_hours(config)),
            config.listen.prefix,
        ),
        yingda.delivery.wake,
        partial(account_statuses, yingda, labels),
    )


def login_deps(yingda: Yingda, labels: Sequence[str]) -> LoginDeps:
    def tokens_of(login: str) -> BrowserTokens:
        return BrowserTokens("known browser", login, yingda.config.secret, KNOWN_DAYS, yingda.clock.now)

    names = [account.name for account in yingda.config.accounts]
    return LoginDeps(SqlAuditTrail(yingda.database), tokens_of, (*labels, *names))


def limits_of(routes: Mapping[str, Route], conversation: Conversation, now: Instant) -> Limits:
    """What can be sent in a conversation: nothing if its account is no longer configured."""
    route = routes.get(conversation.account)
    return route.channel.limits(conversation, now) if route else NOWHERE


async def account_statuses(yingda: Yingda, labels: Mapping[str, str], language: str) -> Sequence[AccountStatus]:
    """Statuses of the accounts that their platform can halt, and of the SMS gateway. Raises Unavailable."""
    watched = {name: route.channel for name, route in yingda.routes.items() if isinstance(route.channel, ReportsStatus)}
    gateway = await SqlRateLimits(yingda.database).sending_status(SMS_GATEWAY)
    statuses = [AccountStatus(labels[name], await one.sending_status()) for name, one in watched.items()]
    return [*statuses, AccountStatus(translate("members.gateway", language), gateway)]


def account_info(route: Route) -> AccountInfo:
    """What the accounts page shows of an account apart from its health."""
    if not isinstance(route.channel, HasBudget):
        return AccountInfo(route.kind)
    return AccountInfo(route.kind, route.channel.app, costs=True, budget=route.channel.budget)


def demo_info(config: Config) -> DemoInfo | None:
    """What the login page of demo mode shows; None in live mode."""
    if config.mode != "demo":
        return None
    simulator = config.simulator
    # The address of the phones is unknown if the system chooses the port (0).
    phones = f"http://{local_address(simulator.host, simulator.port)}" if simulator.port else ""
    return DemoInfo(DEMO_LOGIN, phones, DEMO_FOLLOWERS)


def desk_hours(editions: EditionCache, opening: OpeningHours, language: str, now: Instant) -> DeskHours:
    """Whether the desk is open, until when, and what customers read while it is closed."""
    if opening.is_open(now):
        closes = opening.closes_at(now)
        return DeskHours(True, opening.spoken(closes, language, now) if closes else "")
    opens = opening.opens_at(now)
    if opens is None:
        return DeskHours(False)
    spoken = opening.spoken(opens, language, now)
    return DeskHours(False, spoken, editions.current().phrase("handoff.closed", language, opens=spoken))


async def show_typing(routes: Mapping[str, Route], conversation: Conversation) -> None:
    """No-op for a channel without a typing indicator. Raises DeliveryFailed."""
    route = routes.get(conversation.account)
    if route and isinstance(route.channel, ShowsTyping):
        await route.channel.typing(conversation)


def intent_title(editions: EditionCache, intent: str, language: str) -> str:
    """An entry's title; the intent itself if the current edition has no such entry any more."""
    edition = editions.current()
    return edition.title(intent, language) if intent in edition.entries else intent


def entry_titles(editions: EditionCache, language: str) -> Mapping[str, str]:
    edition = editions.current()
    return {entry: edition.title(entry, language) for entry in edition.entries}

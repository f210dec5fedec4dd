"""The whole examination, from top to bottom. It goes on after each thing that is wrong, as far as that allows."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel

from bot.allowance import Standing
from bot.channels.twitter import explain as explain_x
from bot.channels.twitter.settings import TwitterSettings
from bot.channels.webchat import WebChatSettings
from bot.channels.wechat import explain as explain_wechat
from bot.channels.wechat.settings import WeChatSettings
from bot.config import Config, Deployment, dates_that_never_come
from bot.doctor import checks, proxy, storage, tls, twitter, wechat
from bot.doctor import public as public_side
from bot.doctor.findings import Finding, Grade, Words
from bot.errors import Mistake, SettingError, Unavailable
from bot.members.senders import GATEWAY
from bot.members.senders import explain as explain_sms
from bot.messages import Instant
from bot.stores.record.demo import DemoLeftovers
from bot.trouble import of_record, of_system, passes
from bot.wording import http_date

THE_RECORD = Words("记录库", "the record")


@dataclass(frozen=True, slots=True)
class Probes:
    """How the doctor reaches what it looks at.

    clock: our time. record: whether it is migrated, its own time, the active edition, if it can be written; raises
    Unavailable, OSError, and SettingError for what a person must mend. nerve: why it does not serve us, '' if it does.
    entries: how many the knowledge base has; raises SettingError. doors: who runs here already ('' if nobody) and the
    ports that others have taken. refused: requests refused since the last start, by account and code. rasa: the model
    that the active edition needs and the one that is served (see checks.rasa); None where engine `rasa` is not
    configured. encoder: what checks.encoder asks for; None for the bundled one. demo: what demo mode left in the
    database, and whether the active edition speaks for the demo brand; None in demo mode. python: its version.
    standings: how senders fare, by the names of accounts and of the gateway; None where nobody knows. readable: what
    others on this machine can read of what is kept.
    """

    clock: Callable[[], Instant]
    record: Callable[[], Awaitable[tuple[bool, Instant, int]]]
    nerve: Callable[[], Awaitable[str]]
    entries: Callable[[], int]
    doors: Callable[[], tuple[str, Sequence[Mistake]]] = lambda: ("", ())
    refused: Callable[[], Mapping[tuple[str, ...], float]] = dict
    rasa: Callable[[], tuple[str, str | None]] | None = None
    encoder: Callable[[], tuple[str, str, str]] | None = None
    demo: Callable[[], Awaitable[tuple[DemoLeftovers, bool]]] | None = None
    python: tuple[int, int, int] = sys.version_info[:3]
    standings: Callable[[Sequence[str]], Awaitable[Mapping[str, Standing]]] | None = None
    readable: Callable[[], Sequence[str]] = tuple


async def examine(load: Callable[[], Deployment], probes: Callable[[Deployment], Probes], public: str) -> list[Finding]:
    """Everything there is to find. `public`: the address that platforms are told, '' if there is none yet."""
    try:
        deployment = load()
    except SettingError as mistaken:
        return checks.setting_mistakes(mistaken)
    reach = probes(deployment)
    found = [checks.configuration(deployment.config), *checks.demo_leftovers(deployment.config)]
    found += checks.python(reach.python)
    found += checks.setting_warnings(dates_that_never_come(deployment, _today(deployment.config, reach.clock())))
    found += checks.doors(*reach.doors())
    found += [finding async for finding in _inside(deployment, reach)]
    found += public_side.refusals(reach.refused())
    found += await _halted(deployment.config, reach)
    async with httpx.AsyncClient(headers={"user-agent": "yingda-doctor"}) as http:
        found += [finding async for finding in _address(public, reach.clock)]
        if public and found[-1].grade is not Grade.FAIL:
            found += [finding async for finding in proxy.front(http, public, deployment.config.listen.prefix)]
        return found + [finding async for finding in _accounts(deployment, reach.clock, public, http)]


def _today(config: Config, now: Instant) -> date:
    return datetime.fromtimestamp(now, config.zone).date()


async def _record(probes: Probes) -> list[Finding]:
    """The database: does it answer, may we use it, is it of this version, is anything of the demo in it."""
    try:
        migrated, theirs, edition = await probes.record()
    except SettingError as mistaken:
        return checks.setting_mistakes(mistaken)
    except OSError as refused:
        return [checks.of_mistake(of_system(refused))]
    except Unavailable as gone:
        return [checks.record(None) if passes(gone) else checks.of_mistake(of_record(gone))]
    found = [checks.record(migrated), checks.clock(probes.clock(), theirs, THE_RECORD), checks.edition(edition)]
    if migrated and probes.demo is not None:
        found += checks.demo_record(*await probes.demo())
    return found


async def _inside(deployment: Deployment, probes: Probes) -> AsyncIterator[Finding]:
    """Record, nerve and knowledge base."""
    for finding in await _record(probes):
        yield finding
    yield storage.privacy(probes.readable())
    yield storage.nerve(await probes.nerve(), deployment.config.nerve)
    try:
        yield checks.knowledge(probes.entries())
    except SettingError as mistaken:
        for finding in checks.setting_mistakes(mistaken):
            yield finding
    if probes.rasa is not None:
        yield checks.rasa(*await asyncio.to_thread(probes.rasa))
    if probes.encoder is not None:
        yield checks.encoder(*await asyncio.to_thread(probes.encoder))


async def _halted(config: Config, probes: Probes) -> list[Finding]:
    """The accounts that send nothing because their platform refuses them, and the gateway for text messages."""
    names = [*(account.name for account in config.accounts), GATEWAY]
    try:
        standings = await probes.standings(names) if probes.standings else {}
    except Unavailable:  # the record's own finding says so
        return []
    explain = {"twitter": explain_x, "wechat": explain_wechat, GATEWAY: explain_sms}
    halted = ((name, one.halted) for name, one in standings.items() if one.halted)
    return [checks.halted(name, code, explain[code.partition(":")[0]]) for name, code in halted]


async def _address(public: str, clock: Callable[[], Instant]) -> AsyncIterator[Finding]:
    """The public address itself, if there is one: may platforms call it, is its certificate good."""
    if not public:
        return
    found = checks.public_address(public)
    yield found
    address = urlsplit(public)
    if found.grade is not Grade.FAIL and address.scheme == "https" and address.hostname:
        yield tls.certificate(address.hostname, await tls.look(address.hostname, 443), clock())


async def _accounts(
    deployment: Deployment, clock: Callable[[], Instant], public: str, http: httpx.AsyncClient
) -> AsyncIterator[Finding]:
    """The accounts, as their platforms and visitors see them."""
    for index, account in enumerate(deployment.config.accounts):
        look = _LOOKS.get(account.channel)
        if look is None:
            continue
        try:
            settings = deployment.account(index, look.settings)
        except SettingError as mistaken:
            for finding in checks.setting_mistakes(mistaken):
                yield finding
            continue
        for finding in await look.look(_Seen(account.name, deployment.config, public, http, clock), settings):
            yield finding


@dataclass(frozen=True, slots=True)
class _Seen:
    """What an account is looked at with. `public`: '' if there is no public address yet."""

    name: str
    config: Config
    public: str
    http: httpx.AsyncClient
    clock: Callable[[], Instant]


async def _wechat(seen: _Seen, settings: WeChatSettings) -> list[Finding]:
    """An account without the customer-service API needs no secret, so only the others are asked about."""
    found = [] if settings.mode == "safe" else [checks.plain_mode(seen.name)]
    if seen.public:
        found.append(await public_side.handshake(seen.http, seen.public, seen.name, settings, seen.clock()))
    if settings.api == "customer_service":
        found += await _sending(seen, settings)
    return found


async def _sending(seen: _Seen, settings: WeChatSettings) -> list[Finding]:
    entrance, sent = await wechat.ask(settings, seen.http)
    if entrance.code is None and checks.is_simulator(seen.config, settings.api_url):
        return [checks.simulator_sleeps(seen.name)]
    found = [wechat.credentials(seen.name, settings, entrance)]
    if sent is not None:
        found.append(wechat.sending(seen.name, sent))
    if entrance.date:
        whose = Words(f"{seen.name} 的平台", f"{seen.name}'s platform")
        found.append(checks.clock(seen.clock(), http_date(entrance.date), whose))
    return found


async def _webchat(seen: _Seen, settings: WebChatSettings) -> list[Finding]:
    found = [public_side.webchat(seen.name, settings, seen.public)]
    return [*found, await public_side.widget(seen.http, seen.public)] if seen.public else found


async def _twitter(seen: _Seen, settings: TwitterSettings) -> list[Finding]:
    answer = await twitter.ask(settings)
    if answer is None and checks.is_simulator(seen.config, settings.api_url):
        return [checks.simulator_sleeps(seen.name)]
    return [twitter.credentials(seen.name, settings, answer)]


@dataclass(frozen=True, slots=True)
class _Look:
    """How the accounts of a channel are looked at."""

    settings: type[BaseModel]
    look: Callable[[_Seen, Any], Awaitable[list[Finding]]]


_LOOKS = {
    "wechat": _Look(WeChatSettings, _wechat),
    "twitter": _Look(TwitterSettings, _twitter),
    "webchat": _Look(WebChatSettings, _webchat),
}

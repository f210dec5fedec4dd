"""The whole examination, from top to bottom. It goes on after each thing that is wrong, as far as that allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import httpx

from bot.channels.wechat.settings import WeChatSettings
from bot.config import Deployment
from bot.doctor import checks, wechat
from bot.doctor.findings import Finding, Words
from bot.errors import SettingError, Unavailable
from bot.messages import Instant

THE_RECORD = Words("记录库", "the record")


@dataclass(frozen=True, slots=True)
class Probes:
    """How the doctor reaches what it looks at.

    clock: our time. record: whether it is migrated, its own time, the active edition; raises Unavailable. nerve:
    whether it answers. entries: how many the knowledge base has; raises SettingError.
    """

    clock: Callable[[], Instant]
    record: Callable[[], Awaitable[tuple[bool, Instant, int]]]
    nerve: Callable[[], Awaitable[bool]]
    entries: Callable[[], int]


async def examine(load: Callable[[], Deployment], probes: Callable[[Deployment], Probes], public: str) -> list[Finding]:
    """Everything there is to find. `public`: the address that platforms are told, '' if there is none yet."""
    try:
        deployment = load()
    except SettingError as mistaken:
        return checks.setting_mistakes(mistaken)
    reach = probes(deployment)
    found = [checks.configuration(deployment.config), *checks.demo_leftovers(deployment.config)]
    found += [finding async for finding in _inside(deployment, reach)]
    found += [checks.public_address(public)] if public else []
    return found + [finding async for finding in _outside(deployment, reach.clock)]


async def _inside(deployment: Deployment, probes: Probes) -> AsyncIterator[Finding]:
    """Record, nerve and knowledge base."""
    try:
        migrated, theirs, edition = await probes.record()
    except Unavailable:
        yield checks.record(None)
    else:
        yield checks.record(migrated)
        yield checks.clock(probes.clock(), theirs, THE_RECORD)
        yield checks.edition(edition)
    yield checks.nerve(await probes.nerve(), deployment.config.nerve)
    try:
        yield checks.knowledge(probes.entries())
    except SettingError as mistaken:
        for finding in checks.setting_mistakes(mistaken):
            yield finding


async def _outside(deployment: Deployment, clock: Callable[[], Instant]) -> AsyncIterator[Finding]:
    """The accounts, as their platforms see them."""
    async with httpx.AsyncClient() as http:
        for index, account in enumerate(deployment.config.accounts):
            if account.channel != "wechat":
                continue
            try:
                settings = cast(WeChatSettings, deployment.account(index, WeChatSettings))
            except SettingError as mistaken:
                for finding in checks.setting_mistakes(mistaken):
                    yield finding
                continue
            for finding in await _wechat(account.name, settings, http, clock):
                yield finding


async def _wechat(
    name: str, settings: WeChatSettings, http: httpx.AsyncClient, clock: Callable[[], Instant]
) -> list[Finding]:
    """An account without the customer-service API needs no secret, so only the others are asked about."""
    if settings.api != "customer_service":
        return []
    entrance, sent = await wechat.ask(settings, http)
    found = [wechat.credentials(name, settings, entrance)]
    if sent is not None:
        found.append(wechat.sending(name, sent))
    if entrance.date:
        found.append(
            checks.clock(clock(), checks.http_date(entrance.date), Words(f"{name} 的平台", f"{name}'s platform"))
        )
    return found

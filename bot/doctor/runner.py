"""Runs all checks in order. A failed check does not stop the others, except where they need what it found."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

import httpx

from bot.app.channels import channel_kind, explain_error
from bot.config import Config, Deployment, unreachable_dates
from bot.doctor import checks, public_address
from bot.domain.accounts import SendingStatus
from bot.domain.cases import DemoLeftovers
from bot.domain.messages import Instant
from bot.errors import ConfigProblem, SettingError, Unavailable, is_temporary, problem_of_database, problem_of_os_error
from bot.i18n import message
from bot.members.verification import SMS_GATEWAY
from bot.ports.findings import AccountView, Finding, Grade, compare_clocks


@dataclass(frozen=True, slots=True)
class DoctorDeps:
    """How the doctor reaches the parts of a deployment."""

    clock: Callable[[], Instant]
    # whether the database has this version's tables, its time, the active edition; also tries to write. Raises
    # Unavailable, OSError, and SettingError for what a person must correct
    database: Callable[[], Awaitable[tuple[bool, Instant, int]]]
    redis: Callable[[], Awaitable[str]]  # a code that says why Redis cannot be used, '' if it can
    entries: Callable[[], int]  # how many the knowledge base has; raises SettingError
    # the process that runs this deployment ('' for none), and the ports that other programs use
    ports: Callable[[], tuple[str, Sequence[ConfigProblem]]] = lambda: ("", ())
    refused: Callable[[], Mapping[tuple[str, ...], float]] = dict  # requests refused, by account and code
    # the model that the active edition needs and the one that is served (checks.rasa); None without engine `rasa`
    rasa: Callable[[], tuple[str, str | None]] | None = None
    encoder: Callable[[], tuple[str, str, str]] | None = None  # see checks.encoder; None for the bundled one
    # what demo mode left, and whether the active edition has the demo brand's name; None in demo mode
    demo: Callable[[], Awaitable[tuple[DemoLeftovers, bool]]] | None = None
    python: tuple[int, int, int] = sys.version_info[:3]
    # by the names of accounts and of the SMS gateway; None if unknown
    statuses: Callable[[Sequence[str]], Awaitable[Mapping[str, SendingStatus]]] | None = None
    readable: Callable[[], Sequence[str]] = tuple  # the data files that other users of this machine can read


async def examine(
    load: Callable[[], Deployment], probes: Callable[[Deployment], DoctorDeps], public: str
) -> list[Finding]:
    """Run all checks. public: the address that platforms are given, '' if there is none yet."""
    try:
        deployment = load()
    except SettingError as refused:
        return checks.setting_problems(refused)
    config, deps = deployment.config, probes(deployment)
    today = datetime.fromtimestamp(deps.clock(), config.zone).date()
    found = [checks.configuration(config), *checks.demo_leftovers(config), *checks.members(config)]
    found += checks.python(deps.python)
    found += checks.setting_warnings(unreachable_dates(deployment, today))
    found += checks.ports(*deps.ports())
    found += await _database(deps)
    found.append(checks.privacy(deps.readable()))
    found.append(checks.redis(await deps.redis(), config.redis))
    try:
        found.append(checks.knowledge(deps.entries()))
    except SettingError as refused:
        found += checks.setting_problems(refused)
    if deps.rasa is not None:
        found.append(checks.rasa(*await asyncio.to_thread(deps.rasa)))
    if deps.encoder is not None:
        found.append(checks.encoder(*await asyncio.to_thread(deps.encoder)))
    explained_refusals = {account.name: channel_kind(account.channel).refusals for account in config.accounts}
    found += public_address.refusals(deps.refused(), explained_refusals)
    found += await _halted(config, deps)
    async with httpx.AsyncClient(headers={"user-agent": "yingda-doctor"}) as http:
        found += [finding async for finding in _address(public, deps.clock)]
        if public and found[-1].grade is not Grade.FAIL:
            found += [finding async for finding in public_address.proxy(http, public, config.listen.prefix)]
        return found + [finding async for finding in _accounts(deployment, deps.clock, public, http)]


async def _database(deps: DoctorDeps) -> list[Finding]:
    """Whether it answers, may be used, has this version's tables, and holds nothing of the demo."""
    try:
        migrated, theirs, edition = await deps.database()
    except SettingError as refused:
        return checks.setting_problems(refused)
    except OSError as refused:
        return [checks.of_problem(problem_of_os_error(refused))]
    except Unavailable as gone:
        # an error that passes means an unreachable server; any other has a text with its remedy
        return [checks.database(None) if is_temporary(gone) else checks.of_problem(problem_of_database(gone))]
    agreement = compare_clocks(deps.clock(), theirs, message("doctor.clock.of_database"))
    found = [checks.database(migrated), agreement, checks.edition(edition)]
    if migrated and deps.demo is not None:
        found += checks.demo_data(*await deps.demo())
    return found


async def _halted(config: Config, deps: DoctorDeps) -> list[Finding]:
    """The accounts, and the SMS gateway, that send nothing because their platform refuses them."""
    names = [*(account.name for account in config.accounts), SMS_GATEWAY]
    try:
        statuses = await deps.statuses(names) if deps.statuses else {}
    except Unavailable:  # reported by the check of the database
        return []
    halted = ((name, one.halted) for name, one in statuses.items() if one.halted)
    return [checks.halted(name, code, explain_error) for name, code in halted]


async def _address(public: str, clock: Callable[[], Instant]) -> AsyncIterator[Finding]:
    """Whether platforms can call the public address, and accept its certificate."""
    if not public:
        return
    found = checks.public_address(public)
    yield found
    address = urlsplit(public)
    if found.grade is not Grade.FAIL and address.scheme == "https" and address.hostname:
        # the port is 443: checks.public_address fails for any other
        result = await public_address.try_tls(address.hostname, 443)
        yield public_address.certificate(address.hostname, result, clock())


async def _accounts(
    deployment: Deployment, clock: Callable[[], Instant], public: str, http: httpx.AsyncClient
) -> AsyncIterator[Finding]:
    """What each channel checks of its accounts."""
    for index, account in enumerate(deployment.config.accounts):
        kind = channel_kind(account.channel)
        if kind.examine is None:
            continue
        try:
            settings = deployment.account(index, kind.settings)
        except SettingError as refused:
            for finding in checks.setting_problems(refused):
                yield finding
            continue
        simulated = partial(checks.is_simulator, deployment.config)
        view = AccountView(account.name, public, partial(public_address.ask, http), simulated, clock)
        for finding in await kind.examine(view, settings):
            yield finding

"""`yingda check`: find problems in the configuration and the knowledge base before they are published."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from bot.app.channels import CHANNELS, channel_kind
from bot.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    Show,
    load_deployment_with_channels,
    out,
    progress,
    say,
    terminal_language,
)
from bot.cli.editions import LoadedEdition, edition_for, live_edition
from bot.cli.train import summary
from bot.config import Deployment, unreachable_dates
from bot.errors import ConfigProblem, SettingError
from bot.evaluation import regression_tests
from bot.evaluation.regression_tests import BATCH, Reaction, RegressionQuestion, Verdict, reactions
from bot.i18n import Message, message, translate
from bot.intents.skills import SKILLS
from bot.knowledge.checks import NO_ANSWER, CheckContext, ContentFinding, Severity, Statuses, addresses, check, links
from bot.knowledge.entries import TESTS, read
from bot.ports.channels import TextLimit
from bot.yaml_files import misreadings_in

MOST = 300  # links that are followed
TIME_LIMIT = 20.0  # seconds for all links
LINK_TIME_LIMIT = 8.0  # seconds for one
CONCURRENT = 8
MOST_REDIRECTS = 6
HEADERS = {"user-agent": "Mozilla/5.0 (compatible; yingda check)"}  # some servers refuse the name of an HTTP library


async def follow(addresses: Sequence[str], show: Show, seconds: float = TIME_LIMIT) -> Statuses:
    """The HTTP status of each of the first MOST addresses that answers within so many seconds in all."""
    found: dict[str, int] = {}
    free = asyncio.Semaphore(CONCURRENT)
    asked = addresses[:MOST]
    stage = translate("cli.check.following_links", terminal_language())

    async def visit(http: httpx.AsyncClient, address: str) -> None:
        async with free:
            found[address] = await _status(http, address)
        show(stage, len(found) / len(asked))

    async with httpx.AsyncClient(headers=HEADERS, timeout=LINK_TIME_LIMIT) as http:
        visits = [asyncio.create_task(visit(http, address)) for address in asked]
        if visits:
            _, late = await asyncio.wait(visits, timeout=seconds)
            for one in late:
                one.cancel()
            await asyncio.gather(*visits, return_exceptions=True)
    return found


async def _status(http: httpx.AsyncClient, address: str) -> int:
    """The status after redirects; a missing answer and more than MOST_REDIRECTS give the status of no answer."""
    try:
        # GET, because many servers answer HEAD wrongly
        request = http.build_request("GET", address)
        for _ in range(MOST_REDIRECTS):
            response = await http.send(request, stream=True)
            await response.aclose()
            if response.next_request is None:
                return response.status_code
            request = response.next_request
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        return NO_ANSWER
    return NO_ANSWER


_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.NOTE: "·"}
Links = Annotated[bool, typer.Option("--links", help="Follow the links in answers too; needs a network. 检查链接")]
Quick = Annotated[bool, typer.Option("--quick", help="Train nothing. 不训练，只看文件与现行版本")]
All = Annotated[bool, typer.Option("--all", help="Show the notes too. 连同提示一起显示")]


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What to check besides the files."""

    links: bool = False  # follow them
    training: bool = True  # train if the live edition is of other content


@dataclass(frozen=True, slots=True)
class CheckResult:
    """All findings, and the figures that --json shows."""

    findings: list[ContentFinding] = field(default_factory=list)
    asked_of: Message | None = None  # the edition that the questions of tests.yaml were asked of
    verdicts: Counter[Verdict] = field(default_factory=Counter)  # of those questions
    statuses: Statuses | None = None  # of links; None if they were not followed

    def number(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.findings)


def command(
    config: ConfigPath = DEFAULT_CONFIG,
    follow_links: Links = False,
    quick: Quick = False,
    every: All = False,
    as_json: AsJson = False,
) -> None:
    """Check the configuration and the knowledge base; ends with 1 if anything is wrong. 检查配置与知识库

    Which entries are confused with each other, and how the questions in tests.yaml are answered, comes from the live
    edition if it is of this content, else from a training that is not published.
    """
    with progress() as show:
        try:
            checked = examine(load_deployment_with_channels(config), CheckRequest(follow_links, not quick), show)
        except SettingError as wrong:
            checked = CheckResult([ContentFinding(Severity.ERROR, problem) for problem in wrong.problems])
    if as_json:
        out.print_json(json.dumps(_as_json(checked), ensure_ascii=False))
    else:
        _tell(checked, every)
    raise typer.Exit(1 if checked.number(Severity.ERROR) else 0)


def examine(deployment: Deployment, wanted: CheckRequest, show: Show) -> CheckResult:
    """Run all checks. Raises SettingError for a configuration that does not load."""
    show(translate("cli.check.reading", terminal_language()), 0.0)
    folder = Path(deployment.config.knowledge_base)
    base, problems = read(folder, SKILLS, CHANNELS)
    # entries that could not be read would be reported as missing by tests.yaml, so it is not checked then
    cases, wrong = ([], []) if problems else regression_tests.load(folder, base)
    statuses = asyncio.run(follow(addresses(links(base)), show)) if wanted.links else None
    find_edition = partial(edition_for, show=show) if wanted.training else live_edition
    basis = find_edition(deployment, base) if not problems else None
    outlook = CheckContext(
        limits=_limits(deployment),
        confusions=(basis.edition.confusions or ()) if basis else (),
        statuses=statuses or {},
    )
    today = datetime.now(deployment.config.zone).date()
    found = check(base, [*problems, *wrong], today, outlook)
    found += [ContentFinding(Severity.WARNING, problem) for problem in unreachable_dates(deployment, today)]
    found += _surprising(deployment, folder, [*problems, *wrong])
    judged = _judged(cases, basis, show) if basis else []
    verdicts = Counter(one.verdict for one in judged)
    return CheckResult(
        [*found, *regression_tests.findings(judged)], basis.source if basis else None, verdicts, statuses
    )


def _limits(deployment: Deployment) -> dict[str, TextLimit]:
    """The lengths of one message, by the channels on which there are accounts."""
    limits = {
        name: channel_kind(name).text_limit for name in sorted({one.channel for one in deployment.config.accounts})
    }
    return {name: limit for name, limit in limits.items() if limit}


def _surprising(deployment: Deployment, folder: Path, known: Sequence[ConfigProblem]) -> list[ContentFinding]:
    """Valid YAML that probably means something else than was intended. known: problems already reported."""
    found = misreadings_in([deployment.page.path, *sorted(folder.glob("*.yaml"))])
    return [ContentFinding(Severity.WARNING, one) for one in found if one not in known]


def _judged(
    cases: Sequence[RegressionQuestion], basis: LoadedEdition, show: Show
) -> list[regression_tests.JudgedQuestion]:
    stage = translate("cli.check.asking", terminal_language(), file=TESTS)
    found: list[Reaction] = []
    for reaction in reactions([case.ask for case in cases], basis.engine, basis.edition, time.time()):
        found.append(reaction)
        if len(found) % BATCH == 0:  # they are asked in batches of this size
            show(stage, len(found) / len(cases))
    return regression_tests.judge(cases, found)


def _as_json(checked: CheckResult) -> dict[str, Any]:
    links_followed = None
    if checked.statuses is not None:
        reached = sum(status > 0 for status in checked.statuses.values())
        links_followed = {"asked": len(checked.statuses), "reached": reached}
    asked = {verdict.value: checked.verdicts[verdict] for verdict in Verdict}
    return {
        **{f"{severity}s": checked.number(severity) for severity in Severity},
        "findings": [{"severity": found.severity, **found.problem.as_json()} for found in checked.findings],
        "regression": {"asked_of": str(checked.asked_of), **asked} if checked.asked_of else None,
        "links": links_followed,
    }


def _tell(checked: CheckResult, every: bool) -> None:
    for finding in sorted(checked.findings, key=lambda finding: list(Severity).index(finding.severity)):
        if every or finding.severity is not Severity.NOTE:
            out.print(f"{_MARKS[finding.severity]} {finding.problem.text(terminal_language())}", markup=False)
    if checked.verdicts:
        say("cli.check.asked_of", file=TESTS, source=checked.asked_of, verdicts=summary(checked.verdicts))
    if checked.statuses is not None:
        # where no link answers at all, the network is missing and the links are not to blame
        offline = checked.statuses and not any(checked.statuses.values())
        say("cli.check.offline" if offline else "cli.check.links", count=len(checked.statuses))
    errors, warnings, notes = (checked.number(severity) for severity in Severity)
    if notes and not every:
        say("cli.check.notes", count=notes)
    if errors or warnings:
        counted = message("cli.check.error" if errors == 1 else "cli.check.errors", count=errors)
        also = message("cli.check.warning" if warnings == 1 else "cli.check.warnings", count=warnings)
        say("cli.check.found", errors=counted, warnings=also)
    else:
        say("cli.check.good")

"""`yingda check`: what editors should look at before they publish."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.chinese import told
from bot.commands.following import follow
from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment_with_channels, out, spoken
from bot.commands.knowing import Known, known, live
from bot.commands.progress import Show, progress
from bot.commands.regressions import SAID
from bot.config import Deployment, dates_that_never_come
from bot.errors import Mistake, SettingError
from bot.files import surprises_in
from bot.intents.examining import AT_ONCE, reactions
from bot.intents.skills import SKILLS
from bot.knowledge import regression
from bot.knowledge.checks import Finding, Outlook, Severity, check
from bot.knowledge.entries import TESTS, Base, read
from bot.knowledge.links import Statuses, addresses, links
from bot.knowledge.regression import Case, Reaction, Verdict

_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.NOTE: "·"}
Links = Annotated[bool, typer.Option("--links", help="Follow the links in answers too; needs a network. 检查链接")]
Quick = Annotated[bool, typer.Option("--quick", help="Train nothing. 不训练，只看文件与现行版本")]
All = Annotated[bool, typer.Option("--all", help="Show the notes too. 连同提示一起显示")]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at beside the files: links, and what only a training can show."""

    links: bool = False
    training: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it. asked_of: which edition the regression file was asked of, '' if none. statuses: None if links
    were not followed."""

    findings: list[Finding] = field(default_factory=list)
    asked_of: str = ""
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    statuses: Statuses | None = None

    def number(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.findings)


def command(
    config: ConfigPath = DEFAULT,
    follow_links: Links = False,
    quick: Quick = False,
    every: All = False,
    as_json: AsJson = False,
) -> None:
    """Check the configuration and the knowledge base; ends with 1 if anything is wrong. 检查配置与知识库

    Which entries are taken for each other, and what becomes of the questions in tests.yaml, is told by the live edition
    if it is of this content, else by a training that is published nowhere.
    """
    with progress() as show:
        checked = _checked(config, Wanted(follow_links, not quick), show)
    if as_json:
        out.print_json(json.dumps(_as_json(checked), ensure_ascii=False))
    else:
        _tell(checked, every)
    raise typer.Exit(1 if checked.number(Severity.ERROR) else 0)


def _checked(config: Path, wanted: Wanted, show: Show) -> Checked:
    try:
        return examine(deployment_with_channels(config), wanted, show)
    except SettingError as wrong:
        return Checked([Finding(Severity.ERROR, mistake) for mistake in wrong.mistakes])


def examine(ready: Deployment, wanted: Wanted, show: Show) -> Checked:
    """Everything there is to find. Raises SettingError."""
    show("reading", 0.0)
    folder = Path(ready.config.knowledge_base)
    base, mistakes = read(folder, SKILLS)
    cases, wrong = ([], []) if mistakes else regression.load(folder, base)  # what did not load is not missing
    statuses = asyncio.run(follow(addresses(links(base)), show)) if wanted.links else None
    basis = _basis(ready, base, wanted, show) if not mistakes else None
    outlook = Outlook(
        channels={account.channel for account in ready.config.accounts},
        confusions=(basis.edition.confusions or ()) if basis else (),
        statuses=statuses or {},
    )
    today = datetime.now(ready.config.zone).date()
    found = check(base, [*mistakes, *wrong], today, outlook)
    found += [Finding(Severity.WARNING, mistake) for mistake in dates_that_never_come(ready, today)]
    found += _surprising(ready, folder, [*mistakes, *wrong])
    judged = _judged(cases, basis, show) if basis else []
    verdicts = Counter(one.verdict for one in judged)
    return Checked([*found, *regression.findings(judged)], basis.source if basis else "", verdicts, statuses)


def _surprising(ready: Deployment, folder: Path, told_already: Sequence[Mistake]) -> list[Finding]:
    """YAML that is valid and means something else, in the configuration and the knowledge base."""
    found = surprises_in([ready.page.path, *sorted(folder.glob("*.yaml"))])
    return [Finding(Severity.WARNING, one) for one in found if one not in told_already]


def _basis(ready: Deployment, base: Base, wanted: Wanted, show: Show) -> Known | None:
    return known(ready, base, show) if wanted.training else live(ready, base)


def _judged(cases: Sequence[Case], basis: Known, show: Show) -> list[regression.Judged]:
    found: list[Reaction] = []
    for reaction in reactions([case.ask for case in cases], basis.engine, basis.edition, time.time()):
        found.append(reaction)
        if len(found) % AT_ONCE == 0:
            show(f"asking {TESTS}", len(found) / len(cases))
    return regression.judge(cases, found)


def _as_json(checked: Checked) -> dict[str, Any]:
    links_followed = None
    if checked.statuses is not None:
        reached = sum(status > 0 for status in checked.statuses.values())
        links_followed = {"asked": len(checked.statuses), "reached": reached}
    asked = {verdict.value: checked.verdicts[verdict] for verdict in Verdict}
    return {
        **{f"{severity}s": checked.number(severity) for severity in Severity},
        "findings": [{"severity": found.severity, **asdict(found.mistake)} for found in checked.findings],
        "regression": {"asked_of": checked.asked_of, **asked} if checked.asked_of else None,
        "links": links_followed,
    }


def _tell(checked: Checked, every: bool) -> None:
    for finding in sorted(checked.findings, key=lambda finding: list(Severity).index(finding.severity)):
        if every or finding.severity is not Severity.NOTE:
            out.print(f"{_MARKS[finding.severity]} {told(finding.mistake, spoken())}", markup=False)
    if checked.verdicts:
        said = ", ".join(f"{checked.verdicts[verdict]} {word}" for verdict, word in SAID.items())
        out.print(f"{TESTS}, asked of {checked.asked_of}: {said}", markup=False)
    if checked.statuses is not None:
        out.print(_about_links(checked.statuses), markup=False)
    errors, warnings, notes = (checked.number(severity) for severity in Severity)
    if notes and not every:
        out.print(f"{notes} notes: --all shows them / {notes} 条提示，加 --all 显示")
    counted = f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
    found = f"{counted} / {errors} 处错误，{warnings} 处提醒"
    out.print(found if errors or warnings else "✓ no problems found / 没有问题")


def _about_links(statuses: Statuses) -> str:
    """No network is nobody's mistake."""
    if statuses and not any(statuses.values()):
        return "links: none could be reached; this machine seems to be offline / 链接：没有网络，未能检查"
    return f"links: {len(statuses)} asked / 链接：检查了 {len(statuses)} 个"

"""`yingda check`: what editors should look at before they publish."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import typer

from bot.app import SKILLS
from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment, out, told_plainly
from bot.knowledge.checks import Severity, check
from bot.knowledge.entries import read

_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!"}


def command(config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
    """Check the configuration and the knowledge base; ends with 1 if anything is wrong. 检查配置与知识库"""
    with told_plainly():
        ready = deployment(config)
        base, mistakes = read(Path(ready.config.knowledge_base), SKILLS)
        found = check(base, mistakes, datetime.now(ready.config.zone).date())
    errors = sum(finding.severity is Severity.ERROR for finding in found)
    if as_json:
        out.print_json(json.dumps([asdict(finding) for finding in found], ensure_ascii=False))
    else:
        for finding in found:
            out.print(f"{_MARKS[finding.severity]} {finding.mistake}", markup=False)
        out.print(f"{errors} errors, {len(found) - errors} warnings" if found else "✓ nothing to mend / 没有问题")
    raise typer.Exit(1 if errors else 0)

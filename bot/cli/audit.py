"""`yingda audit`: list what staff did, from the audit log."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from bot.cli.common import (
    CANNOT_JUDGE,
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    open_deployment,
    out,
    say,
    say_error,
    terminal_language,
)
from bot.domain.cases import AuditEntry
from bot.domain.messages import Instant
from bot.i18n import section

Since = Annotated[
    str, typer.Option(help="How far back: 30m, 12h, 7d, or a day like 2026-11-01. 起始时间：时长或日期", metavar="WHEN")
]
LoginOf = Annotated[str, typer.Option("--login", help="Only what this person did. 只看某人")]
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}  # seconds
MOST = 10_000  # entries; the newest are shown
ACTIONS = "cli.audit.actions"  # section of bot/locale with the texts of bot.domain.cases.AuditEntry.action


def command(
    since: Since = "7d", login: LoginOf = "", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Who did what: logins, reads and moves of cases, refusals. 操作审计：登录、查看与处理会话、被拒绝的请求"""
    with open_deployment(config) as (deployment, storage):
        begin = _begin(since, deployment.config.zone, time.time())
        entries = asyncio.run(storage.audit_trail.entries(begin, login, MOST))
    if as_json:
        out.print_json(json.dumps([asdict(entry) for entry in entries]))
        return
    for entry in entries:
        out.print(_line(entry, deployment.config.zone), markup=False)
    if not entries:
        say("cli.audit.none")
    if len(entries) == MOST:
        say("cli.audit.newest", count=MOST)


def _line(entry: AuditEntry, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(entry.at, zone).strftime("%Y-%m-%d %H:%M:%S")
    # the login is empty for entries of the command line, whose `staff` is "console"
    who = entry.login or entry.staff or "–"
    action = section(ACTIONS, terminal_language()).get(entry.action, entry.action)
    times = f" × {entry.times:,}" if entry.times > 1 else ""
    return f"{at}  {who:<16} {action} {entry.about}".rstrip() + times


def _begin(since: str, zone: ZoneInfo, now: Instant) -> Instant:
    """The start of the period, in seconds since 1970. since: a duration before `now`, or a day.

    Raises typer.Exit(2) for anything else.
    """
    span = re.fullmatch(r"(\d{1,6})([mhd])", since.strip())
    if span:
        return now - int(span[1]) * _UNITS[span[2]]
    try:
        return datetime.fromisoformat(since.strip()).replace(tzinfo=zone).timestamp()
    except ValueError as strange:
        say_error("cli.audit.bad_since", since=since)
        raise typer.Exit(CANNOT_JUDGE) from strange

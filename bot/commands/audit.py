"""`yingda audit`: who did what, for whoever has to answer for it."""

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

from bot.cases import Deed
from bot.commands.ground import CANNOT_LOOK, DEFAULT, AsJson, ConfigPath, deployment, err, out, told_plainly
from bot.commands.train import open_record
from bot.messages import Instant
from bot.stores.record.auditing import RecordAudit

Since = Annotated[
    str, typer.Option(help="How far back: 30m, 12h, 7d, or a day like 2026-11-01. 起始时间：时长或日期", metavar="WHEN")
]
LoginOf = Annotated[str, typer.Option("--login", help="One person's deeds alone. 只看某人")]
_SPANS = {"m": 60, "h": 3_600, "d": 86_400}
MOST = 10_000
_WORDS = {
    "logged_in": ("登录", "logged in"),
    "logged_out": ("退出", "logged out"),
    "login_failed": ("未能通过密码验证", "failed to prove who they are"),
    "refused": ("被拒绝", "was refused"),
    "added": ("账号被添加", "was added"),
    "disabled": ("账号被停用", "was disabled"),
    "sessions_ended": ("登录被结束", "had their sessions ended"),
    "password_given": ("密码被重设", "was given a password"),
    "password_changed": ("修改了自己的密码", "chose a new password"),
    "made_agent": ("角色改为客服", "was made an agent"),
    "made_lead": ("角色改为主管", "was made a lead"),
    "made_editor": ("角色改为编辑", "was made an editor"),
    "made_admin": ("角色改为管理员", "was made an admin"),
    "read": ("查看会话", "read a case"),
    "claimed": ("接手会话", "claimed a case"),
    "released": ("退回队列", "released a case"),
    "resolved": ("结束会话", "resolved a case"),
    "returned_to_bot": ("交还机器人", "gave a case back to the bot"),
    "replied": ("回复顾客", "replied in a case"),
    "noted": ("写了备注", "wrote a note"),
    "corrected": ("纠正了理解", "said what was meant"),
    "resent": ("再次发送", "sent a message again"),
    "left": ("不再发送", "left a message unsent"),
    "exported": ("导出顾客数据", "exported a customer"),
    "erased": ("删除顾客数据", "erased a customer"),
    "anonymised": ("匿名化顾客数据", "anonymised a customer"),
}


def command(since: Since = "7d", login: LoginOf = "", config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
    """Who did what: logins, reads and moves of cases, refusals. 操作审计：登录、查看与处理会话、被拒绝的请求"""
    with told_plainly():
        ready = deployment(config)
        begin = _begin(since, ready.config.zone, time.time())
        database = open_record(ready)
        try:
            deeds = asyncio.run(RecordAudit(database).deeds(begin, login, MOST))
        finally:
            database.close()
    if as_json:
        out.print_json(json.dumps([asdict(one) for one in deeds]))
        return
    for one in deeds:
        out.print(_line(one, ready.config.zone), markup=False)
    if not deeds:
        out.print("nothing was done in this time / 这段时间没有记录")
    if len(deeds) == MOST:
        out.print(f"only the newest {MOST:,} are shown / 仅显示最近的 {MOST:,} 条")


def _line(one: Deed, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(one.at, zone).strftime("%Y-%m-%d %H:%M:%S")
    who = one.login or one.staff or "–"
    chinese, english = _WORDS.get(one.action, ("", one.action))
    times = f" × {one.times:,}" if one.times > 1 else ""
    return f"{at}  {who:<16} {english} {chinese} {one.about}".rstrip() + times


def _begin(since: str, zone: ZoneInfo, now: Instant) -> Instant:
    """Ends the verb with 2 for what is neither a span nor a day."""
    span = re.fullmatch(r"(\d{1,6})([mhd])", since.strip())
    if span:
        return now - int(span[1]) * _SPANS[span[2]]
    try:
        return datetime.fromisoformat(since.strip()).replace(tzinfo=zone).timestamp()
    except ValueError as strange:
        err.print(
            f"✗ --since {since} is no time; write one like 7d, 12h or 2026-11-01 / "
            f"看不懂 --since {since}：请写 7d、12h 或 2026-11-01",
            markup=False,
        )
        raise typer.Exit(CANNOT_LOOK) from strange

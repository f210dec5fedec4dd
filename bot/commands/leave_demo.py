"""`yingda leave-demo`: takes what demo mode left out of the database; and why live mode does not start before that.

Demo mode writes logins with a published password, simulated customers and made-up members. On such a database live mode
would let anybody in, so `run` refuses it and names this verb.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from bot.commands.backup import may_write, written
from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment, out, told_plainly
from bot.commands.knowing import edition_now
from bot.commands.new import DEMO_BRAND
from bot.commands.train import open_record
from bot.config import Deployment
from bot.errors import SettingError
from bot.site import DEMO_LOGIN, DEMO_STAFF
from bot.stores.record.database import Database
from bot.stores.record.demo import DemoLeftovers, demo_leftovers, leave_demo, note_mode, ran_in
from bot.supervisor import only_one

MEMBERS_FILE = "members.sqlite"
Customers = Annotated[
    bool, typer.Option("--customers", help="Delete all customers too: nobody real has written yet. 同时删除全部顾客")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it, not only say what is there. 确认清除，否则只显示")]


def command(
    customers: Customers = False, yes: Yes = False, config: ConfigPath = DEFAULT, as_json: AsJson = False
) -> None:
    """Take what demo mode left out of the database, before going live. 正式启用前清除演示数据

    Disables the logins with the demo's password, ends every session, removes the made-up members, and retires an
    edition that speaks for the demo brand. Staff, editions and the audit log stay. With --customers all customers and
    what was said go as well; a backup is written first.
    """
    with told_plainly():
        ready = deployment(config)
        with only_one(ready.config.var / "run.lock"):
            database = open_record(ready)
            try:
                left = asyncio.run(database.read(found))
                retire = speaks_for_the_demo(ready)
                kept = _clear(ready, database, left, customers=customers, retire=retire) if yes else None
            finally:
                database.close()
    if as_json:
        out.print_json(json.dumps(asdict(left) | {"edition_of_the_demo": retire, "done": yes}))
        return
    out.print("\n".join(_described(left, ready.config.var / MEMBERS_FILE, retire)), markup=False)
    if kept is not None:
        out.print(f"  what was there is kept in {kept} / 原数据备份于此", markup=False)
    if yes:
        out.print("✓ demo mode is left; add your own admin: yingda user add NAME --role admin / 已清除，请添加管理员")
    else:
        out.print("nothing was taken out; --yes does it / 仅显示，加 --yes 才会清除")


def found(connection: Connection) -> DemoLeftovers:
    """What demo mode left in a database."""
    return demo_leftovers(connection, DEMO_STAFF, DEMO_LOGIN[1])


def speaks_for_the_demo(ready: Deployment) -> bool:
    """Whether customers would hear the demo brand's name from the active edition."""
    try:
        edition = edition_now(ready)
    except SettingError:  # one of another version: the next start trains anew
        return False
    if edition is None:
        return False
    words = edition.to_json()
    return any(name in words for name in DEMO_BRAND)


def refuse_the_other_mode(ready: Deployment, database: Database) -> None:
    """Raises SettingError for live mode on a database that ran in demo mode, where logins are public, and for demo mode
    on one that ran live, whose customers' conversations those logins would open. Else remembers the mode."""
    mode = ready.config.mode
    if mode == "demo" and asyncio.run(database.read(lambda connection: ran_in(connection, "live"))):
        raise SettingError(
            ready.page.mistake(
                ("mode",),
                "is demo, but this database ran in live mode: the demo's public logins would open it to everybody",
                "set mode: live, or give the demo a `var` and a `record` of its own",
            )
        )
    if mode == "live" and (left := asyncio.run(database.read(found))):
        raise SettingError(
            ready.page.mistake(
                ("mode",),
                f"is live, but this database ran in demo mode: it has {len(left.logins)} logins with the demo's "
                f"password, {left.customers} customers and {left.cases} cases",
                "take them out: yingda leave-demo --customers (without --customers if real people wrote); or start on "
                "a clean one: name another `var`, and another database in `record`",
            )
        )
    asyncio.run(database.write(lambda connection: note_mode(connection, mode, database.now(connection))))
    if mode == "live" and ready.config.members.kind == "demo":
        out.print("! members.kind is demo: points are those of made-up members; name your own under members")
        out.print("! members.kind 仍为 demo：积分来自虚构会员，请在 members 中填写自己的会员库")
    if mode == "live" and speaks_for_the_demo(ready):
        out.print(
            f"! the active edition speaks for the demo brand ({DEMO_BRAND[1]}): change knowledge_base, then train"
        )
        out.print("! 当前版本仍使用演示品牌的内容：请修改知识库后重新训练")


def _clear(ready: Deployment, database: Database, left: DemoLeftovers, *, customers: bool, retire: bool) -> Path | None:
    """Where the backup is; None if no customers were deleted."""
    kept = None
    if customers:
        kept = ready.config.var / time.strftime("demo-%Y%m%d-%H%M%S.jsonl.gz")
        may_write(kept, overwrite=False)
        asyncio.run(written(database, kept))

    def work(connection: Connection) -> None:
        now = database.now(connection)
        leave_demo(connection, left, with_customers=customers, retire_edition=retire, now=now)

    asyncio.run(database.write(work))
    (ready.config.var / MEMBERS_FILE).unlink(missing_ok=True)
    return kept


def _described(left: DemoLeftovers, members: Path, retire: bool) -> list[str]:
    logins = ", ".join(left.logins) or "none 无"
    lines = [
        f"logins with the demo's password 使用演示密码的账号: {logins}",
        f"sessions 登录: {left.sessions}   customers 顾客: {left.customers}   cases 会话: {left.cases}",
    ]
    if members.exists():
        lines.append(f"made-up members 虚构会员: {members}")
    if retire:
        lines.append(f"the active edition speaks for the demo brand 当前版本使用演示品牌: {DEMO_BRAND[1]}")
    return lines

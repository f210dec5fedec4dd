"""`yingda customer`: what is held about somebody, as the law lets them ask for it, and forgetting them."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from sqlalchemy import Connection

from bot.commands.ground import DEFAULT, ConfigPath, deployment, err, out, told_plainly
from bot.commands.train import open_record
from bot.errors import Mistake, SettingError
from bot.stores.record.dossier import Known, dossier, erase, find

app = typer.Typer(help="What is held about a customer, and forgetting them. 顾客数据的导出与删除", no_args_is_help=True)
T = TypeVar("T")
Who = Annotated[
    str,
    typer.Argument(
        help="A handle (openid, X user id), member id, case or customer id. 顾客标识、会员编号、会话或顾客编号"
    ),
]
File = Annotated[Path, typer.Argument(help="Where to write it, like lin.json. 导出文件")]
Anonymise = Annotated[
    bool, typer.Option("--anonymise", help="Keep texts, with numbers masked. 保留文字，隐去数字与身份")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it, not only say whom it would be. 确认删除，否则只显示")]


@app.command("export")
def export(who: Who, file: File, config: ConfigPath = DEFAULT) -> None:
    """Write everything that is held about a customer into a file. 导出一位顾客的全部数据"""
    with told_plainly():
        if file.exists():
            mend = "name another file"
            raise SettingError(Mistake(str(file), 0, "export", "there is a file of this name", mend))
        known = _the_one(config, who)
        held = _on_record(config, lambda connection: dossier(connection, known.id, time.time()))
        _write(file, held)
    out.print(f"✓ {sum(map(len, held.values())):,} rows about {_named(known)} in {file} / 已导出", markup=False)


@app.command("erase")
def forget(who: Who, anonymise: Anonymise = False, yes: Yes = False, config: ConfigPath = DEFAULT) -> None:
    """Forget a customer on every account, also while Yingda runs. 删除一位顾客的全部数据"""
    with told_plainly():
        known = _the_one(config, who)
        if yes:
            _on_record(config, lambda connection: erase(connection, known.id, time.time(), anonymise=anonymise))
    done = "✓ forgotten / 已删除" if yes else "nothing was erased; --yes does it / 仅显示，加 --yes 才会删除"
    out.print(f"{_named(known)}\n{done}", markup=False)
    if yes:
        out.print("  backups still hold them, until you make new ones / 旧备份中仍有其数据，请更新备份")


def _the_one(config: Path, who: str) -> Known:
    """The customer who is meant. Ends the verb with 1 if that is nobody, or several."""
    found = _on_record(config, lambda connection: find(connection, who))
    if len(found) == 1:
        return found[0]
    for one in found:
        err.print(f"  {_named(one)}", markup=False)
    several = "several customers; name one by its id / 有多位顾客，请用顾客编号指定"
    err.print(f"✗ {several if found else 'nobody of that name / 没有找到这位顾客'}", markup=False)
    raise typer.Exit(1)


def _on_record(config: Path, work: Callable[[Connection], T]) -> T:
    database = open_record(deployment(config))
    try:
        return asyncio.run(database.write(work))
    finally:
        database.close()


def _named(known: Known) -> str:
    handles = ", ".join(f"{handle} on {account}" for account, handle in known.handles) or "–"
    return f"{known.id} {known.name or '–'}: {handles}"


def _write(file: Path, held: dict[str, Any]) -> None:
    """For nobody else's eyes."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
        json.dump(held, written, ensure_ascii=False, indent=1)
        written.write("\n")

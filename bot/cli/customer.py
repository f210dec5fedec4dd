"""`yingda customer`: export or erase everything held about a customer, as data protection laws require."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.app.storage import FoundCustomer, Storage
from bot.cli.common import DEFAULT_CONFIG, ConfigPath, err, open_deployment, out, say, say_error, terminal_language
from bot.errors import ConfigProblem, SettingError
from bot.i18n import translate

app = typer.Typer(help="Export and erase what is held about a customer. 顾客数据的导出与删除", no_args_is_help=True)
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
def export(who: Who, file: File, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write everything that is held about a customer into a file. 导出一位顾客的全部数据"""
    with open_deployment(config) as (_, storage):
        if file.exists():
            raise SettingError(ConfigProblem.of(file, 0, "export", "problem.file_exists"))
        customer = _find_one(storage, who)
        rows = asyncio.run(storage.export_customer(customer.id))
        _write_private(file, rows)
    say("cli.customer.exported", rows=sum(map(len, rows.values())), customer=_described(customer), file=file)


@app.command("erase")
def erase(who: Who, anonymise: Anonymise = False, yes: Yes = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Erase a customer on every account, also while Yingda runs. 删除一位顾客的全部数据"""
    with open_deployment(config) as (_, storage):
        customer = _find_one(storage, who)
        if yes:
            asyncio.run(storage.erase_customer(customer.id, anonymise=anonymise))
    out.print(_described(customer), markup=False)
    say("cli.customer.erased" if yes else "cli.customer.not_erased")


def _find_one(storage: Storage, who: str) -> FoundCustomer:
    """The customer that `who` names. Raises typer.Exit(1) if there is none, or several."""
    found = asyncio.run(storage.find_customers(who))
    if len(found) == 1:
        return found[0]
    for customer in found:
        err.print(f"  {_described(customer)}", markup=False)
    say_error("cli.customer.several" if found else "cli.customer.unknown")
    raise typer.Exit(1)


def _described(customer: FoundCustomer) -> str:
    handles = [
        translate("cli.customer.handle", terminal_language(), handle=handle, account=account)
        for account, handle in customer.handles
    ]
    return f"{customer.id} {customer.name or '–'}: {', '.join(handles) or '–'}"


def _write_private(file: Path, rows: dict[str, Any]) -> None:
    """Write JSON that only this user can read. Raises FileExistsError."""
    # O_EXCL: a link that another user placed at this path is not followed
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
        json.dump(rows, written, ensure_ascii=False, indent=1)
        written.write("\n")

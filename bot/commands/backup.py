"""`yingda backup` and `yingda restore`: the whole record as one file, for either kind of database."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from bot.commands.ground import DEFAULT, ConfigPath, deployment, out, told_plainly
from bot.commands.progress import progress
from bot.config import Deployment
from bot.errors import Mistake, SettingError
from bot.stores.record.database import Database
from bot.stores.record.dump import Contents, read_dump, write_dump
from bot.stores.record.fitness import refuse_unfit
from bot.stores.record.migrate import revision_of
from bot.supervisor import only_one

File = Annotated[Path, typer.Argument(help="The backup, like yingda.jsonl.gz. 备份文件")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an older file of this name. 覆盖同名文件")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Lose what the record holds now. 清除并替换现有数据", show_default=False)
]


def backup(file: File, overwrite: Overwrite = False, config: ConfigPath = DEFAULT) -> None:
    """Write the whole record into one file, also while Yingda runs. 备份全部数据（可在运行中进行）"""
    with told_plainly():
        ready = deployment(config)
        may_write(file, overwrite)
        database = Database(ready.config.record_url)
        try:
            refuse_unfit(database.engine, ready.page)
            _refuse_nothing(ready, database)
            contents = asyncio.run(written(database, file))
        finally:
            database.close()
    out.print(f"✓ {contents.rows:,} rows in {file}, {file.stat().st_size / 1e6:,.1f} MB / 已备份")
    out.print("  it holds what customers wrote: protect it like the database / 含顾客数据，请妥善保管")


def restore(file: File, replace: Replace = False, config: ConfigPath = DEFAULT) -> None:
    """Put a backup in place of an empty record; Yingda must not run. 从备份恢复（须先停止运行）"""
    with told_plainly():
        ready = deployment(config)
        ready.config.var.mkdir(parents=True, exist_ok=True)
        with only_one(ready.config.var / "run.lock"):
            database = Database(ready.config.record_url)
            try:
                refuse_unfit(database.engine, ready.page)
                contents = asyncio.run(_read(database, file, replace, ready.config.secret))
            finally:
                database.close()
    made = datetime.fromtimestamp(contents.at, ready.config.zone).strftime("%Y-%m-%d %H:%M")
    out.print(f"✓ {contents.rows:,} rows of {made} are restored / 已恢复")
    out.print(
        "  messages that were about to be sent are marked on the desk as possibly not delivered / "
        "当时待发的消息将标为存疑，由人工确认"
    )


def may_write(file: Path, overwrite: bool) -> None:
    """Raises SettingError where the file is there already, or its folder is not."""
    if file.exists() and not overwrite:
        mend = "name another, or say --overwrite"
        raise SettingError(Mistake(str(file), 0, "backup", "there is a file of this name", mend))
    if not file.absolute().parent.is_dir():
        mend = "make it, or name another"
        raise SettingError(Mistake(str(file), 0, "backup", "the folder is not there", mend))


def _refuse_nothing(ready: Deployment, database: Database) -> None:
    """The record is taken as it is: a backup changes nothing, not even its tables' shape."""
    there = not database.sqlite or Path(database.url.removeprefix("sqlite:///")).exists()
    if not there or not asyncio.run(database.read(revision_of)):
        mend = "start Yingda first: yingda run"
        raise SettingError(Mistake(str(ready.page.path), 0, "record", "there is nothing to back up yet", mend))


async def written(database: Database, file: Path) -> Contents:
    """Write a backup to `file`: under another name until it is whole, and for nobody else's eyes."""
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with progress() as show:

            def work(connection: Connection) -> Contents:
                at = time.time()
                return write_dump(connection, part, at, lambda done, rows: show("backup 备份", done / max(rows, 1)))

            contents = await database.read(work)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return contents


async def _read(database: Database, file: Path, replace: bool, secret: str) -> Contents:
    with progress() as show:

        def work(connection: Connection) -> Contents:
            def told(done: int, rows: int) -> None:
                show("restore 恢复", done / max(rows, 1))

            return read_dump(connection, file, told, replace=replace, secret=secret)

        return await database.write(work)

"""`yingda backup` and `yingda restore`: the whole database as one file, for SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.app.storage import DumpContents, Storage
from bot.cli.common import (
    DEFAULT_CONFIG,
    ConfigPath,
    load_deployment,
    progress,
    reporting_errors,
    say,
    terminal_language,
)
from bot.errors import ConfigProblem, SettingError
from bot.i18n import translate
from bot.process.supervisor import exclusive_lock

File = Annotated[Path, typer.Argument(help="The backup, like yingda.jsonl.gz. 备份文件")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an older file of this name. 覆盖同名文件")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Delete what the database holds now. 清除并替换现有数据", show_default=False)
]


def backup(file: File, overwrite: Overwrite = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write the whole database into one file, also while Yingda runs. 备份全部数据（可在运行中进行）"""
    with reporting_errors():
        deployment = load_deployment(config)
        refuse_unwritable(file, overwrite)
        with Storage(deployment) as storage:
            storage.refuse_unfit()
            # a backup creates and migrates no tables, so there must be some
            if not asyncio.run(storage.revision()):
                raise SettingError(ConfigProblem.of(deployment.page.path, 0, "database", "problem.nothing_to_back_up"))
            contents = asyncio.run(write_backup(storage, file))
    say("cli.backup.done", rows=contents.rows, file=file, megabytes=file.stat().st_size / 1e6)


def restore(file: File, replace: Replace = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Restore a backup into an empty database; Yingda must not run. 从备份恢复（须先停止运行）"""
    with reporting_errors():
        deployment = load_deployment(config)
        deployment.config.var.mkdir(parents=True, exist_ok=True)
        stage = translate("cli.restore.stage", terminal_language())
        with exclusive_lock(deployment.config.var / "run.lock"), Storage(deployment) as storage:
            storage.refuse_unfit()
            with progress() as show:
                contents = asyncio.run(
                    storage.restore_backup(file, lambda done, rows: show(stage, done / max(rows, 1)), replace=replace)
                )
    made = datetime.fromtimestamp(contents.at, deployment.config.zone).strftime("%Y-%m-%d %H:%M")
    say("cli.restore.done", rows=contents.rows, made=made)


def refuse_unwritable(file: Path, overwrite: bool) -> None:
    """Raises SettingError if the file exists (unless `overwrite`) or its folder does not."""
    if file.exists() and not overwrite:
        raise SettingError(ConfigProblem.of(file, 0, "backup", "problem.file_exists_overwrite"))
    if not file.absolute().parent.is_dir():
        raise SettingError(ConfigProblem.of(file, 0, "backup", "problem.no_folder"))


async def write_backup(storage: Storage, file: Path) -> DumpContents:
    """Write a backup to `file`, readable by this user only."""
    # under another name until it is complete, so that an interrupted backup is never taken for one
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))
    stage = translate("cli.backup.stage", terminal_language())
    try:
        with progress() as show:
            contents = await storage.write_backup(part, lambda done, rows: show(stage, done / max(rows, 1)))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return contents

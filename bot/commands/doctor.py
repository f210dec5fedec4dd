"""`yingda doctor`: what is well, what is not, and how to mend it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bot.app import SKILLS
from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment, out
from bot.config import Deployment
from bot.doctor import Grade, Probes, examine, told, worst
from bot.knowledge.entries import load
from bot.messages import Instant
from bot.stores.embedded import EmbeddedValkey
from bot.stores.nerve import Nerve
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.migrate import is_migrated

Public = Annotated[str, typer.Option(help="The address you tell the platforms. 对外地址")]
Language = Annotated[str, typer.Option(help="zh or en. 语言")]


def command(
    public: Public = "", language: Language = "", config: ConfigPath = DEFAULT, as_json: AsJson = False
) -> None:
    """Look at everything that has to be right, and say what is not. 检查配置、时钟、凭证与连通性"""
    found = asyncio.run(examine(partial(deployment, config), probes, public))
    if as_json:
        out.print_json(json.dumps([asdict(finding) for finding in found], ensure_ascii=False))
    else:
        out.print(told(found, language or _spoken()), markup=False)
    raise typer.Exit(1 if worst(found) is Grade.FAIL else 0)


def _spoken() -> str:
    """The language of this terminal."""
    return "zh" if os.environ.get("LANG", "").lower().startswith("zh") else "en"


def probes(ready: Deployment) -> Probes:
    """How to reach this deployment's parts."""
    return Probes(
        time.time,
        partial(_record, ready),
        partial(_nerve, ready),
        lambda: len(load(Path(ready.config.knowledge_base), SKILLS).entries),
    )


async def _record(ready: Deployment) -> tuple[bool, Instant, int]:
    ready.config.var.mkdir(parents=True, exist_ok=True)
    database = Database(ready.config.record_url)
    try:
        migrated = await database.read(is_migrated)
        edition = await RecordEditions(database).active() if migrated else 0
        return migrated, await database.read(database.now), edition
    finally:
        database.close()


async def _nerve(ready: Deployment) -> bool:
    if ready.config.nerve != "embedded":
        return await _answers(ready.config.nerve)
    with EmbeddedValkey(ready.config.var) as url:
        return await _answers(url)


async def _answers(url: str) -> bool:
    async with Nerve(url) as nerve:
        return await nerve.reachable()

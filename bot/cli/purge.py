"""`yingda purge`: count the rows that are older than `retention` allows; with --yes delete them."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Annotated

import typer

from bot.app.storage import Storage
from bot.cli.common import DEFAULT_CONFIG, AsJson, ConfigPath, open_deployment, out, say, terminal_language
from bot.i18n import translate

Yes = Annotated[bool, typer.Option("--yes", help="Delete it, not only count. 确认清除，否则只计数")]


def command(yes: Yes = False, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Delete what is past `retention`; a running Yingda does so by itself. 清除超过保留期的数据"""
    with open_deployment(config) as (deployment, storage):
        counted = asyncio.run(_purge(storage)) if yes else dict(asyncio.run(storage.retention.due(time.time())))
    if as_json:
        out.print_json(json.dumps(counted))
        return
    for kind, days in deployment.config.retention.model_dump().items():
        kept = translate("cli.purge.kept_days" if days else "cli.purge.kept", terminal_language(), days=days)
        out.print(f"{kind:<11} {counted.get(kind, 0):>9,}   {kept}")
    say("cli.purge.done" if yes else "cli.purge.not_done")


async def _purge(storage: Storage) -> dict[str, int]:
    """Delete all rows that are due; their number by kind."""
    deleted = Counter[str]()
    # each call is one short transaction, so that a running Yingda can write in between
    while batch := await storage.retention.purge(time.time()):
        deleted.update(batch)
    return dict(deleted)

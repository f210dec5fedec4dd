"""`yingda purge`: what has been kept for long enough, counted; with --yes thrown away."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Annotated

import typer

from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment, out, told_plainly
from bot.commands.train import open_record
from bot.stores.record.housekeeping import RecordHousekeeping

Yes = Annotated[bool, typer.Option("--yes", help="Throw it away, not only count. 确认清除，否则只计数")]


def command(yes: Yes = False, config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
    """Throw away what `retention` keeps no longer; a running Yingda does so by itself. 清除超过保留期的数据"""
    with told_plainly():
        ready = deployment(config)
        database = open_record(ready)
        rooms = RecordHousekeeping(database, ready.config.retention)
        try:
            counted = asyncio.run(_purged(rooms)) if yes else dict(asyncio.run(rooms.due(time.time())))
        finally:
            database.close()
    if as_json:
        out.print_json(json.dumps(counted))
        return
    for kind, days in ready.config.retention.model_dump().items():
        kept = f"kept for {days} days  保留 {days} 天" if days else "kept for ever  永久保留"
        out.print(f"{kind:<11} {counted.get(kind, 0):>9,}   {kept}")
    out.print("✓ deleted / 已清除" if yes else "nothing was deleted; add --yes to delete / 仅计数，加 --yes 才会清除")


async def _purged(rooms: RecordHousekeeping) -> dict[str, int]:
    """Everything that is due, a little at a time: a running Yingda gets its turns in between."""
    gone = Counter[str]()
    while some := await rooms.purge(time.time()):
        gone.update(some)
    return dict(gone)

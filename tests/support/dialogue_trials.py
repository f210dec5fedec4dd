"""A trained deployment in which `yingda talk` plays dialogues, as an editor runs it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from support.fast_setup import tables
from support.shop import deployment_in
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions


@dataclass(frozen=True, slots=True)
class Trials:
    """A deployment's configuration, next to which files of dialogues are written."""

    config: Path

    def talks(self, *arguments: str, written: str | bytes = "") -> Result:
        """Run the command. written: what a person writes at the terminal."""
        return CliRunner().invoke(app, ["talk", *arguments, "--config", str(self.config)], input=written)

    def file(self, content: object) -> str:
        path = self.config.with_name("dialogues.yaml")
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return str(path)

    def plays(self, *turns: dict[str, Any], channel: str = "wechat") -> list[dict[str, Any]]:
        """What came of each turn of one dialogue."""
        ran = self.talks(self.file([{"name": "one", "channel": channel, "turns": list(turns)}]), "--json")
        (played,) = json.loads(ran.stdout)["dialogues"]
        assert ran.exit_code == (not played["holds"]), ran.output
        came: list[dict[str, Any]] = played["turns"]
        return came


def trials_in(folder: Path, edition: tuple[str, bytes], **changes: Any) -> Trials:
    """A deployment on the shipped edition, without accounts. changes: of its settings."""
    deployment = deployment_in(folder, **{"accounts": [], **changes})
    deployment.config.var.mkdir()
    database = Database(deployment.config.database_url)
    tables(database.engine)
    asyncio.run(SqlEditions(database).publish(*edition, "tests", 0))
    database.close()
    return Trials(deployment.page.path)

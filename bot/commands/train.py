"""`yingda train`: make the knowledge base live as a new edition."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bot.app import SKILLS
from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment, err, out, told_plainly
from bot.config import Deployment
from bot.errors import Stale
from bot.intents.understanding.training import Report, train
from bot.knowledge.editions import Edition
from bot.knowledge.entries import load
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.migrate import migrate


def command(config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
    """Train on the knowledge base and make it live. 训练知识库并发布为新版本"""
    with told_plainly():
        ready = deployment(config)
        database = open_record(ready)
        try:
            number, report = publish(ready, database)
        except Stale as late:
            err.print("✗ somebody else published meanwhile; look at their edition, then train again")
            raise typer.Exit(1) from late
        finally:
            database.close()
    _tell(number, report, ready.config.intents.target_precision, as_json)


def open_record(ready: Deployment) -> Database:
    """The deployment's record, migrated."""
    ready.config.var.mkdir(parents=True, exist_ok=True)
    database = Database(ready.config.record_url)
    migrate(database.engine)
    return database


def publish(ready: Deployment, database: Database) -> tuple[int, Report]:
    """Train and activate; the edition's number. Raises SettingError and Stale."""
    base = load(Path(ready.config.knowledge_base), SKILLS)
    editions = RecordEditions(database)
    based_on = asyncio.run(editions.active())
    with _progress() as show:
        trained = train(base, ready.config.intents.target_precision, show)
    edition = Edition(0, base.entries, base.phrases, trained.thresholds, ready.config.timezone)
    number = asyncio.run(editions.publish(edition.to_json(), trained.model, "yingda train", based_on))
    return number, trained.report


class _progress:  # noqa: N801 - used as a verb
    """A bar on the terminal; silent where nobody looks."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=err, transient=True
        )
        self._task = self._bar.add_task("training", total=1.0)

    def __enter__(self) -> Callable[[str, float], None]:
        self._bar.start()
        return lambda stage, done: self._bar.update(self._task, description=stage, completed=done)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _tell(number: int, report: Report, target: float, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps({"edition": number, **asdict(report)}))
        return
    out.print(
        f"✓ edition {number} is live: {report.entries} entries, {report.examples} examples, {report.seconds:.1f} s"
    )
    out.print(
        f"  asked {report.heldout} questions it had not learned: {report.accuracy:.1%} understood; "
        f"it answers {report.coverage:.0%} by itself, {report.precision:.1%} of that rightly (promised {target:.0%})"
    )

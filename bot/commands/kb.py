"""`yingda kb`: which editions of the knowledge base there are, and back to an earlier one."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment, err, out, told_plainly
from bot.commands.readers import patient_encoder
from bot.commands.train import open_record
from bot.config import Deployment
from bot.errors import EngineFailed, Stale
from bot.intents.skills import SKILLS
from bot.intents.understanding.semantic import SemanticEngine
from bot.knowledge.editions import Edition
from bot.knowledge.topics import Library
from bot.messages import Instant
from bot.ports.editions import Published
from bot.publishing import MODELS_KEPT
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.parts import RecordParts

app = typer.Typer(help="Editions of the knowledge base. 知识库版本", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="The edition, as yingda kb history shows it. 版本号", min=1)]
By = Annotated[str, typer.Option("--by", help="Who goes back; left out: this system's user. 操作人")]


@app.command("history")
def history(config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
    """The editions that one can go back to, newest first; * is live. 可回退的版本，* 为现行版本"""
    with _record(config) as (ready, database):
        editions = RecordEditions(database)
        kept, active = asyncio.run(editions.history(MODELS_KEPT + 1)), asyncio.run(editions.active())
    if as_json:
        out.print_json(json.dumps({"active": active, "editions": [_as_json(one, active) for one in kept]}))
        return
    if not kept:
        out.print("nothing is published yet: yingda train / 还没有发布过任何版本")
    for line in _lines(kept, active, ready.config.zone):
        out.print(line, markup=False)


@app.command("rollback")
def rollback(number: Number, by: By = "", config: ConfigPath = DEFAULT) -> None:
    """Make an earlier edition live again; every process takes it up within a second or two. 回退到以前的版本

    Files stay as they are: mend them before the next yingda train, which publishes what they say.
    """
    with _record(config) as (ready, database):
        active = asyncio.run(RecordEditions(database).active())
        if active == number:
            out.print(f"edition {number} is live already / 第 {number} 版已是现行版本")
            return
        with _told(number):
            _refuse_unusable(ready, database, number)
            who = by or f"yingda kb rollback ({_user()})"
            asyncio.run(RecordEditions(database).activate(number, who, active))
    out.print(
        f"✓ edition {number} is live again, in place of edition {active} / 第 {number} 版重新上线，取代第 {active} 版\n"
        "  the files still say what they said: mend them before yingda train / 文件未改动：请先修改再训练"
    )


@contextmanager
def _record(config: Path) -> Iterator[tuple[Deployment, Database]]:
    with told_plainly():
        ready = deployment(config)
        database = open_record(ready)
        try:
            yield ready, database
        finally:
            database.close()


@contextmanager
def _told(number: int) -> Iterator[None]:
    """What keeps an edition from being live again, plainly; the edition that is live stays."""
    try:
        yield
    except LookupError as gone:
        said = f"there is no edition {number} to go back to; yingda kb history shows those there are"
        _fail(f"{said} / 没有可回退的第 {number} 版，请用 yingda kb history 查看", gone)
    except Stale as late:
        said = "somebody published or went back meanwhile; look at yingda kb history, then try again"
        _fail(f"{said} / 期间有人发布或回退了版本：请先查看 yingda kb history，再重试", late)
    except EngineFailed as broken:
        _fail(f"edition {number} cannot be loaded: {broken} / 第 {number} 版无法载入", broken)


def _fail(said: str, cause: Exception) -> None:
    err.print(f"✗ {said}", markup=False)
    raise typer.Exit(1) from cause


def _refuse_unusable(ready: Deployment, database: Database, number: int) -> None:
    """Load all of it as a serving process would, so that no process finds out after it is live. Raises SettingError,
    LookupError and EngineFailed."""
    content, model = asyncio.run(RecordEditions(database).load(number))
    if not model:
        raise LookupError(f"the model of edition {number} was let go")
    fetch = RecordParts(database).fetch
    edition = Edition.from_json(number, content, Library(fetch))
    deque(edition.entries.values(), maxlen=0)
    if strange := sorted({entry.skill for entry in edition.entries.values()} - {"", *SKILLS}):
        raise EngineFailed(f"it names skills that this version does not have: {', '.join(strange)}")
    SemanticEngine(fetch=fetch, encoder=patient_encoder(ready.config.intents.encoder)).take_up(number, model)
    if ready.config.intents.engine not in {"semantic", *edition.others}:
        err.print("! Rasa has not learned this edition: engine semantic answers / Rasa 未学习此版，由 semantic 回答")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in some containers
        return str(os.getuid())


def _as_json(one: Published, active: int) -> dict[str, Any]:
    live = [{"at": since.at, "by": since.by, "replaced": since.replaced} for since in one.activations]
    return {"number": one.number, "at": one.at, "by": one.by, "active": one.number == active, "activations": live}


def _lines(kept: Sequence[Published], active: int, zone: ZoneInfo) -> Iterator[str]:
    for one in kept:
        mark = "*" if one.number == active else " "
        yield f"{mark} {one.number:>5}  {_when(one.at, zone)}  {one.by}"
        for again in one.activations:
            if again.at != one.at:
                yield (
                    f"         {_when(again.at, zone)}  live again, in place of {again.replaced}, by {again.by} / "
                    f"重新上线，取代第 {again.replaced} 版"
                )


def _when(at: Instant, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"

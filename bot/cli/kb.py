"""`yingda kb`: list the editions of the knowledge base and go back to an earlier one."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from bot.app.storage import Storage
from bot.cli.common import DEFAULT_CONFIG, AsJson, ConfigPath, open_deployment, out, say, say_error, terminal_language
from bot.cli.editions import training_encoder
from bot.config import Deployment
from bot.domain.messages import Instant
from bot.errors import EngineFailed, Stale
from bot.i18n import translate
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.skills import SKILLS
from bot.knowledge.editions import Edition
from bot.knowledge.topic_cache import TopicCache
from bot.ports.storage import PublishedEdition
from bot.publishing import MODELS_KEPT

app = typer.Typer(help="Editions of the knowledge base. 知识库版本", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="The edition, as yingda kb history shows it. 版本号", min=1)]
By = Annotated[str, typer.Option("--by", help="Who goes back; left out: this system's user. 操作人")]


@app.command("history")
def history(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """The editions that one can go back to, newest first; * is live. 可回退的版本，* 为现行版本"""
    with open_deployment(config) as (deployment, storage):
        kept = asyncio.run(storage.editions.history(MODELS_KEPT + 1))  # the live one and those with a model
        active = asyncio.run(storage.editions.active())
    if as_json:
        editions = [
            {"number": one.number, "at": one.at, "by": one.by, "active": one.number == active}
            | {"activations": [{"at": at.at, "by": at.by, "replaced": at.replaced} for at in one.activations]}
            for one in kept
        ]
        out.print_json(json.dumps({"active": active, "editions": editions}))
        return
    if not kept:
        say("cli.kb.nothing")
    for line in _lines(kept, active, deployment.config.zone):
        out.print(line, markup=False)


@app.command("rollback")
def rollback(number: Number, by: By = "", config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Make an earlier edition live again; every process takes it up within a second or two. 回退到以前的版本

    Files stay as they are: correct them before the next yingda train, which publishes what they say.
    """
    with open_deployment(config) as (deployment, storage):
        active = asyncio.run(storage.editions.active())
        if active == number:
            say("cli.kb.already", number=number)
            return
        with _reporting_refusal(number):
            _refuse_unusable(deployment, storage, number)
            who = by or f"yingda kb rollback ({_user()})"
            asyncio.run(storage.editions.activate(number, who, active))
    say("cli.kb.back", number=number, replaced=active)


@contextmanager
def _reporting_refusal(number: int) -> Iterator[None]:
    """Print why an edition cannot be made live again and raise typer.Exit(1)."""
    try:
        yield
    except LookupError as gone:
        say_error("cli.kb.no_edition", number=number)
        raise typer.Exit(1) from gone
    except Stale as late:
        say_error("cli.kb.meanwhile")
        raise typer.Exit(1) from late
    except EngineFailed as broken:
        say_error("cli.kb.not_loaded", number=number, reason=broken)
        raise typer.Exit(1) from broken


def _refuse_unusable(deployment: Deployment, storage: Storage, number: int) -> None:
    """Load an edition as a serving process would, so that it fails here and not when it is live.

    Raises SettingError, LookupError and EngineFailed.
    """
    content, model = asyncio.run(storage.editions.load(number))
    if not model:
        raise LookupError(f"the model of edition {number} has been deleted")
    fetch = storage.chunks.fetch
    edition = Edition.from_json(number, content, TopicCache(fetch))
    deque(edition.entries.values(), maxlen=0)  # entries load on access: access all
    if strange := sorted({entry.skill for entry in edition.entries.values()} - {"", *SKILLS}):
        raise EngineFailed(f"it names skills that this version does not have: {', '.join(strange)}")
    SemanticEngine(fetch=fetch, encoder=training_encoder(deployment.config.intents.encoder)).load(number, model)
    if deployment.config.intents.engine not in {"semantic", *edition.external_models}:
        say_error("cli.kb.rasa_behind")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in some containers
        return str(os.getuid())


def _lines(kept: Sequence[PublishedEdition], active: int, zone: ZoneInfo) -> Iterator[str]:
    for one in kept:
        mark = "*" if one.number == active else " "
        yield f"{mark} {one.number:>5}  {_when(one.at, zone)}  {one.by}"
        for again in one.activations:
            if again.at != one.at:
                what = translate("cli.kb.again", terminal_language(), replaced=again.replaced, by=again.by)
                yield f"         {_when(again.at, zone)}  {what}"


def _when(at: Instant, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"

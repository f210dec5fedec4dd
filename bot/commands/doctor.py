"""`yingda doctor`: what is well, what is not, and how to mend it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bot.allowance import Standing
from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment_with_channels, out, spoken
from bot.commands.knowing import edition_now
from bot.commands.leave_demo import found, speaks_for_the_demo
from bot.commands.privacy import readable_by_others
from bot.commands.run import taken_doors
from bot.config import Deployment
from bot.doctor import Grade, Probes, examine, told, worst
from bot.errors import EncoderFailed, EngineFailed, Mistake, SettingError, Unavailable
from bot.intents.rasa import NAME as RASA
from bot.intents.skills import SKILLS
from bot.knowledge.entries import load
from bot.messages import Instant
from bot.services.encoders import own_encoder
from bot.services.rasa import RasaClient, Service
from bot.stores.embedded import EmbeddedValkey
from bot.stores.nerve import Nerve
from bot.stores.record.allowance import RecordAllowance
from bot.stores.record.database import Database
from bot.stores.record.demo import DemoLeftovers
from bot.stores.record.editions import RecordEditions
from bot.stores.record.fitness import refuse_unfit
from bot.stores.record.migrate import is_migrated
from bot.stores.record.pulse import written
from bot.supervisor import holder
from bot.telemetry import counted_in

_PATIENCE = 3.0  # seconds for services beside us
Public = Annotated[str, typer.Option(help="The address you tell the platforms. 对外地址")]
Language = Annotated[str, typer.Option(help="zh or en. 语言")]


def command(
    public: Public = "", language: Language = "", config: ConfigPath = DEFAULT, as_json: AsJson = False
) -> None:
    """Look at everything that has to be right, and say what is not. 检查配置、时钟、凭证与连通性"""
    findings = asyncio.run(examine(partial(deployment_with_channels, config), probes, public))
    if as_json:
        out.print_json(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        out.print(told(findings, language or spoken()), markup=False)
    raise typer.Exit(1 if worst(findings) is Grade.FAIL else 0)


def probes(ready: Deployment) -> Probes:
    """How to reach this deployment's parts."""
    return Probes(
        time.time,
        partial(_record, ready),
        partial(_nerve, ready),
        lambda: len(load(Path(ready.config.knowledge_base), SKILLS).entries),
        partial(_doors, ready),
        lambda: counted_in(ready.config.var / "counters", "refused"),
        partial(_rasa, ready) if ready.config.intents.engine == RASA else None,
        partial(_encoder, ready) if ready.config.intents.encoder.kind != "bundled" else None,
        partial(_demo, ready) if ready.config.mode == "live" else None,
        standings=partial(_standings, ready),
        readable=lambda: [str(path) for path in readable_by_others(ready)],
    )


async def _demo(ready: Deployment) -> tuple[DemoLeftovers, bool]:
    """What demo mode left, and whether the active edition speaks for the demo brand."""
    database = Database(ready.config.record_url)
    try:
        return await database.read(found), await asyncio.to_thread(speaks_for_the_demo, ready)
    finally:
        database.close()


async def _standings(ready: Deployment, names: Sequence[str]) -> Mapping[str, Standing]:
    """How the senders of these names fare; nothing where the record is not of this version yet."""
    database = Database(ready.config.record_url)
    try:
        if not await database.read(is_migrated):
            return {}
        allowance = RecordAllowance(database)
        return {name: await allowance.standing(name) for name in names}
    finally:
        database.close()


def _doors(ready: Deployment) -> tuple[str, Sequence[Mistake]]:
    running = holder(ready.config.var / "run.lock")
    return running, () if running else taken_doors(ready)


def _encoder(ready: Deployment) -> tuple[str, str, str]:
    """The configured encoder's name, that of the active edition's, and how it failed; '' if it did not."""
    asked = own_encoder(ready.config.intents.encoder, _PATIENCE)
    try:
        edition = edition_now(ready)
    except (Unavailable, SettingError):  # the record's own finding says so
        edition = None
    trained_with = edition.rehearsal.encoder if edition else ""
    try:
        asked.encode(["茶", "tea"])
    except EncoderFailed as failed:
        return asked.name, trained_with, failed.code
    finally:
        asked.close()
    return asked.name, trained_with, ""


def _rasa(ready: Deployment) -> tuple[str, str | None]:
    """The model that the active edition needs, and the one that the service has; None if it does not answer."""
    try:
        edition = edition_now(ready)
    except (Unavailable, SettingError):  # the record's own finding says so
        edition = None
    known = edition.others.get(RASA) if edition else None
    settings = ready.config.intents.rasa
    client = RasaClient(Service(settings.url, settings.token, _PATIENCE))
    try:
        return known.model if known else "", client.model()
    except EngineFailed:
        return known.model if known else "", None
    finally:
        client.close()


async def _record(ready: Deployment) -> tuple[bool, Instant, int]:
    """Also tries to write, if the tables are those of this version. Raises Unavailable."""
    ready.config.var.mkdir(parents=True, exist_ok=True)
    database = Database(ready.config.record_url)
    try:
        await asyncio.to_thread(refuse_unfit, database.engine, ready.page)
        migrated = await database.read(is_migrated)
        if migrated:
            await database.write(partial(written, database))
        edition = await RecordEditions(database).active() if migrated else 0
        return migrated, await database.read(database.now), edition
    finally:
        database.close()


async def _nerve(ready: Deployment) -> str:
    if ready.config.nerve != "embedded":
        return await _trouble(ready.config.nerve)
    with suppress(OSError, SettingError), EmbeddedValkey(ready.config.var) as url:
        return await _trouble(url)
    return "unreachable"


async def _trouble(url: str) -> str:
    async with Nerve(url) as nerve:
        return await nerve.trouble(_PATIENCE)

"""`yingda doctor`: check a deployment; how each of its parts is reached. The checks are in bot/doctor."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bot.app.channels import CHANNELS
from bot.app.engines import ENGINES
from bot.app.storage import Storage, redis_client
from bot.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    load_deployment_with_channels,
    out,
    readable_by_others,
    terminal_language,
)
from bot.cli.editions import active_edition
from bot.cli.leave_demo import leftovers, names_demo_brand
from bot.config import Deployment
from bot.doctor import DoctorDeps, Grade, as_lines, examine, worst_grade
from bot.domain.accounts import SendingStatus
from bot.domain.cases import DemoLeftovers
from bot.domain.messages import Instant
from bot.encoders import own_encoder
from bot.errors import ConfigProblem, EncoderFailed, SettingError, Unavailable
from bot.intents.skills import SKILLS
from bot.knowledge.editions import Edition
from bot.knowledge.entries import load
from bot.process.embedded_valkey import EmbeddedValkey
from bot.process.sockets import ports_in_use
from bot.process.supervisor import lock_holder
from bot.telemetry import counters_in

TIME_LIMIT = 3.0  # seconds for another service to answer
Public = Annotated[str, typer.Option(help="The address you tell the platforms. 对外地址")]
Language = Annotated[str, typer.Option(help="zh or en. 语言")]


def command(
    public: Public = "", language: Language = "", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Look at everything that has to be right, and say what is not. 检查配置、时钟、凭证与连通性"""
    findings = asyncio.run(examine(partial(load_deployment_with_channels, config), probes, public))
    if as_json:
        out.print_json(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False))
    else:
        out.print(as_lines(findings, terminal_language(language)), markup=False)
    raise typer.Exit(1 if worst_grade(findings) is Grade.FAIL else 0)


def probes(deployment: Deployment) -> DoctorDeps:
    """How the doctor reaches the parts of this deployment."""
    intents = deployment.config.intents
    return DoctorDeps(
        time.time,
        partial(_check_database, deployment),
        partial(_check_redis, deployment),
        lambda: len(load(Path(deployment.config.knowledge_base), SKILLS, CHANNELS).entries),
        partial(_check_ports, deployment),
        lambda: counters_in(deployment.config.var / "counters", "refused", "account", "code"),
        partial(_check_engine, deployment) if intents.engine in ENGINES else None,
        partial(_check_encoder, deployment) if intents.encoder.kind != "bundled" else None,
        partial(_find_leftovers, deployment) if deployment.config.mode == "live" else None,
        statuses=partial(_sending_statuses, deployment),
        readable=lambda: [str(path) for path in readable_by_others(deployment)],
    )


async def _check_database(deployment: Deployment) -> tuple[bool, Instant, int]:
    """Whether it has this version's tables, its time, the active edition (0 for none). Raises Unavailable."""
    deployment.config.var.mkdir(parents=True, exist_ok=True)
    with Storage(deployment) as storage:
        await asyncio.to_thread(storage.refuse_unfit)
        migrated = await storage.is_migrated()
        if migrated:
            await storage.try_write()
        edition = await storage.editions.active() if migrated else 0
        return migrated, await storage.now(), edition


async def _check_redis(deployment: Deployment) -> str:
    """A code of bot.stores.redis that says why the server cannot be used; '' if it can."""
    if deployment.config.redis != "embedded":
        return await _redis_trouble(deployment.config.redis)
    with suppress(OSError, SettingError), EmbeddedValkey(deployment.config.var) as url:
        return await _redis_trouble(url)
    return "unreachable"


async def _redis_trouble(url: str) -> str:
    async with redis_client(url) as redis:
        return await redis.problem(TIME_LIMIT)


def _check_ports(deployment: Deployment) -> tuple[str, Sequence[ConfigProblem]]:
    """The process that runs this deployment ('' for none), and the ports that other programs use."""
    running = lock_holder(deployment.config.var / "run.lock")
    return running, () if running else ports_in_use(deployment)  # a running Yingda uses them itself


def _active_edition(deployment: Deployment) -> Edition | None:
    with suppress(Unavailable, SettingError):  # reported by the check of the database
        return active_edition(deployment)
    return None


def _check_engine(deployment: Deployment) -> tuple[str, str | None]:
    """The model that the active edition needs, and the one that the service has; None if it does not answer."""
    name, edition = deployment.config.intents.engine, _active_edition(deployment)
    learned = edition.external_models.get(name) if edition else None
    return learned.model if learned else "", ENGINES[name].served_model(deployment.config, TIME_LIMIT)


def _check_encoder(deployment: Deployment) -> tuple[str, str, str]:
    """The configured encoder's name, the active edition's, and the code of the failure; '' if it answers."""
    encoder, edition = own_encoder(deployment.config.intents.encoder, TIME_LIMIT), _active_edition(deployment)
    trained_with = edition.threshold_origin.encoder if edition else ""
    try:
        encoder.encode(["茶", "tea"])
    except EncoderFailed as failed:
        return encoder.name, trained_with, failed.code
    finally:
        encoder.close()
    return encoder.name, trained_with, ""


async def _find_leftovers(deployment: Deployment) -> tuple[DemoLeftovers, bool]:
    """What demo mode left, and whether the active edition has the demo brand's name."""
    with Storage(deployment) as storage:
        return await leftovers(storage), await asyncio.to_thread(names_demo_brand, deployment)


async def _sending_statuses(deployment: Deployment, names: Sequence[str]) -> Mapping[str, SendingStatus]:
    """By the names of senders; empty if the database does not have this version's tables yet."""
    with Storage(deployment) as storage:
        return await storage.sending_statuses(names) if await storage.is_migrated() else {}

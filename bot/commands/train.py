"""`yingda train`: make the knowledge base live as a new edition."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bot import publishing
from bot.chinese import told
from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment, err, out, spoken, told_plainly
from bot.commands.learning import others
from bot.commands.progress import progress
from bot.commands.readers import Coming, readers_of
from bot.commands.regressions import Gate
from bot.config import Deployment
from bot.errors import EncoderFailed, RegressionFailed, Stale
from bot.intents.skills import SKILLS
from bot.intents.understanding.training import Trained
from bot.knowledge.editions import Edition
from bot.knowledge.entries import TESTS, Base
from bot.publishing import Approve, Order, Published, Stores
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.fitness import refuse_unfit
from bot.stores.record.migrate import migrate
from bot.stores.record.parts import RecordParts
from bot.stores.record.vectors import RecordVectors

Full = Annotated[bool, typer.Option("--full", help="Learn everything anew, however little changed. 全部重新训练")]

Despite = Annotated[
    bool, typer.Option("--despite-failures", help="Publish although questions of tests.yaml fail. 测试未通过也发布")
]

_RECENT, _FEW = 2_000, 200  # questions of customers: a second or two, by the bundled encoder and by others


def command(
    config: ConfigPath = DEFAULT, full: Full = False, despite: Despite = False, as_json: AsJson = False
) -> None:
    """Train on the knowledge base and make it live. 训练知识库并发布为新版本

    In a large base only what changed is learned, and confidence stays as it was rehearsed last; once 2 % of the entries
    have changed since, or with --full, everything is learned and rehearsed anew.

    The questions of tests.yaml are asked first: a wrong answer, or one that cannot be asked, keeps it from being
    published and ends with 1.
    """
    with told_plainly():
        ready = deployment(config)
        database = open_record(ready)
        try:
            gate = Gate(ready, RecordParts(database), despite=despite)
            published = publish(ready, database, gate, full=full)
            _tell(ready, database, published, gate, as_json)
        except RegressionFailed as failed:
            _tell_failed(failed, as_json)
            raise typer.Exit(1) from failed
        except Stale as late:
            err.print(
                "✗ somebody published or went back to another edition meanwhile: see yingda kb history, then train "
                "again / 期间有人发布或回退了版本：请先查看，再重新训练"
            )
            raise typer.Exit(1) from late
        except EncoderFailed as silent:
            err.print(
                f"✗ the encoder of intents.encoder failed ({silent.code}): see yingda doctor / "
                "向量编码器出错，请运行 yingda doctor",
                markup=False,
            )
            raise typer.Exit(1) from silent
        finally:
            database.close()


def _tell_failed(failed: RegressionFailed, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps({"edition": None, "failed": [asdict(one) for one in failed.mistakes]}))
    for one in failed.mistakes:
        err.print(f"✗ {told(one, spoken())}", markup=False)
    number = len(failed.mistakes)
    err.print(
        f"✗ nothing was published: failures in {TESTS}: {number}; mend entries or questions, or publish all the "
        f"same: yingda train --despite-failures / 没有发布：{TESTS} 有 {number} 处未通过；请修改条目或问题，"
        "或加 --despite-failures 仍然发布"
    )


def _tell(ready: Deployment, database: Database, published: Published, gate: Gate, as_json: bool) -> None:
    """What came of it, also on what customers asked of late. It is live already; what this needs takes a second to
    load."""
    from bot.commands.from_record import DAYS, judge
    from bot.commands.promise import write_promise
    from bot.commands.published import as_json as described
    from bot.commands.published import tell, tell_questions

    most = _RECENT if ready.config.intents.encoder.kind == "bundled" else _FEW
    traffic = judge(ready, database, DAYS, most=most)
    target = ready.config.intents.target_precision
    picture = write_promise(ready.config.var, published.number, published.report, target) if published.report else None
    if as_json:
        out.print_json(json.dumps(described(published, traffic, picture, gate)))
    else:
        tell(published, traffic, target, picture)
        tell_questions(gate)


def open_record(ready: Deployment) -> Database:
    """The deployment's record, migrated. Raises SettingError where a person must mend something first, Unavailable."""
    ready.config.var.mkdir(parents=True, exist_ok=True)
    database = Database(ready.config.record_url)
    try:
        refuse_unfit(database.engine, ready.page)
        migrate(database.engine, ready.config.secret)
    except BaseException:
        database.close()
        raise
    return database


def publish(
    ready: Deployment, database: Database, approve: Approve = lambda *_: None, *, full: bool = False
) -> Published:
    """Train and activate. Raises SettingError, Stale and RegressionFailed."""
    config, bundled = ready.config, Coming()
    stores = Stores(RecordEditions(database), RecordParts(database), RecordVectors(database))
    folder, target = Path(config.knowledge_base), config.intents.target_precision
    readers = readers_of(config.intents.encoder, stores.vectors, bundled)
    order = Order(folder, SKILLS, target, config.timezone, "yingda train", full, partial(others, ready), approve)
    with progress() as show:
        published = publishing.publish(order, stores, readers, show)
    if config.intents.engine not in {"semantic", *published.others}:
        err.print("! Rasa has not learned this: engine semantic answers until yingda rasa train / Rasa 尚未学习此版")
    return published


def edition_of(ready: Deployment, base: Base, trained: Trained) -> Edition:
    """What a training makes of a base, not yet numbered."""
    timezone, known = ready.config.timezone, others(ready, base)
    outside = tuple(base.out_of_scope)
    return Edition(
        0, base.entries, base.phrases, trained.thresholds, timezone, trained.confusions, known, out_of_scope=outside
    )

"""`yingda train`: train on the knowledge base and publish it as a new edition.

Before that the questions of tests.yaml are asked of it; a wrong answer prevents publishing.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import publishing
from bot.app.channels import CHANNELS
from bot.app.engines import external_models
from bot.app.storage import Storage
from bot.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    err,
    open_deployment,
    out,
    progress,
    say,
    say_error,
    terminal_language,
)
from bot.cli.editions import caching_encoder, training_encoder
from bot.config import Deployment
from bot.errors import ConfigProblem, EncoderFailed, RegressionFailed, Stale
from bot.evaluation import regression_tests
from bot.evaluation.history import ENOUGH, EvidenceSource, tally_by_source
from bot.evaluation.regression_tests import JudgedQuestion, RegressionQuestion, Verdict, reactions
from bot.i18n import Message, message
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.serialization import SerializedModel
from bot.intents.classifier.thresholds import ENOUGH_HELD_OUT
from bot.intents.skills import SKILLS
from bot.knowledge.checks import Severity
from bot.knowledge.editions import Edition
from bot.knowledge.entries import TESTS, Base
from bot.ports.storage import ChunkStore
from bot.publishing import Approve, EditionStores, PublishRequest, PublishResult


def summary(verdicts: Counter[Verdict]) -> Message:
    """The number of questions by verdict."""
    return message("cli.verdicts", **{verdict.value: verdicts[verdict] for verdict in Verdict})


class RegressionGate:
    """Refuses an edition with a wrong answer or a question that cannot be asked.

    Asking back and handing off to a person are no reason to refuse.
    """

    def __init__(self, deployment: Deployment, chunks: ChunkStore, *, despite: bool) -> None:
        self._ready, self._chunks = deployment, chunks
        self._despite = despite  # only report, never refuse
        # the results of the last call
        self.failed: tuple[ConfigProblem, ...] = ()
        self.verdicts: Counter[Verdict] = Counter()

    def __call__(self, base: Base, edition: Edition, serialized: SerializedModel) -> None:
        """Ask all questions. Raises RegressionFailed."""
        cases, problems = regression_tests.load_unplaced(Path(self._ready.config.knowledge_base), base)
        judged = self._judged(cases, edition, serialized) if cases else []
        self.verdicts = Counter(one.verdict for one in judged)
        wrong = [one.problem for one in regression_tests.findings(judged) if one.severity is Severity.ERROR]
        self.failed = (*problems, *wrong)
        if self.failed and not self._despite:
            raise RegressionFailed(*self.failed)

    def _judged(
        self, cases: Sequence[RegressionQuestion], edition: Edition, serialized: SerializedModel
    ) -> list[JudgedQuestion]:
        def fetch(names: Sequence[str]) -> Mapping[str, bytes]:
            # chunks that this training made are not in the store yet
            kept = [name for name in names if name not in serialized.parts]
            fresh = {name: serialized.parts[name] for name in names if name in serialized.parts}
            return {**fresh, **(self._chunks.fetch(kept) if kept else {})}

        engine = SemanticEngine(fetch=fetch, encoder=training_encoder(self._ready.config.intents.encoder))
        engine.load(edition.number, serialized.model)
        asked = [case.ask for case in cases]
        return regression_tests.judge(cases, list(reactions(asked, engine, edition, time.time())))


if TYPE_CHECKING:
    from bot.cli.evaluate_history import HistoryResult

Full = Annotated[bool, typer.Option("--full", help="Learn everything again, however little changed. 全部重新训练")]

Despite = Annotated[
    bool, typer.Option("--despite-failures", help="Publish although questions of tests.yaml fail. 测试未通过也发布")
]

_BEFORE = ("edition", "accuracy", "coverage", "precision")  # what --json tells of the edition before
# customers' questions that a new edition is measured on: as many as take a second or two
QUESTIONS_BUNDLED = 2_000  # with the bundled encoder
QUESTIONS_REMOTE = 200  # with an encoder that is a service


def command(
    config: ConfigPath = DEFAULT_CONFIG, full: Full = False, despite: Despite = False, as_json: AsJson = False
) -> None:
    """Train on the knowledge base and make it live. 训练知识库并发布为新版本

    In a large base only what changed is learned, and the thresholds stay; once 2 % of the entries have changed since
    the last full training, or with --full, everything is learned and measured again.

    The questions of tests.yaml are asked first: a wrong answer, or one that cannot be asked, keeps it from being
    published and ends with 1.
    """
    with open_deployment(config) as (deployment, storage):
        try:
            gate = RegressionGate(deployment, storage.chunks, despite=despite)
            published = publish(deployment, storage, gate, full=full)
            _report(deployment, storage, published, gate, as_json)
        except RegressionFailed as failed:
            if as_json:
                out.print_json(json.dumps({"edition": None, "failed": [one.as_json() for one in failed.problems]}))
            for one in failed.problems:
                err.print(f"✗ {one.text(terminal_language())}", markup=False)
            say_error("cli.train.refused", file=TESTS, count=len(failed.problems))
            raise typer.Exit(1) from failed
        except Stale as late:
            say_error("cli.train.meanwhile")
            raise typer.Exit(1) from late
        except EncoderFailed as silent:
            say_error("cli.train.encoder_failed", code=silent.code)
            raise typer.Exit(1) from silent


def _report(
    deployment: Deployment, storage: Storage, published: PublishResult, gate: RegressionGate, as_json: bool
) -> None:
    """Print the result, and how the edition does on what customers asked recently."""
    # these take a second to load; imported here, that second comes after the edition is live
    from bot.cli.evaluate_history import DAYS, HistoryResult, judge
    from bot.cli.report import write_threshold_chart
    from bot.evaluation.history import HistoryEvidence

    most = QUESTIONS_BUNDLED if deployment.config.intents.encoder.kind == "bundled" else QUESTIONS_REMOTE
    try:
        traffic = judge(deployment, storage, DAYS, most=most)
    except EncoderFailed:  # the edition is live; only these questions' vectors are missing
        traffic = HistoryResult(DAYS, HistoryEvidence(), [("", None)])
    target = deployment.config.intents.target_precision
    picture = (
        write_threshold_chart(deployment.config.var, published.number, published.report, target)
        if published.report
        else None
    )
    if as_json:
        out.print_json(json.dumps(published_json(published, traffic, picture, gate)))
    else:
        print_published(published, traffic, target, picture)
        _print_questions(gate)


def publish(
    deployment: Deployment, storage: Storage, approve: Approve = lambda *_: None, *, full: bool = False
) -> PublishResult:
    """Train on the knowledge base and make the result the live edition.

    approve: called before publishing; raises to prevent it. full: train everything again, however little changed.
    Raises SettingError, Stale (another edition went live meanwhile), EncoderFailed and what `approve` raises.
    """
    config = deployment.config
    stores = EditionStores(storage.editions, storage.chunks, storage.vectors)
    folder, target = Path(config.knowledge_base), config.intents.target_precision
    reader = caching_encoder(config.intents.encoder, stores.vectors)
    learned, by = partial(external_models, deployment), "yingda train"
    order = PublishRequest(folder, SKILLS, target, config.timezone, by, full, learned, approve, CHANNELS)
    with progress() as show:
        published = publishing.publish(order, stores, reader, show)
    if config.intents.engine not in {"semantic", *published.external_engines}:
        say_error("cli.train.rasa_behind")
    return published


def published_json(
    published: PublishResult, traffic: HistoryResult, picture: Path | None, gate: RegressionGate
) -> dict[str, Any]:
    """For --json, with the report of a full training. `rehearsed_in`: the edition that the thresholds come from."""
    origin, before = published.threshold_origin, published.previous_origin
    return {
        "edition": published.number,
        "entries": published.entries,
        **(asdict(published.report) if published.report else {}),
        "changed": published.changed,
        "rehearsed_in": origin.edition or published.number,
        "changed_since": origin.changed,
        "seconds": published.seconds,
        "stages": dict(published.stages),
        "before": {name: getattr(before, name) for name in _BEFORE} if before else None,
        "picture": str(picture) if picture else None,
        "traffic": _traffic(traffic),
        "regression": {verdict.value: gate.verdicts[verdict] for verdict in Verdict},
        "failed": [one.as_json() for one in gate.failed],
    }


def print_published(published: PublishResult, traffic: HistoryResult, target: float, picture: Path | None) -> None:
    """For a terminal. target: the configured precision. picture: the threshold chart, after a full training."""
    report, before = published.report, published.previous_origin
    about = {"number": published.number, "entries": published.entries, "seconds": published.seconds}
    if report is None:
        full, since = published.threshold_origin.edition, published.threshold_origin.changed
        say("cli.train.live_changed", **about, changed=published.changed, full=full, since=since)
    else:
        metrics = {"accuracy": report.accuracy, "coverage": report.coverage, "precision": report.precision}
        numbers = {"examples": report.examples, "heldout": report.heldout, "target": target}
        say("cli.train.live", **about, **numbers, **metrics)
        if before is not None:
            metrics = {"accuracy": before.accuracy, "coverage": before.coverage, "precision": before.precision}
            say("cli.train.before", number=before.edition, **metrics)
        say("cli.train.picture", file=picture)
        if report.heldout < ENOUGH_HELD_OUT:
            say("cli.train.too_few", heldout=report.heldout, enough=ENOUGH_HELD_OUT)
        elif report.precision < target:
            say("cli.train.below_target")
    if seen := _traffic(traffic):
        say("cli.train.traffic", **seen, labelled=seen["told"])


def _print_questions(gate: RegressionGate) -> None:
    """The results of the questions of tests.yaml."""
    if gate.verdicts:
        say("cli.train.tests", file=TESTS, verdicts=summary(gate.verdicts))
    for one in gate.failed:
        err.print(f"! {one.text(terminal_language())}", markup=False)
    if gate.failed:
        say_error("cli.train.despite", count=len(gate.failed), file=TESTS)


def _traffic(judged: HistoryResult) -> dict[str, Any] | None:
    """How the new edition does on what customers asked recently; None with fewer than ENOUGH questions."""
    _, evaluated = judged.editions[0]
    if evaluated is None or evaluated.metrics.test_texts < ENOUGH:
        return None
    metrics, proofs = evaluated.metrics, tally_by_source(evaluated)
    return {
        "days": judged.days,
        "questions": metrics.test_texts,
        "told": sum(one.questions for proof, one in proofs.items() if proof != EvidenceSource.ANSWERED),
        "accuracy": round(metrics.accuracy, 6),
        "coverage": round(metrics.coverage_at_precision, 6),
        "precision": round(metrics.precision_answered, 6),
    }

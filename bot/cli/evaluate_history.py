"""`yingda evaluate --from-record`: how well editions answer the questions that customers really asked."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.table import Table

from bot.app.channels import CHANNELS
from bot.app.parts import TRAINERS
from bot.app.storage import Storage, masked
from bot.cli.common import Show, out, say, terminal_language
from bot.cli.editions import training_encoder
from bot.cli.report.tables import MOST_TEXTS, Measured, print_results, results_json, worst
from bot.config import Deployment
from bot.domain.messages import DAY
from bot.errors import ConfigProblem, SettingError
from bot.evaluation.datasets import HEADING
from bot.evaluation.history import (
    ENOUGH,
    Evidence,
    EvidenceSource,
    HistoryEvidence,
    evaluate_history,
    gather_evidence,
    labelled_questions,
    tally_by_entry,
    tally_by_source,
)
from bot.evaluation.metrics import EvaluationRun, Metrics, run_test
from bot.evaluation.runner import (
    ConfusionExample,
    EvaluationResult,
    EvaluationRound,
    out_of_scope_rows,
    promise_of,
    run_round,
    training_rows,
)
from bot.evaluation.trainers import Trainer, load_engine, no_progress
from bot.i18n import translate
from bot.intents.skills import SKILLS
from bot.knowledge.editions import Edition
from bot.knowledge.entries import load
from bot.knowledge.topic_cache import TopicCache

DAYS = 90  # how far back by default
MOST = 20_000  # questions: the newest; older ones say little about today
OUTSIDE = "oos"  # the label of out-of-scope questions in an export
ENTRIES_SHOWN = 10
FORMULA_PREFIXES = ("=", "+", "-", "@")  # spreadsheets run a cell that begins so as a formula


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """The questions of some days, and the results of editions on them."""

    days: float
    gathered: HistoryEvidence
    # by name, the live edition first; None if no question has a known answer
    editions: Sequence[tuple[str, EvaluationResult | None]]


def judge(
    deployment: Deployment,
    storage: Storage,
    days: float,
    engines: Sequence[str] = (),
    show: Show = no_progress,
    most: int = MOST,
) -> HistoryResult:
    """Ask the live edition the newest `most` questions of the last `days` days, whose right entry is known.

    engines: train each of them on the files, without publishing, and ask it too. Raises SettingError if no edition is
    live, EngineFailed for one that this version cannot read, and what training raises.
    """
    target = deployment.config.intents.target_precision
    edition, model = _live(storage)
    # both the message and the trace of its turn are needed, so the shorter retention counts; 0 days means for ever
    retention = deployment.config.retention
    days = min(days, *(kept or float("inf") for kept in (retention.messages, retention.traces)))
    now = time.time()
    questions = asyncio.run(storage.questions.questions(now - days * DAY, most))
    gathered = gather_evidence(questions, edition.entries, now)
    known, strangers = labelled_questions(gathered.evidence)
    encoder, fetch = training_encoder(deployment.config.intents.encoder), storage.chunks.fetch
    live = run_test(load_engine(edition.number, model, edition.thresholds, fetch, encoder), known, strangers, show)
    found = [(f"edition {edition.number}", evaluate_history(live, target, edition.entries))]
    for name in engines:
        sitting, entries = _fresh(deployment, TRAINERS[name](encoder), gathered.evidence, show)
        found.append((f"files, {name}", evaluate_history(sitting, target, entries)))
    return HistoryResult(days, gathered, found)


def _live(storage: Storage) -> tuple[Edition, bytes]:
    """The active edition and its model."""
    number = asyncio.run(storage.editions.active())
    if not number:
        raise SettingError(ConfigProblem.of("database", 0, "edition", "problem.nothing_published"))
    content, model = asyncio.run(storage.editions.load(number))
    return Edition.from_json(number, content, TopicCache(storage.chunks.fetch)), model


def _fresh(
    deployment: Deployment, trainer: Trainer, evidence: Sequence[Evidence], show: Show
) -> tuple[EvaluationRun, Collection[str]]:
    """The answers of a fresh training on the files, and the entries of the files."""
    base = load(Path(deployment.config.knowledge_base), SKILLS, CHANNELS)
    promise = promise_of(base, deployment.config.intents.target_precision)
    lessons = EvaluationRound(training_rows(base), *labelled_questions(evidence), out_of_scope_rows(base))
    return run_round(lessons, promise, trainer, show), base.entries


def results_of(judged: HistoryResult, with_texts: bool) -> list[Measured]:
    """The editions that could be evaluated. with_texts: include what customers wrote."""
    shown = MOST_TEXTS if with_texts else 0
    return [
        Measured(
            name,
            evaluated,
            [
                (pair, [ConfusionExample(confusion) for confusion in list(pair.found)[:shown]])
                for pair in worst(evaluated)
            ],
        )
        for name, evaluated in judged.editions
        if evaluated
    ]


def history_json(judged: HistoryResult, with_texts: bool) -> dict[str, Any]:
    """For --json: figures and entry ids. with_texts: include what customers wrote."""
    gathered, found = judged.gathered, results_of(judged, with_texts)
    figures = results_json(found) if found else {field.name: None for field in fields(Metrics)}
    first = judged.editions[0][1]
    return {
        "source": "record",
        "days": judged.days,
        "edition": judged.editions[0][0],
        "labelled": gathered.counts(),
        "unknown": gathered.unknown,
        "disputed": dict(sorted(gathered.disputed.items(), key=lambda one: -one[1])),
        **figures,
        "by_evidence": {name: asdict(one) for name, one in tally_by_source(first).items()} if first else {},
        "by_entry": {name: asdict(one) for name, one in tally_by_entry(first).items()} if first else {},
    }


def print_history(judged: HistoryResult, with_texts: bool) -> None:
    """For a terminal: the same figures as tables."""
    gathered, found = judged.gathered, results_of(judged, with_texts)
    counts, language = gathered.counts(), terminal_language()
    known = ", ".join(
        f"{counts[proof]:,} {translate(f'evaluation.proof.{proof}', language)}" for proof in EvidenceSource
    )
    say("evaluation.traffic.questions", days=judged.days, known=known, unknown=gathered.unknown)
    if not found:
        say("evaluation.traffic.none")
        return
    print_results(found)
    first = found[0].evaluated
    out.print(_proofs(first))
    out.print(_entries(first, gathered))
    if sum(gathered.counts().values()) < ENOUGH:
        say("evaluation.traffic.too_few", enough=ENOUGH)


def _proofs(evaluated: EvaluationResult) -> Table:
    """One row for each way in which the right entry is known."""
    table = _table("proof", "asked", "understood", "answered", "wrongly")
    for proof, one in tally_by_source(evaluated).items():
        name = translate(f"evaluation.proof.{proof}", terminal_language())
        understood = f"{one.right / one.questions:.3f}"
        table.add_row(name, str(one.questions), understood, str(one.answered), str(one.wrongly))
    return table


def _table(*columns: str) -> Table:
    return Table(*(translate(f"evaluation.traffic.{column}", terminal_language()) for column in columns))


def _entries(evaluated: EvaluationResult, gathered: HistoryEvidence) -> Table:
    """The entries that need an editor most: misunderstood, answered wrongly, or answered and then disputed."""
    table = _table("entry", "asked", "misunderstood", "wrongly_answered", "disputed")
    entries = tally_by_entry(evaluated)
    needy = [name for name, one in entries.items() if one.right < one.questions]
    names = dict.fromkeys([*needy, *sorted(gathered.disputed, key=lambda name: -gathered.disputed[name])])
    for name in list(names)[:ENTRIES_SHOWN]:
        one = entries.get(name)
        counts = (one.questions, one.questions - one.right, one.wrongly) if one else (0, 0, 0)
        table.add_row(name, *map(str, (*counts, gathered.disputed.get(name, 0))))
    return table


def export(gathered: HistoryEvidence, path: Path) -> int:
    """Write the questions for editors to review as `text<TAB>label` under that heading; returns their number.

    Each question once, without those that are examples already. Digits and mail addresses are masked, since editors do
    not need them. Raises SettingError for a file that cannot be written.
    """
    rows = dict.fromkeys((_cell(one.text), one.entry or OUTSIDE) for one in gathered.evidence if not one.exact)
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, "excel-tab", lineterminator="\n").writerows([HEADING, *rows])
    except OSError as refused:
        problem = ConfigProblem.of(path, 0, "--export", "problem.file_not_written", reason=refused.strerror)
        raise SettingError(problem) from refused
    return len(rows)


def _cell(text: str) -> str:
    line = " ".join(masked(text).split())
    return f" {line}" if line.startswith(FORMULA_PREFIXES) else line  # `evaluate` strips the space

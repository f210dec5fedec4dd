"""What a training published, as it is told: one JSON object for programs, a few lines for people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.chinese import told
from bot.commands.from_record import Judged
from bot.commands.ground import err, out, spoken
from bot.commands.regressions import SAID, Gate
from bot.intents.evidence import Proof
from bot.intents.judging import ENOUGH, by_proof
from bot.intents.understanding.thresholds import PROVES
from bot.intents.understanding.training import Report
from bot.knowledge.editions import Rehearsal
from bot.knowledge.entries import TESTS
from bot.knowledge.regression import Verdict
from bot.publishing import Published


def as_json(published: Published, traffic: Judged, picture: Path | None, gate: Gate) -> dict[str, Any]:
    """A full training's report, too; `rehearsed_in` is the edition that the thresholds come from."""
    rehearsal = published.rehearsal
    return {
        "edition": published.number,
        "entries": published.entries,
        **(asdict(published.report) if published.report else {}),
        "changed": published.changed,
        "rehearsed_in": rehearsal.edition or published.number,
        "changed_since": rehearsal.changed,
        "seconds": published.seconds,
        "stages": dict(published.stages),
        "before": _before(published.before),
        "picture": str(picture) if picture else None,
        "traffic": _traffic(traffic),
        "regression": {verdict.value: gate.verdicts[verdict] for verdict in Verdict},
        "failed": [asdict(one) for one in gate.failed],
    }


def tell(published: Published, traffic: Judged, target: float, picture: Path | None) -> None:
    """`target`: the precision that was promised. `picture`: where it is drawn, after a full training."""
    if published.report is None:
        _tell_what_changed(published)
    else:
        _tell_all(published, published.report, target)
        _compare(published.before)
        out.print(
            f"  the threshold chosen, and the coverage other thresholds would give: {picture} / "
            "所选阈值，以及其他阈值下的覆盖率"
        )
        _doubt(published.report, target)
    seen = _traffic(traffic)
    if seen:
        out.print(
            f"  on {seen['questions']} real questions, {seen['told']} of them labelled by agents or the customers "
            f"themselves: {seen['accuracy']:.1%} understood; answered without a person: {seen['coverage']:.0%}, "
            f"correct: {seen['precision']:.1%}\n"
            f"  真实提问：认对 {seen['accuracy']:.1%}；自行回答 {seen['coverage']:.0%}，其中答对 "
            f"{seen['precision']:.1%}"
        )


def tell_questions(gate: Gate) -> None:
    """What became of the questions of tests.yaml, if there are any."""
    if gate.verdicts:
        said = ", ".join(f"{gate.verdicts[verdict]} {word}" for verdict, word in SAID.items())
        out.print(f"  {TESTS}: {said}", markup=False)
    for one in gate.failed:
        err.print(f"! {told(one, spoken())}", markup=False)
    if gate.failed:
        err.print(f"! published all the same, with {len(gate.failed)} failures in {TESTS} / 测试未通过，仍已发布")


def _tell_what_changed(published: Published) -> None:
    rehearsal = published.rehearsal
    out.print(
        f"✓ edition {published.number} is live: {published.entries} entries; retrained: {published.changed}, in "
        f"{published.seconds:.1f} s / 第 {published.number} 版已上线，只重新学习了有改动的条目\n"
        f"  the thresholds are those of the last full training, edition {rehearsal.edition}; entries changed since: "
        f"{rehearsal.changed} (yingda train --full trains everything again and compares / 阈值沿用上次全量训练，"
        "加 --full 全部重新训练并比较)"
    )


def _tell_all(published: Published, report: Report, target: float) -> None:
    out.print(
        f"✓ edition {published.number} is live: {report.entries} entries, {report.examples} examples, "
        f"{published.seconds:.1f} s / 第 {published.number} 版已上线"
    )
    out.print(
        f"  on {report.heldout} questions kept out of training: {report.accuracy:.1%} understood; answered without a "
        f"person: {report.coverage:.0%}, correct: {report.precision:.1%} (target {target:.0%})"
    )
    out.print(
        f"  用没学过的 {report.heldout} 句来问：认对 {report.accuracy:.1%}；自行回答 {report.coverage:.0%}，"
        f"其中答对 {report.precision:.1%}（目标 {target:.0%}）"
    )


def _compare(before: Rehearsal | None) -> None:
    if before is not None:
        out.print(
            f"  the previous edition, {before.edition}: {before.accuracy:.1%} understood; answered without a person: "
            f"{before.coverage:.0%}, correct: {before.precision:.1%} / 上一版：认对 {before.accuracy:.1%}；自行回答 "
            f"{before.coverage:.0%}，其中答对 {before.precision:.1%}"
        )


def _before(before: Rehearsal | None) -> dict[str, Any] | None:
    names = ("edition", "accuracy", "coverage", "precision")
    return None if before is None else {name: getattr(before, name) for name in names}


def _doubt(report: Report, target: float) -> None:
    """What the promise lacks, if anything."""
    if report.heldout < PROVES:
        out.print(
            f"! only {report.heldout} questions could be kept out of training, too few to measure the target: write "
            f"{PROVES} examples in all, at least two for each entry / 留出的问题太少，不足以验证目标准确率"
        )
    elif report.precision < target:
        out.print(
            "! the target cannot be reached with these examples: only the most certain questions are answered; yingda "
            "evaluate shows which entries are confused with each other / 现有例句达不到目标准确率，只回答最有把握的问题"
        )


def _traffic(judged: Judged) -> dict[str, Any] | None:
    """How the new edition does on what customers asked of late; None with too little to say anything."""
    _, evaluated = judged.editions[0]
    if evaluated is None or evaluated.figures.test_texts < ENOUGH:
        return None
    figures, proofs = evaluated.figures, by_proof(evaluated)
    return {
        "days": judged.days,
        "questions": figures.test_texts,
        "told": sum(one.questions for proof, one in proofs.items() if proof != Proof.ANSWERED),
        "accuracy": round(figures.accuracy, 6),
        "coverage": round(figures.coverage_at_precision, 6),
        "precision": round(figures.precision_answered, 6),
    }

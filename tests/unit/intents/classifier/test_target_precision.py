"""The target precision holds on unseen questions, and a shift of the questions is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

import pytest
from support.evaluation_runs import evaluate_files
from support.paths import ROOT

from bot.app.channels import CHANNELS
from bot.cli.report import picture
from bot.evaluation.datasets import Labelled
from bot.evaluation.runner import broke_promise
from bot.intents.classifier.training import learn
from bot.intents.skills import SKILLS
from bot.knowledge.entries import load

TARGET = 0.9
TAUGHT, ENTRIES = 8, 36


def halves() -> tuple[list[Labelled], list[Labelled]]:
    """The first entries of the shipped base: eight examples to train on, in both languages, and the rest."""
    lessons, questions = [], []
    for entry in list(load(ROOT / "knowledge_base", SKILLS, CHANNELS).entries.values())[:ENTRIES]:
        ways = [*entry.examples.zh[: TAUGHT // 2], *entry.examples.en[: TAUGHT // 2]]
        rest = [*entry.examples.zh[TAUGHT // 2 :], *entry.examples.en[TAUGHT // 2 :]]
        lessons += [Labelled(text, entry.id) for text in ways]
        questions += [Labelled(text, entry.id) for text in rest]
    return lessons, questions


def asked_of(lessons: Sequence[Labelled], questions: Sequence[Labelled]) -> tuple[bool, float, float]:
    """Whether the target precision is missed, how many questions are answered, and how many of those are right."""
    evaluated = evaluate_files(lessons, questions, (), TARGET)
    figures = evaluated.metrics
    return broke_promise(evaluated), figures.coverage_at_precision, figures.precision_answered


def test_the_target_precision_holds_on_unseen_questions() -> None:
    broken, coverage, precision = asked_of(*halves())
    assert not broken
    assert precision >= TARGET - 0.02
    assert coverage > 0.2


def test_a_shift_of_questions_shows_as_a_missed_target_precision() -> None:
    """Customers ask about a third of entries that were not trained."""
    lessons, questions = halves()
    known = sorted({row.label for row in lessons})
    new = set(known[::3])
    broken, _, precision = asked_of(
        [row for row in lessons if row.label not in new],
        [row for row in questions if row.label in new] + [row for row in questions if row.label not in new][:60],
    )
    assert broken
    assert precision < TARGET


def test_the_threshold_chart_shows_the_target_and_the_threshold_chosen() -> None:
    lessons, _ = halves()
    ways: dict[str, list[str]] = {}
    for row in lessons[:80]:
        ways.setdefault(row.label, []).append(row.text)
    report = learn(list(ways.items()), TARGET).report
    assert report.curve[-1].coverage == pytest.approx(1.0)
    drawn = ElementTree.fromstring(picture(report, TARGET))
    told = " ".join(drawn.itertext())
    assert f"目标 {TARGET:.0%}" in told
    assert f"{report.coverage:.0%} answered" in told
    assert len(drawn.findall(".//{*}polyline")) == 1

"""The promised precision, on texts that no training has seen: held as long as what is asked is what was taught; where
it has drifted, that shows."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

import pytest
from shop import ROOT

from bot.commands.promise import picture
from bot.intents.evaluation import broke_its_promise, of_files
from bot.intents.labelled import Labelled
from bot.intents.skills import SKILLS
from bot.intents.understanding.training import learn
from bot.knowledge.entries import load

TARGET = 0.9
TAUGHT, ENTRIES = 8, 36


def halves() -> tuple[list[Labelled], list[Labelled]]:
    """Of the first entries of the shipped knowledge base: eight examples to teach, in both languages, and the rest."""
    lessons, questions = [], []
    for entry in list(load(ROOT / "knowledge_base", SKILLS).entries.values())[:ENTRIES]:
        ways = [*entry.examples.zh[: TAUGHT // 2], *entry.examples.en[: TAUGHT // 2]]
        rest = [*entry.examples.zh[TAUGHT // 2 :], *entry.examples.en[TAUGHT // 2 :]]
        lessons += [Labelled(text, entry.id) for text in ways]
        questions += [Labelled(text, entry.id) for text in rest]
    return lessons, questions


def asked_of(lessons: Sequence[Labelled], questions: Sequence[Labelled]) -> tuple[bool, float, float]:
    """Whether the promise shows as broken, how many are answered, and how many of those rightly."""
    evaluated = of_files(lessons, questions, (), TARGET)
    figures = evaluated.figures
    return broke_its_promise(evaluated), figures.coverage_at_precision, figures.precision_answered


def test_the_promise_holds_on_questions_that_were_not_trained_on() -> None:
    broken, coverage, precision = asked_of(*halves())
    assert not broken
    assert precision >= TARGET - 0.02
    assert coverage > 0.2


def test_a_shift_in_what_is_asked_shows_as_a_broken_promise() -> None:
    """A third of the entries are new: customers ask about them, and nobody has taught them."""
    lessons, questions = halves()
    known = sorted({row.label for row in lessons})
    new = set(known[::3])
    broken, _, precision = asked_of(
        [row for row in lessons if row.label not in new],
        [row for row in questions if row.label in new] + [row for row in questions if row.label not in new][:60],
    )
    assert broken
    assert precision < TARGET


def test_the_picture_shows_the_promise_and_the_point_chosen() -> None:
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

"""Reliability, precision-coverage and learning curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.datasets import Labelled
from bot.evaluation.learning_curves import ReliabilityBin, learning_curve, precision_by_coverage, reliability
from bot.evaluation.metrics import Prediction
from bot.evaluation.runner import plan_from_files, plan_with_folds
from bot.evaluation.trainers import IntentTexts, Progress, Promise, SemanticTrainer, TrainedEngine, no_progress

WAYS = {
    "hours": ["when do you open", "opening hours", "are you open on sunday", "几点开门", "营业时间", "周末开吗"],
    "refund": ["I want my money back", "how do I get a refund", "refund please", "我要退款"],
    "jobs": ["are you hiring"],
}
ROWS = [Labelled(text, label) for label, some in WAYS.items() for text in some]
ASKED = [Labelled("opening hours today", "hours"), Labelled("give me a refund", "refund")]
GUESSES = st.lists(
    st.builds(
        lambda sure, right: Prediction("t", "a", "a" if right else "b", sure / 10, True),
        st.integers(0, 10),
        st.booleans(),
    ),
    min_size=1,
)


class Watching(SemanticTrainer):
    """SemanticTrainer that records the number of texts of each intent."""

    def __init__(self) -> None:
        super().__init__()
        self.lessons: list[dict[str, int]] = []

    @contextmanager
    def train(self, taught: IntentTexts, promise: Promise, progress: Progress = no_progress) -> Iterator[TrainedEngine]:
        self.lessons.append({label: len(texts) for label, texts in taught})
        with super().train(taught, promise, progress) as learned:
            yield learned


def test_texts_of_similar_confidence_share_a_bin() -> None:
    guesses = [
        Prediction("", "a", taken, sure, True) for taken, sure in (("a", 0.91), ("b", 0.97), ("a", 1.0), ("b", 0.02))
    ]
    low, high = reliability(guesses)
    assert low == ReliabilityBin(0.02, 0.0, 1)
    assert high.texts == 3
    assert [high.confidence, high.right] == pytest.approx([0.96, 2 / 3])


@given(GUESSES)
def test_every_text_is_in_one_reliability_bin(guesses: list[Prediction]) -> None:
    found = reliability(guesses)
    assert sum(one.texts for one in found) == len(guesses)
    assert sum(one.right * one.texts for one in found) == pytest.approx(sum(one.right for one in guesses))


@given(GUESSES)
def test_precision_and_coverage_equal_a_direct_count_at_each_threshold(guesses: list[Prediction]) -> None:
    found = precision_by_coverage(guesses)
    for one, threshold in zip(found, sorted({guess.confidence for guess in guesses}, reverse=True), strict=True):
        answered = [guess.right for guess in guesses if guess.confidence >= threshold]
        assert one.coverage == pytest.approx(len(answered) / len(guesses))
        assert one.precision == pytest.approx(sum(answered) / len(answered))


def test_a_curve_of_100_000_texts_has_few_points() -> None:
    found = precision_by_coverage(
        [Prediction("", "a", "a", number / 100_000, True) for number in range(100_000)], points=50
    )
    assert len(found) == 50
    assert (found[0].coverage, found[-1].coverage) == (0.00001, 1.0)


def test_a_learning_curve_draws_each_number_of_examples_three_times_and_ends_with_all() -> None:
    trainer = Watching()
    found = learning_curve(plan_from_files(ROWS, ASKED, [Labelled("sing a song", "")], Promise(0.95)), trainer)
    assert [one.examples for one in found] == [1, 3, 5, None]
    assert [one.draws for one in found] == [3, 3, 3, 1]
    assert [one.train_texts for one in found] == [3, 7, 10, 11]
    assert trainer.lessons[:3] == [{"hours": 1, "refund": 1, "jobs": 1}] * 3
    assert trainer.lessons[-1] == Counter(row.label for row in ROWS)
    assert all(0 <= one.lowest <= one.accuracy <= one.highest <= 1 for one in found)


def test_each_draw_of_a_learning_curve_uses_another_fold() -> None:
    found = learning_curve(plan_with_folds(ROWS, [], Promise(0.95), 2), SemanticTrainer())
    assert [(one.examples, one.draws) for one in found] == [(1, 3), (None, 2)]

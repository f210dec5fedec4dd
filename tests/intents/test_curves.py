"""Curves: confidence against truth, what thresholds buy, and what more examples bring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.intents.curves import Bin, learning_curve, reliability, trade
from bot.intents.evaluation import files_exam, folded_exam
from bot.intents.labelled import Labelled
from bot.intents.measuring import Guess
from bot.intents.teaching import Learned, Progress, Promise, SemanticTeacher, Taught, unwatched

WAYS = {
    "hours": ["when do you open", "opening hours", "are you open on sunday", "几点开门", "营业时间", "周末开吗"],
    "refund": ["I want my money back", "how do I get a refund", "refund please", "我要退款"],
    "jobs": ["are you hiring"],
}
ROWS = [Labelled(text, label) for label, some in WAYS.items() for text in some]
ASKED = [Labelled("opening hours today", "hours"), Labelled("give me a refund", "refund")]
GUESSES = st.lists(
    st.builds(
        lambda sure, right: Guess("t", "a", "a" if right else "b", sure / 10, True), st.integers(0, 10), st.booleans()
    ),
    min_size=1,
)


class Watching(SemanticTeacher):
    """Engine `semantic`, whose lessons are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.lessons: list[dict[str, int]] = []

    @contextmanager
    def teach(self, taught: Taught, promise: Promise, progress: Progress = unwatched) -> Iterator[Learned]:
        self.lessons.append({label: len(texts) for label, texts in taught})
        with super().teach(taught, promise, progress) as learned:
            yield learned


def test_texts_of_like_confidence_stand_in_one_bin() -> None:
    guesses = [Guess("", "a", taken, sure, True) for taken, sure in (("a", 0.91), ("b", 0.97), ("a", 1.0), ("b", 0.02))]
    low, high = reliability(guesses)
    assert low == Bin(0.02, 0.0, 1)
    assert high.texts == 3
    assert [high.confidence, high.right] == pytest.approx([0.96, 2 / 3])


@given(GUESSES)
def test_every_text_is_in_a_bin(guesses: list[Guess]) -> None:
    found = reliability(guesses)
    assert sum(one.texts for one in found) == len(guesses)
    assert sum(one.right * one.texts for one in found) == pytest.approx(sum(one.right for one in guesses))


@given(GUESSES)
def test_each_threshold_buys_what_counting_says(guesses: list[Guess]) -> None:
    found = trade(guesses)
    for one, threshold in zip(found, sorted({guess.confidence for guess in guesses}, reverse=True), strict=True):
        answered = [guess.right for guess in guesses if guess.confidence >= threshold]
        assert one.coverage == pytest.approx(len(answered) / len(guesses))
        assert one.precision == pytest.approx(sum(answered) / len(answered))


def test_a_hundred_thousand_texts_are_drawn_with_few_points() -> None:
    found = trade([Guess("", "a", "a", number / 100_000, True) for number in range(100_000)], points=50)
    assert len(found) == 50
    assert (found[0].coverage, found[-1].coverage) == (0.00001, 1.0)


def test_a_curve_is_drawn_with_ever_more_examples_three_times_each_and_at_last_with_all() -> None:
    teacher = Watching()
    found = learning_curve(files_exam(ROWS, ASKED, [Labelled("sing a song", "")], Promise(0.95)), teacher)
    assert [one.examples for one in found] == [1, 3, 5, None]
    assert [one.draws for one in found] == [3, 3, 3, 1]
    assert [one.train_texts for one in found] == [3, 7, 10, 11]
    assert teacher.lessons[:3] == [{"hours": 1, "refund": 1, "jobs": 1}] * 3
    assert teacher.lessons[-1] == Counter(row.label for row in ROWS)
    assert all(0 <= one.lowest <= one.accuracy <= one.highest <= 1 for one in found)


def test_where_there_are_folds_each_draw_takes_another() -> None:
    found = learning_curve(folded_exam(ROWS, [], Promise(0.95), 2), SemanticTeacher())
    assert [(one.examples, one.draws) for one in found] == [(1, 3), (None, 2)]

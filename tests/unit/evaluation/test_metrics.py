"""Evaluation metrics equal their definitions on small examples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.datasets import Labelled
from bot.evaluation.metrics import (
    EvaluationRun,
    OutOfScopeMetrics,
    Prediction,
    auroc,
    compute_metrics,
    confusions,
    fpr_at_tpr,
    macro_f1,
    out_of_scope_by_kind,
    run_test,
)
from bot.evaluation.trainers import Promise, SemanticTrainer, TrainedEngine
from bot.intents.classifier.training import learn

SOME = st.lists(st.integers(0, 20).map(lambda number: number / 20), min_size=1, max_size=30)
SHOP = (
    ("hours", ["几点开门", "营业时间", "周末开吗", "what are your opening hours", "are you open on sundays"]),
    ("refund", ["怎么退款", "我要退货", "how do I get a refund", "I want my money back", "退钱给我"]),
    ("delivery", ["多久能送到", "快递几天到", "how long does delivery take", "when will my order arrive"]),
)


def guess(meant: str, taken: str, confidence: float, answered: bool = True) -> Prediction:
    return Prediction(f"{meant} {confidence}", meant, taken, confidence, answered)


@given(SOME, SOME)
def test_auroc_equals_the_share_of_pairs_in_the_right_order(inside: list[float], outside: list[float]) -> None:
    won = [1.0 if one > other else 0.5 if one == other else 0.0 for one in inside for other in outside]
    assert auroc(np.array(inside), np.array(outside)) == pytest.approx(sum(won) / len(won))


@given(SOME, SOME)
def test_false_positive_rate_is_measured_where_95_percent_of_in_scope_texts_pass(
    inside: list[float], outside: list[float]
) -> None:
    enough = [border for border in inside if sum(one >= border for one in inside) >= 0.95 * len(inside)]
    expected = sum(one >= max(enough) for one in outside) / len(outside)
    assert fpr_at_tpr(np.array(inside), np.array(outside)) == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=30))
def test_macro_f1_equals_the_mean_f1_of_all_intents(answers: list[tuple[str, str]]) -> None:
    def score(intent: str) -> float:
        hits = sum(meant == taken == intent for meant, taken in answers)
        meant_it, took_it = (sum(pair[side] == intent for pair in answers) for side in (0, 1))
        precision, recall = hits / took_it if took_it else 0.0, hits / meant_it if meant_it else 0.0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    intents = {intent for pair in answers for intent in pair}
    expected = sum(map(score, intents)) / len(intents)
    assert macro_f1([guess(meant, taken, 0.5) for meant, taken in answers]) == pytest.approx(expected)


def test_metrics_of_several_runs_cover_all_predictions() -> None:
    first = EvaluationRun(
        [guess("a", "a", 0.9), guess("a", "b", 0.6, answered=False)], [guess("", "a", 0.3, False)], 2, 0.2
    )
    second = EvaluationRun([guess("b", "b", 0.8), guess("b", "a", 0.7)], [guess("", "b", 0.75)], 3, 0.4)
    found = compute_metrics([first, second])
    assert (found.test_texts, found.oos_texts, found.accuracy) == (4, 2, 0.5)
    assert found.coverage_at_precision == 0.75
    assert found.precision_answered == pytest.approx(2 / 3)
    assert (found.auroc_oos, found.oos_answered) == (0.75, 0.5)
    assert found.train_seconds == 5
    assert found.ms_per_text == pytest.approx(100)
    assert found.ece == pytest.approx((0.1 + 0.6 + 0.2 + 0.7) / 4)
    assert [one.taken for one in confusions([first, second])] == ["b", "a"]


def test_without_out_of_scope_texts_their_metrics_are_none() -> None:
    found = compute_metrics([EvaluationRun([guess("a", "a", 0.9)], [], 1, 1)])
    assert (found.auroc_oos, found.fpr_at_95_tpr, found.oos_answered) == (None, None, None)


def test_precision_is_one_when_nothing_is_answered() -> None:
    found = compute_metrics([EvaluationRun([guess("a", "b", 0.2, answered=False)], [], 1, 1)])
    assert (found.coverage_at_precision, found.precision_answered) == (0.0, 1.0)


def test_metrics_without_predictions_raise_an_error() -> None:
    with pytest.raises(ValueError, match="nothing"):
        compute_metrics([])


@pytest.fixture(scope="module")
def learned() -> Iterator[TrainedEngine]:
    with SemanticTrainer().train(SHOP, Promise(0.95)) as found:
        yield found


def test_a_run_asks_the_engine_as_the_bot_does(learned: TrainedEngine) -> None:
    asked = [
        Labelled("几点开门？", "hours", "a.tsv:2"),
        Labelled("退款要怎么申请", "refund"),
        Labelled("\x00", "hours"),
    ]
    sitting = run_test(learned, asked, [Labelled("who won the world cup 1998", "", kind="far")])
    exact, like, nothing = sitting.known
    assert (exact.taken, exact.answered, exact.at) == ("hours", True, "a.tsv:2")
    assert like.taken == "refund"
    assert (nothing.taken, nothing.confidence, nothing.answered) == ("", 0.0, False)
    assert (sitting.out_of_scope[0].answered, sitting.out_of_scope[0].kind) == (False, "far")
    assert sitting.inference_seconds > 0
    assert sitting.training_seconds == learned.seconds > 0


def test_a_run_reports_its_peak_memory(learned: TrainedEngine) -> None:
    before = run_test(learned, [Labelled("几点开门？", "hours")], []).memory_mb
    kept = np.ones(8_000_000)
    after = run_test(learned, [Labelled("几点开门？", "hours")], []).memory_mb
    assert before is not None
    assert after is not None
    assert before + kept.nbytes / 1024**2 * 0.9 < after < 20_000


def test_each_kind_of_out_of_scope_texts_has_its_own_metrics() -> None:
    known = [guess("a", "a", 0.9), guess("a", "a", 0.6)]
    near = [guess("", "a", 0.7)._replace(kind="near"), guess("", "a", 0.95)._replace(kind="near")]
    far = [guess("", "a", 0.1, False)._replace(kind="far")]
    sittings = [EvaluationRun(known, [*near, *far], 1, 1)]
    found = out_of_scope_by_kind(sittings)
    assert found == {"near": OutOfScopeMetrics(2, 0.25, 1.0, 1.0), "far": OutOfScopeMetrics(1, 1.0, 0.0, 0.0)}
    assert compute_metrics(sittings).auroc_oos == pytest.approx(0.5)


def test_out_of_scope_texts_without_a_kind_count_only_in_the_total() -> None:
    assert out_of_scope_by_kind([EvaluationRun([guess("a", "a", 0.9)], [guess("", "a", 0.5)], 1, 1)]) == {}


def test_a_run_reports_its_progress(learned: TrainedEngine) -> None:
    heard: list[tuple[str, float]] = []
    run_test(
        learned, [Labelled(f"question {number}", "hours") for number in range(40)], [], lambda *one: heard.append(one)
    )
    assert heard == [("asking", 0.0), ("asking", 0.4), ("asking", 0.8)]


def test_training_lists_held_out_texts_predicted_as_another_intent() -> None:
    ways = [
        *SHOP,
        ("closing", ["几点关门", "打烊时间", "周末几点关", "what is your closing time", "when do you close"]),
    ]
    found = learn(ways, 0.95)
    written = {intent: set(texts) for intent, texts in ways}
    wrong = round((1 - found.report.accuracy) * found.report.heldout)
    assert len(found.confusions) == wrong > 0
    for one in found.confusions:
        assert one.text in written[one.meant]
        assert one.taken in set(written) - {one.meant}
        assert 0 < one.confidence < 1

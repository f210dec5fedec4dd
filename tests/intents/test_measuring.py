"""The figures of an evaluation, against what their definitions say on small numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.intents.labelled import Labelled
from bot.intents.measuring import (
    Guess,
    Outside,
    Sitting,
    auroc,
    confusions,
    figures,
    macro_f1,
    outside_by_kind,
    passing,
    sit,
)
from bot.intents.teaching import Learned, Promise, SemanticTeacher
from bot.intents.understanding.training import learn

SOME = st.lists(st.integers(0, 20).map(lambda number: number / 20), min_size=1, max_size=30)
SHOP = (
    ("hours", ["几点开门", "营业时间", "周末开吗", "what are your opening hours", "are you open on sundays"]),
    ("refund", ["怎么退款", "我要退货", "how do I get a refund", "I want my money back", "退钱给我"]),
    ("delivery", ["多久能送到", "快递几天到", "how long does delivery take", "when will my order arrive"]),
)


def guess(meant: str, taken: str, confidence: float, answered: bool = True) -> Guess:
    return Guess(f"{meant} {confidence}", meant, taken, confidence, answered)


@given(SOME, SOME)
def test_auroc_is_the_share_of_pairs_in_the_right_order(inside: list[float], outside: list[float]) -> None:
    won = [1.0 if one > other else 0.5 if one == other else 0.0 for one in inside for other in outside]
    assert auroc(np.array(inside), np.array(outside)) == pytest.approx(sum(won) / len(won))


@given(SOME, SOME)
def test_strangers_are_counted_where_at_least_95_of_100_known_texts_pass(
    inside: list[float], outside: list[float]
) -> None:
    enough = [border for border in inside if sum(one >= border for one in inside) >= 0.95 * len(inside)]
    expected = sum(one >= max(enough) for one in outside) / len(outside)
    assert passing(np.array(inside), np.array(outside)) == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=30))
def test_macro_f1_is_the_mean_of_what_each_intent_scores(answers: list[tuple[str, str]]) -> None:
    def score(intent: str) -> float:
        hits = sum(meant == taken == intent for meant, taken in answers)
        meant_it, took_it = (sum(pair[side] == intent for pair in answers) for side in (0, 1))
        precision, recall = hits / took_it if took_it else 0.0, hits / meant_it if meant_it else 0.0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    intents = {intent for pair in answers for intent in pair}
    expected = sum(map(score, intents)) / len(intents)
    assert macro_f1([guess(meant, taken, 0.5) for meant, taken in answers]) == pytest.approx(expected)


def test_the_figures_of_several_sittings_are_of_all_that_was_asked() -> None:
    first = Sitting([guess("a", "a", 0.9), guess("a", "b", 0.6, answered=False)], [guess("", "a", 0.3, False)], 2, 0.2)
    second = Sitting([guess("b", "b", 0.8), guess("b", "a", 0.7)], [guess("", "b", 0.75)], 3, 0.4)
    found = figures([first, second])
    assert (found.test_texts, found.oos_texts, found.accuracy) == (4, 2, 0.5)
    assert found.coverage_at_precision == 0.75
    assert found.precision_answered == pytest.approx(2 / 3)
    assert (found.auroc_oos, found.oos_answered) == (0.75, 0.5)
    assert found.train_seconds == 5
    assert found.ms_per_text == pytest.approx(100)
    assert found.ece == pytest.approx((0.1 + 0.6 + 0.2 + 0.7) / 4)
    assert [one.taken for one in confusions([first, second])] == ["b", "a"]


def test_without_strangers_nothing_is_said_about_them() -> None:
    found = figures([Sitting([guess("a", "a", 0.9)], [], 1, 1)])
    assert (found.auroc_oos, found.fpr_at_95_tpr, found.oos_answered) == (None, None, None)


def test_where_nothing_is_answered_nothing_is_answered_wrongly() -> None:
    found = figures([Sitting([guess("a", "b", 0.2, answered=False)], [], 1, 1)])
    assert (found.coverage_at_precision, found.precision_answered) == (0.0, 1.0)


def test_figures_need_something_that_was_asked() -> None:
    with pytest.raises(ValueError, match="nothing"):
        figures([])


@pytest.fixture(scope="module")
def learned() -> Iterator[Learned]:
    with SemanticTeacher().teach(SHOP, Promise(0.95)) as found:
        yield found


def test_what_was_learned_is_asked_as_the_bot_asks(learned: Learned) -> None:
    asked = [
        Labelled("几点开门？", "hours", "a.tsv:2"),
        Labelled("退款要怎么申请", "refund"),
        Labelled("\x00", "hours"),
    ]
    sitting = sit(learned, asked, [Labelled("who won the world cup 1998", "", kind="far")])
    exact, like, nothing = sitting.known
    assert (exact.taken, exact.answered, exact.at) == ("hours", True, "a.tsv:2")
    assert like.taken == "refund"
    assert (nothing.taken, nothing.confidence, nothing.answered) == ("", 0.0, False)
    assert (sitting.strangers[0].answered, sitting.strangers[0].kind) == (False, "far")
    assert sitting.asking > 0
    assert sitting.training == learned.seconds > 0


def test_what_it_takes_in_memory_is_told(learned: Learned) -> None:
    before = sit(learned, [Labelled("几点开门？", "hours")], []).memory
    kept = np.ones(8_000_000)
    after = sit(learned, [Labelled("几点开门？", "hours")], []).memory
    assert before is not None
    assert after is not None
    assert before + kept.nbytes / 1024**2 * 0.9 < after < 20_000


def test_strangers_of_each_kind_have_figures_of_their_own() -> None:
    known = [guess("a", "a", 0.9), guess("a", "a", 0.6)]
    near = [guess("", "a", 0.7)._replace(kind="near"), guess("", "a", 0.95)._replace(kind="near")]
    far = [guess("", "a", 0.1, False)._replace(kind="far")]
    sittings = [Sitting(known, [*near, *far], 1, 1)]
    found = outside_by_kind(sittings)
    assert found == {"near": Outside(2, 0.25, 1.0, 1.0), "far": Outside(1, 1.0, 0.0, 0.0)}
    assert figures(sittings).auroc_oos == pytest.approx(0.5)


def test_strangers_of_no_kind_only_count_in_the_whole() -> None:
    assert outside_by_kind([Sitting([guess("a", "a", 0.9)], [guess("", "a", 0.5)], 1, 1)]) == {}


def test_progress_tells_how_much_was_asked(learned: Learned) -> None:
    heard: list[tuple[str, float]] = []
    sit(learned, [Labelled(f"question {number}", "hours") for number in range(40)], [], lambda *one: heard.append(one))
    assert heard == [("asking", 0.0), ("asking", 0.4), ("asking", 0.8)]


def test_training_tells_which_held_out_texts_it_took_for_another_intent() -> None:
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

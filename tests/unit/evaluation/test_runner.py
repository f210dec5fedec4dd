"""Cross-validation of a knowledge base, and evaluation on labelled files."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evaluation_runs import evaluate_files
from support.knowledge_base_files import Editor
from support.small_knowledge_base import KIOSK

from bot.evaluation.datasets import Labelled, folds
from bot.evaluation.metrics import EvaluationRun, Prediction
from bot.evaluation.runner import (
    evaluate,
    example_rows,
    explain_confusions,
    plan_for_base,
    plan_with_folds,
    promise_of,
    result_of,
    title_rows,
)
from bot.evaluation.trainers import Promise
from bot.knowledge.content import LANGUAGES
from bot.knowledge.entries import Base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return Editor(tmp_path_factory.mktemp("base")).writes(KIOSK, "kiosk.yaml").base()


@pytest.mark.parametrize("count", [2, 5])
def test_every_example_is_tested_once_and_trained_in_all_other_rounds(base: Base, count: int) -> None:
    everything, held = Counter(example_rows(base)), Counter[Labelled]()
    for rest, out in folds(example_rows(base), count, title_rows(base)):
        assert Counter(rest) - Counter(title_rows(base)) + Counter(out) == everything
        held += Counter(out)
    assert held == everything


def test_no_fold_holds_out_most_of_an_entry(base: Base) -> None:
    for rest, _ in folds(example_rows(base), 2, title_rows(base)):
        for id_, entry in base.entries.items():
            for language in LANGUAGES:
                whole = set(entry.examples.in_language(language))
                assert sum(row.label == id_ and row.text in whole for row in rest) >= len(whole) // 2


ROWS = st.lists(st.builds(Labelled, st.text("ab门", min_size=1, max_size=2), st.sampled_from("xyz")), min_size=1)


@given(rows=ROWS, count=st.integers(2, 6))
def test_no_text_of_a_label_is_both_trained_and_tested(rows: list[Labelled], count: int) -> None:
    held: list[Labelled] = []
    for rest, out in folds(rows, count):
        assert not set(rest) & set(out)
        assert {row.label for row in rest} == {row.label for row in rows}
        held += out
    lonely = {row.label for row in rows if len({one.text for one in rows if one.label == row.label}) == 1}
    assert Counter(held) == Counter(row for row in rows if row.label not in lonely)


def test_a_base_is_evaluated_on_all_its_examples(base: Base) -> None:
    heard: list[str] = []
    outside = [Labelled("who won the world cup 1998", ""), Labelled("今天股票涨了吗", "")]
    found = evaluate(plan_for_base(base, outside, 0.9, 2), progress=lambda stage, _: heard.append(stage))
    assert found.metrics.test_texts == found.train_texts == len(example_rows(base))
    assert (found.metrics.oos_texts, found.labels, found.untrained) == (2, len(base.entries), 0)
    assert 0.3 < found.metrics.accuracy < 1
    assert sum(len(pair.found) for pair in found.confused_pairs) == round(
        (1 - found.metrics.accuracy) * found.train_texts
    )
    assert list(dict.fromkeys(heard))[::4] == ["1/2 reading", "2/2 reading"]


def test_an_out_of_scope_question_is_tested_once_and_trained_otherwise(base: Base) -> None:
    rows = example_rows(base)
    outside = [Labelled(f"question {number}", "") for number in range(5)]
    rounds = plan_with_folds(rows, [], Promise(0.95), 3, outside=outside).rounds
    assert Counter(row for one in rounds for row in one.out_of_scope) == Counter(outside)
    assert all(Counter([*one.out_of_scope, *one.outside]) == Counter(outside) for one in rounds)


def test_a_confused_text_is_shown_with_its_line_and_the_most_similar_example(base: Base) -> None:
    asked = [
        Prediction(
            "几点开门", "opening", "closing", 0.6, False, next(r.at for r in example_rows(base) if r.text == "几点开门")
        )
    ]
    found = result_of([EvaluationRun(asked, [], 1, 1)], 0.95, 4, 48)
    (one,) = explain_confusions(found.confused_pairs[0], found, example_rows(base), 3)
    assert one.at.endswith(f"kiosk.yaml:{_line('几点开门')}")
    assert one.most_similar is not None
    assert one.most_similar.text == "几点关门"
    assert one.most_similar.at.endswith(f"kiosk.yaml:{_line('几点关门')}")


def test_an_entry_with_its_own_target_precision_is_evaluated_at_it(base: Base) -> None:
    strict = base.entries["refund"].model_copy(update={"target_precision": 0.99})
    changed = replace(base, entries=MappingProxyType({**base.entries, "refund": strict}))
    assert promise_of(changed, 0.9) == Promise(0.9, {"refund": 0.99})


def _line(text: str) -> int:
    return next(number for number, line in enumerate(KIOSK.splitlines(), 1) if text in line)


def test_out_of_scope_texts_change_only_their_own_metrics() -> None:
    lessons = [Labelled(text, label) for label, some in SHOP.items() for text in some]
    asked = [Labelled("what time do you open", "hours"), Labelled("money back please", "refund")]
    alone = evaluate_files(lessons, asked, [], 0.95)
    beside = evaluate_files(lessons, asked, [Labelled("what time do you open tomorrow on mars", "")], 0.95)
    assert beside.metrics.accuracy == alone.metrics.accuracy
    assert beside.metrics.ece == alone.metrics.ece
    assert (alone.metrics.auroc_oos is None, beside.metrics.auroc_oos is None) == (True, False)


def test_labels_in_words_are_trained_as_texts() -> None:
    lessons = [Labelled(text, label) for label, some in SHOP.items() for text in some]
    found = evaluate_files(lessons, [Labelled("refund", "refund"), Labelled("hours", "hours")], [], 0.95)
    assert (found.metrics.accuracy, found.metrics.coverage_at_precision) == (1, 1)
    assert found.train_texts == len(lessons)


def test_a_test_text_with_an_untrained_label_is_counted_as_untaught() -> None:
    lessons = [Labelled(text, label) for label, some in SHOP.items() for text in some]
    found = evaluate_files(lessons, [Labelled("opening hours?", "hours"), Labelled("a job", "jobs")], [], 0.95)
    assert (found.untrained, found.labels, found.metrics.accuracy) == (1, 2, 0.5)


SHOP = {
    "hours": ["when do you open", "opening hours", "are you open on sunday", "几点开门"],
    "refund": ["I want my money back", "how do I get a refund", "refund please", "我要退款"],
}

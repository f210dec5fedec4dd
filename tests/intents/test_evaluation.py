"""A knowledge base asked about itself: every example once, of a model that has not learned it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import MappingProxyType

import pytest
from editor import Editor
from hypothesis import given
from hypothesis import strategies as st
from kiosk import KIOSK

from bot.intents.evaluation import base_exam, blame, called, evaluate, folded_exam, judged, of_files, promised, written
from bot.intents.folds import folds
from bot.intents.labelled import Labelled
from bot.intents.measuring import Guess, Sitting
from bot.intents.teaching import Promise
from bot.knowledge.content import LANGUAGES
from bot.knowledge.entries import Base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return Editor(tmp_path_factory.mktemp("base")).writes(KIOSK, "kiosk.yaml").base()


@pytest.mark.parametrize("count", [2, 5])
def test_every_example_is_held_out_once_and_taught_otherwise(base: Base, count: int) -> None:
    everything, held = Counter(written(base)), Counter[Labelled]()
    for rest, out in folds(written(base), count, called(base)):
        assert Counter(rest) - Counter(called(base)) + Counter(out) == everything
        held += Counter(out)
    assert held == everything


def test_no_turn_takes_most_of_an_entry_away(base: Base) -> None:
    for rest, _ in folds(written(base), 2, called(base)):
        for id_, entry in base.entries.items():
            for language in LANGUAGES:
                whole = set(entry.examples.asked_in(language))
                assert sum(row.label == id_ and row.text in whole for row in rest) >= len(whole) // 2


ROWS = st.lists(st.builds(Labelled, st.text("ab门", min_size=1, max_size=2), st.sampled_from("xyz")), min_size=1)


@given(rows=ROWS, count=st.integers(2, 6))
def test_whatever_the_rows_no_text_is_taught_and_asked_under_one_label(rows: list[Labelled], count: int) -> None:
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
    found = evaluate(base_exam(base, outside, 0.9, 2), progress=lambda stage, _: heard.append(stage))
    assert found.figures.test_texts == found.train_texts == len(written(base))
    assert (found.figures.oos_texts, found.labels, found.untaught) == (2, len(base.entries), 0)
    assert 0.3 < found.figures.accuracy < 1
    assert sum(len(pair.found) for pair in found.mixed) == round((1 - found.figures.accuracy) * found.train_texts)
    assert list(dict.fromkeys(heard))[::4] == ["1/2 reading", "2/2 reading"]


def test_what_is_out_of_scope_is_asked_once_and_taught_otherwise(base: Base) -> None:
    rows = written(base)
    outside = [Labelled(f"question {number}", "") for number in range(5)]
    rounds = folded_exam(rows, [], Promise(0.95), 3, outside=outside).rounds
    assert Counter(row for one in rounds for row in one.strangers) == Counter(outside)
    assert all(Counter([*one.strangers, *one.outside]) == Counter(outside) for one in rounds)


def test_a_mixed_up_text_is_shown_with_its_line_and_what_drew_it(base: Base) -> None:
    asked = [
        Guess("几点开门", "opening", "closing", 0.6, False, next(r.at for r in written(base) if r.text == "几点开门"))
    ]
    found = judged([Sitting(asked, [], 1, 1)], 0.95, 4, 48)
    (one,) = blame(found.mixed[0], found, written(base), 3)
    assert one.at.endswith(f"kiosk.yaml:{_line('几点开门')}")
    assert one.like is not None
    assert one.like.text == "几点关门"
    assert one.like.at.endswith(f"kiosk.yaml:{_line('几点关门')}")


def test_an_entry_that_asks_for_more_is_promised_more(base: Base) -> None:
    strict = base.entries["refund"].model_copy(update={"target_precision": 0.99})
    changed = replace(base, entries=MappingProxyType({**base.entries, "refund": strict}))
    assert promised(changed, 0.9) == Promise(0.9, {"refund": 0.99})


def _line(text: str) -> int:
    return next(number for number, line in enumerate(KIOSK.splitlines(), 1) if text in line)


def test_out_of_scope_texts_change_nothing_but_their_own_figures() -> None:
    lessons = [Labelled(text, label) for label, some in SHOP.items() for text in some]
    asked = [Labelled("what time do you open", "hours"), Labelled("money back please", "refund")]
    alone = of_files(lessons, asked, [], 0.95)
    beside = of_files(lessons, asked, [Labelled("what time do you open tomorrow on mars", "")], 0.95)
    assert beside.figures.accuracy == alone.figures.accuracy
    assert beside.figures.ece == alone.figures.ece
    assert (alone.figures.auroc_oos is None, beside.figures.auroc_oos is None) == (True, False)


def test_what_labels_say_in_words_is_taught_too() -> None:
    lessons = [Labelled(text, label) for label, some in SHOP.items() for text in some]
    found = of_files(lessons, [Labelled("refund", "refund"), Labelled("hours", "hours")], [], 0.95)
    assert (found.figures.accuracy, found.figures.coverage_at_precision) == (1, 1)
    assert found.train_texts == len(lessons)


def test_a_label_that_nobody_taught_is_counted_as_such() -> None:
    lessons = [Labelled(text, label) for label, some in SHOP.items() for text in some]
    found = of_files(lessons, [Labelled("opening hours?", "hours"), Labelled("a job", "jobs")], [], 0.95)
    assert (found.untaught, found.labels, found.figures.accuracy) == (1, 2, 0.5)


SHOP = {
    "hours": ["when do you open", "opening hours", "are you open on sunday", "几点开门"],
    "refund": ["I want my money back", "how do I get a refund", "refund please", "我要退款"],
}

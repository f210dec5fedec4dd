"""Follow-ups: whether a short text stays with the entry that was answered last."""

from __future__ import annotations

import fit_follow_ups
import numpy as np
import pytest

from bot.domain.decisions import Candidate, Understanding
from bot.intents.context import WEIGHTS, in_context, may_follow, stays, turns_to_another
from bot.intents.context_features import NAMES, LastAnswer, Readings, features
from bot.knowledge.editions import Edition, Thresholds
from bot.knowledge.entries import Entry

WORDS = {"zh": "问", "en": "ask"}
ENTRIES = [
    Entry.model_validate({"id": name, "title": WORDS, "examples": {"zh": ["问"], "en": ["ask"]}, "answers": WORDS})
    for name in ("fee", "refund", "exchange", "hours", "pickup")
]
EDITION = Edition(1, {entry.id: entry for entry in ENTRIES}, {}, Thresholds(0.8, 0.3))
FEE = {
    "zh": LastAnswer(
        "fee", "满99元包邮，不满收10元。新疆、西藏、青海满199元包邮，不满收20元。", ("运费怎么算", "新疆包邮吗")
    ),
    "en": LastAnswer(
        "fee",
        "Free from 99, otherwise 10. Xinjiang, Tibet: 20. Members never pay.",
        ("how much is shipping", "is it free"),
    ),
}


def understood(**confidences: float) -> Understanding:
    return Understanding(tuple(Candidate(entry, confidence) for entry, confidence in confidences.items()))


LIKELY = Readings(understood(hours=0.2, fee=0.1), understood(fee=0.95), understood(fee=0.9), 0.5, 0.6)
UNLIKELY = Readings(understood(refund=0.97), understood(refund=0.4, fee=0.3), understood(fee=0.2), 0.1, 0.1)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("那新疆呢", "zh"),
        ("要是只买50块的呢", "zh"),
        ("我是会员", "zh"),
        ("what about Tibet?", "en"),
        ("i'm a member", "en"),
    ],
)
def test_what_is_close_to_the_answer_and_means_nothing_alone_stays(text: str, language: str) -> None:
    found = in_context(text, LIKELY, FEE[language], EDITION)
    assert found.candidates[0].intent == "fee"
    assert found.candidates[0].confidence >= EDITION.thresholds.answer_for("fee")


@pytest.mark.parametrize(
    ("text", "language"), [("我的退款什么时候到账", "zh"), ("when will my refund reach my bank account", "en")]
)
def test_a_whole_question_about_something_else_is_answered(text: str, language: str) -> None:
    found = in_context(text, UNLIKELY, FEE[language], EDITION)
    assert found.candidates[0] == Candidate("refund", 0.97)


def test_another_topic_that_both_readings_in_context_mean_is_answered() -> None:
    both = understood(pickup=0.9, fee=0.05)
    found = in_context("when does the courier come", Readings(understood(hours=0.7), both, both), FEE["en"], EDITION)
    assert found.candidates[0].intent == "pickup"
    assert found.candidates[0].confidence >= 0.8


def test_in_doubt_both_entries_are_offered_and_none_is_answered() -> None:
    doubtful = Readings(understood(refund=0.75, hours=0.05), understood(fee=0.9), understood(fee=0.8), 0.25, 0.25)
    text = "does it matter how i paid"
    assert 0.2 <= stays(text, doubtful, FEE["en"]) < 0.5
    found = in_context(text, doubtful, FEE["en"], EDITION)
    assert [one.intent for one in found.candidates[:2]] == ["refund", "fee"]
    assert all(one.confidence < 0.8 for one in found.candidates)


def test_what_is_sure_to_mean_something_else_alone_stays_only_where_that_is_very_likely() -> None:
    sure = Readings(understood(refund=0.9), understood(fee=0.9), understood(fee=0.8), 0.3, 0.3)
    assert stays("does it matter how i paid", sure, FEE["en"]) < 0.75
    assert in_context("does it matter how i paid", sure, FEE["en"], EDITION).candidates[0] == Candidate("refund", 0.9)


@pytest.mark.parametrize("text", ["？？？", "😂😂😂", "asdfghjkl", "", "我" * 17, "one " * 13])
def test_signs_gibberish_and_long_texts_are_no_follow_ups(text: str) -> None:
    assert not may_follow(text)


@pytest.mark.parametrize(
    ("text", "confidence", "turns"),
    [
        ("那换货呢", 0.99, True),
        ("and on my birthday?", 0.99, True),
        ("那换货呢", 0.9, False),
        ("谁出邮费", 0.99, False),
    ],
)
def test_a_contrast_turns_to_a_topic_that_is_clear_alone(text: str, confidence: float, turns: bool) -> None:
    assert turns_to_another(text, Candidate("exchange", confidence), "fee") is turns
    assert not turns_to_another(text, Candidate("exchange", confidence), "exchange")


def test_every_feature_has_a_name_and_a_weight() -> None:
    assert tuple(WEIGHTS) == NAMES
    assert len(features("那新疆呢", LIKELY, FEE["zh"])) == len(NAMES)


def test_the_script_fits_finite_weights() -> None:
    texts = ("那新疆呢", "what about Tibet?", "我的退款什么时候到账", "when will my refund reach my bank account")
    read = (LIKELY, LIKELY, UNLIKELY, UNLIKELY)
    numbers = np.array([features(text, one, FEE["en"]) for text, one in zip(texts, read, strict=True)])
    fitted = fit_follow_ups.fit(numbers, np.array([1.0, 1.0, 0.0, 0.0]), np.ones(4))
    assert np.isfinite(fitted).all()
    assert list(fit_follow_ups.probabilities(numbers, fitted) > 0.5) == [True, True, False, False]


def test_the_script_learns_from_both_languages_and_every_kind() -> None:
    learned = list(fit_follow_ups.follow_ups())
    assert {case.language for case in learned} == {"zh", "en"}
    assert {case.kind for case in learned} == {"stays", "leaves", "uncovered"}

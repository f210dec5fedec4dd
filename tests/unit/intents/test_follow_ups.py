"""Follow-ups that lean on the last answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.decisions import Candidate, Understanding, Utterance
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.training import learn
from bot.intents.utterances import follow_up, in_context, is_sure
from bot.knowledge.editions import Edition, ExternalModel, Thresholds
from bot.knowledge.entries import Entry

CARDS = {
    "silver": ("银卡有什么权益", ["银卡的权益", "银卡会员能享受什么", "银卡打几折", "what does the silver card give"]),
    "gold": ("金卡有什么权益", ["金卡的权益", "金卡会员能享受什么", "金卡打几折", "what does the gold card give"]),
    "hours": ("几点开门", ["几点开门", "营业时间", "周末开吗", "opening hours"]),
    "refund": ("怎么退货", ["怎么退货", "我要退款", "退钱给我", "how do I return it"]),
    "invoice": ("怎么开发票", ["怎么开发票", "开票", "发票抬头怎么改", "I need an invoice"]),
    "delivery": ("多久送到", ["多久送到", "快递几天到", "什么时候发货", "when will it arrive"]),
}


@pytest.fixture(scope="module")
def cards() -> tuple[SemanticEngine, Edition]:
    """A small brand with a silver and a gold card, ready to be asked."""
    trained = learn([(name, ways) for name, (_, ways) in CARDS.items()], 0.9)
    engine = SemanticEngine()
    engine.load(1, trained.model)
    entries = {
        name: Entry.model_validate(
            {
                "id": name,
                "title": {"zh": title, "en": ways[-1]},
                "examples": {"zh": ways[:-1], "en": ways[-1:]},
                "answers": {"zh": "答", "en": "Answer"},
            }
        )
        for name, (title, ways) in CARDS.items()
    }
    return engine, Edition(1, entries, {}, trained.thresholds)


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("那金卡呢？", "金卡"),
        ("金卡呢", "金卡"),
        ("那麼銀卡呢？", "银卡"),
        ("那么，周末呢？？", "周末"),
        ("还有发票", "发票"),
        ("and for gold?", "for gold"),
        ("What about the gold card?", "the gold card"),
        ("how about on Sundays", "on Sundays"),
        ("金卡有什么权益", ""),
        ("我想知道你们那里周末到底是几点钟开门营业呢", ""),
        ("", ""),
        ("？？？", ""),
    ],
)
def test_a_follow_up_is_told_from_an_independent_question(said: str, about: str) -> None:
    assert follow_up(said) == about


@pytest.mark.parametrize(
    ("said", "title"), [("那金卡呢？", "银卡有什么权益"), ("and gold?", "what does the silver card give me")]
)
def test_a_follow_up_means_the_neighbour_of_what_was_answered(
    cards: tuple[SemanticEngine, Edition], said: str, title: str
) -> None:
    engine, edition = cards
    alone, together = engine.understand([Utterance(text, "zh", 1) for text in (said, f"{title} {follow_up(said)}")])
    assert in_context(alone, together, "silver", edition).candidates[0].intent == "gold"


def test_a_follow_up_that_may_mean_the_last_answer_again_is_asked_back_and_not_answered(
    cards: tuple[SemanticEngine, Edition],
) -> None:
    _, edition = cards
    alone = Understanding((Candidate("delivery", 0.1),))
    together = Understanding((Candidate("hours", 0.97), Candidate("delivery", 0.02), Candidate("gone", 0.01)))
    found = in_context(alone, together, "hours", edition)
    assert [one.intent for one in found.candidates] == ["delivery"]
    assert found.candidates[0].confidence < edition.thresholds.answer


def test_a_follow_up_is_judged_by_the_thresholds_of_the_engine_that_understood_it(
    cards: tuple[SemanticEngine, Edition],
) -> None:
    edition = replace(
        cards[1], external_models={"rasa": ExternalModel("yingda-1", (1.0, 0.5, 0.0), Thresholds(0.5, 0.2))}
    )
    together = Understanding((Candidate("hours", 0.97), Candidate("delivery", 0.02)), engine="rasa")
    found = in_context(Understanding(), together, "hours", edition)
    assert (found.engine, found.candidates[0].confidence < 0.5) == ("rasa", True)
    understood = Understanding((Candidate("hours", 0.6),), engine="rasa")
    assert is_sure(understood, edition)
    assert not is_sure(replace(understood, engine="semantic"), edition)


def test_a_follow_up_without_other_candidates_is_understood_by_its_own_words(
    cards: tuple[SemanticEngine, Edition],
) -> None:
    _, edition = cards
    alone = Understanding((Candidate("refund", 0.6),))
    assert in_context(alone, Understanding(), "hours", edition) is alone
    assert in_context(alone, Understanding((Candidate("invoice", 0.3),)), "hours", edition) is alone

"""Follow-ups that lean on the last answer."""

from __future__ import annotations

import pytest

from bot.decisions import Candidate, Understanding, Utterance
from bot.intents.following import in_context, leaning
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.training import learn
from bot.knowledge.editions import Edition
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
    engine.take_up(1, trained.model)
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
def test_a_few_words_that_lean_on_the_last_answer_are_told_from_a_question_of_its_own(said: str, about: str) -> None:
    assert leaning(said) == about


@pytest.mark.parametrize(
    ("said", "title"), [("那金卡呢？", "银卡有什么权益"), ("and gold?", "what does the silver card give me")]
)
def test_a_follow_up_means_the_neighbour_of_what_was_answered(
    cards: tuple[SemanticEngine, Edition], said: str, title: str
) -> None:
    engine, edition = cards
    alone, together = engine.understand([Utterance(text, "zh", 1) for text in (said, f"{title} {leaning(said)}")])
    assert in_context(alone, together, "silver", edition).candidates[0].intent == "gold"


def test_what_may_mean_the_last_answer_again_is_asked_back_and_never_answered(
    cards: tuple[SemanticEngine, Edition],
) -> None:
    _, edition = cards
    alone = Understanding((Candidate("delivery", 0.1),))
    together = Understanding((Candidate("hours", 0.97), Candidate("delivery", 0.02), Candidate("gone", 0.01)))
    found = in_context(alone, together, "hours", edition)
    assert [one.intent for one in found.candidates] == ["delivery"]
    assert found.candidates[0].confidence < edition.thresholds.answer


def test_a_follow_up_that_adds_nothing_is_taken_by_its_own_words(cards: tuple[SemanticEngine, Edition]) -> None:
    _, edition = cards
    alone = Understanding((Candidate("refund", 0.6),))
    assert in_context(alone, Understanding(), "hours", edition) is alone
    assert in_context(alone, Understanding((Candidate("invoice", 0.3),)), "hours", edition) is alone

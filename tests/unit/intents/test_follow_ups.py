"""Follow-ups that lean on the last answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from support import builders

from bot.domain.decisions import Candidate, Understanding, Utterance
from bot.domain.messages import Limits
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.training import learn
from bot.intents.context import follow_up
from bot.intents.inference import closeness
from bot.intents.turn import DialogueTurn
from bot.intents.utterances import is_sure
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


def after(
    last: str, said: str, engine: SemanticEngine, edition: Edition, alone: Understanding | None = None
) -> Understanding:
    """What a text means after the answer of an entry."""
    talk = builders.conversation(
        slots={"last_intent": last, "at": builders.NOW, "words": CARDS[last][0]} if last else {}
    )
    message = builders.message(said)
    turn = DialogueTurn(message, talk, Understanding(), "zh", edition, builders.NOW, Limits(2_000))

    async def read(text: str) -> Understanding:
        return engine.understand([Utterance(text, "zh", 1)])[0]

    async def near(text: str, passages: Sequence[tuple[str, ...]]) -> list[float]:
        return closeness(text, passages)

    async def understood() -> Understanding:
        return await follow_up(turn, await read(said) if alone is None else alone, "", read, near)

    return asyncio.run(understood())


@pytest.mark.parametrize("said", ["那金卡呢？", "金卡呢"])
def test_a_follow_up_means_the_neighbour_of_what_was_answered(cards: tuple[SemanticEngine, Edition], said: str) -> None:
    assert after("silver", said, *cards).candidates[0].intent == "gold"


@pytest.mark.parametrize(("last", "said"), [("", "那周末呢"), ("hours", "😂😂😂"), ("hours", "asdfghjkl")])
def test_without_an_answer_or_words_a_text_means_what_it_means_alone(
    cards: tuple[SemanticEngine, Edition], last: str, said: str
) -> None:
    alone = Understanding((Candidate("delivery", 0.4), Candidate("hours", 0.3)))
    assert after(last, said, *cards, alone) is alone


def test_an_answer_that_is_too_long_ago_is_no_context(cards: tuple[SemanticEngine, Edition]) -> None:
    engine, edition = cards
    talk = builders.conversation(slots={"last_intent": "hours", "at": builders.NOW - 3_601})
    turn = DialogueTurn(builders.message("那周末呢"), talk, Understanding(), "zh", edition, builders.NOW, Limits(2_000))
    alone = Understanding((Candidate("delivery", 0.4),))

    async def never(*_: object) -> list[float]:
        raise AssertionError("nothing is read again")

    async def read(text: str) -> Understanding:
        return engine.understand([Utterance(text, "zh", 1)])[0]

    assert asyncio.run(follow_up(turn, alone, "", read, never)) is alone


def test_a_text_is_sure_by_the_thresholds_of_the_engine_that_understood_it(
    cards: tuple[SemanticEngine, Edition],
) -> None:
    rasa = {"rasa": ExternalModel("yingda-1", (1.0, 0.5, 0.0), Thresholds(0.5, 0.2))}
    edition = replace(cards[1], external_models=rasa)
    understood = Understanding((Candidate("hours", 0.6),), engine="rasa")
    assert is_sure(understood, edition)
    assert not is_sure(replace(understood, engine="semantic"), edition)

"""The contract of every Engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.simulated_rasa import fallbacks, trained_service

from bot.domain.decisions import Understanding, Utterance
from bot.errors import EngineFailed
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.training import learn
from bot.ports.nlu import Engine

TAUGHT: Sequence[tuple[str, Sequence[str]]] = (
    ("hours", ("几点开门", "你们周末营业吗", "营业时间", "what are your opening hours", "are you open on sunday")),
    ("refund", ("怎么退款", "我要退货", "钱什么时候退给我", "how do I get a refund", "I want my money back")),
    ("delivery", ("多久能送到", "快递几天到", "什么时候发货", "how long does delivery take", "when will it arrive")),
    ("points", ("我有多少积分", "查积分", "积分余额", "how many points do I have", "my points balance")),
)
ODD = ("", " ", "\x00", "\ud800", "?!?!", "😀😀😀", "啊" * 10_000, "a" * 10_000, "\u202e\u200b\u0301", "<xml>]]>", "1")


@cache
def semantic() -> Engine:
    engine = SemanticEngine()
    engine.load(7, learn(TAUGHT, 0.95).model)
    return engine


@pytest.fixture(scope="module")
def rasa() -> Iterator[Engine]:
    """Engine `rasa` over HTTP; the service never fails, so no text is understood by the fallback."""
    before = fallbacks()
    with trained_service(TAUGHT) as stage, stage.engine(7) as engine:
        yield engine
    assert fallbacks().items() <= {**before, "untrained": fallbacks().get("untrained", 0.0)}.items()


@pytest.fixture(params=["semantic", "rasa"])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = semantic() if request.param == "semantic" else request.getfixturevalue("rasa")
    return made


def asked(engine: Engine, *texts: str) -> list[Understanding]:
    return engine.understand([Utterance(text, "zh", 7) for text in texts])


def test_every_utterance_gets_one_understanding_in_order(engine: Engine) -> None:
    understood = asked(engine, "weekend opening times?", "退款怎么弄", "weekend opening times?", "送货要几天")
    assert [one.candidates[0].intent for one in understood] == ["hours", "refund", "hours", "delivery"]


def test_no_utterances_give_no_understandings(engine: Engine) -> None:
    assert engine.understand([]) == []


def test_candidates_are_ranked_probabilities_of_known_intents(engine: Engine) -> None:
    for one in asked(engine, "weekend opening times?", "我的积分还有多少分", "the weather is nice"):
        confidences = [candidate.confidence for candidate in one.candidates]
        assert confidences == sorted(confidences, reverse=True)
        assert all(0 <= confidence <= 1 for confidence in confidences)
        assert sum(confidences) <= 1.001
        assert {candidate.intent for candidate in one.candidates} <= {intent for intent, _ in TAUGHT}


def test_an_example_in_another_form_is_exact(engine: Engine) -> None:
    for one in asked(engine, "幾點開門？", "  几点 开门!!", "你好，请问几点开门？谢谢", "WHAT ARE YOUR OPENING HOURS"):
        assert one.exact
        assert one.candidates[0].intent == "hours"
        assert one.candidates[0].confidence >= 0.99


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_texts_raise_no_error(engine: Engine, odd: str) -> None:
    (one,) = asked(engine, odd)
    assert not one.exact
    assert not one.candidates or one.candidates[0].confidence < 0.5


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=60), max_size=6))
def test_any_text_gives_an_understanding(engine: Engine, texts: list[str]) -> None:
    assert len(asked(engine, *texts)) == len(texts)


def test_an_edition_that_is_not_loaded_raises_engine_failed(engine: Engine) -> None:
    with pytest.raises(EngineFailed):
        engine.understand([Utterance("几点开门", "zh", 8)])


def test_understanding_is_thread_safe(engine: Engine) -> None:
    texts = [f"{words} {number}" for number in range(8) for words in ("how long is delivery", "退款多久", "积分查询")]
    alone = asked(engine, *texts)
    with ThreadPoolExecutor(6) as pool:
        for answers in pool.map(lambda _: asked(engine, *texts), range(12)):
            assert answers == alone

"""Engine `rasa`: engine `semantic` answers when the service is slow, unreachable, wrong or serves another model."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
from support.services import MovableClock
from support.simulated_rasa import Stage, ask, fallbacks, trained_service

from bot.circuit_breaker import CircuitBreaker
from bot.errors import EngineFailed
from bot.knowledge.editions import Edition, ExternalModel, Thresholds
from bot.rasa.engine import understood
from bot.rasa.training import KNOWN, LEFT_OUT, UNRELATED, HeldOutAnswer, calibrate_model, hold_out
from bot.simulators.rasa import Faults, Reader

TAUGHT = (
    ("hours", ("几点开门", "你们周末营业吗", "营业时间", "what are your opening hours", "are you open on sunday")),
    ("refund", ("怎么退款", "我要退货", "钱什么时候退给我", "how do I get a refund", "I want my money back")),
    ("delivery", ("多久能送到", "快递几天到", "什么时候发货", "how long does delivery take", "when will it arrive")),
)
QUESTIONS = ("is it open on sunday then", "how can i get the refund", "how long will the delivery take me")
MEANT = ["hours", "refund", "delivery"]
FAULTS = [
    Faults(slow=30),
    Faults(slow=30, of_parsing=True),
    Faults(html=True),
    Faults(html=True, of_parsing=True),
    Faults(broken=True),
    Faults(strange=True),
    Faults(strange=True, of_parsing=True),
    Faults(endless=True, of_parsing=True),
]


@pytest.fixture(scope="module")
def taught() -> Iterator[Stage]:
    with trained_service(TAUGHT) as stage:
        yield stage


@pytest.fixture
def stage(taught: Stage) -> Iterator[Stage]:
    """The service without faults before and after, with an empty request log."""
    taught.service.asked.clear()
    yield taught
    taught.service.faults.set(Faults())
    taught.service.load(taught.data.name, Reader(taught.data.files))


def test_rasa_ranks_texts_and_is_not_asked_for_exact_examples(stage: Stage) -> None:
    with stage.engine(7) as engine:
        found = ask(engine, *QUESTIONS, "How do I get a refund??")
    assert [one.candidates[0].intent for one in found] == [*MEANT, "refund"]
    assert [one.engine for one in found] == ["rasa", "rasa", "rasa", "semantic"]
    assert found[3].exact
    assert sorted(stage.service.asked) == sorted(QUESTIONS)


@pytest.mark.parametrize("faults", FAULTS, ids=str)
def test_engine_semantic_answers_in_time_on_every_failure_of_rasa(stage: Stage, faults: Faults) -> None:
    stage.service.faults.set(faults)
    began = time.monotonic()
    with stage.engine(7, limit=0.3, breaker=CircuitBreaker(100, 60.0)) as engine:
        found = ask(engine, *QUESTIONS)
    assert [one.candidates[0].intent for one in found] == MEANT
    assert {one.engine for one in found} == {"semantic"}
    assert time.monotonic() - began < 15  # not the 30 seconds that the service takes


def test_the_breaker_opens_for_an_unreachable_service_and_closes_when_it_returns(stage: Stage) -> None:
    clock = MovableClock()
    breaker = CircuitBreaker(3, 10.0, clock.now)
    stage.service.faults.set(Faults(broken=True))
    with stage.engine(7, breaker=breaker) as engine:
        for _ in range(5):
            assert {one.engine for one in ask(engine, *QUESTIONS)} == {"semantic"}
        looked = stage.service.looked_at
        ask(engine, *QUESTIONS)
        assert stage.service.looked_at == looked
        stage.service.faults.set(Faults())
        clock.move(11)
        assert [one.engine for one in ask(engine, *QUESTIONS)] == ["rasa", "semantic", "semantic"]
        assert {one.engine for one in ask(engine, *QUESTIONS)} == {"rasa"}


def test_a_service_that_only_reports_its_model_is_tried_with_single_texts(stage: Stage) -> None:
    clock = MovableClock()
    stage.service.faults.set(Faults(broken=True, of_parsing=True))
    with stage.engine(7, breaker=CircuitBreaker(3, 10.0, clock.now)) as engine:
        ask(engine, *QUESTIONS)
        for _ in range(2):
            clock.move(11)
            before = fallbacks()
            ask(engine, *QUESTIONS)
            after = fallbacks()
            assert after["no_answer"] == before["no_answer"] + 1
            assert after["paused"] == before.get("paused", 0) + 2


def test_a_failed_trial_keeps_the_breaker_open() -> None:
    clock = MovableClock()
    breaker = CircuitBreaker(2, 10.0, clock.now)
    assert breaker.admit(16) == 16
    breaker.record_failure()
    assert breaker.admit(16) == 16
    breaker.record_failure()
    assert breaker.admit(16) == 0
    clock.move(11)
    assert [breaker.admit(16), breaker.admit(16)] == [1, 0]
    breaker.record_failure()
    clock.move(9)
    assert breaker.admit(16) == 0
    clock.move(2)
    assert breaker.admit(16) == 1
    breaker.record_success()
    assert breaker.admit(16) == 16


def test_an_unreachable_address_leaves_every_text_answered(stage: Stage) -> None:
    nowhere = Stage(stage.service, "http://127.0.0.1:1", stage.data, stage.known, stage.model)
    with nowhere.engine(7) as engine:
        assert [one.candidates[0].intent for one in ask(engine, *QUESTIONS)] == MEANT


def test_a_model_of_another_edition_is_not_used_and_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bot.rasa")
    stage.service.load("yingda-of-last-week", Reader(stage.data.files))
    before = fallbacks().get("other_model", 0)
    with stage.engine(7) as engine:
        assert {one.engine for one in ask(engine, *QUESTIONS, *QUESTIONS)} == {"semantic"}
    assert fallbacks()["other_model"] == before + 6
    assert not stage.service.asked
    (line,) = [record.getMessage() for record in caplog.records]
    assert "another model" in line
    assert not any(question in line for question in QUESTIONS)


def test_an_edition_without_a_rasa_model_is_answered_by_semantic(stage: Stage) -> None:
    with stage.engine(7) as engine:
        engine.load(8, stage.model)
        assert {one.engine for one in ask(engine, *QUESTIONS, edition=8)} == {"semantic"}
        with pytest.raises(EngineFailed):
            ask(engine, "what now", edition=9)


def test_a_wrong_token_counts_as_no_answer(stage: Stage) -> None:
    stage.service.token = "another"
    try:
        with stage.engine(7) as engine:
            assert {one.engine for one in ask(engine, *QUESTIONS)} == {"semantic"}
    finally:
        stage.service.token = "a-token-of-the-service"


def test_held_out_questions_cover_texts_intents_and_unrelated_questions() -> None:
    taught = [(f"intent-{number}", [f"question {number} {way}" for way in range(10)]) for number in range(20)]
    kept, questions = hold_out(taught)
    kinds = [question.kind for question in questions]
    assert (len(kept), kinds.count(KNOWN), kinds.count(LEFT_OUT)) == (18, 36, 20)
    assert kinds.count(UNRELATED) > 100
    left = {text for _, texts in kept for text in texts}
    assert not left & {question.text for question in questions}
    assert all(question.meant in dict(kept) for question in questions if question.kind == KNOWN)
    assert hold_out([("only", ["one text"]), ("other", ["another"])])[0] == [
        ("only", ["one text"]),
        ("other", ["another"]),
    ]


def asked(sure: float, right: bool, kind: int = KNOWN) -> HeldOutAnswer:
    return HeldOutAnswer("this" if right else "that", kind, [("this", sure), ("that", (1 - sure) / 2)])


def test_confidence_is_calibrated_and_not_the_one_rasa_reports() -> None:
    """Rasa reports 0.95 with accuracy 0.7, and 0.6 with accuracy 0.3."""
    rehearsal = [asked(0.95, number < 420) for number in range(600)] + [
        asked(0.6, number < 120) for number in range(400)
    ]
    known = calibrate_model("yingda-x", rehearsal, 0.9, {"this": 0.97})
    high, low = (understood([("this", sure), ("that", (1 - sure) / 2)], known.weights, "rasa") for sure in (0.95, 0.6))
    assert high.candidates[0].confidence == pytest.approx(0.7, abs=0.05)
    assert low.candidates[0].confidence == pytest.approx(0.3, abs=0.05)
    assert high.candidates[0].confidence < known.thresholds.answer_for("that") <= known.thresholds.answer_for("this")
    assert known.thresholds.ask <= known.thresholds.answer


def test_an_edition_keeps_its_rasa_calibration() -> None:
    known = ExternalModel("yingda-0123456789ab", (1.0, 0.5, -0.25), Thresholds(0.8, 0.3, {"hours": 0.9}))
    edition = Edition(3, {}, {}, Thresholds(0.7, 0.4), external_models={"rasa": known})
    assert edition.thresholds_of("rasa").answer_for("hours") == 0.9
    assert edition.thresholds_of("semantic").answer == 0.7

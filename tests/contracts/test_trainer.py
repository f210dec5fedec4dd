"""The contract of every Trainer, whatever its engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.paths import ROOT
from support.simulated_rasa import rasa_program

from bot.app.parts import TRAINERS
from bot.domain.decisions import Understanding, Utterance
from bot.errors import SettingError
from bot.evaluation.trainers import IntentTexts, Promise, TrainedEngine, Trainer, load_engine
from bot.intents.classifier.training import learn
from bot.rasa.training import RasaTrainer

SHOP: IntentTexts = (
    ("hours", ("几点开门", "你们周末营业吗", "营业时间", "what are your opening hours", "are you open on sunday")),
    ("refund", ("怎么退款", "我要退货", "钱什么时候退给我", "how do I get a refund", "I want my money back")),
    ("delivery", ("多久能送到", "快递几天到", "什么时候发货", "how long does delivery take", "when will it arrive")),
)
ASKED = ("weekend opening times?", "退款怎么弄", "", "送货要几天")


@pytest.fixture(params=sorted(TRAINERS))
def trainer(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """Rasa is simulated; real Rasa is trained in tests/behaviour/rasa."""
    monkeypatch.setenv("YINGDA_RASA_PROGRAM", str(rasa_program(tmp_path)))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return TRAINERS[request.param]()


def understood(learned: TrainedEngine, texts: Sequence[str]) -> list[Understanding]:
    return learned.engine.understand([Utterance(text, "zh", learned.edition) for text in texts])


def test_a_trained_engine_understands_its_texts(trainer: Trainer) -> None:
    with trainer.train(SHOP, Promise(0.95)) as learned:
        hours, refund, nothing, delivery = understood(learned, ASKED)
        assert [one.candidates[0].intent for one in (hours, refund, delivery)] == ["hours", "refund", "delivery"]
        assert not nothing.candidates
        assert learned.seconds > 0
        memory = learned.peak_memory()
        assert memory is None or memory > 1


def test_a_stricter_target_never_lowers_the_threshold_and_an_intents_own_applies_to_it(trainer: Trainer) -> None:
    with trainer.train(SHOP, Promise(0.6)) as lax:
        pass
    with trainer.train(SHOP, Promise(0.6, {"refund": 0.98})) as strict:
        assert 0 < lax.thresholds.answer == strict.thresholds.answer <= 1
        assert strict.thresholds.answer_for("refund") > strict.thresholds.answer_for("hours")


@pytest.mark.parametrize(
    "taught",
    [
        (("hours", ("几点开门", "营业时间")),),
        (("hours", ("几点开门",)), ("refund", ("怎么退款",))),
        (("hours", ("几点开门", "怎么退款")), ("refund", ("怎么退款",))),
    ],
    ids=["one intent", "one example each", "the same example twice"],
)
def test_few_and_contradictory_texts_train(trainer: Trainer, taught: IntentTexts) -> None:
    if isinstance(trainer, RasaTrainer) and len(taught) == 1:
        with pytest.raises(SettingError, match="too few for Rasa"), trainer.train(taught, Promise(0.95)):
            pytest.fail("Rasa tells intents apart, and here is one")
        return
    with trainer.train(taught, Promise(0.95)) as learned:
        (one,) = understood(learned, ["几点开门呢"])
        assert one.candidates[0].intent == "hours"


def test_a_text_trained_as_out_of_scope_is_never_answered(trainer: Trainer) -> None:
    outside = ("", ("is your shop for sale", "你们的店转让吗"))
    with trainer.train([*SHOP, outside], Promise(0.95)) as learned:
        sale, transfer, hours = understood(learned, ["Is your shop for sale?", "请问你们的店转让吗", "营业时间"])
        assert (sale.candidates, transfer.candidates) == ((), ())
        assert hours.candidates[0].intent == "hours"


def test_training_reports_progress_from_0_to_1(trainer: Trainer) -> None:
    heard: list[float] = []
    with trainer.train(SHOP, Promise(0.95), lambda _stage, done: heard.append(done)):
        pass
    assert heard
    assert all(0 <= done <= 1 for done in heard)


def test_a_live_edition_is_evaluated_in_the_same_way() -> None:
    trained = learn(SHOP, 0.95)
    learned = load_engine(7, trained.model, trained.thresholds)
    assert understood(learned, ASKED)[0].candidates[0].intent == "hours"
    assert (learned.edition, learned.thresholds) == (7, trained.thresholds)

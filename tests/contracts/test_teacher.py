"""What every teacher owes to an evaluation, whatever engine it teaches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rasa_stage import stand_in
from shop import ROOT

from bot.app import TEACHERS
from bot.decisions import Understanding, Utterance
from bot.errors import SettingError
from bot.intents.teaching import Learned, Promise, Taught, Teacher, taken_up
from bot.intents.understanding.training import learn
from bot.services.rasa.teacher import RasaTeacher

SHOP: Taught = (
    ("hours", ("几点开门", "你们周末营业吗", "营业时间", "what are your opening hours", "are you open on sunday")),
    ("refund", ("怎么退款", "我要退货", "钱什么时候退给我", "how do I get a refund", "I want my money back")),
    ("delivery", ("多久能送到", "快递几天到", "什么时候发货", "how long does delivery take", "when will it arrive")),
)
ASKED = ("weekend opening times?", "退款怎么弄", "", "送货要几天")


@pytest.fixture(params=sorted(TEACHERS))
def teacher(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Teacher:
    """Rasa's has a simulated Rasa; Rasa itself is taught in tests/services."""
    monkeypatch.setenv("YINGDA_RASA_PROGRAM", str(stand_in(tmp_path)))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return TEACHERS[request.param]()


def understood(learned: Learned, texts: Sequence[str]) -> list[Understanding]:
    return learned.engine.understand([Utterance(text, "zh", learned.edition) for text in texts])


def test_what_was_taught_is_understood_inside_the_lesson(teacher: Teacher) -> None:
    with teacher.teach(SHOP, Promise(0.95)) as learned:
        hours, refund, nothing, delivery = understood(learned, ASKED)
        assert [one.candidates[0].intent for one in (hours, refund, delivery)] == ["hours", "refund", "delivery"]
        assert not nothing.candidates
        assert learned.seconds > 0
        memory = learned.memory()
        assert memory is None or memory > 1


def test_a_stricter_promise_never_lowers_the_threshold_and_an_intents_own_counts_for_it(teacher: Teacher) -> None:
    with teacher.teach(SHOP, Promise(0.6)) as lax:
        pass
    with teacher.teach(SHOP, Promise(0.6, {"refund": 0.98})) as strict:
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
def test_little_and_contradictory_lessons_are_learned_too(teacher: Teacher, taught: Taught) -> None:
    if isinstance(teacher, RasaTeacher) and len(taught) == 1:
        with pytest.raises(SettingError, match="too few for Rasa"), teacher.teach(taught, Promise(0.95)):
            pytest.fail("Rasa tells intents apart, and here is one")
        return
    with teacher.teach(taught, Promise(0.95)) as learned:
        (one,) = understood(learned, ["几点开门呢"])
        assert one.candidates[0].intent == "hours"


def test_a_text_that_stands_for_no_intent_is_never_answered(teacher: Teacher) -> None:
    outside = ("", ("is your shop for sale", "你们的店转让吗"))
    with teacher.teach([*SHOP, outside], Promise(0.95)) as learned:
        sale, transfer, hours = understood(learned, ["Is your shop for sale?", "请问你们的店转让吗", "营业时间"])
        assert (sale.candidates, transfer.candidates) == ((), ())
        assert hours.candidates[0].intent == "hours"


def test_progress_is_told_from_nothing_to_all(teacher: Teacher) -> None:
    heard: list[float] = []
    with teacher.teach(SHOP, Promise(0.95), lambda _stage, done: heard.append(done)):
        pass
    assert heard
    assert all(0 <= done <= 1 for done in heard)


def test_an_edition_that_is_live_is_asked_in_the_same_way() -> None:
    trained = learn(SHOP, 0.95)
    learned = taken_up(7, trained.model, trained.thresholds)
    assert understood(learned, ASKED)[0].candidates[0].intent == "hours"
    assert (learned.edition, learned.thresholds) == (7, trained.thresholds)

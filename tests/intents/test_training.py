"""Training: the promise it makes, what it does with little, and what it refuses."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from shop import ROOT

from bot.decisions import Understanding, Utterance
from bot.errors import EngineFailed, SettingError
from bot.intents.understanding.descent import Place, Point, lowest
from bot.intents.understanding.fitting import experience, logistic
from bot.intents.understanding.model import Model
from bot.intents.understanding.pieces import Assembly, Manifest, apart
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.thresholds import Outcomes, answer_from, ask_from
from bot.intents.understanding.training import Trained, learn, train
from bot.knowledge.entries import Base, Entry
from bot.knowledge.sameness import same_form

Taught = Sequence[tuple[str, Sequence[str]]]
SHOP: Taught = (
    ("hours", ("几点开门", "营业时间", "周末开吗", "what are your opening hours", "are you open on sundays")),
    ("refund", ("怎么退款", "我要退货", "how do I get a refund", "I want my money back", "退钱给我")),
    ("delivery", ("多久能送到", "快递几天到", "how long does delivery take", "when will my order arrive")),
)


def ask(trained: Trained, text: str) -> Understanding:
    engine = SemanticEngine()
    engine.take_up(1, trained.model)
    return engine.understand([Utterance(text, "en", 1)])[0]


def outcomes(confidence: np.ndarray[tuple[int], np.dtype[np.float64]], seed: int = 3) -> Outcomes:
    """Texts that come out right exactly as often as their confidence says."""
    draw = np.random.default_rng(seed).random((2, len(confidence)))
    right = draw[0] < confidence
    return Outcomes(confidence, right, right | (draw[1] < 0.5), np.ones(len(confidence)))


PRINT_MODEL = """
import hashlib, sys
from bot.intents.understanding.training import learn
print(hashlib.sha256(learn(eval(sys.argv[1]), 0.95).model).hexdigest())
"""


def test_the_same_base_gives_the_same_bytes_in_every_process() -> None:
    def trained_elsewhere(seed: str) -> str:
        command = [sys.executable, "-c", PRINT_MODEL, repr(SHOP)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    here = hashlib.sha256(learn(SHOP, 0.95).model).hexdigest()
    assert {trained_elsewhere("1"), trained_elsewhere("2")} == {here}


def test_a_model_comes_back_from_its_bytes_as_it_was() -> None:
    written = learn(SHOP, 0.95).model
    assert Model.from_bytes(written).to_bytes() == written


@pytest.mark.parametrize("junk", [b"", b"PK\x03\x04", b"x" * 5000, learn(SHOP, 0.95).model[:-700]])
def test_bytes_that_are_no_model_are_refused(junk: bytes) -> None:
    with pytest.raises(EngineFailed):
        SemanticEngine().take_up(1, junk)


NEAR = ("can I invest in your company", "你们的加盟费多少", "do you refund train tickets", "你们快递站转让吗")


def test_what_is_out_of_scope_is_never_answered_in_these_words_however_it_is_dressed() -> None:
    trained = learn(SHOP, 0.6, outside=[*NEAR, "几点开门呢"])
    for text in (*NEAR, "Can I INVEST in your company?!", "你好，请问你們的加盟費多少", "几点开门呢"):
        found = ask(trained, text)
        assert (found.candidates, found.exact) == ((), True), text
    assert ask(trained, "几点开门").candidates[0].intent == "hours", "the entry's own words are still its own"


def test_what_resembles_what_is_out_of_scope_is_less_sure_than_without_it() -> None:
    without, taught = learn(SHOP, 0.9), learn(SHOP, 0.9, outside=NEAR)
    for text in ("will you refund my train ticket", "do you give refunds for train tickets"):
        before, after = (ask(one, text).candidates[0].confidence for one in (without, taught))
        assert after < before


def test_what_is_out_of_scope_is_kept_by_the_models_bytes_whole_and_in_parts() -> None:
    model = Model.from_bytes(learn(SHOP, 0.9, outside=NEAR).model)
    assert model.outside == {same_form(text) for text in NEAR}
    manifest, parts = apart(model)
    again = Manifest.from_bytes(manifest.to_bytes())
    assert again is not None
    assert Assembly(lambda names: {name: parts[name] for name in names}).model(again).outside == model.outside


def test_one_entry_with_one_example_can_be_learned() -> None:
    trained = learn([("hours", ["what are your opening hours"])], 0.95)
    near, far = ask(trained, "what time do you open?"), ask(trained, "who won the world cup 1998")
    assert near.candidates[0].confidence > 0.6
    assert far.candidates[0].confidence < 0.2


def test_one_example_for_each_entry_is_enough_to_tell_them_apart() -> None:
    trained = learn([(intent, ways[:1]) for intent, ways in SHOP], 0.95)
    assert ask(trained, "几点关门").candidates[0].intent == "hours"
    assert ask(trained, "退款要怎么申请").candidates[0].intent == "refund"


def test_the_same_example_under_two_entries_is_sure_of_neither() -> None:
    trained = learn([("a", ["can I bring my dog"]), ("b", ["can I bring my dog"])], 0.95)
    both = ask(trained, "can I bring my dog")
    assert not both.exact
    assert {one.intent for one in both.candidates} == {"a", "b"}
    assert both.candidates[0].confidence < trained.thresholds.answer


def test_examples_without_a_readable_sign_are_no_obstacle() -> None:
    trained = learn([("empty", ["\x00", " "]), ("hours", ["opening hours"])], 0.95)
    assert ask(trained, "opening hours please").candidates[0].intent == "hours"


def test_a_base_without_entries_is_refused_with_a_mend() -> None:
    with pytest.raises(SettingError, match="write at least one"):
        train(Base(), 0.95)


def test_an_entry_of_its_own_precision_is_only_ever_stricter() -> None:
    def entry(number: int, precision: float | None) -> Entry:
        ways = [f"question {number} about {word}" for word in ("tea", "cups", "water", "price")]
        return Entry.model_validate(
            {
                "id": f"entry-{number}",
                "title": {"zh": f"第{number}题", "en": f"Question {number}"},
                "examples": {"zh": [f"第{number}个问题"], "en": ways},
                "answers": {"zh": "答", "en": "Answer"},
                "target_precision": precision,
            }
        )

    base = Base({f"entry-{number}": entry(number, {1: 0.99, 2: 0.6}.get(number)) for number in range(4)})
    thresholds = train(base, 0.95).thresholds
    assert set(thresholds.stricter) == {"entry-1"}
    assert thresholds.answer_for("entry-1") >= thresholds.answer_for("entry-0") == thresholds.answer
    assert thresholds.ask <= thresholds.answer


def test_progress_runs_through_its_stages_to_the_end() -> None:
    heard: list[tuple[str, float]] = []
    learn(SHOP, 0.95, progress=lambda stage, done: heard.append((stage, done)))
    assert list(dict.fromkeys(stage for stage, _ in heard)) == ["reading", "rehearsing", "learning"]
    assert heard[-1] == ("learning", 1.0)
    assert all(0 <= done <= 1 for _, done in heard)


@pytest.mark.parametrize("target", [0.8, 0.9, 0.95, 0.98])
def test_the_promised_precision_holds_on_texts_that_chose_no_threshold(target: float) -> None:
    draw = np.random.default_rng(11)
    threshold = answer_from(outcomes(draw.beta(2, 0.6, 3000)), target)
    fresh = outcomes(draw.beta(2, 0.6, 20_000), seed=4)
    assert fresh.precision(threshold) >= target - 0.01
    assert fresh.coverage(threshold) > 0.2


@pytest.mark.parametrize("texts", [0, 1, 3, 250])
def test_what_thresholds_buy_runs_from_the_surest_text_to_all_of_them(texts: int) -> None:
    curve = outcomes(np.linspace(0.1, 0.9, texts)).curve()
    assert len(curve) == min(texts, 100)
    assert [step.coverage for step in curve] == sorted({step.coverage for step in curve})
    assert not curve or (curve[-1].coverage == pytest.approx(1.0) and curve[-1].threshold == pytest.approx(0.1))


def test_with_little_evidence_the_confidence_itself_has_to_keep_the_promise() -> None:
    assert answer_from(outcomes(np.full(20, 0.9)), 0.95) == 0.95


def test_if_nothing_keeps_the_promise_only_exact_examples_are_answered() -> None:
    assert answer_from(outcomes(np.linspace(0.1, 0.6, 500)), 0.95) > 0.98


def test_asking_back_starts_where_every_second_list_holds_the_right_one() -> None:
    sure = outcomes(np.linspace(0.01, 0.99, 5000))
    confidence = sure.confidence
    helpful = Outcomes(confidence, sure.right, np.random.default_rng(5).random(5000) < confidence, sure.weights)
    assert ask_from(helpful, 0.9) == pytest.approx(0.5, abs=0.05)
    assert ask_from(outcomes(confidence), 0.9) < 0.3


def test_few_outcomes_leave_experience_nearly_as_it_was() -> None:
    start = experience(3.0)
    seen = np.ones((2, len(start)))
    found = logistic(seen, np.array([True, False]), np.ones(2), start)
    assert np.abs(found - start).max() < 0.3


BOWL = np.linspace(1, 50, 40).astype(np.float32)
BOTTOM = np.sin(np.arange(40)).astype(np.float32)


def bowl(point: Point) -> tuple[float, Point]:
    off = point - BOTTOM
    return float(BOWL @ (off * off)), 2 * BOWL * off


def test_descent_finds_the_lowest_point_of_a_bowl() -> None:
    found = lowest(lambda place: bowl(place[0]), np.zeros(40, np.float32))
    assert np.abs(found - BOTTOM).max() < 0.05


def test_descent_finds_it_as_well_by_coordinates_that_are_not_at_right_angles() -> None:
    axes = np.eye(40, dtype=np.float32) + np.tri(40, k=-1, dtype=np.float32) / 10
    there, back = axes @ axes.T, np.linalg.inv(axes)

    def crooked(place: Place) -> tuple[float, Point]:
        value, slope = bowl(place[0] @ axes)
        return value, slope @ back

    found = lowest(crooked, np.zeros(40, np.float32), measured=lambda point: np.stack([point, point @ there]))
    assert np.abs(found @ axes - BOTTOM).max() < 0.05


def test_serving_needs_neither_scikit_learn_nor_scipy() -> None:
    program = (
        "import sys; from bot.intents.understanding.semantic import SemanticEngine;"
        "from bot.decisions import Utterance;"
        "e = SemanticEngine(); e.take_up(1, sys.stdin.buffer.read());"
        "print(e.understand([Utterance('几点开门呀', 'zh', 1)])[0].candidates[0].intent,"
        " {'sklearn', 'scipy'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], input=learn(SHOP, 0.95).model, check=True, capture_output=True
    )
    assert told.stdout.split() == [b"hours", b"set()"]


def test_training_loads_no_channel() -> None:
    """An editor waits for it, and channels bring half a second of code along."""
    asked = "import bot.commands.train, sys; sys.exit('bot.app' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], cwd=ROOT, timeout=60, check=False).returncode == 0

"""Training: thresholds, serialisation, very small bases, and what is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from support.paths import ROOT

from bot.domain.decisions import Understanding, Utterance
from bot.errors import EngineFailed, SettingError
from bot.intents.classifier.calibration import logistic_regression, prior_weights
from bot.intents.classifier.chunks import ChunkAssembler, Manifest, split_model
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.loss_minimisation import MetricPoint, Point, minimise
from bot.intents.classifier.model import Model
from bot.intents.classifier.thresholds import Outcomes, answer_threshold, ask_threshold
from bot.intents.classifier.training import TrainedModel, learn, train
from bot.knowledge.entries import Base, Entry
from bot.knowledge.similarity import same_form

IntentTexts = Sequence[tuple[str, Sequence[str]]]
SHOP: IntentTexts = (
    ("hours", ("几点开门", "营业时间", "周末开吗", "what are your opening hours", "are you open on sundays")),
    ("refund", ("怎么退款", "我要退货", "how do I get a refund", "I want my money back", "退钱给我")),
    ("delivery", ("多久能送到", "快递几天到", "how long does delivery take", "when will my order arrive")),
)


def ask(trained: TrainedModel, text: str) -> Understanding:
    engine = SemanticEngine()
    engine.load(1, trained.model)
    return engine.understand([Utterance(text, "en", 1)])[0]


@cache
def shop_model() -> bytes:
    """A model of SHOP, trained once for all tests, on first use."""
    return learn(SHOP, 0.95).model


def outcomes(confidence: np.ndarray[tuple[int], np.dtype[np.float64]], seed: int = 3) -> Outcomes:
    """Outcomes whose accuracy equals their confidence."""
    draw = np.random.default_rng(seed).random((2, len(confidence)))
    right = draw[0] < confidence
    return Outcomes(confidence, right, right | (draw[1] < 0.5), np.ones(len(confidence)))


PRINT_MODEL = """
import hashlib, sys
from bot.intents.classifier.training import learn
print(hashlib.sha256(learn(eval(sys.argv[1]), 0.95).model).hexdigest())
"""


@pytest.mark.process
def test_the_same_base_gives_the_same_bytes_in_every_process() -> None:
    def trained_elsewhere(seed: str) -> str:
        command = [sys.executable, "-c", PRINT_MODEL, repr(SHOP)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    here = hashlib.sha256(shop_model()).hexdigest()
    assert {trained_elsewhere("1"), trained_elsewhere("2")} == {here}


def test_a_model_is_unchanged_by_writing_and_reading() -> None:
    written = shop_model()
    assert Model.from_bytes(written).to_bytes() == written


@pytest.mark.parametrize("junk", [b"", b"PK\x03\x04", b"x" * 5000, None])
def test_bytes_that_are_no_model_are_refused(junk: bytes | None) -> None:
    """junk: None for a truncated model."""
    with pytest.raises(EngineFailed):
        SemanticEngine().load(1, shop_model()[:-700] if junk is None else junk)


NEAR = ("can I invest in your company", "你们的加盟费多少", "do you refund train tickets", "你们快递站转让吗")


def test_an_out_of_scope_question_is_never_answered_whatever_its_case_or_courtesies() -> None:
    trained = learn(SHOP, 0.6, outside=[*NEAR, "几点开门呢"])
    for text in (*NEAR, "Can I INVEST in your company?!", "你好，请问你們的加盟費多少", "几点开门呢"):
        found = ask(trained, text)
        assert (found.candidates, found.exact) == ((), True), text
    assert ask(trained, "几点开门").candidates[0].intent == "hours", "the entry's own words are still its own"


def test_out_of_scope_questions_lower_the_confidence_of_similar_texts() -> None:
    without, taught = learn(SHOP, 0.9), learn(SHOP, 0.9, outside=NEAR)
    for text in ("will you refund my train ticket", "do you give refunds for train tickets"):
        before, after = (ask(one, text).candidates[0].confidence for one in (without, taught))
        assert after < before


def test_out_of_scope_questions_are_serialised_in_one_blob_and_in_chunks() -> None:
    model = Model.from_bytes(learn(SHOP, 0.9, outside=NEAR).model)
    assert model.outside == {same_form(text) for text in NEAR}
    manifest, parts = split_model(model)
    again = Manifest.from_bytes(manifest.to_bytes())
    assert again is not None
    assert ChunkAssembler(lambda names: {name: parts[name] for name in names}).model(again).outside == model.outside


def test_a_base_of_one_entry_with_one_example_trains() -> None:
    trained = learn([("hours", ["what are your opening hours"])], 0.95)
    near, far = ask(trained, "what time do you open?"), ask(trained, "who won the world cup 1998")
    assert near.candidates[0].confidence > 0.6
    assert far.candidates[0].confidence < 0.2


def test_one_example_per_entry_is_enough_to_tell_entries_apart() -> None:
    trained = learn([(intent, ways[:1]) for intent, ways in SHOP], 0.95)
    assert ask(trained, "几点关门").candidates[0].intent == "hours"
    assert ask(trained, "退款要怎么申请").candidates[0].intent == "refund"


def test_an_example_of_two_entries_is_confident_of_neither() -> None:
    trained = learn([("a", ["can I bring my dog"]), ("b", ["can I bring my dog"])], 0.95)
    both = ask(trained, "can I bring my dog")
    assert not both.exact
    assert {one.intent for one in both.candidates} == {"a", "b"}
    assert both.candidates[0].confidence < trained.thresholds.answer


def test_examples_without_readable_characters_train() -> None:
    trained = learn([("empty", ["\x00", " "]), ("hours", ["opening hours"])], 0.95)
    assert ask(trained, "opening hours please").candidates[0].intent == "hours"


def test_a_base_without_entries_is_refused_with_a_hint() -> None:
    with pytest.raises(SettingError, match="write at least one"):
        train(Base(), 0.95)


def test_an_entrys_own_target_precision_only_raises_its_threshold() -> None:
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


def test_progress_runs_through_all_stages_to_one() -> None:
    heard: list[tuple[str, float]] = []
    learn(SHOP, 0.95, progress=lambda stage, done: heard.append((stage, done)))
    assert list(dict.fromkeys(stage for stage, _ in heard)) == ["reading", "rehearsing", "learning"]
    assert heard[-1] == ("learning", 1.0)
    assert all(0 <= done <= 1 for _, done in heard)


@pytest.mark.parametrize("target", [0.8, 0.9, 0.95, 0.98])
def test_the_target_precision_holds_on_texts_not_used_to_choose_the_threshold(target: float) -> None:
    draw = np.random.default_rng(11)
    threshold = answer_threshold(outcomes(draw.beta(2, 0.6, 3000)), target)
    fresh = outcomes(draw.beta(2, 0.6, 20_000), seed=4)
    assert fresh.precision(threshold) >= target - 0.01
    assert fresh.coverage(threshold) > 0.2


@pytest.mark.parametrize("texts", [0, 1, 3, 250])
def test_the_curve_runs_from_the_highest_confidence_to_full_coverage(texts: int) -> None:
    curve = outcomes(np.linspace(0.1, 0.9, texts)).curve()
    assert len(curve) == min(texts, 100)
    assert [step.coverage for step in curve] == sorted({step.coverage for step in curve})
    assert not curve or (curve[-1].coverage == pytest.approx(1.0) and curve[-1].threshold == pytest.approx(0.1))


def test_with_few_held_out_texts_the_confidence_itself_must_reach_the_target() -> None:
    assert answer_threshold(outcomes(np.full(20, 0.9)), 0.95) == 0.95


def test_only_exact_examples_are_answered_if_no_threshold_reaches_the_target() -> None:
    assert answer_threshold(outcomes(np.linspace(0.1, 0.6, 500)), 0.95) > 0.98


def test_the_ask_threshold_is_where_half_of_the_lists_hold_the_right_intent() -> None:
    sure = outcomes(np.linspace(0.01, 0.99, 5000))
    confidence = sure.confidence
    helpful = Outcomes(confidence, sure.right, np.random.default_rng(5).random(5000) < confidence, sure.weights)
    assert ask_threshold(helpful, 0.9) == pytest.approx(0.5, abs=0.05)
    assert ask_threshold(outcomes(confidence), 0.9) < 0.3


def test_few_outcomes_leave_the_prior_weights_nearly_unchanged() -> None:
    start = prior_weights(3.0)
    seen = np.ones((2, len(start)))
    found = logistic_regression(seen, np.array([True, False]), np.ones(2), start)
    assert np.abs(found - start).max() < 0.3


BOWL = np.linspace(1, 50, 40).astype(np.float32)
BOTTOM = np.sin(np.arange(40)).astype(np.float32)


def bowl(point: Point) -> tuple[float, Point]:
    off = point - BOTTOM
    return float(BOWL @ (off * off)), 2 * BOWL * off


def test_lbfgs_finds_the_minimum_of_a_quadratic() -> None:
    found = minimise(lambda place: bowl(place[0]), np.zeros(40, np.float32))
    assert np.abs(found - BOTTOM).max() < 0.05


def test_lbfgs_finds_the_minimum_in_a_non_euclidean_metric() -> None:
    axes = np.eye(40, dtype=np.float32) + np.tri(40, k=-1, dtype=np.float32) / 10
    there, back = axes @ axes.T, np.linalg.inv(axes)

    def crooked(place: MetricPoint) -> tuple[float, Point]:
        value, slope = bowl(place[0] @ axes)
        return value, slope @ back

    found = minimise(crooked, np.zeros(40, np.float32), metric=lambda point: np.stack([point, point @ there]))
    assert np.abs(found @ axes - BOTTOM).max() < 0.05


@pytest.mark.process
def test_serving_needs_neither_scikit_learn_nor_scipy() -> None:
    program = (
        "import sys; from bot.intents.classifier.engine import SemanticEngine;"
        "from bot.domain.decisions import Utterance;"
        "e = SemanticEngine(); e.load(1, sys.stdin.buffer.read());"
        "print(e.understand([Utterance('几点开门呀', 'zh', 1)])[0].candidates[0].intent,"
        " {'sklearn', 'scipy'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], input=learn(SHOP, 0.95).model, check=True, capture_output=True
    )
    assert told.stdout.split() == [b"hours", b"set()"]


@pytest.mark.process
def test_training_loads_no_channel() -> None:
    """An editor waits for training, and importing the channels takes half a second."""
    asked = "import bot.cli.train, sys; sys.exit('bot.app.parts' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], cwd=ROOT, timeout=60, check=False).returncode == 0

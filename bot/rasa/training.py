"""Trains a Rasa model and calibrates its confidence on questions that were held out of a first training."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from bot.circuit_breaker import CircuitBreaker
from bot.config import Deployment
from bot.errors import ConfigProblem, SettingError
from bot.evaluation.trainers import IntentTexts, Progress, Promise, TrainedEngine, no_progress, split_out_of_scope
from bot.intents.classifier.calibration import Calibration, HeldOutResults, Priors, logistic_regression
from bot.intents.classifier.cross_validation import k_fold
from bot.intents.classifier.features import plain
from bot.intents.classifier.thresholds import Outcomes, choose_thresholds
from bot.intents.classifier.training import learn, unrelated_questions
from bot.knowledge.content import LANGUAGES
from bot.knowledge.editions import ExternalModel
from bot.knowledge.entries import Base
from bot.ports.nlu import Ranking
from bot.rasa import models_of
from bot.rasa.client import RasaAddress, RasaClient, engine_on
from bot.rasa.engine import ranking_features
from bot.rasa.export import nlu_project
from bot.rasa.runner import RasaRunner

_FORMAT = 1  # of the answers file
_THREADS = 4  # parallel requests
_HELD_OUT_SHARE = 0.45  # of the training time: the first training has four fifths of the texts


@dataclass(frozen=True, slots=True)
class TrainingData:
    intent_texts: IntentTexts  # intents with their texts
    epochs: int

    @property
    def files(self) -> dict[str, str]:
        return nlu_project(self.intent_texts, self.epochs)

    @property
    def name(self) -> str:
        """Name of the model, a hash of the project: an edition with the same examples needs no new model."""
        written = json.dumps(self.files, ensure_ascii=False, sort_keys=True)
        return f"yingda-{hashlib.sha256(written.encode()).hexdigest()[:12]}"


def train_model(runner: RasaRunner, data: TrainingData, progress: Progress = no_progress) -> list[HeldOutAnswer]:
    """Train a model, unless it exists; the answers to held-out questions.

    progress: receives the stage ('rehearsing', 'asking' or 'learning') and the share of all work done, 0 to 1. Raises
    EngineFailed, and SettingError for less than two intents.
    """
    found = held_out_answers(runner.folder, data.name)
    if found is not None and runner.model(data.name).is_file():
        return found
    asked = _ask_held_out(runner, data, progress)
    runner.train(
        data.files, data.name, lambda done: progress("learning", _HELD_OUT_SHARE + done * (1 - _HELD_OUT_SHARE))
    )
    written = {"format": _FORMAT, "asked": [asdict(one) for one in asked]}
    _answers_file(runner.folder, data.name).write_text(json.dumps(written, ensure_ascii=False), encoding="utf-8")
    return asked


def _ask_held_out(runner: RasaRunner, data: TrainingData, progress: Progress) -> list[HeldOutAnswer]:
    kept, questions = hold_out(data.intent_texts)
    if len(kept) < 2:
        raise SettingError(ConfigProblem.of("knowledge base", 0, "entries", "rasa.too_few"))
    part, name = TrainingData(kept, data.epochs), f"{data.name}-rehearsal"
    model = runner.train(part.files, name, lambda done: progress("rehearsing", done * _HELD_OUT_SHARE))
    progress("asking", _HELD_OUT_SHARE)
    with runner.serving(model) as service:
        asked = ask_questions(service, questions)
    model.unlink()
    return asked


def ask_questions(service: RasaAddress, questions: Sequence[HeldOutQuestion]) -> list[HeldOutAnswer]:
    """Rankings of questions, normalised as the engine does. Raises EngineFailed."""
    client = RasaClient(service)
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            rankings = list(pool.map(client.parse, [plain(one.text) or one.text for one in questions]))
    finally:
        client.close()
    return [HeldOutAnswer(one.meant, one.kind, ranking) for one, ranking in zip(questions, rankings, strict=True)]


def held_out_answers(folder: Path, name: str) -> list[HeldOutAnswer] | None:
    """Saved answers to a model's held-out questions; None if there are none. Raises SettingError."""
    notes = _answers_file(folder, name)
    if not notes.is_file():
        return None
    try:
        content = json.loads(notes.read_text(encoding="utf-8"))
        rows = content["asked"] if content["format"] == _FORMAT else []
        found = [
            HeldOutAnswer(row["meant"], row["kind"], [(name, sure) for name, sure in row["ranking"]]) for row in rows
        ]
    except (ValueError, KeyError, TypeError) as broken:
        raise SettingError(ConfigProblem.of(notes, 0, notes.name, "rasa.strange_notes")) from broken
    return found or None


def _answers_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


PRIOR_WEIGHTS = np.array([1.0, 0.5, 0.0])  # of the columns of rasa.engine.FEATURES
KNOWN, LEFT_OUT, UNRELATED = 0, 1, 2  # kinds as of HeldOutResults.kind
_SEED = 20_240_607  # fixed, so that training is reproducible
_FOLDS, _ENTRIES = 5, 10  # a fifth of the texts, and a tenth of the intents, are held out
_OFFERED = 3  # choices when asking back


class HeldOutQuestion(NamedTuple):
    text: str
    meant: str  # intent; '' if it was not taught
    kind: int


@dataclass(frozen=True, slots=True)
class HeldOutAnswer:
    """Rasa's ranking of a held-out question."""

    meant: str
    kind: int
    ranking: Ranking


def hold_out(intent_texts: IntentTexts) -> tuple[IntentTexts, list[HeldOutQuestion]]:
    """What is taught, and the questions held out.

    Held out are a fifth of each intent's texts (never its only one), every tenth intent as a whole if there are ten or
    more, and the questions of elsewhere.yaml.
    """
    draw = Random(_SEED)  # noqa: S311 - nothing secret
    order = draw.sample(range(len(intent_texts)), len(intent_texts))
    gone = {intent_texts[place][0] for place in order[_ENTRIES - 1 :: _ENTRIES]}
    questions = [
        HeldOutQuestion(text, "", LEFT_OUT) for intent, texts in intent_texts if intent in gone for text in texts
    ]
    kept = []
    left = [one for one in intent_texts if one[0] not in gone]
    folds = iter(k_fold(np.repeat(np.arange(len(left)), [len(texts) for _, texts in left]), _FOLDS).tolist())
    for intent, texts in left:
        held_out = [text for text in texts if next(folds) == 0]
        questions += [HeldOutQuestion(text, intent, KNOWN) for text in held_out]
        kept.append((intent, [text for text in texts if text not in held_out]))
    return kept, [*questions, *(HeldOutQuestion(text, "", UNRELATED) for text in unrelated_questions())]


def calibrate_model(
    model: str, asked: Sequence[HeldOutAnswer], target: float, own: Mapping[str, float]
) -> ExternalModel:
    """Calibrated model from the answers to held-out questions. own: stricter targets of single intents."""
    held_out_answers = _results(asked)
    weights = held_out_answers.weights(Priors().real)
    fitted = logistic_regression(held_out_answers.features, held_out_answers.right, weights, PRIOR_WEIGHTS)
    confidence = Calibration(fitted).confidence(held_out_answers.features)
    outcomes = Outcomes(confidence, held_out_answers.right, held_out_answers.offered, weights)
    return ExternalModel(
        model,
        tuple(fitted.tolist()),
        choose_thresholds(outcomes, target, own, held_out_answers.weights(Priors().unsure)),
    )


def _results(asked: Sequence[HeldOutAnswer]) -> HeldOutResults:
    hits = [[one.kind == KNOWN and intent == one.meant for intent, _ in one.ranking[:_OFFERED]] for one in asked]
    nothing = np.zeros(len(asked), np.intp)
    return HeldOutResults(
        ranking_features([one.ranking for one in asked]),
        np.array([found[:1] == [True] for found in hits]),
        np.array([any(found) for found in hits]),
        np.array([one.kind for one in asked]),
        nothing,
        nothing,
    )


EPOCHS = 100
_EDITION = 1
_FAILURES, _PAUSE = 3, 10.0


class RasaTrainer:
    """`Trainer` of engine `rasa`; a `semantic` model of the same texts is the fallback."""

    def __init__(self, program: Path, epochs: int = EPOCHS) -> None:
        self._program = program
        self._epochs = epochs

    @contextmanager
    def train(
        self, intent_texts: IntentTexts, promise: Promise, progress: Progress = no_progress
    ) -> Iterator[TrainedEngine]:
        """`seconds` of the result include the first training. Raises SettingError, also if Rasa is not installed."""
        intents, outside = split_out_of_scope(intent_texts)
        reserve = learn(intents, promise.target, dict(promise.per_intent), outside=outside)
        with TemporaryDirectory() as folder:
            runner, data = RasaRunner(self._program, Path(folder)), TrainingData(intents, self._epochs)
            began = time.monotonic()
            known = calibrate_model(data.name, train_model(runner, data, progress), promise.target, promise.per_intent)
            spent = time.monotonic() - began
            with runner.serving(runner.model(data.name)) as service:
                engine = engine_on(service, lambda _: known, CircuitBreaker(_FAILURES, _PAUSE))
                engine.load(_EDITION, reserve.model)
                try:
                    yield TrainedEngine(engine, _EDITION, known.thresholds, spent, lambda: None)
                finally:
                    engine.close()


def training_data(base: Base, deployment: Deployment) -> TrainingData:
    """The examples of all entries in both languages."""
    intent_texts = [
        (entry.id, [text for language in LANGUAGES for text in entry.examples.in_language(language)])
        for entry in base.entries.values()
    ]
    return TrainingData(intent_texts, deployment.config.intents.rasa.epochs)


def model_of_base(base: Base, deployment: Deployment) -> ExternalModel | None:
    """Calibrated model of a base; None if none was trained on the same examples. Raises SettingError."""
    data = training_data(base, deployment)
    asked = held_out_answers(models_of(deployment), data.name)
    if asked is None:
        return None
    own = {entry.id: entry.target_precision for entry in base.entries.values() if entry.target_precision}
    return calibrate_model(data.name, asked, deployment.config.intents.target_precision, own)

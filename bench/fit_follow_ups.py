"""Fits the weights by which a text stays with the entry that was answered last, or does not.

    python bench/fit_follow_ups.py

Learns from the follow-ups in bench/follow_ups.yaml (`learned`) and in tests/payloads/dialogues/follow_ups.yaml
(`build`), and from whole questions that are asked after another entry by chance: those of tests.yaml, and strangers
that no entry answers. Prints `WEIGHTS` of bot/intents/context.py, and how often each kind of text stays with the entry
when it is left out of the fit.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import yaml
from rich.console import Console
from rich.table import Table

from bot.app.parts import build_engine
from bot.app.storage import open_storage
from bot.cli.common import load_deployment
from bot.cli.rehearsal import train_first
from bot.domain.decisions import Utterance
from bot.intents.context import IDLE, STAYS, may_follow, small_talk
from bot.intents.context_features import NAMES, LastAnswer, Readings, features
from bot.intents.inference import closeness
from bot.intents.sayings import without_fillers
from bot.knowledge.content import DEFAULT
from bot.knowledge.editions import Edition, EditionCache
from bot.ports.nlu import ServingEngine
from bot.text import truncate
from bot.text.language import language_of

ROOT = Path(__file__).parents[1]
_LEARNED = ROOT / "bench" / "follow_ups.yaml"
_BUILD = ROOT / "tests" / "payloads" / "dialogues" / "follow_ups.yaml"
_STRANGERS = (ROOT / "bench" / "strangers.yaml", ROOT / "tests" / "payloads" / "texts" / "off_topic.yaml")
_WEIGHT = {"stays": 2.0, "leaves": 3.0, "uncovered": 1.0, "question": 0.5, "small talk": 2.0, "stranger": 1.5}
_RIDGE = 0.5  # keeps weights small that the data does not need
_STEPS = 30  # of Newton's method
_FOLDS = 10
_REMEMBERED = 60  # characters of the customer's words, as in the dialogue

Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """A text after an answer."""

    kind: str
    language: str
    asked: str
    entry: str  # that was answered
    text: str


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def follow_ups() -> Iterator[Case]:
    for content in (read(_LEARNED)["learned"], read(_BUILD)["build"]):
        for language, said in content.items():
            for one in said:
                kind = "stays" if one["entry"] in one["right"] else "leaves" if one["right"] else "uncovered"
                yield Case(kind, language, one["asked"], one["entry"], one["then"])


def whole_questions(edition: Edition, base: Path) -> Iterator[Case]:
    """Each twice, after an entry by chance."""
    chance = random.Random(7)
    answered = [one for one in edition.entries.values() if one.answers and not one.small_talk and not one.skill]
    asked = [(one["ask"], one["expect"]) for one in read(base / "tests.yaml")]
    asked += [(text, "person") for path in _STRANGERS for texts in read(path).values() for text in texts]
    asked += [(text, "person") for text in edition.out_of_scope]
    for text, expected in asked * 2:
        language, entry = language_of(text), chance.choice(answered)
        meant = edition.entries.get(expected)
        if entry.id == expected:
            continue
        kind = "stranger" if expected == "person" else "small talk" if meant and meant.small_talk else "question"
        example = chance.choice(entry.examples.in_language("zh" if language == "zh" else "en"))
        yield Case(kind, language, example, entry.id, text)


def features_of(cases: Sequence[Case], engine: ServingEngine, edition: Edition) -> Iterator[tuple[Case, list[float]]]:
    """What the weights weigh, for each text that may be taken for a follow-up."""
    for case in cases:
        title, words = edition.title(case.entry, case.language), case.asked[:_REMEMBERED]
        bare = without_fillers(case.text)
        texts = (case.text, f"{title} {bare}", f"{words} {bare}")
        utterances = [Utterance(truncate(text), case.language, edition.number) for text in texts]
        alone, after_title, after_words = engine.understand(utterances)
        entry = edition.entries[case.entry]
        idle = small_talk(alone, edition)
        if alone.exact or not alone.candidates or not may_follow(case.text) or idle >= IDLE or entry.answers is None:
            continue
        said = entry.answers.for_channel(DEFAULT, case.language)[0]
        last = LastAnswer(case.entry, said, (*entry.examples.zh, *entry.examples.en))
        sentence, clause = closeness(case.text, (last.sentences, last.clauses))
        yield case, features(case.text, Readings(alone, after_title, after_words, sentence, clause, idle), last)


def fit(numbers: Numbers, stays: Numbers, weights: Numbers) -> Numbers:
    """The logistic regression's weights, by Newton's method."""
    found = np.zeros(numbers.shape[1])
    for _ in range(_STEPS):
        likely = probabilities(numbers, found)
        gradient = numbers.T @ (weights * (likely - stays)) + _RIDGE * found
        curvature = (numbers.T * (weights * likely * (1 - likely))) @ numbers + _RIDGE * np.eye(len(found))
        found -= np.linalg.solve(curvature, gradient)
    return found


def probabilities(numbers: Numbers, weights: Numbers) -> Numbers:
    likely: Numbers = 1 / (1 + np.exp(-(numbers @ weights)))
    return likely


def left_out(cases: Sequence[Case], numbers: Numbers, stays: Numbers, weights: Numbers) -> Numbers:
    """Each case's probability by weights that were fitted without its text."""
    fold = np.array([zlib.crc32(case.text.encode()) % _FOLDS for case in cases])
    likely = np.zeros(len(cases))
    for number in range(_FOLDS):
        rest = fold != number
        likely[~rest] = probabilities(numbers[~rest], fit(numbers[rest], stays[rest], weights[rest]))
    return likely


@contextmanager
def live(config: Path) -> Iterator[tuple[ServingEngine, Edition, Path]]:
    """The engine, the live edition, and the folder of its base."""
    deployment = load_deployment(config)
    with open_storage(deployment) as storage:
        train_first(deployment, storage)
        engine = build_engine(deployment.config, lambda _name: None, storage.chunks)
        editions = EditionCache(storage.editions, engine.load)
        asyncio.run(editions.refresh())
        yield engine, editions.current(), Path(deployment.config.knowledge_base)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml")
    parser.add_argument("--least", type=float, default=STAYS, help="probability from which a text stays")
    arguments = parser.parse_args()
    with live(arguments.config) as (engine, edition, base):
        found = list(features_of([*follow_ups(), *whole_questions(edition, base)], engine, edition))
    cases = [case for case, _ in found]
    numbers = np.array([numbers for _, numbers in found])
    stays = np.array([float(case.kind == "stays") for case in cases])
    weights = np.array([_WEIGHT[case.kind] for case in cases])
    for name, weight in zip(NAMES, fit(numbers, stays, weights), strict=True):
        print(f'    "{name}": {weight:.2f},')
    likely = left_out(cases, numbers, stays, weights)
    table = Table("text", "language", "count", "stays")
    for kind, language in dict.fromkeys((case.kind, case.language) for case in cases):
        of_it = np.array([(case.kind, case.language) == (kind, language) for case in cases])
        table.add_row(kind, language, str(of_it.sum()), f"{(likely[of_it] >= arguments.least).mean():.1%}")
    Console(width=80).print(table)


if __name__ == "__main__":
    main()

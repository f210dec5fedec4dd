"""How well and how fast engine `semantic` understands: public intent sets, and texts per second on one core.

    python bench/understanding.py FOLDER [--quick]

FOLDER holds one folder per set with train*.tsv, test.tsv and oos_*.tsv (`text<TAB>label` under a heading line).
Settings were chosen on the sets' training and development parts; CLINC150's out-of-scope test texts were looked at
while choosing the evidence, so its AUROC is a little flattered. The engine is trained and asked as in production, in
batches of 16.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from bot.intents.understanding.encoder import shared_encoder
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.thresholds import Outcomes
from bot.intents.understanding.training import Trained, learn
from bot.messages import Utterance

TARGET = 0.95
BATCH = 16


@dataclass(frozen=True, slots=True)
class Contest:
    """A set to be measured on: what is taught, what is asked, and what nobody taught."""

    folder: str
    train: str
    strangers: str = ""
    quick: bool = True


CONTESTS = (
    Contest("banking77_fewshot", "train_5"),
    Contest("banking77_fewshot", "train_10"),
    Contest("banking77_fewshot", "train", quick=False),
    Contest("clinc150", "train_5", "oos_test"),
    Contest("clinc150", "train_10", "oos_test"),
    Contest("clinc150", "train", "oos_test", quick=False),
    Contest("banking77_oos", "train", "oos_id_test", quick=False),
    Contest("smp2017_ecdt", "train"),
    Contest("covid_faq_zh", "train", "oos_near", quick=False),
)
Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the engine made of texts: its confidence in its first intent, and whether that one was right."""

    confidence: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]
    seconds: float


def rows(data: Path, folder: str, name: str) -> Rows:
    lines = (data / folder / f"{name}.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [(text, label) for text, label, *_ in (line.split("\t") for line in lines)]


def taught(lessons: Rows) -> list[tuple[str, list[str]]]:
    ways: dict[str, list[str]] = {}
    for text, label in lessons:
        ways.setdefault(label, []).append(text)
    return list(ways.items())


def asked(engine: SemanticEngine, questions: Rows) -> Heard:
    began = time.process_time()
    bests = [
        best for part in range(0, len(questions), BATCH) for best in _first(engine, questions[part : part + BATCH])
    ]
    seconds = time.process_time() - began
    right = np.array([intent == label for (intent, _), (_, label) in zip(bests, questions, strict=True)])
    return Heard(np.array([confidence for _, confidence in bests]), right, seconds)


def _first(engine: SemanticEngine, questions: Rows) -> Iterator[tuple[str, float]]:
    for one in engine.understand([Utterance(text, "", 1) for text, _ in questions]):
        yield (one.candidates[0].intent, one.candidates[0].confidence) if one.candidates else ("", 0.0)


def auroc(inside: npt.NDArray[np.float64], outside: npt.NDArray[np.float64]) -> float:
    """The probability that a question some intent answers gets more confidence than one that none does."""
    below = np.searchsorted(np.sort(outside), inside, "left")
    level = np.searchsorted(np.sort(outside), inside, "right") - below
    return float((below + level / 2).mean() / len(outside))


def run(data: Path, contest: Contest) -> list[str]:
    """One line of the table."""
    began = time.process_time()
    trained: Trained = learn(taught(rows(data, contest.folder, contest.train)), TARGET)
    training = time.process_time() - began
    engine = SemanticEngine()
    engine.take_up(1, trained.model)
    heard = asked(engine, rows(data, contest.folder, "test"))
    outcomes = Outcomes(heard.confidence, heard.right, heard.right, np.ones(len(heard.right)))
    threshold = trained.thresholds.answer
    curve = "–"
    if contest.strangers:
        curve = (
            f"{auroc(heard.confidence, asked(engine, rows(data, contest.folder, contest.strangers)).confidence):.3f}"
        )
    return [
        f"{contest.folder} {contest.train}",
        f"{heard.right.mean():.3f}",
        curve,
        f"{outcomes.calibration_error():.3f}",
        f"{outcomes.coverage(threshold):.2f} / {outcomes.precision(threshold):.3f}",
        f"{training:.1f}",
        f"{heard.seconds / len(heard.right) * 1000:.2f}",
    ]


def speeds(texts: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Milliseconds of one core per text, encoder only."""
    encoder = shared_encoder()
    ready = [plain(text) for text in texts]
    encoder.encode(ready[:BATCH])
    for name, size in (("alone", 1), (f"in batches of {BATCH}", BATCH)):
        used = ready[: 300 * min(size, 4)]
        began = time.process_time()
        for start in range(0, len(used), size):
            encoder.encode(used[start : start + size])
        yield name, (time.process_time() - began) / len(used) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="only the small sets")
    options = parser.parse_args()
    console = Console(width=110)
    headings = ("set", "accuracy", "AUROC", "ECE", "answers / right", "train s", "ms per text")
    table = Table(*headings, title=f"engine semantic, promised precision {TARGET:.0%}; seconds of one core")
    for contest in CONTESTS:
        if contest.quick or not options.quick:
            table.add_row(*run(options.folder, contest))
    console.print(table)
    for language, folder in (("English", "banking77_fewshot"), ("Chinese", "smp2017_ecdt")):
        for name, spent in speeds([text for text, _ in rows(options.folder, folder, "test")] * 3):
            console.print(f"{language} text {name}: {spent:.2f} ms, {1000 / spent:.0f} per second")


if __name__ == "__main__":
    main()

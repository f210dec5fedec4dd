"""How many angry messages are found, and how many calm ones are taken for angry, by language; and how the threshold
does on messages that were not learned.

    python bench/mood.py [MESSAGES]

MESSAGES: a YAML file of `angry` and `calm` per language. Beside the mood stands the sentiment model, which takes for
angry whom it thinks unhappy. Below, the examples in bot/intents/mood.yaml in five folds: each is read by a classifier
that learned neither it nor anything like it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from rich.console import Console
from rich.table import Table

from bot.intents import sentiment
from bot.intents.classifier.encoder import DIMENSIONS, Vectors
from bot.intents.examples import read_examples
from bot.intents.mood import MOODS, Mood, features, moods, prepare, train

MESSAGES = Path(__file__).parent / "anger.yaml"
_FOLDS = 5
_ALIKE = 0.6  # cosine of messages that belong in one fold: a translation, or nearly the same words
_MOST_FALSE = (0.005, 0.01, 0.02, 0.05)


def angry_by_mood(texts: Sequence[str]) -> list[bool]:
    return [tone.mood is Mood.ANGRY for tone in moods(texts)]


def angry_by_sentiment(texts: Sequence[str]) -> list[bool]:
    return [feels.name == "unhappy" for feels in sentiment.classify(texts)]


TELLS: dict[str, Callable[[Sequence[str]], list[bool]]] = {"mood": angry_by_mood, "sentiment": angry_by_sentiment}


def show(path: Path, console: Console) -> None:
    table = Table("language", "told by", "angry", "found", "calm", "flagged", title="who is angry")
    for language, kinds in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        for name, tell in TELLS.items():
            found, flagged = np.mean(tell(kinds["angry"])), np.mean(tell(kinds["calm"]))
            counts = str(len(kinds["angry"])), str(len(kinds["calm"]))
            table.add_row(language, name, counts[0], f"{found:.3f}", counts[1], f"{flagged:.3f}")
    console.print(table)


def folds(vectors: Vectors) -> npt.NDArray[np.intp]:
    """A fold for each message; those that are alike are in one."""
    group = np.arange(len(vectors))
    for one, other in zip(*np.where(np.triu(vectors @ vectors.T, 1) > _ALIKE), strict=True):
        group[group == group[other]] = group[one]
    _, places = np.unique(group, return_inverse=True)
    chosen: npt.NDArray[np.intp] = np.random.default_rng(0).integers(0, _FOLDS, places.max() + 1)[places]
    return chosen


def cross_validate(console: Console) -> None:
    texts, kinds = read_examples("mood.yaml", MOODS)
    rows = features(texts)
    fold, anger = folds(rows[:, :DIMENSIONS]), np.zeros(len(texts))
    for number in range(_FOLDS):
        held = fold == number
        anger[held] = train(rows[~held], kinds[~held]).probabilities(rows[held])[:, 0]
    is_so = kinds == MOODS.index(Mood.ANGRY)
    calm = np.sort(anger[~is_so])[::-1]
    table = Table("flagged", "threshold", "found", title=f"{len(texts)} examples in {_FOLDS} folds")
    for most in _MOST_FALSE:
        threshold = calm[int(len(calm) * most)]
        table.add_row(f"{most:.3f}", f"{threshold:.3f}", f"{(anger[is_so] > threshold).mean():.3f}")
    console.print(table)


def cost(console: Console) -> None:
    began = time.process_time()
    prepare()
    trained = time.process_time() - began
    texts, _ = read_examples("mood.yaml", MOODS)
    fresh = [f"{text} {number}" for number, text in enumerate(texts[::10])]
    began = time.process_time()
    for text in fresh:
        moods([text])
    each = (time.process_time() - began) / len(fresh)
    console.print(f"training {trained:.2f} s of CPU, a text {1000 * each:.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("messages", type=Path, nargs="?", default=MESSAGES)
    path, console = parser.parse_args().messages, Console(width=90)
    cost(console)
    if path.exists():
        show(path, console)
    else:
        console.print(f"{path} is not there: no messages to measure by")
    cross_validate(console)


if __name__ == "__main__":
    main()

"""How many angry messages are found, and how many calm ones are taken for angry, by language.

    python bench/mood.py [MESSAGES]

MESSAGES: a YAML file of `angry` and `calm` per language. Beside the mood stands the sentiment model, which takes for
angry whom it thinks unhappy.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from bot.intents import sentiment
from bot.intents.mood import Mood, moods, prepare

MESSAGES = Path(__file__).parent / "anger.yaml"


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


def cost(console: Console) -> None:
    began = time.process_time()
    prepare()
    trained = time.process_time() - began
    fresh = [f"为什么我的订单 {number} 还没有到，你们看一下" for number in range(200)]
    began = time.process_time()
    for text in fresh:
        moods([text])
    each = (time.process_time() - began) / len(fresh)
    console.print(f"getting ready {trained:.2f} s of CPU, a text {1000 * each:.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("messages", type=Path, nargs="?", default=MESSAGES)
    path, console = parser.parse_args().messages, Console(width=90)
    cost(console)
    if path.exists():
        show(path, console)
    else:
        console.print(f"{path} is not there: no messages to measure by")


if __name__ == "__main__":
    main()

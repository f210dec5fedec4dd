"""Fit what tells the mood of a message, and write it to bot/intents/mood.yaml.

    python bench/fit_mood.py

Learned from mood_examples.yaml beside this file, a line each: add more there, in either language, and run it again.
What customers of the demo brand ask is learned as calm. Angry is who is angry with the brand, also coldly, in sarcasm
or by threats; who is angry with himself, others or in jest is calm. Urgent is who needs something soon, without
anger.

A process compares what customers write with a part of the examples only: with all of them it would start seconds later.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from bot.app.channels import CHANNELS
from bot.intents.classifier.encoder import Vectors
from bot.intents.examples import fit, gaussian, linear
from bot.intents.mood import MOODS, Mood, features
from bot.intents.skills import SKILLS
from bot.knowledge.entries import load

EXAMPLES = Path(__file__).parent / "mood_examples.yaml"
STRANGERS = Path(__file__).parent / "strangers.yaml"
BASE = Path(__file__).parents[1] / "knowledge_base"
RESULT = Path(__file__).parents[1] / "bot" / "intents" / "mood.yaml"
COMPARED = 800  # examples: half of them those that tell most, the others any
PENALTY = 1.5  # L2: fewest calm questions flagged that were not learned
_RIDGE = 1e-2  # keeps the weights small where two examples are nearly the same
_HEAD = "# Messages, and how much likeness to each tells of anger, urgency and calm. Written by bench/fit_mood.py.\n"


def main() -> None:
    texts, kinds = read()
    rows = features(texts)
    everything = fit(rows, kinds, gaussian, PENALTY)
    compared = choose(everything.shares)
    root = inverse_root(gaussian(rows[compared], rows[compared]))
    part = fit((gaussian(rows, rows[compared]) @ root).astype(np.float32), kinds, linear, PENALTY)
    shares = root @ (part.examples.T @ part.shares)
    lines = [f"bias: {numbers(part.bias)}", "messages:"]
    lines += [f"  - [{quoted(texts[at])}, {numbers(weights)[1:]}" for at, weights in zip(compared, shares, strict=True)]
    RESULT.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(compared)} of {len(texts)} examples stand in {RESULT.name}")


def read() -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.intp]]]:
    content = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    named = [(Mood(kind), texts) for kinds in content.values() for kind, texts in kinds.items()]
    kinds = [MOODS.index(mood) for mood, texts in named for _ in texts]
    calm = list(questions())
    kinds += [MOODS.index(Mood.CALM)] * len(calm)
    return [*(text for _, texts in named for text in texts), *calm], np.array(kinds, np.intp)


def questions() -> Iterator[str]:
    """What customers of the demo brand ask calmly: the examples of entries that a person need not answer, and questions
    that no entry answers."""
    base = load(BASE, SKILLS, CHANNELS)
    for entry in base.entries.values():
        if entry.handoff == "never" and entry.signal in ("", "greeting", "courtesy"):
            yield from (*entry.examples.zh, *entry.examples.en)
    yield from base.out_of_scope
    for texts in yaml.safe_load(STRANGERS.read_text(encoding="utf-8")).values():
        yield from texts


def choose(shares: Vectors) -> list[int]:
    """The places of the examples to compare with, in their order."""
    ranked = np.argsort(-np.abs(shares).max(axis=1))
    most = ranked[: COMPARED // 2]
    others = np.random.default_rng(0).choice(ranked[COMPARED // 2 :], COMPARED - len(most), replace=False)
    return sorted(int(place) for place in (*most, *others))


def inverse_root(table: Vectors) -> Vectors:
    """The inverse square root of a kernel's table: a linear model of columns times this equals one of the kernel."""
    values, vectors = np.linalg.eigh(table.astype(np.float64) + _RIDGE * np.eye(len(table)))
    root: Vectors = (vectors / np.sqrt(values) @ vectors.T).astype(np.float32)
    return root


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def numbers(row: Vectors) -> str:
    return "[" + ", ".join(f"{value:.4f}" for value in row) + "]"


if __name__ == "__main__":
    main()

"""Accuracy of sentiment on posts that were not learned, by language.

    python bench/sentiment.py [POSTS]

POSTS: a YAML file of `unhappy` and `others` per language. The default file was written by the authors of Yingda,
like the examples it learns from, so real posts will be harder.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from bot.intents.sentiment import classify

POSTS = Path(__file__).parent.parent / "tests" / "payloads" / "texts" / "overheard_posts.yaml"


@dataclass(frozen=True, slots=True)
class Figures:
    """accuracy: of 'unhappy is the likeliest'. auroc: how often an unhappy one ranks before another. found: share of
    the unhappy ones so called; right: of those so called, how many are."""

    accuracy: float
    auroc: float
    found: float
    right: float


def measure(unhappy: Sequence[str], others: Sequence[str]) -> Figures:
    told = [*classify(unhappy), *classify(others)]
    called = np.array([one.name == "unhappy" for one in told])
    is_so = np.arange(len(told)) < len(unhappy)
    chance = np.array([one.unhappy for one in told])
    before = chance[is_so][:, None] - chance[~is_so][None, :]
    auroc = float((before > 0).mean() + (before == 0).mean() / 2)
    return Figures(float((called == is_so).mean()), auroc, float(called[is_so].mean()), float(is_so[called].mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("posts", type=Path, nargs="?", default=POSTS)
    table = Table("language", "posts", "accuracy", "AUROC", "found", "right", title="who is unhappy")
    for language, kinds in yaml.safe_load(parser.parse_args().posts.read_text(encoding="utf-8")).items():
        figures = measure(kinds["unhappy"], kinds["others"])
        shown = (figures.accuracy, figures.auroc, figures.found, figures.right)
        count = len(kinds["unhappy"]) + len(kinds["others"])
        table.add_row(language, str(count), *(f"{figure:.3f}" for figure in shown))
    Console(width=90).print(table)


if __name__ == "__main__":
    main()

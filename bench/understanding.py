"""How well and how fast engine `semantic` understands: public intent sets, and texts per second on one core.

    python bench/understanding.py [FOLDER] [--quick] [--encoder both]

FOLDER holds one folder per set with train*.tsv, test.tsv and oos_*.tsv (`text<TAB>label` under a heading line).
Settings were chosen on the sets' training and development parts; CLINC150's out-of-scope test texts were looked at
while choosing the evidence, so its AUROC is a little flattered. `yingda evaluate` measures one set in the same way.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contest.followers import questions
from contest.servers import KNOWLEDGE_BASE
from rich.console import Console
from rich.table import Table

from bot.intents.evaluation import of_files
from bot.intents.labelled import Labelled, read_sheet, strangers
from bot.intents.measuring import AT_ONCE
from bot.intents.teaching import SemanticTeacher
from bot.intents.understanding.both import Both
from bot.intents.understanding.encoder import shared_encoder
from bot.intents.understanding.normalise import plain
from bot.ports import Encoder

TARGET = 0.95


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


def rows(data: Path, folder: str, name: str) -> tuple[Labelled, ...]:
    return read_sheet([data / folder / f"{name}.tsv"]).known


def run(data: Path, contest: Contest, encoder: Encoder | None) -> list[str]:
    """One line of the table. encoder: None for the bundled one."""
    outside = strangers([data / contest.folder / f"{contest.strangers}.tsv"]) if contest.strangers else ()
    lessons, asked = rows(data, contest.folder, contest.train), rows(data, contest.folder, "test")
    figures = of_files(lessons, asked, outside, TARGET, teacher=SemanticTeacher(encoder)).figures
    return [
        f"{contest.folder} {contest.train}",
        f"{figures.accuracy:.3f}",
        "–" if figures.auroc_oos is None else f"{figures.auroc_oos:.3f}",
        f"{figures.ece:.3f}",
        f"{figures.coverage_at_precision:.2f} / {figures.precision_answered:.3f}",
        f"{figures.train_seconds:.1f}",
        f"{figures.ms_per_text:.2f}",
    ]


def speeds(texts: Sequence[str], encoder: Encoder) -> Iterator[tuple[str, float]]:
    """Milliseconds of one core per text, encoder only."""
    ready = [plain(text) for text in texts]
    encoder.encode(ready[:AT_ONCE])
    for name, size in (("alone", 1), (f"in batches of {AT_ONCE}", AT_ONCE)):
        used = ready[: 300 * min(size, 4)]
        began = time.process_time()
        for start in range(0, len(used), size):
            encoder.encode(used[start : start + size])
        yield name, (time.process_time() - began) / len(used) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", help="left out: only the speed, on the demo base")
    parser.add_argument("--quick", action="store_true", help="only the small sets")
    parser.add_argument("--encoder", choices=("bundled", "both"), default="bundled", help="what reads texts")
    options = parser.parse_args()
    encoder = Both() if options.encoder == "both" else None
    console = Console(width=110)
    if options.folder is None:
        told(console, "demo base's", [text for _, text in questions(KNOWLEDGE_BASE)], encoder)
        return
    headings = ("set", "accuracy", "AUROC", "ECE", "answers / right", "train s", "ms per text")
    table = Table(*headings, title=f"engine semantic, encoder {options.encoder}, promised precision {TARGET:.0%}")
    for contest in CONTESTS:
        if contest.quick or not options.quick:
            table.add_row(*run(options.folder, contest, encoder))
    console.print(table)
    for language, folder in (("English", "banking77_fewshot"), ("Chinese", "smp2017_ecdt")):
        told(console, language, [row.text for row in rows(options.folder, folder, "test")] * 3, encoder)


def told(console: Console, which: str, texts: Sequence[str], encoder: Encoder | None) -> None:
    for name, spent in speeds(texts, encoder or shared_encoder()):
        console.print(f"{which} text {name}: {spent:.2f} ms, {1000 / spent:.0f} per second")


if __name__ == "__main__":
    main()

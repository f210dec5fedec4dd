"""How well and how fast engine `semantic` understands: public intent sets, and texts per second on one core.

    python bench/understanding.py [FOLDER] [--quick] [--encoder both] [--draws 3]

FOLDER holds one folder per set with train*.tsv, test.tsv and oos_*.tsv (`text<TAB>label` under a heading line).
Where five or ten examples are taught, figures are the means of several draws: first the set's own (train_5.tsv,
train_10.tsv), then others from train.tsv, always the same.
Settings were chosen on the sets' training and development parts; CLINC150's out-of-scope test texts were looked at
while choosing the evidence, so its AUROC is a little flattered. `yingda evaluate` measures one set in the same way.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contest.followers import questions
from contest.servers import KNOWLEDGE_BASE
from rich.console import Console
from rich.table import Table

from bot.encoders.e5 import CombinedEncoder
from bot.evaluation.datasets import Labelled, label_names, read_dataset, read_out_of_scope
from bot.evaluation.metrics import BATCH
from bot.evaluation.runner import evaluate, plan_from_files
from bot.evaluation.trainers import Promise, SemanticTrainer
from bot.intents.classifier.encoder import shared_encoder
from bot.intents.classifier.features import plain
from bot.ports.nlu import Encoder

TARGET = 0.95


@dataclass(frozen=True, slots=True)
class Contest:
    """A data set: how many examples per intent are trained on (0: all), and its out-of-scope texts."""

    folder: str
    examples: int = 0
    oos_file: str = ""
    quick: bool = True


CONTESTS = (
    Contest("banking77_fewshot", 5),
    Contest("banking77_fewshot", 10),
    Contest("banking77_fewshot", quick=False),
    Contest("clinc150", 5, "oos_test"),
    Contest("clinc150", 10, "oos_test"),
    Contest("clinc150", 0, "oos_test", quick=False),
    Contest("banking77_oos", 0, "oos_id_test", quick=False),
    Contest("smp2017_ecdt"),
    Contest("covid_faq_zh", 0, "oos_near", quick=False),
)


def rows(data: Path, folder: str, name: str) -> tuple[Labelled, ...]:
    return read_dataset([data / folder / f"{name}.tsv"]).known


def lessons(data: Path, contest: Contest, draws: int) -> Iterator[tuple[Labelled, ...]]:
    """What is taught, once for each draw."""
    if not contest.examples:
        yield rows(data, contest.folder, "train")
        return
    yield rows(data, contest.folder, f"train_{contest.examples}")
    for seed in range(1, draws):
        yield drawn(rows(data, contest.folder, "train"), contest.examples, seed)


def drawn(known: Sequence[Labelled], count: int, seed: int) -> tuple[Labelled, ...]:
    """`count` examples of each label."""
    chance, of = random.Random(seed), defaultdict[str, list[Labelled]](list)
    for row in known:
        of[row.label].append(row)
    return tuple(row for some in of.values() for row in chance.sample(some, min(count, len(some))))


def run(data: Path, contest: Contest, encoder: Encoder | None, draws: int) -> list[str]:
    """One line of the table. encoder: None for the bundled one."""
    outside = read_out_of_scope([data / contest.folder / f"{contest.oos_file}.tsv"]) if contest.oos_file else ()
    asked, trainer = rows(data, contest.folder, "test"), SemanticTrainer(encoder)
    exams = (
        plan_from_files(some, asked, outside, Promise(TARGET), label_names=label_names(some))
        for some in lessons(data, contest, draws)
    )
    runs = [evaluate(exam, trainer).metrics for exam in exams]

    def mean(name: str) -> float:
        return statistics.fmean(getattr(one, name) for one in runs)

    each = ", ".join(f"{one.accuracy:.3f}" for one in runs)
    return [
        f"{contest.folder} {contest.examples or 'all'}",
        f"{mean('accuracy'):.3f}" + (f" ({each})" if len(runs) > 1 else ""),
        f"{mean('auroc_oos'):.3f}" if outside else "–",
        f"{mean('ece'):.3f}",
        f"{mean('coverage_at_precision'):.2f} / {mean('precision_answered'):.3f}",
        f"{mean('train_seconds'):.1f}",
        f"{mean('ms_per_text'):.2f}",
    ]


def speeds(texts: Sequence[str], encoder: Encoder) -> Iterator[tuple[str, float]]:
    """Milliseconds of one core per text, encoder only."""
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
    parser.add_argument("folder", type=Path, nargs="?", help="left out: only the speed, on the demo base")
    parser.add_argument("--quick", action="store_true", help="only the small sets")
    parser.add_argument("--encoder", choices=("bundled", "both"), default="bundled", help="what reads texts")
    parser.add_argument("--draws", type=int, default=3, help="of five and of ten examples")
    options = parser.parse_args()
    encoder = CombinedEncoder() if options.encoder == "both" else None
    console = Console(width=130)
    if options.folder is None:
        told(console, "demo base's", [text for _, text in questions(KNOWLEDGE_BASE)], encoder)
        return
    headings = ("set", "accuracy", "AUROC", "ECE", "answers / right", "train s", "ms per text")
    table = Table(*headings, title=f"engine semantic, encoder {options.encoder}, promised precision {TARGET:.0%}")
    for contest in CONTESTS:
        if contest.quick or not options.quick:
            table.add_row(*run(options.folder, contest, encoder, options.draws))
    console.print(table)
    for language, folder in (("English", "banking77_fewshot"), ("Chinese", "smp2017_ecdt")):
        told(console, language, [row.text for row in rows(options.folder, folder, "test")] * 3, encoder)


def told(console: Console, which: str, texts: Sequence[str], encoder: Encoder | None) -> None:
    for name, spent in speeds(texts, encoder or shared_encoder()):
        console.print(f"{which} text {name}: {spent:.2f} ms, {1000 / spent:.0f} per second")


if __name__ == "__main__":
    main()

"""Rasa's default pipeline (DIET) compared with engine `semantic`: same training texts, same questions, same machine.

    make bench-rasa FOLDER=...          or: .venv/bin/python bench/rasa.py FOLDER [--epochs 100] [--lesson train_10]

FOLDER holds banking77_fewshot/ with train_10.tsv and test.tsv (`text<TAB>label` under a heading line); no data is
shipped. Both learn an intent's name as one more text. Rasa is trained and asked through its own program and HTTP API,
as `make rasa` installs it; engine `semantic` runs in its own process. CPU seconds count all cores; compare these on a
machine that is not idle. With 100 epochs it takes 15 minutes on two idle cores, nearly all of it Rasa's training.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bot.domain.decisions import Utterance
from bot.errors import SettingError
from bot.evaluation.datasets import Labelled, label_names, read_dataset, texts_by_label
from bot.evaluation.metrics import BATCH
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.training import learn
from bot.rasa import PROGRAM
from bot.rasa.client import RasaClient
from bot.rasa.runner import RasaRunner
from bot.rasa.training import TrainingData

SET = "banking77_fewshot"
TARGET = 0.95
THREADS = 4
NO_DATA = f"the data is not part of Yingda; name a folder that holds {SET}/, as in make bench-rasa FOLDER=..."


@dataclass(frozen=True, slots=True)
class Measured:
    """accuracy: first intent right, 0 to 1. training: seconds by the clock; cpu: of all cores. p50, p95: milliseconds
    of one text alone; work: of CPU. rate: texts a second, many at once. memory: MB held while answering."""

    accuracy: float
    training: float
    cpu: float
    p50: float
    p95: float
    work: float
    rate: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", help=f"the folder that holds {SET}/")
    parser.add_argument("--lesson", default="train_10", help="which part is taught")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--program", type=Path, default=Path(os.environ.get("YINGDA_RASA_PROGRAM", PROGRAM)))
    parser.add_argument("--semantic", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is None:
        print(f"nothing to measure on: {NO_DATA}")
        return
    examples, asked = sheet(options.folder, options.lesson), sheet(options.folder, "test")
    lessons = [*examples, *label_names(examples)]
    if options.semantic:
        print(json.dumps(asdict(semantic(lessons, asked))))
        return
    ours = in_a_process_of_its_own(options)
    say(f"semantic: {ours.accuracy:.3f} right, trained in {ours.training:.1f} s")
    theirs = rasa(lessons, asked, options)
    tell(f"{SET} {options.lesson}: {len(lessons)} taught, {len(asked)} asked, {options.epochs} epochs", ours, theirs)


def sheet(folder: Path, name: str) -> tuple[Labelled, ...]:
    try:
        return read_dataset([folder / SET / f"{name}.tsv"]).known
    except SettingError as missing:
        sys.exit(f"{missing}\n{NO_DATA}")


def in_a_process_of_its_own(options: argparse.Namespace) -> Measured:
    """Engine `semantic`, with nothing else in its memory."""
    arguments = [str(options.folder), "--lesson", options.lesson, "--semantic"]
    ran = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE)
    return Measured(**json.loads(ran.stdout))


def semantic(lessons: Sequence[Labelled], asked: Sequence[Labelled]) -> Measured:
    began, used = time.perf_counter(), time.process_time()
    trained = learn(texts_by_label(lessons), TARGET)
    training, cpu = time.perf_counter() - began, time.process_time() - used
    engine = SemanticEngine(remembered=0)
    engine.load(1, trained.model)

    def parse(text: str) -> str:
        (found,) = engine.understand([Utterance(text, "en", 1)])
        return found.candidates[0].intent if found.candidates else ""

    used = time.process_time()
    accuracy, times = one_by_one(parse, asked)
    work = (time.process_time() - used) / len(asked)
    began = time.perf_counter()
    for start in range(0, len(asked), BATCH):
        engine.understand([Utterance(row.text, "en", 1) for row in asked[start : start + BATCH]])
    rate = len(asked) / (time.perf_counter() - began)
    return measured(accuracy, (training, cpu), (times, work), rate, psutil.Process().memory_info().rss)


def rasa(lessons: Sequence[Labelled], asked: Sequence[Labelled], options: argparse.Namespace) -> Measured:
    data = TrainingData(texts_by_label(lessons), options.epochs)
    with tempfile.TemporaryDirectory() as folder:
        runner = RasaRunner(options.program, Path(folder))
        say("rasa: training")
        began, used = time.perf_counter(), of_children()
        model = runner.train(data.files, data.name, Shown("rasa: training"))
        training, cpu = time.perf_counter() - began, of_children() - used
        say(f"rasa: trained in {training:.0f} s, {cpu:.0f} s of CPU; loading it")
        with runner.serving(model) as service:
            client = RasaClient(service)
            used = of_the_service()
            accuracy, times = one_by_one(lambda text: client.parse(text)[0][0], asked, Shown("rasa: asking"))
            work = (of_the_service() - used) / len(asked)
            began = time.perf_counter()
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(client.parse, [row.text for row in asked]))
            rate = len(asked) / (time.perf_counter() - began)
            memory = sum(child.memory_info().rss for child in psutil.Process().children(recursive=True))
            client.close()
    return measured(accuracy, (training, cpu), (times, work), rate, memory)


def measured(
    accuracy: float, training: tuple[float, float], one: tuple[Sequence[float], float], rate: float, memory: int
) -> Measured:
    times, work = one
    cuts = statistics.quantiles(times, n=100)
    return Measured(accuracy, *training, cuts[49] * 1000, cuts[94] * 1000, work * 1000, rate, memory / 1e6)


def one_by_one(
    parse: Callable[[str], str], asked: Sequence[Labelled], show: Callable[[float], None] = lambda _: None
) -> tuple[float, list[float]]:
    """The share of right ones, and each text's seconds; a few are asked before, to warm up."""
    for row in asked[:20]:
        parse(row.text)
    right, times = 0, []
    for place, row in enumerate(asked):
        show(place / len(asked))
        began = time.perf_counter()
        right += parse(row.text) == row.label
        times.append(time.perf_counter() - began)
    return right / len(asked), times


def of_children() -> float:
    """CPU seconds of processes that we started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def of_the_service() -> float:
    """CPU seconds that the service has used so far."""
    spent = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(one.user + one.system for one in spent)


class Shown:
    """A line for every tenth of the work."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._tenth = 0

    def __call__(self, done: float) -> None:
        if int(done * 10) > self._tenth:
            self._tenth = int(done * 10)
            say(f"{self._what} {self._tenth}0 %")


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def tell(title: str, ours: Measured, theirs: Measured) -> None:
    table = Table("", "semantic", "rasa", "factor", title=title)
    rows = {
        "first intent right": (f"{ours.accuracy:.3f}", f"{theirs.accuracy:.3f}", ours.accuracy / theirs.accuracy),
        "training, s": (f"{ours.training:.1f}", f"{theirs.training:.0f}", theirs.training / ours.training),
        "training, s of CPU": (f"{ours.cpu:.1f}", f"{theirs.cpu:.0f}", theirs.cpu / ours.cpu),
        "one text, ms p50": (f"{ours.p50:.2f}", f"{theirs.p50:.2f}", theirs.p50 / ours.p50),
        "one text, ms p95": (f"{ours.p95:.2f}", f"{theirs.p95:.2f}", theirs.p95 / ours.p95),
        "one text, ms of CPU": (f"{ours.work:.2f}", f"{theirs.work:.2f}", theirs.work / ours.work),
        "texts a second": (f"{ours.rate:.0f}", f"{theirs.rate:.0f}", ours.rate / theirs.rate),
        "memory, MB": (f"{ours.memory:.0f}", f"{theirs.memory:.0f}", theirs.memory / ours.memory),
    }
    for name, (own, other, factor) in rows.items():
        table.add_row(name, own, other, f"{factor:.1f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()

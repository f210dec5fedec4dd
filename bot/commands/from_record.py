"""`yingda evaluate --from-record`: what the record knows about real questions, and how editions do on them."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.table import Table

from bot.app import TEACHERS
from bot.commands.ground import out
from bot.commands.measured import MOST_TEXTS, Measured, as_json, tell, worst
from bot.commands.progress import Show
from bot.commands.readers import patient_encoder
from bot.config import Deployment, Retention
from bot.errors import Mistake, SettingError
from bot.intents.evaluation import Blame, Evaluated, Round, base_lessons, hold, out_of_scope, promised
from bot.intents.evidence import Evidence, Gathered, gather
from bot.intents.judging import ENOUGH, asked, by_entry, by_proof, judgement
from bot.intents.labelled import HEADING
from bot.intents.measuring import Figures, Sitting, sit
from bot.intents.skills import SKILLS
from bot.intents.teaching import Teacher, taken_up, unwatched
from bot.knowledge.editions import Edition
from bot.knowledge.entries import load
from bot.knowledge.topics import Library
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.forgetting import masked
from bot.stores.record.parts import RecordParts
from bot.stores.record.traffic import RecordTraffic

DAY = 86_400.0
DAYS = 90
MOST = 20_000  # questions; what is older than the newest of them says little about today
OUTSIDE = "oos"
_ENTRIES_TOLD = 10
_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would carry out what begins so
_PROOFS = {
    "corrected": "told by agents 客服标注",
    "picked": "picked by customers 顾客选择",
    "answered": "answered without complaint 作答且无异议",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of the questions of some days, and how editions do on them, by the name of each."""

    days: float
    gathered: Gathered
    editions: Sequence[tuple[str, Evaluated | None]]


def judge(
    ready: Deployment,
    database: Database,
    days: float,
    engines: Sequence[str] = (),
    show: Show = unwatched,
    most: int = MOST,
) -> Judged:
    """The live edition, and beside it what these engines would make of the files; nothing is published.

    The newest `most` questions are asked. Raises SettingError where nothing is live, EngineFailed for an edition that
    this version cannot read, and what training raises.
    """
    target = ready.config.intents.target_precision
    edition, model = _live(database)
    days = min(days, _kept(ready.config.retention))
    now = time.time()
    questions = asyncio.run(RecordTraffic(database).questions(now - days * DAY, most))
    gathered = gather(questions, edition.entries, now)
    known, strangers = asked(gathered.evidence)
    encoder, fetch = patient_encoder(ready.config.intents.encoder), RecordParts(database).fetch
    live = sit(taken_up(edition.number, model, edition.thresholds, fetch, encoder), known, strangers, show)
    found = [(f"edition {edition.number}", judgement(live, target, edition.entries))]
    for name in engines:
        sitting, entries = _fresh(ready, TEACHERS[name](encoder), gathered.evidence, show)
        found.append((f"files, {name}", judgement(sitting, target, entries)))
    return Judged(days, gathered, found)


def _kept(retention: Retention) -> float:
    """For how many days both a message and what was made of it may be looked at, purged already or not."""
    return min(days or float("inf") for days in (retention.messages, retention.traces))


def _live(database: Database) -> tuple[Edition, bytes]:
    editions = RecordEditions(database)
    number = asyncio.run(editions.active())
    if not number:
        raise SettingError(Mistake("record", 0, "edition", "none is live yet", "publish one first: yingda train"))
    content, model = asyncio.run(editions.load(number))
    return Edition.from_json(number, content, Library(RecordParts(database).fetch)), model


def _fresh(
    ready: Deployment, teacher: Teacher, evidence: Sequence[Evidence], show: Show
) -> tuple[Sitting, Collection[str]]:
    base = load(Path(ready.config.knowledge_base), SKILLS)
    promise = promised(base, ready.config.intents.target_precision)
    lessons = Round(base_lessons(base), *asked(evidence), out_of_scope(base))
    return hold(lessons, promise, teacher, show), base.entries


def found_by(judged: Judged, with_texts: bool) -> list[Measured]:
    """The editions' results. What customers wrote is among them only where it was asked for."""
    return [
        Measured(name, evaluated, [(pair, _texts(pair.found) if with_texts else []) for pair in worst(evaluated)])
        for name, evaluated in judged.editions
        if evaluated
    ]


def _texts(found: Iterable[Any]) -> list[Blame]:
    return [Blame(confusion) for confusion in list(found)[:MOST_TEXTS]]


def judged_json(judged: Judged, with_texts: bool) -> dict[str, Any]:
    """Figures and ids of entries; texts only where they were asked for."""
    gathered, found = judged.gathered, found_by(judged, with_texts)
    figures = as_json(found) if found else {field.name: None for field in fields(Figures)}
    first = judged.editions[0][1]
    return {
        "source": "record",
        "days": judged.days,
        "edition": judged.editions[0][0],
        "labelled": gathered.counts(),
        "unknown": gathered.unknown,
        "disputed": dict(sorted(gathered.disputed.items(), key=lambda one: -one[1])),
        **figures,
        "by_evidence": {name: asdict(one) for name, one in by_proof(first).items()} if first else {},
        "by_entry": {name: asdict(one) for name, one in by_entry(first).items()} if first else {},
    }


def tell_judged(judged: Judged, with_texts: bool) -> None:
    gathered, found = judged.gathered, found_by(judged, with_texts)
    known = ", ".join(f"{gathered.counts()[name]:,} {words}" for name, words in _PROOFS.items())
    out.print(
        f"questions of the last {judged.days:g} days 最近的提问: {known}; {gathered.unknown:,} unknown 未知",
        markup=False,
    )
    if not found:
        out.print("  for none of them the right entry is known; nothing to measure yet / 还没有可用于评测的提问")
        return
    tell(found)
    first = found[0].evaluated
    out.print(_proofs(first))
    out.print(_entries(first, gathered))
    if sum(gathered.counts().values()) < ENOUGH:
        out.print(f"! fewer than {ENOUGH} questions: too few for reliable figures / 样本太少，结果受偶然影响")


def _proofs(evaluated: Evaluated) -> Table:
    table = Table("how it is known 依据", "questions 提问", "understood 理解正确", "answered 直接作答", "wrongly 答错")
    for proof, one in by_proof(evaluated).items():
        table.add_row(
            _PROOFS[proof], str(one.questions), f"{one.right / one.questions:.3f}", str(one.answered), str(one.wrongly)
        )
    return table


def _entries(evaluated: Evaluated, gathered: Gathered) -> Table:
    """Those that most need an editor: misunderstood, answered wrongly, or answered and then disputed."""
    table = Table("entry 条目", "questions 提问", "misunderstood 理解错", "wrongly answered 答错", "disputed 有异议")
    entries = by_entry(evaluated)
    needy = [name for name, one in entries.items() if one.right < one.questions]
    names = dict.fromkeys([*needy, *sorted(gathered.disputed, key=lambda name: -gathered.disputed[name])])
    for name in list(names)[:_ENTRIES_TOLD]:
        one = entries.get(name)
        counts = (one.questions, one.questions - one.right, one.wrongly) if one else (0, 0, 0)
        table.add_row(name, *map(str, (*counts, gathered.disputed.get(name, 0))))
    return table


def export(gathered: Gathered, path: Path) -> int:
    """Write the questions for editors to review, `text<TAB>label` under that heading; how many. Raises SettingError.

    Each once, without those that are examples already, and without digits and mail addresses: nobody needs those to
    see what was meant. What a spreadsheet would take for a formula begins with a space, which `evaluate` leaves out.
    """
    rows = dict.fromkeys((_one_line(one.text), one.entry or OUTSIDE) for one in gathered.evidence if not one.exact)
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, "excel-tab", lineterminator="\n").writerows([HEADING, *rows])
    except OSError as refused:
        wrong = f"cannot be written ({refused.strerror})"
        raise SettingError(
            Mistake(str(path), 0, "--export", wrong, "name a file in a folder that is yours")
        ) from refused
    return len(rows)


def _one_line(text: str) -> str:
    line = " ".join(masked(text).split())
    return f" {line}" if line.startswith(_FORMULA) else line

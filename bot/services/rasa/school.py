"""The school: Rasa learns what is taught, in a rehearsal first, so that it is known how far it is to be trusted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.errors import Mistake, SettingError
from bot.intents.rasa.schooling import Asked, Question, parted
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.training import Progress, Taught
from bot.knowledge.rasa.project import lessons
from bot.services.rasa.client import RasaClient, Service
from bot.services.rasa.workshop import Workshop

_FORMAT = 1
_AT_ONCE = 4
_REHEARSED = 0.45  # of the work: the rehearsal learns four fifths of the texts


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is taught, and in how many epochs: a model's name follows from that alone."""

    taught: Taught
    epochs: int

    @property
    def files(self) -> dict[str, str]:
        return lessons(self.taught, self.epochs)

    @property
    def name(self) -> str:
        """The same lesson, the same name: an edition that only answers differently needs no new model."""
        written = json.dumps(self.files, ensure_ascii=False, sort_keys=True)
        return f"yingda-{hashlib.sha256(written.encode()).hexdigest()[:12]}"


def attend(workshop: Workshop, lesson: Lesson, progress: Progress = lambda *_: None) -> list[Asked]:
    """Train a model of the lesson, unless there is one; what came of its rehearsal.

    `progress` is told the stage ('rehearsing', 'asking', 'learning') and how much of everything is done, 0 to 1.
    Raises EngineFailed if Rasa fails, and SettingError if there is too little to learn.
    """
    found = rehearsed(workshop.folder, lesson.name)
    if found is not None and workshop.model(lesson.name).is_file():
        return found
    asked = _rehearse(workshop, lesson, progress)
    workshop.train(lesson.files, lesson.name, lambda done: progress("learning", _REHEARSED + done * (1 - _REHEARSED)))
    written = {"format": _FORMAT, "asked": [asdict(one) for one in asked]}
    _notes(workshop.folder, lesson.name).write_text(json.dumps(written, ensure_ascii=False), encoding="utf-8")
    return asked


def _rehearse(workshop: Workshop, lesson: Lesson, progress: Progress) -> list[Asked]:
    """Teach a part of it, and ask the rest."""
    kept, questions = parted(lesson.taught)
    if len(kept) < 2:
        raise SettingError(
            Mistake("knowledge base", 0, "entries", "are too few for Rasa", "write two at least, or use semantic")
        )
    part, name = Lesson(kept, lesson.epochs), f"{lesson.name}-rehearsal"
    model = workshop.train(part.files, name, lambda done: progress("rehearsing", done * _REHEARSED))
    progress("asking", _REHEARSED)
    with workshop.serving(model) as service:
        asked = answers(service, questions)
    model.unlink()
    return asked


def answers(service: Service, questions: Sequence[Question]) -> list[Asked]:
    """What the service makes of questions, read as the engine reads them. Raises EngineFailed."""
    client = RasaClient(service)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            rankings = list(pool.map(client.parse, [plain(one.text) or one.text for one in questions]))
    finally:
        client.close()
    return [Asked(one.meant, one.kind, ranking) for one, ranking in zip(questions, rankings, strict=True)]


def rehearsed(folder: Path, name: str) -> list[Asked] | None:
    """What came of the rehearsal of a model in `folder`; None if there was none. Raises SettingError."""
    notes = _notes(folder, name)
    if not notes.is_file():
        return None
    try:
        content = json.loads(notes.read_text(encoding="utf-8"))
        rows = content["asked"] if content["format"] == _FORMAT else []
        found = [Asked(row["meant"], row["kind"], [(name, sure) for name, sure in row["ranking"]]) for row in rows]
    except (ValueError, KeyError, TypeError) as broken:
        mend = "delete it, and train again"
        raise SettingError(Mistake(str(notes), 0, notes.name, "is not what training wrote there", mend)) from broken
    return found or None


def _notes(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"

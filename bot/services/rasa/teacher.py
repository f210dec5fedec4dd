"""Rasa's teacher: for evaluations, on any labelled texts, with a service of its own that ends with the lesson."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.intents.rasa import Breaker
from bot.intents.rasa.schooling import schooled
from bot.intents.teaching import Learned, Progress, Promise, Taught, told_apart, unwatched
from bot.intents.understanding.training import learn
from bot.services.rasa.client import engine_on
from bot.services.rasa.school import Lesson, attend
from bot.services.rasa.workshop import Workshop

EPOCHS = 100
_EDITION = 1
_FAILURES, _PAUSE = 3, 10.0


class RasaTeacher:
    """Trains engine `rasa` by Rasa's own program, with what `semantic` learned of the same in reserve."""

    def __init__(self, program: Path, epochs: int = EPOCHS) -> None:
        self._program = program
        self._epochs = epochs

    @contextmanager
    def teach(self, taught: Taught, promise: Promise, progress: Progress = unwatched) -> Iterator[Learned]:
        """`seconds` are Rasa's, its rehearsal among them. Raises SettingError, also where Rasa is not installed."""
        intents, outside = told_apart(taught)
        reserve = learn(intents, promise.target, dict(promise.own), outside=outside)
        with TemporaryDirectory() as folder:
            workshop, lesson = Workshop(self._program, Path(folder)), Lesson(intents, self._epochs)
            began = time.monotonic()
            known = schooled(lesson.name, attend(workshop, lesson, progress), promise.target, promise.own)
            spent = time.monotonic() - began
            with workshop.serving(workshop.model(lesson.name)) as service:
                engine = engine_on(service, lambda _: known, Breaker(_FAILURES, _PAUSE))
                engine.take_up(_EDITION, reserve.model)
                try:
                    yield Learned(engine, _EDITION, known.thresholds, spent, lambda: None)
                finally:
                    engine.close()

"""What the knowledge base is as a lesson for Rasa, where its models are, and what they learned.

Most deployments have no Rasa, so what it needs is loaded only where it has learned something.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.config import Deployment
from bot.knowledge.content import LANGUAGES
from bot.knowledge.editions import Schooled
from bot.knowledge.entries import Base

if TYPE_CHECKING:
    from bot.services.rasa.school import Lesson


def lesson_of(base: Base, ready: Deployment) -> Lesson:
    """Every entry with its examples in both languages."""
    from bot.services.rasa.school import Lesson

    taught = [
        (entry.id, [text for language in LANGUAGES for text in entry.examples.asked_in(language)])
        for entry in base.entries.values()
    ]
    return Lesson(taught, ready.config.intents.rasa.epochs)


def models_of(ready: Deployment) -> Path:
    return ready.config.var / "rasa"


def others(ready: Deployment, base: Base) -> Mapping[str, Schooled]:
    """What engines beside `semantic` have learned of a base, for its edition; nothing if that was never trained here.
    Raises SettingError."""
    if not any(models_of(ready).glob("*.json")):  # to know the name of a large base's lesson takes seconds
        return MappingProxyType({})
    from bot.intents.rasa import NAME
    from bot.intents.rasa.schooling import schooled
    from bot.services.rasa.school import rehearsed

    lesson = lesson_of(base, ready)
    asked = rehearsed(models_of(ready), lesson.name)
    if asked is None:
        return MappingProxyType({})
    own = {entry.id: entry.target_precision for entry in base.entries.values() if entry.target_precision}
    return MappingProxyType({NAME: schooled(lesson.name, asked, ready.config.intents.target_precision, own)})

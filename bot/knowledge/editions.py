"""Editions: what was published, as one immutable thing with a number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from bot.errors import Mistake, SettingError
from bot.knowledge.content import Bilingual
from bot.knowledge.entries import Entry
from bot.knowledge.phrases import Phrases, Value, missing, render
from bot.messages import Instant

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The confidence from which the bot answers, and from which it asks back; `stricter` holds entries' own."""

    answer: float
    ask: float
    stricter: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def answer_for(self, entry_id: str) -> float:
        """The confidence from which this entry is answered: never below the general one."""
        return max(self.answer, self.stricter.get(entry_id, 0.0))


@dataclass(frozen=True, slots=True)
class Edition:
    """Entries by id and phrases by name as they were published. `timezone` says on which day an entry is valid."""

    number: int
    entries: Mapping[str, Entry]
    phrases: Phrases
    thresholds: Thresholds
    timezone: str = "Asia/Shanghai"

    def answer(self, entry_id: str, language: str, channel: str, now: Instant) -> str | None:
        """The editor's words for this channel; None if the entry has none, is not valid now, or is not in here."""
        entry = self.entries.get(entry_id)
        if entry is None or entry.answers is None or not entry.valid_on(self.day(now)):
            return None
        wording = entry.answers.said_in(language)
        return wording.get(channel, wording["default"])

    def title(self, entry_id: str, language: str) -> str:
        """What the entry is called when customers choose. Raises KeyError for an entry that is not in here."""
        return self.entries[entry_id].title.said_in(language)

    def phrase(self, name: str, language: str, /, **values: Value) -> str:
        """A phrase with its placeholders filled. Raises TypeError if `values` are not what the phrase declares."""
        return render(name, self.phrases[name].said_in(language), values)

    def day(self, now: Instant) -> date:
        """The date on the deployment's calendar."""
        return datetime.fromtimestamp(now, ZoneInfo(self.timezone)).date()

    def to_json(self) -> str:
        """Everything but the number; `from_json` gives it back exactly."""
        content = {
            "format": FORMAT,
            "timezone": self.timezone,
            "thresholds": {
                "answer": self.thresholds.answer,
                "ask": self.thresholds.ask,
                "stricter": dict(self.thresholds.stricter),
            },
            "entries": [entry.model_dump(mode="json", exclude_defaults=True) for entry in self.entries.values()],
            "phrases": {name: phrase.model_dump() for name, phrase in self.phrases.items()},
        }
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def from_json(cls, number: int, text: str) -> Edition:
        """The edition `number` from what `to_json` wrote. Raises SettingError if this version of Yingda needs more."""
        content = json.loads(text)
        _refuse_other_versions(number, content)
        entries = [Entry.model_validate(entry) for entry in content["entries"]]
        thresholds = content["thresholds"]
        return cls(
            number,
            MappingProxyType({entry.id: entry for entry in entries}),
            MappingProxyType({name: Bilingual.model_validate(both) for name, both in content["phrases"].items()}),
            Thresholds(thresholds["answer"], thresholds["ask"], MappingProxyType(thresholds["stricter"])),
            content["timezone"],
        )


def _refuse_other_versions(number: int, content: dict[str, Any]) -> None:
    lacking = missing(content["phrases"]) if content["format"] == FORMAT else ["all of this version's format"]
    if lacking:
        wrong = f"was published by another version of Yingda and lacks {', '.join(lacking)}"
        raise SettingError(Mistake(f"edition {number}", 0, "format", wrong, "publish it anew: yingda train"))

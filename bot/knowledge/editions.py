"""Editions: what was published, as one immutable thing with a number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from bot.errors import Mistake, SettingError
from bot.knowledge.confusions import Confusion
from bot.knowledge.content import Bilingual
from bot.knowledge.entries import Entry
from bot.knowledge.phrases import BUILT_IN, Phrases, Value, missing, render
from bot.knowledge.topics import Contents, Library, Topic
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
class Rehearsal:
    """Where the thresholds come from. edition: the one that was rehearsed; 0 if it was this one. changed: how many
    entries have changed since. target: the precision promised, 0 if unknown. encoder: by which texts are read.

    accuracy, coverage, precision: the shares, 0 to 1, of held-out texts that were understood, that it answers by
    itself, and of those the right ones; 0 if unknown.
    """

    edition: int = 0
    changed: int = 0
    target: float = 0.0
    encoder: str = ""
    accuracy: float = 0.0
    coverage: float = 0.0
    precision: float = 0.0


@dataclass(frozen=True, slots=True)
class Schooled:
    """What another engine than `semantic` learned an edition as. model: the name of what its service has to serve.
    weights: of its evidence, from which its confidence follows. thresholds: its own, for the same promise."""

    model: str
    weights: tuple[float, ...]
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class Edition:
    """Entries by id and phrases by name as they were published. `timezone` says on which day an entry is valid.

    thresholds: of engine `semantic`. confusions: what its training mixed up; None if it was published without saying
    so. others: the other engines that learned it, by name. topics: the parts in which a large edition keeps its
    entries. out_of_scope: what its editors want nobody to answer automatically.
    """

    number: int
    entries: Mapping[str, Entry]
    phrases: Phrases
    thresholds: Thresholds
    timezone: str = "Asia/Shanghai"
    confusions: tuple[Confusion, ...] | None = None
    others: Mapping[str, Schooled] = field(default_factory=lambda: MappingProxyType({}))
    rehearsal: Rehearsal = Rehearsal()
    topics: tuple[Topic, ...] = ()
    out_of_scope: tuple[str, ...] = ()

    def thresholds_of(self, engine: str) -> Thresholds:
        """From which confidence of this engine the bot answers and asks back."""
        return self.others[engine].thresholds if engine in self.others else self.thresholds

    def answer(self, entry_id: str, language: str, channel: str, now: Instant) -> str | None:
        """The editor's words for this channel; None if the entry has none, is not valid now, or is not in here."""
        return next(iter(self.wordings(entry_id, language, channel, now)), None)

    def wordings(self, entry_id: str, language: str, channel: str, now: Instant) -> tuple[str, ...]:
        """The same in all of the editor's words for this channel, the answer first; nothing where there is none."""
        entry = self.entries.get(entry_id)
        if entry is None or entry.answers is None or not entry.valid_on(self.day(now)):
            return ()
        return entry.answers.said_on(channel, language)

    def title(self, entry_id: str, language: str) -> str:
        """What the entry is called when customers choose. Raises KeyError for an entry that is not in here."""
        return self.entries[entry_id].title.said_in(language)

    def phrase(self, name: str, language: str, /, **values: Value) -> str:
        """A phrase with its placeholders filled. Raises TypeError if `values` are not what the phrase declares."""
        wording = self.phrases[name] if name in self.phrases else BUILT_IN[name]
        return render(name, wording.said_in(language), values)

    def phrase_if_any(self, name: str, language: str, /, **values: Value) -> str:
        """The same of a phrase that a base may lack; '' if it does."""
        return self.phrase(name, language, **values) if name in self.phrases else ""

    def day(self, now: Instant) -> date:
        """The date on the deployment's calendar."""
        return datetime.fromtimestamp(now, ZoneInfo(self.timezone)).date()

    def to_json(self) -> str:
        """Everything but the number; `from_json` gives it back exactly."""
        content = {
            "format": FORMAT,
            "timezone": self.timezone,
            "thresholds": _written(self.thresholds),
            **self._entries_or_topics(),
            "phrases": {name: phrase.model_dump() for name, phrase in self.phrases.items()},
            "confusions": self.confusions,
            "others": {
                name: {"model": one.model, "weights": one.weights, "thresholds": _written(one.thresholds)}
                for name, one in self.others.items()
            },
            "rehearsal": asdict(self.rehearsal),
            "out_of_scope": self.out_of_scope,
        }
        return json.dumps(content, ensure_ascii=False)

    def _entries_or_topics(self) -> dict[str, Any]:
        if self.topics:
            return {"topics": [topic.name for topic in self.topics]}
        return {"entries": [entry.model_dump(mode="json", exclude_defaults=True) for entry in self.entries.values()]}

    @classmethod
    def from_json(cls, number: int, text: str, library: Library | None = None) -> Edition:
        """The edition `number` from what `to_json` wrote. `library`: for editions that keep entries in topics.

        Raises SettingError if this version of Yingda needs more, and what the library raises.
        """
        content = json.loads(text)
        _refuse_other_versions(number, content)
        topics = tuple(library.topics(content["topics"])) if library and "topics" in content else ()
        entries = [Entry.model_validate(entry) for entry in content.get("entries", ())]
        return cls(
            number,
            Contents(topics) if topics else MappingProxyType({entry.id: entry for entry in entries}),
            MappingProxyType({name: Bilingual.model_validate(both) for name, both in content["phrases"].items()}),
            _thresholds(content["thresholds"]),
            content["timezone"],
            _confusions(content.get("confusions")),
            MappingProxyType({name: _schooled(one) for name, one in content.get("others", {}).items()}),
            Rehearsal(**content.get("rehearsal", {})),
            topics,
            tuple(content.get("out_of_scope", ())),
        )


def _written(thresholds: Thresholds) -> dict[str, Any]:
    return {"answer": thresholds.answer, "ask": thresholds.ask, "stricter": dict(thresholds.stricter)}


def _thresholds(content: Mapping[str, Any]) -> Thresholds:
    return Thresholds(content["answer"], content["ask"], MappingProxyType(content["stricter"]))


def _schooled(content: Mapping[str, Any]) -> Schooled:
    return Schooled(content["model"], tuple(content["weights"]), _thresholds(content["thresholds"]))


def _confusions(content: list[list[Any]] | None) -> tuple[Confusion, ...] | None:
    return None if content is None else tuple(Confusion(*one) for one in content)


def _refuse_other_versions(number: int, content: dict[str, Any]) -> None:
    lacking = missing(content["phrases"]) if content["format"] == FORMAT else ["all of this version's format"]
    if lacking:
        wrong = f"was published by another version of Yingda and lacks {', '.join(lacking)}"
        raise SettingError(Mistake(f"edition {number}", 0, "format", wrong, "publish it anew: yingda train"))

"""Editions: published, immutable, numbered snapshots of a knowledge base; and the cache of the active one."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.messages import Instant
from bot.errors import ConfigProblem, SettingError
from bot.i18n import message
from bot.knowledge.checks import Confusion
from bot.knowledge.content import Bilingual
from bot.knowledge.entries import Base, Entry
from bot.knowledge.phrases import BUILT_IN, Phrases, Value, missing, render
from bot.knowledge.topic_cache import LazyEntries, Topic, TopicCache
from bot.ports.storage import Editions

FORMAT = 1  # of the JSON; an edition of another format is refused


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidences, 0 to 1, from which the bot acts."""

    answer: float  # from here on it answers
    ask: float  # from here on it asks which entry is meant
    # Higher thresholds for answering, by entry id.
    stricter: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def answer_for(self, entry_id: str) -> float:
        """The threshold for answering with this entry: never below the general one."""
        return max(self.answer, self.stricter.get(entry_id, 0.0))


@dataclass(frozen=True, slots=True)
class ThresholdOrigin:
    """How the thresholds were determined; numbers are 0 if unknown."""

    edition: int = 0  # the edition that was cross-validated; 0 if it was this one
    changed: int = 0  # entries that have changed since
    target: float = 0.0  # the promised precision
    encoder: str = ""  # its name
    # Shares of the held-out texts, 0 to 1:
    accuracy: float = 0.0  # recognised correctly
    coverage: float = 0.0  # answered by the bot
    precision: float = 0.0  # correct among those answered


@dataclass(frozen=True, slots=True)
class ExternalModel:
    """An edition as another engine than `semantic` has learned it."""

    model: str  # the name of the model that its service must serve
    weights: tuple[float, ...]  # of the features from which its confidence is calculated
    thresholds: Thresholds  # its own, for the same target precision


@dataclass(frozen=True, slots=True)
class Edition:
    """A published knowledge base."""

    number: int  # 0 until it is published
    entries: Mapping[str, Entry]  # by id
    phrases: Phrases  # by name
    thresholds: Thresholds  # of engine `semantic`
    timezone: str = "Asia/Shanghai"  # in which valid_from and valid_to of entries are days
    confusions: tuple[Confusion, ...] | None = None  # of cross-validation; None if unknown
    # Models of other engines that learned it, by engine.
    external_models: Mapping[str, ExternalModel] = field(default_factory=lambda: MappingProxyType({}))
    threshold_origin: ThresholdOrigin = ThresholdOrigin()
    topics: tuple[Topic, ...] = ()  # the parts in which a large edition stores its entries
    out_of_scope: tuple[str, ...] = ()  # questions that must not be answered automatically

    @classmethod
    def unpublished(cls, base: Base, thresholds: Thresholds, **rest: Any) -> Edition:
        """The edition that training makes of a base; publishing gives it a number. rest: further fields."""
        return cls(0, base.entries, base.phrases, thresholds, out_of_scope=tuple(base.out_of_scope), **rest)

    def thresholds_of(self, engine: str) -> Thresholds:
        """The thresholds for an engine's confidence."""
        return self.external_models[engine].thresholds if engine in self.external_models else self.thresholds

    def answer(self, entry_id: str, language: str, channel: str, now: Instant) -> str | None:
        """The answer for a channel; None if the entry has none, is not valid at `now`, or does not exist."""
        return next(iter(self.wordings(entry_id, language, channel, now)), None)

    def wordings(self, entry_id: str, language: str, channel: str, now: Instant) -> tuple[str, ...]:
        """All wordings of the answer for a channel, the one to send first; empty where `answer` is None."""
        entry = self.entries.get(entry_id)
        if entry is None or entry.answers is None or not entry.valid_on(self.day(now)):
            return ()
        return entry.answers.for_channel(channel, language)

    def title(self, entry_id: str, language: str) -> str:
        """The entry's title, shown when customers choose. Raises KeyError for an unknown entry."""
        return self.entries[entry_id].title.in_language(language)

    def phrase(self, name: str, language: str, /, **values: Value) -> str:
        """A phrase with its placeholders filled. Raises TypeError if `values` are not what the phrase declares."""
        wording = self.phrases[name] if name in self.phrases else BUILT_IN[name]
        return render(name, wording.in_language(language), values)

    def phrase_if_any(self, name: str, language: str, /, **values: Value) -> str:
        """The same for an optional phrase; '' if the edition lacks it."""
        return self.phrase(name, language, **values) if name in self.phrases else ""

    def day(self, now: Instant) -> date:
        """The date at `now` in the edition's time zone."""
        return datetime.fromtimestamp(now, ZoneInfo(self.timezone)).date()

    def to_json(self) -> str:
        """Everything but the number, readable by `from_json`."""
        content = {
            "format": FORMAT,
            "timezone": self.timezone,
            "thresholds": _written(self.thresholds),
            **self._entries_or_topics(),
            "phrases": {name: phrase.model_dump() for name, phrase in self.phrases.items()},
            "confusions": self.confusions,
            "others": {
                name: {"model": one.model, "weights": one.weights, "thresholds": _written(one.thresholds)}
                for name, one in self.external_models.items()
            },
            "rehearsal": asdict(self.threshold_origin),
            "out_of_scope": self.out_of_scope,
        }
        return json.dumps(content, ensure_ascii=False)

    def _entries_or_topics(self) -> dict[str, Any]:
        if self.topics:
            return {"topics": [topic.name for topic in self.topics]}
        return {"entries": [entry.model_dump(mode="json", exclude_defaults=True) for entry in self.entries.values()]}

    @classmethod
    def from_json(cls, number: int, text: str, library: TopicCache | None = None) -> Edition:
        """The edition `number` from the text of `to_json`. library: loads the topics of large editions.

        Raises SettingError if this version of Yingda cannot read it, and what the library raises.
        """
        content = json.loads(text)
        _refuse_other_versions(number, content)
        topics = tuple(library.topics(content["topics"])) if library and "topics" in content else ()
        entries = [Entry.model_validate(entry) for entry in content.get("entries", ())]
        confusions = content.get("confusions")
        return cls(
            number,
            LazyEntries(topics) if topics else MappingProxyType({entry.id: entry for entry in entries}),
            MappingProxyType({name: Bilingual.model_validate(both) for name, both in content["phrases"].items()}),
            _thresholds(content["thresholds"]),
            content["timezone"],
            None if confusions is None else tuple(Confusion(*one) for one in confusions),
            MappingProxyType(
                {
                    name: ExternalModel(one["model"], tuple(one["weights"]), _thresholds(one["thresholds"]))
                    for name, one in content.get("others", {}).items()
                }
            ),
            ThresholdOrigin(**content.get("rehearsal", {})),
            topics,
            tuple(content.get("out_of_scope", ())),
        )


def _written(thresholds: Thresholds) -> dict[str, Any]:
    return {"answer": thresholds.answer, "ask": thresholds.ask, "stricter": dict(thresholds.stricter)}


def _thresholds(content: Mapping[str, Any]) -> Thresholds:
    return Thresholds(content["answer"], content["ask"], MappingProxyType(content["stricter"]))


def _refuse_other_versions(number: int, content: dict[str, Any]) -> None:
    known = content["format"] == FORMAT
    lacking = ", ".join(missing(content["phrases"])) if known else message("problem.no_format")
    if lacking:
        raise SettingError(ConfigProblem.of(f"edition {number}", 0, "format", "problem.newer_edition", lacking=lacking))


class EditionCache:
    """The active edition of this process.

    load_model: loads an edition's (number, model) into the engine. fetch: loads topics of large editions by name. Both
    are called in a thread, so they may block.
    """

    def __init__(
        self,
        editions: Editions,
        load_model: Callable[[int, bytes], None],
        fetch: Callable[[Sequence[str]], Mapping[str, bytes]] = lambda _names: {},
    ) -> None:
        self._editions = editions
        self._load_model = load_model
        self._library = TopicCache(fetch)
        self._edition: Edition | None = None
        self._refreshing = asyncio.Lock()
        self._refreshed = asyncio.Event()  # set after the first refresh

    def current(self) -> Edition:
        """The edition to answer from. Raises LookupError before the first one is loaded."""
        if self._edition is None:
            raise LookupError("no edition is loaded yet; publish one with `yingda train`")
        return self._edition

    async def ready(self) -> None:
        """Wait for the first refresh."""
        await self._refreshed.wait()

    async def refresh(self) -> bool:
        """Load the active edition if it is not the current one; return whether it was loaded.

        The model is loaded before `current` changes, so that the engine knows the current edition at any time. On
        failure the current edition stays. Raises Unavailable, SettingError, or what `load_model` raises.
        """
        async with self._refreshing:
            number = await self._editions.active()
            if number == 0 or (self._edition is not None and self._edition.number == number):
                self._refreshed.set()
                return False
            content, model = await self._editions.load(number)
            edition = await asyncio.to_thread(_read, number, content, self._library)
            await asyncio.to_thread(self._load_model, number, model)
            self._edition = edition
            self._refreshed.set()
            return True


def _read(number: int, content: str, library: TopicCache) -> Edition:
    edition = Edition.from_json(number, content, library)
    # Parse all lazy entries now, in this thread, and not later on the event loop.
    deque(edition.entries.values(), maxlen=0)
    return edition

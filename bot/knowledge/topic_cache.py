"""Reads a large knowledge base incrementally: only files that changed are parsed again.

A topic is one file's entries, identified by the hash of the file's bytes. Editions of a large base store their entries
in one part per topic, so that serving processes, too, load only the topics that changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias
from weakref import WeakValueDictionary

from pydantic import TypeAdapter

from bot.errors import ConfigProblem, SettingError
from bot.knowledge.content import LANGUAGES
from bot.knowledge.entries import (
    NO_TOPICS,
    OUT_OF_SCOPE,
    PHRASES,
    Base,
    Entry,
    OutOfScope,
    clashes,
    load,
    own_problems,
    read_out_of_scope,
    read_topic,
)
from bot.knowledge.phrases import Phrases, read_phrases
from bot.knowledge.similarity import same_form
from bot.yaml_files import SourceLocation, read_page

FORMAT = 2  # of a stored topic; topics of other formats are refused
_ENTRIES = TypeAdapter(tuple[Entry, ...])


class Topic:
    """One file's entries, parsed on first access.

    name: of the stored part. written: its content, two lines of JSON: about the file, and its entries.
    """

    def __init__(self, name: str, written: bytes) -> None:
        """Raises SettingError for a part of another format."""
        heading, _, self._entries = written.partition(b"\n")
        about = json.loads(heading)
        if about["format"] != FORMAT:
            values = {"format": about["format"], "known": FORMAT}
            raise SettingError(ConfigProblem.of("edition", 0, "topics", "problem.other_topic_format", **values))
        self.name, self.written = name, written
        self.source: str = about["source"]  # SHA-256 of the file
        self.ids: tuple[str, ...] = tuple(about["ids"])  # of its entries
        # The normal forms of each entry's examples.
        self.forms: tuple[tuple[str, ...], ...] = tuple(map(tuple, about["forms"]))
        self.skills = frozenset(about["skills"])  # that its entries name

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return _ENTRIES.validate_json(self._entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Topic) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


class LazyEntries(Mapping[str, Entry]):
    """The entries of topics, by id and in order. The first access to an entry parses its whole topic."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._places = {id_: (topic, place) for topic in topics for place, id_ in enumerate(topic.ids)}

    def __getitem__(self, id_: str) -> Entry:
        topic, place = self._places[id_]
        return topic.entries[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True, slots=True)
class LoadedBase:
    """A knowledge base with its topics."""

    base: Base
    topics: tuple[Topic, ...]

    @property
    def examples(self) -> int:
        """The number of examples."""
        return sum(len(some) for topic in self.topics for some in topic.forms)


def topic_of(source: str, entries: Sequence[Entry]) -> Topic:
    """The topic of entries read from a file. source: the SHA-256 of the file."""
    about = {
        "format": FORMAT,
        "source": source,
        "ids": [entry.id for entry in entries],
        "forms": [
            [same_form(text) for language in LANGUAGES for text in entry.examples.in_language(language)]
            for entry in entries
        ],
        "skills": sorted({entry.skill for entry in entries} - {""}),
    }
    body = _ENTRIES.dump_json(tuple(entries), exclude_defaults=True)
    written = json.dumps(about, ensure_ascii=False).encode() + b"\n" + body
    return Topic(hashlib.sha256(written).hexdigest(), written)


class TopicCache:
    """Topics of the editions in use. A topic that several editions share is fetched and held once."""

    def __init__(self, fetch: Callable[[Sequence[str]], Mapping[str, bytes]]) -> None:
        self._fetch = fetch
        self._held: WeakValueDictionary[str, Topic] = (
            WeakValueDictionary()
        )  # dropped with the last edition that holds them

    def topics(self, names: Sequence[str]) -> list[Topic]:
        """The topics of these names. Blocks on the database: do not call it on the event loop.

        Raises LookupError for a missing part, SettingError for a part of another format, and Unavailable.
        """
        there = {name: self._held.get(name) for name in names}
        lacking = [name for name, topic in there.items() if topic is None]
        for name, written in (self._fetch(lacking) if lacking else {}).items():
            there[name] = self._held[name] = Topic(name, written)
        return [topic for name in names if (topic := there[name]) is not None]


# (skills that entries may name, channels that answers may name)
Allowed: TypeAlias = tuple[Collection[str], Collection[str]]


def read(folder: Path, skills: Collection[str], channels: Collection[str], known: Sequence[Topic] = ()) -> LoadedBase:
    """The knowledge base in `folder`. Files whose hash is that of a known topic are not parsed again.

    Raises SettingError with all problems.
    """
    paths = sorted(path for path in folder.glob("*.yaml") if path.name not in NO_TOPICS) if folder.is_dir() else []
    sources = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    quick = _changed(folder, sources, (skills, channels), {topic.source: topic for topic in known}) if known else None
    return quick or _complete(load(folder, skills, channels), sources)


def _complete(base: Base, sources: Mapping[Path, str]) -> LoadedBase:
    by_file: dict[Path, list[Entry]] = {}
    for id_, entry in base.entries.items():
        by_file.setdefault(base.places[id_].page.path, []).append(entry)
    return LoadedBase(base, tuple(topic_of(sources[path], entries) for path, entries in by_file.items()))


def _changed(
    folder: Path, sources: Mapping[Path, str], allowed: Allowed, known: Mapping[str, Topic]
) -> LoadedBase | None:
    """Parse only changed files. None if anything is wrong: `load` then finds and reports all problems."""
    if any(folder.glob("*.yml")):
        return None
    topics = [known.get(source) or _file(path, source) for path, source in sources.items()]
    phrases, outside = _phrases(folder / PHRASES), _outside(folder / OUT_OF_SCOPE)
    whole = [topic for topic in topics if topic is not None]
    if phrases is None or outside is None or len(whole) < len(topics):
        return None
    # Known topics were valid when they were published, but a skill may have been removed from the code since.
    fresh = [topic for topic in whole if topic.source not in known]
    skills, _ = allowed
    lost = {skill for topic in whole for skill in topic.skills} - {*skills}
    claims = [claim for topic in whole for claim in zip(topic.ids, topic.forms, strict=True)]
    if lost or _invalid(fresh, allowed) or any(True for _ in clashes(claims, map(same_form, outside))):
        return None
    return LoadedBase(Base(LazyEntries(whole), phrases, out_of_scope=outside), tuple(whole))


def _file(path: Path, source: str) -> Topic | None:
    found: list[tuple[Entry, SourceLocation]] = []
    try:
        wrong = read_topic(read_page(path), found)
    except SettingError:
        return None
    return None if wrong else topic_of(source, [entry for entry, _ in found])


def _phrases(path: Path) -> Phrases | None:
    try:
        phrases, wrong = read_phrases(read_page(path))
    except SettingError:
        return None
    return None if wrong else phrases


def _outside(path: Path) -> OutOfScope | None:
    if not path.exists():
        return {}
    try:
        outside, wrong = read_out_of_scope(read_page(path))
    except SettingError:
        return None
    return None if wrong else outside


def _invalid(topics: Sequence[Topic], allowed: Allowed) -> bool:
    """Whether any entry has a problem of its own."""
    nowhere = SourceLocation.nowhere()
    return any(True for topic in topics for entry in topic.entries for _ in own_problems(entry, nowhere, *allowed))

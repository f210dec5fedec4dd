"""Topics that are known already: of a large base only the files that changed are read again.

A topic is one file's entries, known by the hash of the file's bytes. Editions of a large base hold their entries topic
by topic, each as a part of its own, so that processes that serve read again only what changed, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from weakref import WeakValueDictionary

from pydantic import TypeAdapter

from bot.errors import Mistake, SettingError
from bot.files import Place, read_page
from bot.knowledge.content import LANGUAGES
from bot.knowledge.entries import NO_TOPICS, OUT_OF_SCOPE, PHRASES, Base, Entry, load, own_mistakes, read_topic
from bot.knowledge.out_of_scope import OutOfScope, read_out_of_scope
from bot.knowledge.phrases import Phrases, read_phrases
from bot.knowledge.sameness import same_form

FORMAT = 2
_ENTRIES = TypeAdapter(tuple[Entry, ...])


class Topic:
    """One file's entries. name, written: the part that it is kept as: a line about the file, and one with its entries,
    which are read when somebody asks for them.

    source: the hash of the file's bytes. ids: of its entries. forms: the same forms of each entry's examples. skills:
    those that they name.
    """

    def __init__(self, name: str, written: bytes) -> None:
        """Raises SettingError for a part of another version."""
        heading, _, self._entries = written.partition(b"\n")
        about = json.loads(heading)
        if about["format"] != FORMAT:
            wrong = f"is of format {about['format']}, not {FORMAT}"
            raise SettingError(Mistake("edition", 0, "topics", wrong, "publish it anew: yingda train"))
        self.name, self.written = name, written
        self.source: str = about["source"]
        self.ids: tuple[str, ...] = tuple(about["ids"])
        self.forms: tuple[tuple[str, ...], ...] = tuple(map(tuple, about["forms"]))
        self.skills = frozenset(about["skills"])

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return _ENTRIES.validate_json(self._entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Topic) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


class Contents(Mapping[str, Entry]):
    """The entries of topics, by id and in order. Who asks for one waits for its topic to be read, once."""

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
class Reading:
    """A base as read, and its topics."""

    base: Base
    topics: tuple[Topic, ...]

    @property
    def examples(self) -> int:
        """How many there are."""
        return sum(len(some) for topic in self.topics for some in topic.forms)


def made(source: str, entries: Sequence[Entry]) -> Topic:
    """A topic of entries just read from a file."""
    about = {
        "format": FORMAT,
        "source": source,
        "ids": [entry.id for entry in entries],
        "forms": [[same_form(text) for text in _asked(entry)] for entry in entries],
        "skills": sorted({entry.skill for entry in entries} - {""}),
    }
    body = _ENTRIES.dump_json(tuple(entries), exclude_defaults=True)
    written = json.dumps(about, ensure_ascii=False).encode() + b"\n" + body
    return Topic(hashlib.sha256(written).hexdigest(), written)


class Library:
    """The topics of the editions in use; what one of them has already is neither fetched nor held twice."""

    def __init__(self, fetch: Callable[[Sequence[str]], Mapping[str, bytes]]) -> None:
        self._fetch = fetch
        self._held: WeakValueDictionary[str, Topic] = WeakValueDictionary()

    def topics(self, names: Sequence[str]) -> list[Topic]:
        """Waits for the record. Raises LookupError for a part that is gone, SettingError for another version's, and
        Unavailable."""
        there = {name: self._held.get(name) for name in names}
        lacking = [name for name, topic in there.items() if topic is None]
        for name, written in (self._fetch(lacking) if lacking else {}).items():
            there[name] = self._held[name] = Topic(name, written)
        return [topic for name in names if (topic := there[name]) is not None]


def read(folder: Path, skills: Collection[str], known: Sequence[Topic] = ()) -> Reading:
    """The knowledge base in `folder`; files whose bytes are those of a known topic are not read again.

    Raises SettingError with all mistakes.
    """
    sources = _sources(folder)
    quick = _again(folder, sources, skills, {topic.source: topic for topic in known}) if known else None
    return quick or _anew(load(folder, skills), sources)


def _sources(folder: Path) -> dict[Path, str]:
    paths = sorted(path for path in folder.glob("*.yaml") if path.name not in NO_TOPICS) if folder.is_dir() else []
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _anew(base: Base, sources: Mapping[Path, str]) -> Reading:
    by_file: dict[Path, list[Entry]] = {}
    for id_, entry in base.entries.items():
        by_file.setdefault(base.places[id_].page.path, []).append(entry)
    return Reading(base, tuple(made(sources[path], entries) for path, entries in by_file.items()))


def _again(
    folder: Path, sources: Mapping[Path, str], skills: Collection[str], known: Mapping[str, Topic]
) -> Reading | None:
    """None if anything is wrong: whoever reads it all says what and where."""
    if any(folder.glob("*.yml")):
        return None
    topics = [known.get(source) or _file(path, source) for path, source in sources.items()]
    phrases, outside = _phrases(folder / PHRASES), _outside(folder / OUT_OF_SCOPE)
    whole = [topic for topic in topics if topic is not None]
    fresh = [topic for topic in whole if topic.source not in known]
    others = [topic for topic in whole if topic.source in known]
    if phrases is None or outside is None or len(whole) < len(topics) or _strange(fresh, others, outside, skills):
        return None
    return Reading(Base(Contents(whole), phrases, out_of_scope=outside), tuple(whole))


def _file(path: Path, source: str) -> Topic | None:
    found: list[tuple[Entry, Place]] = []
    try:
        wrong = read_topic(read_page(path), found)
    except SettingError:
        return None
    return None if wrong else made(source, [entry for entry, _ in found])


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


def _strange(fresh: Sequence[Topic], others: Sequence[Topic], outside: OutOfScope, skills: Collection[str]) -> bool:
    """Whether an id or an example stands twice or is out of scope, or an entry is not in order by itself. The others
    were in order when they were published."""
    ids = [id_ for topic in (*fresh, *others) for id_ in topic.ids]
    named = {skill for topic in others for skill in topic.skills}
    strange_skills = bool(named - {*skills}) or _mistaken(fresh, skills)
    return len(set(ids)) < len(ids) or strange_skills or _shared(fresh, others, outside)


def _mistaken(topics: Sequence[Topic], skills: Collection[str]) -> bool:
    nowhere = Place.nowhere()
    return any(True for topic in topics for entry in topic.entries for _ in own_mistakes(entry, nowhere, skills))


def _shared(fresh: Sequence[Topic], others: Sequence[Topic], outside: OutOfScope) -> bool:
    """Whether an example of these topics is also another entry's, or one of any is out of scope."""
    claimed = {same_form(text): "" for text in outside}
    owned = ((form, id_) for topic in fresh for id_, some in zip(topic.ids, topic.forms, strict=True) for form in some)
    if any(claimed.setdefault(form, id_) != id_ for form, id_ in owned):
        return True
    return any(not claimed.keys().isdisjoint(some) for topic in others for some in topic.forms)


def _asked(entry: Entry) -> Iterator[str]:
    return (text for language in LANGUAGES for text in entry.examples.asked_in(language))

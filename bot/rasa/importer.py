"""Converts the facts of a Rasa project to topics with entries, and reports what could not be converted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

from bot.errors import ConfigProblem
from bot.i18n import Message, message
from bot.knowledge.content import DEFAULT, LANGUAGES, braces
from bot.knowledge.entries import NO_TOPICS
from bot.knowledge.similarity import same_form
from bot.rasa.export import dumped, language_of
from bot.rasa.project_files import ExampleFact, Fact, FileLine, MetadataFact, ResponseFact, RuleFact, UnreadableFact

_NO_LETTER = re.compile(r"[^a-z0-9]+")
_LONGEST_ID = 60  # characters of an entry's id


@dataclass(frozen=True, slots=True)
class ImportResult:
    topics: Mapping[str, str]  # content of each topic file by name
    entries: int  # entries in all topics
    examples: int
    left: Sequence[ConfigProblem]  # what has no equivalent here, or needs a look
    answered: int = 0  # entries with an answer or a skill
    lost: Sequence[ConfigProblem] = ()  # what has an equivalent but could not be read
    unread: Sequence[ConfigProblem] = ()  # files that could not be read at all


@dataclass(slots=True)
class _Intent:
    """An intent with what has been found so far."""

    name: str
    source: FileLine
    # examples by language
    said: dict[str, list[str]] = field(default_factory=lambda: {language: [] for language in LANGUAGES})
    answers: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # wordings by language and channel
    about: dict[str, Any] = field(default_factory=dict)  # metadata of our own export

    @property
    def topic(self) -> str:
        """The retrieval intent's name, else the file's."""
        retrieval, _, response = self.name.partition("/")
        return _slug(retrieval if response else self.source.file.stem)


def import_facts(facts: Sequence[Fact], channels: Collection[str]) -> ImportResult:
    """Entries for all intents with examples. channels: names that may have wordings of their own.

    An intent without a usable answer is handed off. Texts in one language stand in for the other and are reported in
    `left`.
    """
    left = [fact for fact in facts if isinstance(fact, ConfigProblem)]
    intents = _with_examples(facts, left)
    _with_answers(facts, intents, left, channels)
    for fact in facts:
        if isinstance(fact, MetadataFact) and fact.intent in intents:
            intents[fact.intent].about = dict(fact.metadata)
    names = _ids(intents)
    topics: dict[str, list[_Intent]] = {}
    for intent in intents.values():
        topics.setdefault(_file(intent.topic), []).append(intent)
    texts = {file: _topic(file, some, names, left) for file, some in topics.items()}
    count = sum(len(texts) for intent in intents.values() for texts in intent.said.values())
    lost, unread = (
        [one.problem for one in facts if isinstance(one, UnreadableFact) and one.whole_file is whole]
        for whole in (False, True)
    )
    answered = sum(bool(dict(_wordings(one.answers))) or "skill" in one.about for one in intents.values())
    return ImportResult(
        texts,
        len(intents),
        count,
        sorted(left, key=lambda problem: (problem.file, problem.line)),
        answered,
        lost,
        unread,
    )


def _with_examples(facts: Iterable[Fact], left: list[ConfigProblem]) -> dict[str, _Intent]:
    """Intents with their examples. An example of two intents stays with the first, because no engine could tell them
    apart."""
    intents: dict[str, _Intent] = {}
    owners: dict[str, tuple[str, FileLine]] = {}
    for fact in facts:
        if not isinstance(fact, ExampleFact):
            continue
        intent = intents.setdefault(fact.intent, _Intent(fact.intent, fact.source))
        language = fact.language or language_of(fact.text)
        owner, where = owners.setdefault(same_form(fact.text), (fact.intent, fact.source))
        if owner != fact.intent:
            values = {"text": fact.text, "intent": owner, "at": f"{where.file}:{where.line}"}
            left.append(fact.source.dropped(f"intent {fact.intent}", "rasa.example_of_two", **values))
        elif where is fact.source:
            intent.said[language].append(fact.text)
    return {name: intent for name, intent in intents.items() if any(intent.said.values())}


def _with_answers(
    facts: Sequence[Fact], intents: Mapping[str, _Intent], left: list[ConfigProblem], channels: Collection[str]
) -> None:
    actions = {f"utter_{name}": name for name in intents}
    for fact in facts:
        if isinstance(fact, RuleFact) and fact.intent in intents:
            actions.setdefault(fact.action, fact.intent)
    replies = [fact for fact in facts if isinstance(fact, ResponseFact)]
    own = {reply.action for reply in replies}
    rules = {fact.intent: fact.action for fact in facts if isinstance(fact, RuleFact) and fact.action in own}
    for reply in replies:
        askers = [intent for intent, action in rules.items() if action == reply.action and intent in intents]
        named = actions.get(reply.action)
        if named and named not in rules:
            askers.append(named)
        for asker in dict.fromkeys(askers):
            left += _answer(intents[asker], reply, channels)
        if not askers:
            left.append(reply.source.dropped(f"response {reply.action}", "rasa.unused_response"))


def _answer(intent: _Intent, reply: ResponseFact, channels: Collection[str]) -> Iterator[ConfigProblem]:
    channel = reply.channel or DEFAULT
    wordings = intent.answers.setdefault(reply.language or language_of(reply.text), {}).setdefault(channel, [])
    what = f"response {reply.action}"
    if channel not in (DEFAULT, *channels):
        yield reply.source.dropped(what, "rasa.channel", channel=channel)
    elif braces(reply.text):
        yield reply.source.dropped(what, "rasa.placeholder", stray=braces(reply.text)[0])
    elif same_form(reply.text) in map(same_form, wordings):
        yield reply.source.dropped(what, "rasa.same_wording")
    else:
        wordings.append(reply.text)


def _ids(intents: Iterable[str]) -> dict[str, str]:
    """A unique entry id for each intent."""
    ids: dict[str, str] = {}
    for name in intents:
        own = _slug(name)
        number = 2
        while own in ids.values():
            own = f"{_slug(name)[: _LONGEST_ID - 4]}-{number}"
            number += 1
        ids[name] = own
    return ids


def _slug(name: str) -> str:
    """A name as an id; a hash of it if it has no Latin letters."""
    plain = _NO_LETTER.sub("-", name.lower()).strip("-")[:_LONGEST_ID].strip("-")
    if plain[:1].isalpha():
        return plain
    return f"intent-{plain or hashlib.sha256(name.encode()).hexdigest()[:8]}"[:_LONGEST_ID].strip("-")


def _file(topic: str) -> str:
    name = f"{topic}.yaml"
    return f"{topic}-imported.yaml" if name in NO_TOPICS else name


def _topic(file: str, intents: Sequence[_Intent], names: Mapping[str, str], left: list[ConfigProblem]) -> str:
    heading = next((intent.about["topic"] for intent in intents if "topic" in intent.about), None)
    title = _readable(file.removesuffix(".yaml"))
    entries = [_entry(names[intent.name], intent, left) for intent in intents]
    head = dumped({"topic": heading or dict.fromkeys(LANGUAGES, title)})
    return head + "entries:\n" + "\n".join(indent(dumped([entry]), "  ") for entry in entries)


def _entry(id_: str, intent: _Intent, left: list[ConfigProblem]) -> dict[str, Any]:
    about = {key: value for key, value in intent.about.items() if key != "topic"}
    title = {language: _readable(intent.name) for language in LANGUAGES}
    answers = _in_both_languages(dict(_wordings(intent.answers)), intent, message("rasa.answer"), left)
    entry = {"id": id_, "title": title, **about, "examples": _examples_of(intent, left)}
    if answers:
        return {**entry, "answers": answers}
    if "handoff" not in entry and "skill" not in entry:
        left.append(intent.source.dropped(f"intent {intent.name}", "rasa.no_answer", id=id_))
        entry["handoff"] = "always"
    return entry


def _examples_of(intent: _Intent, left: list[ConfigProblem]) -> dict[str, list[str]]:
    """Examples in both languages; a language without any borrows the other's first."""
    both = _in_both_languages(
        {language: texts for language, texts in intent.said.items() if texts}, intent, message("rasa.example"), left
    )
    borrowed = {language for language in LANGUAGES if not intent.said[language]}
    return {language: texts[:1] if language in borrowed else texts for language, texts in both.items()}


def _wordings(answers: Mapping[str, Mapping[str, list[str]]]) -> Iterator[tuple[str, Any]]:
    """Wordings by language: a text or list if only the default channel has any, else by channel, always with a default.

    A channel's wordings are kept even if they equal the default: an editor may change one without the other.
    """
    for language, found in answers.items():
        said = {channel: texts if len(texts) > 1 else texts[0] for channel, texts in found.items() if texts}
        if said:
            first = DEFAULT if DEFAULT in said else next(iter(said))
            rest = {channel: texts for channel, texts in said.items() if channel not in {DEFAULT, first}}
            yield language, {DEFAULT: said[first], **rest} if rest else said[first]


def _in_both_languages(
    found: Mapping[str, Any], intent: _Intent, what: Message, left: list[ConfigProblem]
) -> dict[str, Any]:
    """The values with one language standing in for a missing one, which is reported in `left`."""
    if not found:
        return {}
    (some, *_) = found.values()
    for language in LANGUAGES:
        if language not in found:
            code = "rasa.no_chinese" if language == "zh" else "rasa.no_english"
            left.append(intent.source.dropped(f"intent {intent.name}", code, what=what))
    return {language: found.get(language, some) for language in LANGUAGES}


def _readable(name: str) -> str:
    words = re.split(r"[/_\-\s]+", name.partition("/")[2] or name)
    return " ".join(words).strip().capitalize() or name

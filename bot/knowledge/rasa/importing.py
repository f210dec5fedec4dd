"""From the facts of a Rasa project to topics with entries, and a word on everything that has no place there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.errors import Mistake
from bot.knowledge.answers import DEFAULT
from bot.knowledge.content import LANGUAGES, braces
from bot.knowledge.entries import CHANNELS, NO_TOPICS
from bot.knowledge.rasa.facts import About, Example, Fact, Follows, Lost, Reply, Spot
from bot.knowledge.rasa.project import dumped, spoken
from bot.knowledge.sameness import same_form

_NO_LETTER = re.compile(r"[^a-z0-9]+")
_LONGEST_ID = 60


@dataclass(frozen=True, slots=True)
class Imported:
    """topics: the text of each file to write. answered: of the entries, those that answer by themselves. left: what has
    no place here or has to be looked at, with its place. lost: what would have one, but is not written as Rasa has it.
    unread: the same of whole files."""

    topics: Mapping[str, str]
    entries: int
    examples: int
    left: Sequence[Mistake]
    answered: int = 0
    lost: Sequence[Mistake] = ()
    unread: Sequence[Mistake] = ()


@dataclass(slots=True)
class _Intent:
    """What is known of an intent so far."""

    name: str
    spot: Spot
    said: dict[str, list[str]] = field(default_factory=lambda: {language: [] for language in LANGUAGES})
    answers: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        """The retrieval intent's name, else the file's."""
        retrieval, _, response = self.name.partition("/")
        return _slug(retrieval if response else self.spot.file.stem)


def imported(facts: Sequence[Fact]) -> Imported:
    """Entries for all intents that have examples, in order of their first. An intent without a usable answer goes to a
    person; words that exist in one language only stand in for the other, and are named in `left`."""
    left = [fact for fact in facts if isinstance(fact, Mistake)]
    intents = _with_examples(facts, left)
    _with_answers(facts, intents, left)
    for fact in facts:
        if isinstance(fact, About) and fact.intent in intents:
            intents[fact.intent].about = dict(fact.metadata)
    names = _ids(intents)
    topics: dict[str, list[_Intent]] = {}
    for intent in intents.values():
        topics.setdefault(_file(intent.topic), []).append(intent)
    texts = {file: _topic(file, some, names, left) for file, some in topics.items()}
    count = sum(len(texts) for intent in intents.values() for texts in intent.said.values())
    lost, unread = (
        [one.mistake for one in facts if isinstance(one, Lost) and one.whole_file is whole] for whole in (False, True)
    )
    answered = sum(bool(dict(_worded(one.answers))) or "skill" in one.about for one in intents.values())
    return Imported(texts, len(intents), count, sorted(left, key=_place), answered, lost, unread)


def _place(mistake: Mistake) -> tuple[str, int]:
    return mistake.file, mistake.line


def _with_examples(facts: Iterable[Fact], left: list[Mistake]) -> dict[str, _Intent]:
    """Each example once: what two intents claim stays with the first, for no engine could tell them apart."""
    intents: dict[str, _Intent] = {}
    owners: dict[str, tuple[str, Spot]] = {}
    for fact in facts:
        if not isinstance(fact, Example):
            continue
        intent = intents.setdefault(fact.intent, _Intent(fact.intent, fact.spot))
        language = fact.language or spoken(fact.text)
        owner, where = owners.setdefault(same_form(fact.text), (fact.intent, fact.spot))
        if owner != fact.intent:
            why = f"“{fact.text}” is dropped: it is also an example of {owner} at {where.file}:{where.line}"
            left.append(fact.spot.dropped(f"intent {fact.intent}", why, "keep it where it is answered best"))
        elif where is fact.spot:
            intent.said[language].append(fact.text)
    return {name: intent for name, intent in intents.items() if any(intent.said.values())}


def _with_answers(facts: Sequence[Fact], intents: Mapping[str, _Intent], left: list[Mistake]) -> None:
    actions = {f"utter_{name}": name for name in intents}
    for fact in facts:
        if isinstance(fact, Follows) and fact.intent in intents:
            actions.setdefault(fact.action, fact.intent)
    replies = [fact for fact in facts if isinstance(fact, Reply)]
    own = {reply.action for reply in replies}
    rules = {fact.intent: fact.action for fact in facts if isinstance(fact, Follows) and fact.action in own}
    for reply in replies:
        askers = [intent for intent, action in rules.items() if action == reply.action and intent in intents]
        named = actions.get(reply.action)
        if named and named not in rules:
            askers.append(named)
        for asker in dict.fromkeys(askers):
            left += _answer(intents[asker], reply)
        if not askers:
            why = "is dropped: nothing that answers one question leads to it"
            left.append(reply.spot.dropped(f"response {reply.action}", why))


def _answer(intent: _Intent, reply: Reply) -> Iterator[Mistake]:
    channel = reply.channel or DEFAULT
    wordings = intent.answers.setdefault(reply.language or spoken(reply.text), {}).setdefault(channel, [])
    what = f"response {reply.action}"
    if channel not in (DEFAULT, *CHANNELS):
        yield reply.spot.dropped(what, f"no channel is called {channel}: these words are dropped")
    elif braces(reply.text):
        why = f"is dropped: answers have no placeholders such as {braces(reply.text)[0]}"
        yield reply.spot.dropped(what, why, "write an answer without, or let a skill say it")
    elif same_form(reply.text) in map(same_form, wordings):
        yield reply.spot.dropped(what, "is dropped: another wording says the same")
    else:
        wordings.append(reply.text)


def _ids(intents: Iterable[str]) -> dict[str, str]:
    """An id for each intent's name, none twice."""
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
    """A name as an id; where it has no Latin letters, a short sign made of it."""
    plain = _NO_LETTER.sub("-", name.lower()).strip("-")[:_LONGEST_ID].strip("-")
    if plain[:1].isalpha():
        return plain
    return f"intent-{plain or hashlib.sha256(name.encode()).hexdigest()[:8]}"[:_LONGEST_ID].strip("-")


def _file(topic: str) -> str:
    name = f"{topic}.yaml"
    return f"{topic}-imported.yaml" if name in NO_TOPICS else name


def _topic(file: str, intents: Sequence[_Intent], names: Mapping[str, str], left: list[Mistake]) -> str:
    heading = next((intent.about["topic"] for intent in intents if "topic" in intent.about), None)
    title = _readable(file.removesuffix(".yaml"))
    entries = [_entry(names[intent.name], intent, left) for intent in intents]
    head = dumped({"topic": heading or dict.fromkeys(LANGUAGES, title)})
    return head + "entries:\n" + "\n".join(_indented(dumped([entry])) for entry in entries)


def _entry(id_: str, intent: _Intent, left: list[Mistake]) -> dict[str, Any]:
    about = {key: value for key, value in intent.about.items() if key != "topic"}
    title = {language: _readable(intent.name) for language in LANGUAGES}
    answers = _both(dict(_worded(intent.answers)), intent, "answer", left)
    entry = {"id": id_, "title": title, **about, "examples": _asked(intent, left)}
    if answers:
        return {**entry, "answers": answers}
    if "handoff" not in entry and "skill" not in entry:
        why = "has no answer that could be taken over: a person answers"
        left.append(intent.spot.dropped(f"intent {intent.name}", why, f"write answers for {id_}"))
        entry["handoff"] = "always"
    return entry


def _asked(intent: _Intent, left: list[Mistake]) -> dict[str, list[str]]:
    """Where a language has no examples, the other's first stands in for them."""
    both = _both({language: texts for language, texts in intent.said.items() if texts}, intent, "example", left)
    borrowed = {language for language in LANGUAGES if not intent.said[language]}
    return {language: texts[:1] if language in borrowed else texts for language, texts in both.items()}


def _worded(answers: Mapping[str, Mapping[str, list[str]]]) -> Iterator[tuple[str, Any]]:
    """Each language's wordings: a mere text or list where only the default says something, and always a default. A
    channel's words stand even where they are the default's: an editor who changes one may mean to leave the other."""
    for language, found in answers.items():
        said = {channel: texts if len(texts) > 1 else texts[0] for channel, texts in found.items() if texts}
        if said:
            first = DEFAULT if DEFAULT in said else next(iter(said))
            rest = {channel: texts for channel, texts in said.items() if channel not in {DEFAULT, first}}
            yield language, {DEFAULT: said[first], **rest} if rest else said[first]


def _both(found: Mapping[str, Any], intent: _Intent, what: str, left: list[Mistake]) -> dict[str, Any]:
    """What there is in both languages, the one standing in for the other."""
    if not found:
        return {}
    (some, *_) = found.values()
    for language in LANGUAGES:
        if language not in found:
            names = {"zh": "Chinese", "en": "English"}
            why = f"has no {names[language]} {what}: the other language stands in for it"
            left.append(intent.spot.dropped(f"intent {intent.name}", why, "translate it in the knowledge base"))
    return {language: found.get(language, some) for language in LANGUAGES}


def _readable(name: str) -> str:
    words = re.split(r"[/_\-\s]+", name.partition("/")[2] or name)
    return " ".join(words).strip().capitalize() or name


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.splitlines())

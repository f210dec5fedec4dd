"""Reads a Rasa project: NLU, responses, rules and stories in the YAML of Rasa 2 and 3.

All scalars are read as text: Rasa reads YAML 1.2, in which an intent `no` and an answer `9:00` are texts. endpoints.yml
and credentials.yml are not read: they hold secrets and no knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import yaml

from bot.errors import ConfigProblem, SettingError
from bot.rasa.export import METADATA_KEY
from bot.yaml_files import SourceFile, read_page

_NO_TEXTS = {"small_talk", "target_precision"}  # metadata fields that are not texts
_IGNORED = {"endpoints", "credentials", "docker-compose"}
# [text](entity) and [text]{"entity": ...}; the possessive ++ bounds backtracking
_ENTITY = re.compile(r"\[(?P<text>[^\[\]]++)\](?:\([^:)]+?(?::[^)]+)?\)|\{[^}]+?\})")
_SUFFIXES = {".yml", ".yaml", ".md", ".json"}
# Headings of examples, the steps of stories, and responses to retrieval intents. Rasa 3 reads no Markdown any more, so
# only Rasa 2 can convert it.
_OF_RASA_1 = {
    ".json": ("rasa.json_of_rasa_1", re.compile(r'"(rasa_nlu_data|common_examples)"')),
    ".md": (
        "rasa.markdown_of_rasa_1",
        re.compile(
            r"^##\s*(?:intent|synonym|regex|lookup)\s*:|^\s*-\s*utter_\w|^\s*\*\s*\w+/\w+\s*\n\s*-\s", re.MULTILINE
        ),
    ),
}
_HELPERS = ("synonym", "regex", "lookup")
_BESIDE_TEXT = ("buttons", "image", "attachment", "custom", "elements", "quick_replies")
_DROPPED_SECTIONS = ("forms", "slots", "entities")


def read_project(folder: Path) -> list[Fact]:
    """All facts of a project in the order of its files; what cannot be read is among them as UnreadableFact.

    Raises SettingError without such a folder, or without any examples in it.
    """
    if not folder.is_dir():
        raise SettingError(ConfigProblem.of(folder, 0, folder.name, "rasa.not_a_folder"))
    facts = [fact for path in _files(folder) for fact in _read(path)]
    if not any(isinstance(fact, ExampleFact) for fact in facts):
        lost = [fact.problem for fact in facts if isinstance(fact, UnreadableFact)]
        raise SettingError(*lost, ConfigProblem.of(folder, 0, "nlu", "rasa.no_examples"))
    return facts


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file()]
    return sorted(
        path
        for path in found
        if path.stem not in _IGNORED and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _read(path: Path) -> Iterator[Fact]:
    try:
        if path.suffix in _OF_RASA_1:
            yield from _refused(path)
            return
        page = read_page(path, as_texts=True)
    except SettingError as broken:
        yield from (UnreadableFact(problem, whole_file=True) for problem in broken.problems)
        return
    yield from page.misreadings()
    if isinstance(page.content, dict):
        for section, read in _SECTIONS.items():
            if section in page.content:
                yield from read(page, section)
        yield from _dropped(page)


def _refused(path: Path) -> Iterator[Fact]:
    """Reports a file in a format of Rasa 1; other Markdown or JSON (a README) has no facts."""
    code, pattern = _OF_RASA_1[path.suffix]
    if pattern.search(path.read_text(encoding="utf-8", errors="replace")):
        yield UnreadableFact(FileLine(path, 0).dropped(path.name, code, name=path.name), whole_file=True)


def _nlu(page: SourceFile, section: str) -> Iterator[Fact]:
    if not isinstance(page.content[section], list):
        yield from _no_place(page, section)
    for keys, item in _items(page, section):
        kind = next((kind for kind in _HELPERS if kind in item), "")
        if kind:
            yield _line_of(page, *keys).dropped(f"{kind} {item[kind]}", f"rasa.helper.{kind}")
        elif isinstance(item.get("intent"), str):
            yield from _intent(page, keys, item)
        else:
            yield _line_of(page, *keys).lost(section, "rasa.unknown_nlu")


def _intent(page: SourceFile, keys: tuple[str | int, ...], item: Mapping[str, Any]) -> Iterator[Fact]:
    intent, about = item["intent"], item.get("metadata")
    if isinstance(about, dict) and isinstance(about.get(METADATA_KEY), dict):
        yield MetadataFact(intent, {key: _typed(key, value) for key, value in about[METADATA_KEY].items()})
    examples = item.get("examples")
    if isinstance(examples, str) and examples.strip():
        first = page.line(*keys, "examples") + 1
        for number, line in enumerate(examples.splitlines()):
            yield from _short_example(intent, line, FileLine(page.path, first + number))
    elif isinstance(examples, list):
        for index, one in enumerate(examples):
            yield from _long_example(intent, one, _line_of(page, *keys, "examples", index))
    else:
        yield _line_of(page, *keys).lost(f"intent {intent}", "rasa.unreadable_examples")


def _typed(key: str, value: Any) -> Any:
    """A metadata value of our export, parsed if it is not a text."""
    return yaml.safe_load(value) if key in _NO_TEXTS and isinstance(value, str) else value


def _short_example(intent: str, line: str, source: FileLine) -> Iterator[Fact]:
    """A line of `examples: |`. Rasa reads only lines that begin with a dash."""
    if line.startswith("-") and line[1:].strip():
        yield from _example(intent, line[1:].strip(), source)
    elif line.strip() and line.strip() != "-":
        yield source.lost(f"intent {intent}", "rasa.no_dash", text=line.strip())


def _long_example(intent: str, one: Any, source: FileLine) -> Iterator[Fact]:
    """A list item: `text:` with metadata, or plain text, which is no Rasa format but common."""
    text = one.get("text") if isinstance(one, dict) else one
    if not isinstance(text, str) or not text.strip():
        yield source.lost(f"intent {intent}", "rasa.example_without_text")
        return
    about = one.get("metadata") if isinstance(one, dict) else None
    language = about.get("language") if isinstance(about, dict) else None
    if language in {"zh", "en"}:  # our own export: what it begins with is the customer's
        yield from _example(intent, text.strip(), source, language)
    else:
        yield from _example(intent, text.strip().removeprefix("- "), source)


def _example(intent: str, text: str, source: FileLine, language: str = "") -> Iterator[Fact]:
    plain = _ENTITY.sub(lambda found: found["text"], text)
    yield ExampleFact(intent, plain, source, language)
    if plain != text:
        yield source.dropped(f"intent {intent}", "rasa.entities")


def _responses(page: SourceFile, section: str) -> Iterator[Fact]:
    """Section `responses`; Rasa 1 called it `templates`."""
    responses = page.content[section]
    if not isinstance(responses, dict):
        yield from _no_place(page, section)
        return
    for action, variations in responses.items():
        if not isinstance(variations, list):
            yield _line_of(page, section, action).lost(str(action), "rasa.no_texts")
            continue
        for index, one in enumerate(variations):
            yield from _reply(str(action), one, _line_of(page, section, action, index))


def _no_place(page: SourceFile, section: str) -> Iterator[UnreadableFact]:
    """Reports a section of the wrong type, unless it is empty."""
    if page.content[section]:
        yield _line_of(page, section).lost(section, "rasa.other_kind")


def _reply(action: str, one: Any, source: FileLine) -> Iterator[Fact]:
    said = one if isinstance(one, dict) else {"text": one}
    for what in _BESIDE_TEXT:
        if what in said:
            yield source.dropped(action, "rasa.not_a_text", what=what)
    if isinstance(said.get("text"), str) and said["text"].strip():
        yield ResponseFact(action, said["text"].strip(), source, str(said.get("channel") or ""), _condition(said))
    elif not any(what in said for what in _BESIDE_TEXT):
        yield source.lost(action, "rasa.reply_without_text")


def _condition(said: Mapping[str, Any]) -> str:
    """The language, if a condition of our export names one."""
    conditions = said.get("condition")
    for one in conditions if isinstance(conditions, list) else ():
        if isinstance(one, dict) and one.get("name") == "language" and one.get("value") in {"zh", "en"}:
            return str(one["value"])
    return ""


def _stories(page: SourceFile, section: str) -> Iterator[Fact]:
    for keys, item in _items(page, section):
        source, name = _line_of(page, *keys), str(item.get("rule") or item.get("story") or "")
        steps = item.get("steps")
        plain = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
        said = [step.get("intent") for step in plain]
        done = [str(step.get("action") or "") for step in plain]
        if len(plain) == 2 and isinstance(said[0], str) and done[1].startswith("utter_"):
            yield RuleFact(said[0], done[1], source)
        elif not (len(plain) == 2 and isinstance(said[0], str) and done[1].startswith("respond_")):
            kind = section.removesuffix("s") if section == "rules" else "story"
            yield source.dropped(f"{kind} {name}", "rasa.story")


def _dropped(page: SourceFile) -> Iterator[ConfigProblem]:
    """Reports the sections of a domain that have no equivalent."""
    for section in _DROPPED_SECTIONS:
        content = page.content.get(section)
        for name in content if isinstance(content, dict | list) else ():
            label = next(iter(name), "") if isinstance(name, dict) else name
            keys = (section, label) if isinstance(content, dict) else (section,)
            if (section, label) != ("slots", "language"):
                yield _line_of(page, *keys).dropped(f"{section} {label}", "rasa.dropped_section", section=section)
    actions = page.content.get("actions")
    for index, action in enumerate(actions if isinstance(actions, list) else ()):
        if isinstance(action, str) and not action.startswith(("utter_", "respond_")):
            yield _line_of(page, "actions", index).dropped(f"action {action}", "rasa.action")


def _items(page: SourceFile, section: str) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """Items of a section with their keys; an item of the wrong type is empty."""
    items = page.content[section]
    for index, item in enumerate(items if isinstance(items, list) else ()):
        yield (section, index), item if isinstance(item, dict) else {}


def _line_of(page: SourceFile, *keys: str | int) -> FileLine:
    return FileLine(page.path, page.line(*keys))


_SECTIONS = {
    "nlu": _nlu,
    "responses": _responses,
    "templates": _responses,
    "rules": _stories,
    "stories": _stories,
}


@dataclass(frozen=True, slots=True)
class FileLine:
    file: Path
    line: int  # from 1

    def dropped(self, what: str, code: str, /, **values: object) -> ConfigProblem:
        return ConfigProblem.of(self.file, self.line, what, code, **values)

    def lost(self, what: str, code: str, /, **values: object) -> UnreadableFact:
        return UnreadableFact(self.dropped(what, code, **values))


@dataclass(frozen=True, slots=True)
class ExampleFact:
    intent: str
    text: str
    source: FileLine
    language: str = ""  # '' to tell by the letters


@dataclass(frozen=True, slots=True)
class MetadataFact:
    """Metadata of an intent in our own export."""

    intent: str
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class ResponseFact:
    """One wording of a response."""

    action: str
    text: str
    source: FileLine
    channel: str = ""  # '' for every channel
    language: str = ""  # '' to tell by the letters


@dataclass(frozen=True, slots=True)
class RuleFact:
    """A rule or story of one intent and the response to it."""

    intent: str
    action: str
    source: FileLine


@dataclass(frozen=True, slots=True)
class UnreadableFact:
    """Content that Rasa's format has a place for but that is not written as the format requires."""

    problem: ConfigProblem
    whole_file: bool = False  # nothing of the file can be read


Fact: TypeAlias = ExampleFact | MetadataFact | ResponseFact | RuleFact | ConfigProblem | UnreadableFact

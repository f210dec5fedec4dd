"""Reading a Rasa project: NLU, responses, rules and stories in the YAML of Rasa 2 and 3 and the Markdown of Rasa 1.

YAML is loaded as plain data. endpoints.yml and credentials.yml are left shut: they hold secrets and no knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.errors import Mistake, SettingError
from bot.files import Page, read_page
from bot.knowledge.rasa.facts import About, Example, Fact, Follows, Reply, Spot
from bot.knowledge.rasa.markdown import read_markdown
from bot.knowledge.rasa.project import ABOUT

_SHUT = {"endpoints", "credentials", "docker-compose"}
_ENTITY = re.compile(r"\[(?P<text>[^\[\]]++)\](?:\([^:)]+?(?::[^)]+)?\)|\{[^}]+?\})")
_HELPERS = {
    "synonym": "synonyms are dropped: write the other wordings as examples",
    "regex": "regular expressions are dropped: nothing here is matched by pattern",
    "lookup": "lookup tables are dropped: write what matters as examples",
}
_BESIDE_TEXT = ("buttons", "image", "attachment", "custom", "elements", "quick_replies")
_DROPPED_SECTIONS = ("forms", "slots", "entities")


def read_project(folder: Path) -> list[Fact]:
    """All facts of a project, in order of its files; what can't be read is a Mistake among them.

    Raises SettingError if there is no such folder, or nothing of Rasa's in it.
    """
    if not folder.is_dir():
        raise SettingError(Mistake(str(folder), 0, folder.name, "is no folder", "name the folder of a Rasa project"))
    facts = [fact for path in _files(folder) for fact in _read(path)]
    if not any(isinstance(fact, Example) for fact in facts):
        wrong = "holds no examples of any intent"
        raise SettingError(Mistake(str(folder), 0, "nlu", wrong, "name the folder that holds a Rasa project's data"))
    return facts


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.suffix in {".yml", ".yaml", ".md"} and path.is_file()]
    return sorted(
        path
        for path in found
        if path.stem not in _SHUT and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _read(path: Path) -> Iterator[Fact]:
    try:
        if path.suffix == ".md":
            yield from map(_without_entities, read_markdown(path))
            return
        page = read_page(path)
    except SettingError as broken:
        yield from broken.mistakes
        return
    if isinstance(page.content, dict):
        for section, read in _SECTIONS.items():
            if section in page.content:
                yield from read(page, section)
        yield from _left(page)


def _nlu(page: Page, section: str) -> Iterator[Fact]:
    for keys, item in _items(page, section):
        kind = next((kind for kind in _HELPERS if kind in item), "")
        if kind:
            yield _spot(page, *keys).dropped(f"{kind} {item[kind]}", _HELPERS[kind])
        elif isinstance(item.get("intent"), str):
            yield from _intent(page, keys, item)
        else:
            yield _spot(page, *keys).dropped(section, "is neither intent, synonym, regex nor lookup")


def _intent(page: Page, keys: tuple[str | int, ...], item: Mapping[str, Any]) -> Iterator[Fact]:
    intent, about = item["intent"], item.get("metadata")
    if isinstance(about, dict) and isinstance(about.get(ABOUT), dict):
        yield About(intent, about[ABOUT])
    examples = item.get("examples")
    if isinstance(examples, str):
        first = page.line(*keys, "examples") + 1
        for number, line in enumerate(examples.splitlines()):
            if line.startswith("-") and line[1:].strip():
                yield from _example(intent, line[1:].strip(), Spot(page.path, first + number))
    elif isinstance(examples, list):
        for index, one in enumerate(examples):
            yield from _long_example(intent, one, _spot(page, *keys, "examples", index))


def _long_example(intent: str, one: Any, spot: Spot) -> Iterator[Fact]:
    """`- text: ...` with metadata, or a plain list, which Rasa does not have but people write."""
    text = one.get("text") if isinstance(one, dict) else one
    if not isinstance(text, str) or not text.strip():
        yield spot.dropped(f"intent {intent}", "an example without a text is dropped")
        return
    about = one.get("metadata") if isinstance(one, dict) else None
    language = about.get("language") if isinstance(about, dict) else None
    if language in {"zh", "en"}:  # our own export: what it begins with is the customer's
        yield from _example(intent, text.strip(), spot, language)
    else:
        yield from _example(intent, text.strip().removeprefix("- "), spot)


def _example(intent: str, text: str, spot: Spot, language: str = "") -> Iterator[Fact]:
    plain = _ENTITY.sub(lambda found: found["text"], text)
    yield Example(intent, plain, spot, language)
    if plain != text:
        why = "the entities marked here are dropped, their words are kept"
        yield spot.dropped(f"intent {intent}", why)


def _without_entities(fact: Fact) -> Fact:
    if isinstance(fact, Example):
        return Example(fact.intent, _ENTITY.sub(lambda found: found["text"], fact.text), fact.spot, fact.language)
    return fact


def _responses(page: Page, section: str) -> Iterator[Fact]:
    """`templates` is what Rasa 1 called them."""
    responses = page.content[section]
    for action, variations in responses.items() if isinstance(responses, dict) else ():
        for index, one in enumerate(variations if isinstance(variations, list) else ()):
            yield from _reply(str(action), one, _spot(page, section, action, index))


def _reply(action: str, one: Any, spot: Spot) -> Iterator[Fact]:
    said = one if isinstance(one, dict) else {"text": one}
    for what in _BESIDE_TEXT:
        if what in said:
            yield spot.dropped(action, f"its {what} is dropped: an answer is text", "say in words what it showed")
    if isinstance(said.get("text"), str) and said["text"].strip():
        yield Reply(action, said["text"].strip(), spot, str(said.get("channel") or ""), _condition(said))
    elif not any(what in said for what in _BESIDE_TEXT):
        yield spot.dropped(action, "a response without a text is dropped")


def _condition(said: Mapping[str, Any]) -> str:
    """The language that our own export made a condition of."""
    conditions = said.get("condition")
    for one in conditions if isinstance(conditions, list) else ():
        if isinstance(one, dict) and one.get("name") == "language" and one.get("value") in {"zh", "en"}:
            return str(one["value"])
    return ""


def _stories(page: Page, section: str) -> Iterator[Fact]:
    for keys, item in _items(page, section):
        spot, name = _spot(page, *keys), str(item.get("rule") or item.get("story") or "")
        steps = item.get("steps")
        plain = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
        said = [step.get("intent") for step in plain]
        done = [str(step.get("action") or "") for step in plain]
        if len(plain) == 2 and isinstance(said[0], str) and done[1].startswith("utter_"):
            yield Follows(said[0], done[1], spot)
        elif not (len(plain) == 2 and isinstance(said[0], str) and done[1].startswith("respond_")):
            kind = section.removesuffix("s") if section == "rules" else "story"
            why = "is dropped: it does more than answer one question"
            yield spot.dropped(f"{kind} {name}", why, "hand such conversations to a person, or write a skill")


def _left(page: Page) -> Iterator[Mistake]:
    """What a domain holds beside answers."""
    for section in _DROPPED_SECTIONS:
        content = page.content.get(section)
        for name in content if isinstance(content, dict | list) else ():
            label = next(iter(name), "") if isinstance(name, dict) else name
            keys = (section, label) if isinstance(content, dict) else (section,)
            if (section, label) != ("slots", "language"):
                yield _spot(page, *keys).dropped(f"{section} {label}", f"{section} are dropped")
    actions = page.content.get("actions")
    for index, action in enumerate(actions if isinstance(actions, list) else ()):
        if isinstance(action, str) and not action.startswith(("utter_", "respond_")):
            why = "actions of your own are dropped: nothing of the project is run"
            yield _spot(page, "actions", index).dropped(f"action {action}", why, "what it did, a skill may do")


def _items(page: Page, section: str) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    items = page.content[section]
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield (section, index), item


def _spot(page: Page, *keys: str | int) -> Spot:
    return Spot(page.path, page.line(*keys))


_SECTIONS = {
    "nlu": _nlu,
    "responses": _responses,
    "templates": _responses,
    "rules": _stories,
    "stories": _stories,
}

"""Reading a Rasa project: NLU, responses, rules and stories in the YAML of Rasa 2 and 3 and the Markdown of Rasa 1.

YAML is loaded as plain data, in which an intent called `no` and an answer of `9:00` are texts: Rasa reads YAML 1.2.
endpoints.yml and credentials.yml are left shut: they hold secrets and no knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.errors import Mistake, SettingError
from bot.files import Page, read_page
from bot.knowledge.rasa.facts import About, Example, Fact, Follows, Lost, Reply, Spot
from bot.knowledge.rasa.markdown import read_markdown
from bot.knowledge.rasa.project import ABOUT

_NO_TEXTS = {"small_talk", "target_precision"}
_SHUT = {"endpoints", "credentials", "docker-compose"}
_ENTITY = re.compile(r"\[(?P<text>[^\[\]]++)\](?:\([^:)]+?(?::[^)]+)?\)|\{[^}]+?\})")
_SUFFIXES = {".yml", ".yaml", ".md", ".json"}
_OF_RASA_1 = re.compile(r'"(rasa_nlu_data|common_examples)"')
_CONVERT = "convert it with Rasa 3: rasa data convert nlu -f yaml --data {} --out nlu.yml, and remove it"
_HELPERS = {
    "synonym": "synonyms are dropped: write the other wordings as examples",
    "regex": "regular expressions are dropped: nothing here is matched by pattern",
    "lookup": "lookup tables are dropped: write what matters as examples",
}
_BESIDE_TEXT = ("buttons", "image", "attachment", "custom", "elements", "quick_replies")
_DROPPED_SECTIONS = ("forms", "slots", "entities")


def read_project(folder: Path) -> list[Fact]:
    """All facts of a project, in order of its files; what can't be read is Lost among them.

    Raises SettingError if there is no such folder, or nothing of Rasa's in it.
    """
    if not folder.is_dir():
        raise SettingError(Mistake(str(folder), 0, folder.name, "is no folder", "name the folder of a Rasa project"))
    facts = [fact for path in _files(folder) for fact in _read(path)]
    if not any(isinstance(fact, Example) for fact in facts):
        lost = [fact.mistake for fact in facts if isinstance(fact, Lost)]
        wrong = "holds no examples of any intent"
        raise SettingError(
            *lost, Mistake(str(folder), 0, "nlu", wrong, "name the folder that holds a Rasa project's data")
        )
    return facts


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file()]
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
        if path.suffix == ".json":
            yield from _json(path)
            return
        page = read_page(path, as_texts=True)
    except SettingError as broken:
        yield from (Lost(mistake, whole_file=True) for mistake in broken.mistakes)
        return
    yield from page.surprises()
    if isinstance(page.content, dict):
        for section, read in _SECTIONS.items():
            if section in page.content:
                yield from read(page, section)
        yield from _left(page)


def _json(path: Path) -> Iterator[Fact]:
    """Rasa 1 had a format of JSON, which only Rasa itself reads; any other JSON is none of ours."""
    if _OF_RASA_1.search(path.read_text(encoding="utf-8", errors="replace")):
        mistake = Spot(path, 0).dropped(
            path.name, "is the JSON of Rasa 1, which is not read", _CONVERT.format(path.name)
        )
        yield Lost(mistake, whole_file=True)


def _nlu(page: Page, section: str) -> Iterator[Fact]:
    if not isinstance(page.content[section], list):
        yield from _no_place(page, section)
    for keys, item in _items(page, section):
        kind = next((kind for kind in _HELPERS if kind in item), "")
        if kind:
            yield _spot(page, *keys).dropped(f"{kind} {item[kind]}", _HELPERS[kind])
        elif isinstance(item.get("intent"), str):
            yield from _intent(page, keys, item)
        else:
            why = "is neither intent, synonym, regex nor lookup"
            yield _spot(page, *keys).lost(section, why, "write `- intent: name` and its examples")


def _intent(page: Page, keys: tuple[str | int, ...], item: Mapping[str, Any]) -> Iterator[Fact]:
    intent, about = item["intent"], item.get("metadata")
    if isinstance(about, dict) and isinstance(about.get(ABOUT), dict):
        yield About(intent, {key: _typed(key, value) for key, value in about[ABOUT].items()})
    examples = item.get("examples")
    if isinstance(examples, str) and examples.strip():
        first = page.line(*keys, "examples") + 1
        for number, line in enumerate(examples.splitlines()):
            yield from _short_example(intent, line, Spot(page.path, first + number))
    elif isinstance(examples, list):
        for index, one in enumerate(examples):
            yield from _long_example(intent, one, _spot(page, *keys, "examples", index))
    else:
        mend = "write them as `examples: |` and a line with a dash for each"
        yield _spot(page, *keys).lost(f"intent {intent}", "has no examples that can be read", mend)


def _typed(key: str, value: Any) -> Any:
    """Of what our own export wrote down, the values that are no texts."""
    return yaml.safe_load(value) if key in _NO_TEXTS and isinstance(value, str) else value


def _short_example(intent: str, line: str, spot: Spot) -> Iterator[Fact]:
    """A line of `examples: |`. Rasa takes those that begin with a dash, and leaves the others out."""
    if line.startswith("-") and line[1:].strip():
        yield from _example(intent, line[1:].strip(), spot)
    elif line.strip() and line.strip() != "-":
        why = f"“{line.strip()}” is left out: its line begins with no dash"
        yield spot.lost(f"intent {intent}", why, "let the line begin with a dash, below the others")


def _long_example(intent: str, one: Any, spot: Spot) -> Iterator[Fact]:
    """`- text: ...` with metadata, or a plain list, which Rasa does not have but people write."""
    text = one.get("text") if isinstance(one, dict) else one
    if not isinstance(text, str) or not text.strip():
        yield spot.lost(f"intent {intent}", "an example without a text is dropped", "write its text")
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
    if not isinstance(responses, dict):
        yield from _no_place(page, section)
        return
    for action, variations in responses.items():
        if not isinstance(variations, list):
            why = "has no list of texts"
            yield _spot(page, section, action).lost(str(action), why, "write `- text: ...` below it")
            continue
        for index, one in enumerate(variations):
            yield from _reply(str(action), one, _spot(page, section, action, index))


def _no_place(page: Page, section: str) -> Iterator[Lost]:
    """A section of another kind than Rasa has it; one that is empty lacks nothing."""
    if page.content[section]:
        yield _spot(page, section).lost(
            section, "is not what Rasa has under this key", "write it as Rasa's documents say"
        )


def _reply(action: str, one: Any, spot: Spot) -> Iterator[Fact]:
    said = one if isinstance(one, dict) else {"text": one}
    for what in _BESIDE_TEXT:
        if what in said:
            yield spot.dropped(action, f"its {what} is dropped: an answer is text", "say in words what it showed")
    if isinstance(said.get("text"), str) and said["text"].strip():
        yield Reply(action, said["text"].strip(), spot, str(said.get("channel") or ""), _condition(said))
    elif not any(what in said for what in _BESIDE_TEXT):
        yield spot.lost(action, "a response without a text is dropped", "write its text")


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
    """What stands under a section; what is no keys and values has none, so that its reader finds nothing in it."""
    items = page.content[section]
    for index, item in enumerate(items if isinstance(items, list) else ()):
        yield (section, index), item if isinstance(item, dict) else {}


def _spot(page: Page, *keys: str | int) -> Spot:
    return Spot(page.path, page.line(*keys))


_SECTIONS = {
    "nlu": _nlu,
    "responses": _responses,
    "templates": _responses,
    "rules": _stories,
    "stories": _stories,
}

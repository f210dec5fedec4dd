"""The phrases that code sends: declared here with typed placeholders, written by editors in phrases.yaml.

A phrase in `DECLARED` is required: a knowledge base without it, or with other placeholders, does not load. A phrase
added later is in `OPTIONAL`, so that existing bases and editions still load.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import TypeAlias

import yaml
from pydantic import ValidationError

from bot.errors import ConfigProblem
from bot.i18n import Message, message
from bot.knowledge.content import LANGUAGES, Bilingual, Language, braces
from bot.yaml_files import SourceFile, problems_of

Value: TypeAlias = str | int
Phrases: TypeAlias = Mapping[str, Bilingual]


def text(value: Value) -> str:
    """A placeholder for text, such as a formatted date or a joined list."""
    if not isinstance(value, str):
        raise TypeError("this placeholder takes text")
    return value


def count(value: Value) -> str:
    """A placeholder for a number: 12,345."""
    if isinstance(value, str):
        raise TypeError("this placeholder takes a whole number")
    return f"{value:,}"


def change(value: Value) -> str:
    """A placeholder for a signed number: +1,200 or -300."""
    if isinstance(value, str):
        raise TypeError("this placeholder takes a whole number")
    return f"{value:+,}"


Placeholders: TypeAlias = Mapping[str, Callable[[Value], str]]
NONE: Placeholders = {}  # for phrases without placeholders

DECLARED: Mapping[str, Placeholders] = MappingProxyType(
    {
        "welcome": NONE,
        "unsupported": NONE,
        "media.received": {"kind": text},
        "media.image": NONE,
        "media.voice": NONE,
        "media.video": NONE,
        "media.location": NONE,
        "media.link": NONE,
        "media.file": NONE,
        "media.unsupported": NONE,
        "ask.did_you_mean": {"choices": text},
        "handoff.waiting": {"position": count, "minutes": count},
        "handoff.closed": {"opens": text},
        "handoff.public": NONE,
        "handoff.public_closed": {"opens": text},
        "handoff.still_waiting": {"position": count},
        "handoff.still_closed": {"opens": text},
        "handoff.corrected": {"position": count, "minutes": count},
        "fetch.send_one": NONE,
        "fetch.more": NONE,
        "private.moved": NONE,
        "private.invited": {"link": text},
        "private.policy": {"link": text},
        "hours.open": {"closes": text},
        "hours.closed": {"opens": text},
        "hours.always": NONE,
        "hours.never": NONE,
        "link.ask_member": NONE,
        "link.ask_again": NONE,
        "link.code_sent": NONE,
        "link.ask_code": NONE,
        "link.wrong_code": {"left": count},
        "link.too_many": NONE,
        "link.expired": NONE,
        "link.done": {"name": text},
        "link.already": {"name": text},
        "link.unlinked": NONE,
        "link.cancelled": NONE,
        "link.needed": NONE,
        "link.in_private": NONE,
        "link.codes_spent": NONE,
        "points.balance": {"points": count, "tier": text},
        "points.expiring": {"points": count, "date": text},
        "points.none_expiring": NONE,
        "points.movements": NONE,
        "points.movement": {"date": text, "what": text, "points": change},
        "points.no_movements": NONE,
        "sms.code": {"code": text, "minutes": count},
        "talk.invite": NONE,
        "talk.here": NONE,
        "talk.ask": NONE,
        "talk.number": NONE,
        "talk.fine": NONE,
        "handoff.cancelled": NONE,
        "handoff.sorry": NONE,
        "handoff.urgent": NONE,
        "people.returned": NONE,
        "people.resolved": NONE,
        "people.open": {"question": text},
        "rights.stopped": NONE,
        "rights.erase": NONE,
        "rights.erased": NONE,
        "rights.kept": NONE,
        "link.take_your_time": NONE,
        "link.why": NONE,
        "link.sent_again": {"left": count},
        "link.renewed": NONE,
    }
)
OPTIONAL: Mapping[str, Placeholders] = MappingProxyType(
    {
        "hours.day": {"day": text, "times": text},
        "hours.day_closed": {"day": text, "opens": text},
    }
)
BUILT_IN: Phrases = MappingProxyType(  # texts of declared phrases that older knowledge bases and editions lack
    {
        name: Bilingual.model_validate(both)
        for name, both in yaml.safe_load(
            (resources.files("bot.knowledge") / "built_in.yaml").read_text(encoding="utf-8")
        ).items()
    }
)
FAMILIES = ("tier.",)  # prefixes of phrases without placeholders, one for each code of the member system


def placeholders(name: str) -> Placeholders | None:
    """The placeholders of a phrase; None if there is no such phrase."""
    return NONE if name.startswith(FAMILIES) else DECLARED.get(name, OPTIONAL.get(name))


def render(name: str, wording: str, values: Mapping[str, Value]) -> str:
    """`wording` with its placeholders replaced by `values`; braces in the values are not interpreted.

    Raises TypeError if the values are not exactly those that phrase `name` declares: an error of the calling code.
    """
    declared = placeholders(name)
    if declared is None:
        raise TypeError(f"there is no phrase {name}")
    if declared.keys() != values.keys():
        raise TypeError(f"phrase {name} takes {_named(declared)}, not {_named(values)}")
    said = {f"{{{key}}}": declared[key](value) for key, value in values.items()}
    return re.sub("|".join(map(re.escape, said)), lambda found: said[found.group()], wording) if said else wording


def _named(keys: Mapping[str, object]) -> str:
    return ", ".join(sorted(keys)) or "nothing"


def read_phrases(page: SourceFile) -> tuple[Phrases, list[ConfigProblem]]:
    """The phrases of phrases.yaml and all problems with them."""
    content = page.content
    if not isinstance(content, dict):
        return {}, [page.problem((), "knowledge.no_phrases")]
    phrases: dict[str, Bilingual] = {}
    problems = [page.problem((name,), "knowledge.no_phrase") for name in missing(content)]
    for name in content:
        problems += _take(page, name, phrases)
    return MappingProxyType(phrases), problems


def missing(phrases: Mapping[str, object]) -> list[str]:
    """The names of declared phrases that are neither in `phrases` nor built in."""
    return [name for name in DECLARED if name not in phrases and name not in BUILT_IN]


def _take(page: SourceFile, name: str, phrases: dict[str, Bilingual]) -> list[ConfigProblem]:
    declared = placeholders(name)
    if declared is None:
        return [page.problem((name,), "knowledge.unknown_phrase")]
    try:
        phrases[name] = phrase = Bilingual.model_validate(page.content[name])
    except ValidationError as problem:
        return problems_of(page, problem, (name,))
    return [
        problem
        for language in LANGUAGES
        for problem in _misplaced(page, (name, language), phrase.in_language(language), declared)
    ]


def _misplaced(
    page: SourceFile, keys: tuple[str, Language], wording: str, declared: Placeholders
) -> Iterator[ConfigProblem]:
    wanted = [f"{{{key}}}" for key in declared]
    found = braces(wording)
    for stray in dict.fromkeys(found):
        if stray not in wanted:
            code = "knowledge.phrase_placeholder" if wanted else "knowledge.phrase_without_placeholders"
            yield page.problem(keys, code, stray=stray, wanted=_all(wanted))
    for absent in wanted:
        if absent not in found:
            yield page.problem(keys, "knowledge.phrase_lacks", absent=absent, wanted=_all(wanted))


def _all(names: Sequence[str]) -> str | Message:
    """The placeholders for a message; no phrase has more than two."""
    return message("knowledge.both", first=names[0], second=names[1]) if len(names) > 1 else "".join(names)

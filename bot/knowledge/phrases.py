"""The phrases that code says, with their typed placeholders. Code names them here, editors write them in phrases.yaml.

Whoever needs a new phrase declares it in `DECLARED`; a knowledge base without it, or with other placeholders, does
not load. One that came later stands in `OPTIONAL` and may be absent: bases and editions from before go on as they did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from pydantic import ValidationError

from bot.errors import Mistake
from bot.files import Page, mistakes_of
from bot.knowledge.content import LANGUAGES, Bilingual, Language, braces

Value: TypeAlias = str | int
Phrases: TypeAlias = Mapping[str, Bilingual]


def text(value: Value) -> str:
    """A word, a date as people read it, a list already joined: said as it is."""
    if not isinstance(value, str):
        raise TypeError("this placeholder takes text")
    return value


def count(value: Value) -> str:
    """How many of something: 12,345."""
    if isinstance(value, str):
        raise TypeError("this placeholder takes a whole number")
    return f"{value:,}"


def change(value: Value) -> str:
    """What came or went: +1,200 or -300."""
    if isinstance(value, str):
        raise TypeError("this placeholder takes a whole number")
    return f"{value:+,}"


Placeholders: TypeAlias = Mapping[str, Callable[[Value], str]]
NONE: Placeholders = {}

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
        "handoff.still_waiting": {"position": count},
        "handoff.still_closed": {"opens": text},
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
    }
)
OPTIONAL: Mapping[str, Placeholders] = MappingProxyType(
    {
        "hours.day": {"day": text, "times": text},
        "hours.day_closed": {"day": text, "opens": text},
    }
)
BUILT_IN: Phrases = MappingProxyType(
    {
        "media.file": Bilingual(zh="文件", en="file"),
        "media.unsupported": Bilingual(zh="消息", en="message"),
    }
)
"""What phrases say that a knowledge base, or an edition published before they were declared, may lack."""
FAMILIES = ("tier.",)  # named by the member system's codes: any number of them, without placeholders


def placeholders(name: str) -> Placeholders | None:
    """What the phrase of this name takes; None if there is no such phrase."""
    return NONE if name.startswith(FAMILIES) else DECLARED.get(name, OPTIONAL.get(name))


def render(name: str, wording: str, values: Mapping[str, Value]) -> str:
    """`wording` with its placeholders filled by `values`, which are said literally whatever they contain.

    Raises TypeError if the values are not exactly those that `name` declares: a slip of the code, not of an editor.
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


def read_phrases(page: Page) -> tuple[Phrases, list[Mistake]]:
    """The phrases on a page and everything that is wrong with them."""
    content = page.content
    if not isinstance(content, dict):
        return {}, [page.mistake((), "holds no phrases", "write `name: {zh: ..., en: ...}`, one for each phrase")]
    phrases: dict[str, Bilingual] = {}
    mistakes = [page.mistake((name,), "is missing", "write it in zh and en") for name in missing(content)]
    for name in content:
        mistakes += _take(page, name, phrases)
    return MappingProxyType(phrases), mistakes


def missing(phrases: Mapping[str, object]) -> list[str]:
    """The declared phrases that are neither among `phrases` nor built in."""
    return [name for name in DECLARED if name not in phrases and name not in BUILT_IN]


def _take(page: Page, name: str, phrases: dict[str, Bilingual]) -> list[Mistake]:
    declared = placeholders(name)
    if declared is None:
        return [page.mistake((name,), "is no phrase that anything says", "remove it, or check its spelling")]
    try:
        phrases[name] = phrase = Bilingual.model_validate(page.content[name])
    except ValidationError as problem:
        return mistakes_of(page, problem, (name,))
    return [
        mistake
        for language in LANGUAGES
        for mistake in _misplaced(page, (name, language), phrase.said_in(language), declared)
    ]


def _misplaced(page: Page, keys: tuple[str, Language], wording: str, declared: Placeholders) -> Iterator[Mistake]:
    wanted = [f"{{{key}}}" for key in declared]
    found = braces(wording)
    known = f"use {' and '.join(wanted)}" if wanted else "say it without braces"
    for stray in dict.fromkeys(found):
        if stray not in wanted:
            yield page.mistake(keys, f"{stray} is no placeholder of this phrase", known)
    for absent in wanted:
        if absent not in found:
            yield page.mistake(keys, f"{absent} is missing", known)

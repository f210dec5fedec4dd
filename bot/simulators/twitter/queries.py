"""The query language of recent search and filtered stream, as far as a brand needs it.

Words and "phrases", @handle, #tag, from:, to:, lang:, url:, is:retweet|reply|quote, has:links|mentions, '-', OR and
brackets. Rules: docs.x.com "Filtered stream, operators". Raises Unreadable for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from bot.errors import YingdaError
from bot.simulators.twitter.people import People
from bot.simulators.twitter.posts import Post
from bot.simulators.twitter.texts import language

Matches: TypeAlias = Callable[[Post], bool]
LONGEST_QUERY = 512
LONGEST_RULE = 1024
_PART = re.compile(r'\s*(?:(-?\()|(\))|(OR)(?![^\s()])|(-?)(?:([a-z]+):)?(?:"([^"]*)"|([^\s()"]+)))')
_DEEPEST = 20


class Unreadable(YingdaError):
    """Not a query. The message says where."""


@dataclass(frozen=True, slots=True)
class _Part:
    opens: str
    closes: str
    either: str
    minus: str
    operator: str
    phrase: str | None
    word: str


def reader(query: str, people: People) -> Matches:
    """What tells whether a post matches the query. Raises Unreadable."""
    return _Reader(_parts(query), people).whole()


def _parts(query: str) -> list[_Part]:
    parts, at = [], 0
    while query[at:].strip():
        found = _PART.match(query, at)
        if found is None or found.end() == at:
            raise Unreadable(f"cannot be read at position {at + 1}")
        opens, closes, either, minus, operator, phrase, word = found.groups()
        parts.append(_Part(opens or "", closes or "", either or "", minus or "", operator or "", phrase, word or ""))
        at = found.end()
    return parts


class _Reader:
    def __init__(self, parts: list[_Part], people: People) -> None:
        self._parts = parts
        self._people = people
        self._at = 0

    def whole(self) -> Matches:
        matches = self._any(0)
        if self._at < len(self._parts):
            raise Unreadable("has a bracket too many")
        return matches

    def _any(self, depth: int) -> Matches:
        """Alternatives, joined by OR."""
        if depth > _DEEPEST:
            raise Unreadable("has too many brackets")
        choices = [self._all(depth)]
        while self._at < len(self._parts) and self._parts[self._at].either:
            self._at += 1
            choices.append(self._all(depth))
        return lambda post: any(matches(post) for matches in choices)

    def _all(self, depth: int) -> Matches:
        """Conditions that must hold together."""
        needed: list[Matches] = []
        while self._at < len(self._parts) and not (self._parts[self._at].either or self._parts[self._at].closes):
            needed.append(self._one(depth))
        if not needed:
            raise Unreadable("asks for nothing")
        return lambda post: all(matches(post) for matches in needed)

    def _one(self, depth: int) -> Matches:
        part = self._parts[self._at]
        self._at += 1
        if not part.opens:
            return _maybe_not(part.minus, _condition(part, self._people))
        inner = self._any(depth + 1)
        if self._at >= len(self._parts):
            raise Unreadable("has a bracket that is not closed")
        self._at += 1
        return _maybe_not(part.opens[:-1], inner)


def _maybe_not(minus: str, matches: Matches) -> Matches:
    return (lambda post: not matches(post)) if minus else matches


def _condition(part: _Part, people: People) -> Matches:
    value = part.phrase if part.phrase is not None else part.word
    if not part.operator:
        return _words(value, part.phrase is not None)
    maker = _OPERATORS.get(part.operator)
    if maker is None or not value:
        raise Unreadable(f"has an unknown operator {part.operator}:")
    return maker(value, people)


def _words(value: str, phrase: bool) -> Matches:
    if value.startswith("@") and not phrase:
        wanted = value[1:].lower()
        return lambda post: any(one.word.lower() == wanted for one in post.mentions)
    if not any(character.isalnum() for character in value):
        raise Unreadable("asks for no word")
    edges = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
    ascii_ends = value[:1].isascii(), value[-1:].isascii()
    pattern = re.compile((edges[0] * ascii_ends[0]) + re.escape(value) + (edges[1] * ascii_ends[1]), re.IGNORECASE)
    return lambda post: bool(pattern.search(post.text))


def _from(value: str, people: People) -> Matches:
    return lambda post: _is(people, post.author_id, value)


def _to(value: str, people: People) -> Matches:
    return lambda post: _is(people, post.reply_to_author, value)


def _is(people: People, person_id: str, value: str) -> bool:
    person = people.find(person_id)
    return person is not None and value.removeprefix("@").lower() in (person.username.lower(), person.id)


def _kind(value: str, _: People) -> Matches:
    if value not in _KINDS:
        raise Unreadable(f"knows no is:{value}")
    return _KINDS[value]


def _has(value: str, _: People) -> Matches:
    if value not in _HAS:
        raise Unreadable(f"knows no has:{value}")
    return _HAS[value]


_KINDS: dict[str, Matches] = {
    "retweet": lambda post: post.reposts is not None,
    "reply": lambda post: post.reply_to is not None,
    "quote": lambda post: post.quotes is not None,
    "verified": lambda _: False,
}
_HAS: dict[str, Matches] = {
    "links": lambda post: bool(post.links),
    "mentions": lambda post: bool(post.mentions),
    "media": lambda _: False,
}
_OPERATORS: dict[str, Callable[[str, People], Matches]] = {
    "from": _from,
    "to": _to,
    "is": _kind,
    "has": _has,
    "lang": lambda value, _: lambda post: language(post.text) == value,
    "url": lambda value, _: lambda post: any(value.lower() in link.word.lower() for link in post.links),
    "conversation_id": lambda value, _: lambda post: str(post.conversation_id) == value,
}

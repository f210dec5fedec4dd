"""The query language of recent search and filtered stream, reduced to what a brand needs.

Words and "phrases", @handle, #tag, from:, to:, lang:, url:, is:retweet|reply|quote, has:links|mentions, '-', OR and
parentheses. Rules: docs.x.com "Filtered stream, operators".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from bot.errors import YingdaError
from bot.simulators.twitter.state import People, Post
from bot.simulators.twitter.texts import language

Matches: TypeAlias = Callable[[Post], bool]
LONGEST_QUERY = 512  # characters, of recent search
LONGEST_RULE = 1024  # of a rule of the filtered stream
_PART = re.compile(r'\s*(?:(-?\()|(\))|(OR)(?![^\s()])|(-?)(?:([a-z]+):)?(?:"([^"]*)"|([^\s()"]+)))')
_MAX_DEPTH = 20  # parentheses; deeper ones would exhaust the stack of the recursive parser


class QueryError(YingdaError):
    """Not a query. The message continues a sentence like "the rule ..."."""


class _Part(NamedTuple):
    """A token: the groups of _PART."""

    opens: str  # '(' or '-('
    closes: str
    either: str  # 'OR'
    minus: str
    operator: str  # 'from' of 'from:handle'
    phrase: str  # in quotes
    word: str


def parse_query(query: str, people: People) -> Matches:
    """A predicate that tells whether a post matches the query. Raises QueryError."""
    parts: list[_Part] = []
    at = 0
    while query[at:].strip():
        found = _PART.match(query, at)
        if found is None or found.end() == at:
            raise QueryError(f"cannot be read at position {at + 1}")
        parts.append(_Part(*found.groups("")))
        at = found.end()
    parts.reverse()
    matches = _any(parts, people, 0)
    if parts:
        raise QueryError("has a bracket too many")
    return matches


def _any(parts: list[_Part], people: People, depth: int) -> Matches:
    """Alternatives, joined by OR. parts: the rest of the query, the next part at the end; what is read is removed."""
    if depth > _MAX_DEPTH:
        raise QueryError("has too many brackets")
    choices = [_all(parts, people, depth)]
    while parts and parts[-1].either:
        parts.pop()
        choices.append(_all(parts, people, depth))
    return lambda post: any(matches(post) for matches in choices)


def _all(parts: list[_Part], people: People, depth: int) -> Matches:
    """Conditions that must hold together."""
    needed: list[Matches] = []
    while parts and not (parts[-1].either or parts[-1].closes):
        part = parts.pop()
        if not part.opens:
            needed.append(_maybe_not(part.minus, _condition(part, people)))
            continue
        needed.append(_maybe_not(part.opens[:-1], _any(parts, people, depth + 1)))
        if not parts:
            raise QueryError("has a bracket that is not closed")
        parts.pop()
    if not needed:
        raise QueryError("asks for nothing")
    return lambda post: all(matches(post) for matches in needed)


def _maybe_not(minus: str, matches: Matches) -> Matches:
    return (lambda post: not matches(post)) if minus else matches


def _condition(part: _Part, people: People) -> Matches:
    value = part.phrase or part.word
    if not part.operator:
        return _words(value, bool(part.phrase))
    maker = _OPERATORS.get(part.operator)
    if maker is None or not value:
        raise QueryError(f"has an unknown operator {part.operator}:")
    return maker(value, people)


def _words(value: str, phrase: bool) -> Matches:
    if value.startswith("@") and not phrase:
        wanted = value[1:].lower()
        return lambda post: any(one.word.lower() == wanted for one in post.mentions)
    if not any(character.isalnum() for character in value):
        raise QueryError("asks for no word")
    # Latin words match as a whole; Chinese has no spaces between words, so there a match may lie within a word.
    before = r"(?<![A-Za-z0-9_])" if value[0].isascii() else ""
    after = r"(?![A-Za-z0-9_])" if value[-1].isascii() else ""
    pattern = re.compile(before + re.escape(value) + after, re.IGNORECASE)
    return lambda post: bool(pattern.search(post.text))


def _is(people: People, person_id: str, value: str) -> bool:
    person = people.find(person_id)
    return person is not None and value.removeprefix("@").lower() in (person.username.lower(), person.id)


_KINDS: dict[str, Matches] = {
    "is:retweet": lambda post: post.reposts is not None,
    "is:reply": lambda post: post.reply_to is not None,
    "is:quote": lambda post: post.quotes is not None,
    "is:verified": lambda _: False,
    "has:links": lambda post: bool(post.links),
    "has:mentions": lambda post: bool(post.mentions),
    "has:media": lambda _: False,
}


def _kind(name: str) -> Matches:
    if name not in _KINDS:
        raise QueryError(f"knows no {name}")
    return _KINDS[name]


_OPERATORS: dict[str, Callable[[str, People], Matches]] = {
    "from": lambda value, people: lambda post: _is(people, post.author_id, value),
    "to": lambda value, people: lambda post: _is(people, post.reply_to_author, value),
    "is": lambda value, _: _kind(f"is:{value}"),
    "has": lambda value, _: _kind(f"has:{value}"),
    "lang": lambda value, _: lambda post: language(post.text) == value,
    "url": lambda value, _: lambda post: any(value.lower() in link.word.lower() for link in post.links),
    "conversation_id": lambda value, _: lambda post: str(post.conversation_id) == value,
}

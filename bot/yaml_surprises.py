"""YAML that is valid and means something else than it looks like, such as a text that ends at a `#`.

Found from the parsed nodes, which know their places and whether they are quoted. Quotes around a text say that it is
meant as it stands, so what is quoted surprises nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from bot.yaml_signs import (
    DASHES,
    HASH,
    KEY_WITH_WIDE_COLON,
    KEY_WITHOUT_SPACE,
    NO_SPACE_AFTER_DASH,
    Wrong,
    in_place_of_structure,
    wide_colon,
    wide_comma,
    wide_dash,
)

Keys = tuple[str | int, ...]
_STR = "tag:yaml.org,2002:str"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_NULL = "tag:yaml.org,2002:null"
_TEXT_KEYS = frozenset({"zh", "en", "ask", "text", "examples", "title", "topic"})
_KNOWN_KEYS = _TEXT_KEYS | {"owner", "entries", "id", "answers", "handoff", "skill", "signal", "default", "expect"}
"""Of the files that people write; a file's own keys are known in it, too."""
_AFTER = re.compile(r"(?P<before>[ \t]+)#(?P<after>.?)")
_ODD_NUMBER = re.compile(r"[-+]?0[0-9_]+|0o[0-7]+|[-+]?[0-9][0-9_]*(?::[0-9]+)+(?:\.[0-9]*)?|[-+]?[0-9]+_[0-9_]*")
_WIDE_COMMAS = re.compile(r"[，、；]")
_MANY = 3  # full-width commas in one item of a list in brackets


@dataclass(frozen=True, slots=True)
class Surprise:
    """keys: the value it is about. line: from 1, where the sign stands. explains: whether anything else that is wrong
    with the value follows from it."""

    keys: Keys
    line: int
    wrong: str
    mend: str
    explains: bool = True


def surprises(node: yaml.Node | None, text: str) -> list[Surprise]:
    """What may surprise in a file's nodes, in the order of its lines."""
    if node is None:
        return []
    reader = _Reader(text.splitlines(), _keys_in(node) | _KNOWN_KEYS)
    found = [*reader.of_node(node, ())]
    return sorted(found, key=lambda one: one.line)


def _keys_in(node: yaml.Node) -> frozenset[str]:
    if isinstance(node, yaml.MappingNode):
        own = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        return frozenset(own).union(*(_keys_in(value) for _, value in node.value))
    if isinstance(node, yaml.SequenceNode):
        return frozenset[str]().union(*map(_keys_in, node.value))
    return frozenset()


@dataclass(frozen=True, slots=True)
class _Reader:
    lines: Sequence[str]
    known: frozenset[str]

    def of_node(self, node: yaml.Node, keys: Keys) -> Iterator[Surprise]:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                yield from self._of_key(key, keys)
                yield from self.of_node(value, (*keys, str(key.value)))
        elif isinstance(node, yaml.SequenceNode):
            yield from self._of_list(node, keys)
            for index, item in enumerate(node.value):
                yield from self.of_node(item, (*keys, index))
        elif isinstance(node, yaml.ScalarNode) and not node.style:
            yield from self._of_plain(node, keys)

    def _of_key(self, key: yaml.Node, keys: Keys) -> Iterator[Surprise]:
        wrong = in_place_of_structure(str(key.value)) if isinstance(key, yaml.ScalarNode) and not key.style else None
        if wrong is not None:
            yield Surprise((*keys, str(key.value)), key.start_mark.line + 1, *wrong)

    def _of_list(self, node: yaml.SequenceNode, keys: Keys) -> Iterator[Surprise]:
        """A list in brackets whose items are parted by commas of the wrong kind is one long item."""
        for index, item in enumerate(node.value if node.flow_style else ()):
            commas = _WIDE_COMMAS.findall(item.value) if isinstance(item, yaml.ScalarNode) and not item.style else []
            if len(commas) >= (1 if len(node.value) == 1 else _MANY):
                yield Surprise((*keys, index), item.start_mark.line + 1, *wide_comma(commas[0]))

    def _of_plain(self, node: yaml.ScalarNode, keys: Keys) -> Iterator[Surprise]:
        yield from self._cut(node, keys)
        yield from self._signs(node, keys)
        tag, value = node.tag, node.value
        if tag in {_INT, _FLOAT} and _ODD_NUMBER.fullmatch(value):
            read = yaml.safe_load(value)
            wrong = f"{value} is the number {read}"
            yield Surprise(keys, node.start_mark.line + 1, wrong, "put quotes around it, or write the number plainly")
        begins = self.lines[node.start_mark.line][node.start_mark.column :][:1] if value else ""
        if begins in {"&", "!"} and begins != value[:1]:
            wrong = f"begins with {begins}, and the first word is lost"
            yield Surprise(keys, node.start_mark.line + 1, wrong, "put quotes around it")

    def _cut(self, node: yaml.ScalarNode, keys: Keys) -> Iterator[Surprise]:
        """A comment right behind a text. Two spaces before and one after the # are how comments are written."""
        end = node.end_mark
        rest = self.lines[end.line][end.column :] if end.line < len(self.lines) else ""
        found = _AFTER.match(rest)
        if found is None:
            return
        nothing = node.tag == _NULL and not node.value
        aside = found["after"] in {" ", ""}
        comment = aside and (nothing or len(found["before"]) > 1 or _TEXT_KEYS.isdisjoint(keys))
        if not comment:
            yield Surprise(keys, end.line + 1, *HASH, explains=nothing)

    def _signs(self, node: yaml.ScalarNode, keys: Keys) -> Iterator[Surprise]:
        """Lines of a plain text that look like keys or items, but for one sign."""
        first, last = node.start_mark, node.end_mark
        if node.tag != _STR:
            return
        for number in range(first.line, min(last.line, len(self.lines) - 1) + 1):
            begin = first.column if number == first.line else 0
            end = last.column if number == last.line else None
            below = first.line != last.line or not self.lines[number][:begin].strip()
            wrong = self._sign(self.lines[number][begin:end], below=below, in_list=_in_list(keys))
            if wrong is not None:
                yield Surprise(keys, number + 1, *wrong)
                return

    def _sign(self, line: str, *, below: bool, in_list: bool) -> Wrong | None:
        """below: whether the line stands under its key, where a list would, too. in_list: whether an item's dash is
        there already."""
        bare = line.strip()
        if below and bare[:1] in tuple(DASHES) and bare[1:].strip():
            return wide_dash(bare[0])
        if (below or in_list) and bare[:1] == "-" and bare[1:2].strip("-0123456789."):
            return NO_SPACE_AFTER_DASH
        for pattern in (KEY_WITH_WIDE_COLON, KEY_WITHOUT_SPACE):
            found = pattern.match(bare)
            if found and found["key"] in self.known:
                wide = pattern is KEY_WITH_WIDE_COLON
                return wide_colon(found["key"]) if wide else in_place_of_structure(bare)
        return None


def _in_list(keys: Keys) -> bool:
    return bool(keys) and isinstance(keys[-1], int)

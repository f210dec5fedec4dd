"""Signs that look like YAML's own and are not: on one line of a file that people write."""

from __future__ import annotations

import re
from typing import TypeAlias

Wrong: TypeAlias = tuple[str, str]
"""What is wrong, and how to mend it."""

DASHES = "－–—﹣−"
_SPACES = "\u3000\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\ufeff"
_INDENTED = re.compile(rf"[ \t]*(?P<sign>[{_SPACES}])")
_ITEM = re.compile(rf"\s*(?:- +)?(?P<sign>[{DASHES}])\s*\S")
_NO_SPACE_AFTER_DASH = re.compile(r"\s*-[^\s\-\d.]")
KEY_WITH_WIDE_COLON = re.compile(r"\s*(?:- *)?(?P<key>[A-Za-z_][A-Za-z0-9_-]*)\s*：")
KEY_WITHOUT_SPACE = re.compile(r"\s*(?:- *)?(?P<key>[A-Za-z_][A-Za-z0-9_-]*):[^\s/:]")
_BRACKET = re.compile(r"\s*(?:- +)?(?:[A-Za-z_][\w-]*: *)?(?P<sign>[［｛【])")
_WIDE_QUOTE = re.compile(r"\s*(?:- +)?(?:[A-Za-z_][\w-]*: *)?(?P<sign>[“‘「＂])")
_WIDE_COMMA = re.compile(r"[，、]")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'")
_CUT = re.compile(r"\s#\S")


def in_place_of_structure(line: str) -> Wrong | None:
    """A sign at the beginning of a line where YAML wants a space, a hyphen, a colon or a bracket of ASCII."""
    if found := _INDENTED.match(line):
        return wide_space(found["sign"])
    if found := _ITEM.match(line):
        return wide_dash(found["sign"])
    if found := KEY_WITH_WIDE_COLON.match(line):
        return wide_colon(found["key"])
    if _NO_SPACE_AFTER_DASH.match(line):
        return NO_SPACE_AFTER_DASH
    if found := KEY_WITHOUT_SPACE.match(line):
        return f"has no space after the colon of {found['key']}", "put a space after the colon"
    return None


def in_place_of_a_quote(line: str) -> Wrong | None:
    """A full-width bracket or quote at the beginning of a value: to YAML, the first letter of a text."""
    if found := _BRACKET.match(line):
        return f"begins with “{found['sign']}”, which is no bracket to YAML", "write ordinary brackets"
    if found := _WIDE_QUOTE.match(line):
        return f"begins with “{found['sign']}”, which is no quote to YAML", "put \" or ' around the text"
    return None


def in_place_of_a_comma(line: str) -> Wrong | None:
    """A full-width comma outside of quotes, where no other comma parts anything."""
    bare = _QUOTED.sub("", line)
    found = _WIDE_COMMA.search(bare)
    return wide_comma(found.group()) if found and "," not in bare else None


def cut_by_hash(line: str) -> Wrong | None:
    """A # after a space that looks like part of a text."""
    return HASH if _CUT.search(_QUOTED.sub("", line)) and not line.lstrip().startswith("#") else None


HASH: Wrong = ("ends at #: after a space that begins a comment", "put quotes around it")
NO_SPACE_AFTER_DASH: Wrong = ("has no space after its dash", "put a space after the dash")


def wide_space(sign: str) -> Wrong:
    if sign == "\u3000":
        return "is indented by full-width spaces (U+3000)", "replace them by ordinary spaces"
    return f"is indented by the space U+{ord(sign):04X}, which YAML does not know", "replace it by ordinary spaces"


def wide_dash(sign: str) -> Wrong:
    return f"begins with the sign {sign}, which is no hyphen", "write - and a space"


def wide_colon(key: str) -> Wrong:
    return f"has the full-width colon ： after {key}", "write : and a space"


def wide_comma(sign: str) -> Wrong:
    return f"parts a list by the full-width sign {sign}", "write , and a space between the items"

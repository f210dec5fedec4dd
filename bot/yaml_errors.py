"""What a YAML parser refuses, in a person's words: the line to look at, what is wrong there and how to mend it.

PyYAML names the place where it gave up and the token that it expected. People need the line where they slipped, so the
lines before are searched for signs that an input method for Chinese writes in place of YAML's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import yaml
from yaml.reader import ReaderError

from bot.yaml_signs import Wrong, cut_by_hash, in_place_of_a_comma, in_place_of_a_quote, in_place_of_structure

CHECK = "check indentation, colons and quotes, here and above"
_QUOTES = "put quotes around the text"
_LINES_ABOVE = 2  # how far above the parser's place the slip is looked for


@dataclass(frozen=True, slots=True)
class Explained:
    """line: from 1; 0 if unknown."""

    line: int
    wrong: str
    mend: str


@dataclass(frozen=True, slots=True)
class _Case:
    """A kind of parser message. at_start: the slip is where the parser's context begins, not where it gave up."""

    problem: str
    wrong: str
    mend: str
    context: str = ""
    at_start: bool = False

    def fits(self, problem: str, context: str) -> bool:
        return re.search(self.problem, problem) is not None and self.context in context


_TAG = ("begins with !, which names a kind of value to YAML", _QUOTES)
_CASES: tuple[_Case, ...] = (
    _Case(r"found character '\\t'", "begins with a tab", "indent with spaces"),
    _Case("found character", "begins with a sign that YAML keeps for itself", _QUOTES),
    _Case("mapping values are not", "has an unexpected colon", "put the text in quotes, or check the indentation"),
    _Case(
        "sequence entries are not",
        "has a list item where none can stand",
        "begin the list on a line of its own, or put quotes around the text",
    ),
    _Case("mapping keys are not", "begins with a sign that YAML keeps for itself", _QUOTES),
    _Case(
        "could not find expected ':'",
        "is neither a key with its value nor an item of a list",
        "write a colon and a space after a key, a dash and a space before an item",
        at_start=True,
    ),
    _Case(
        "but found '<scalar>'",
        "has text where nothing more can stand",
        "put quotes around the whole text, or begin it in the same column as its like",
        "parsing a block",
    ),
    _Case(
        "expected <block end>",
        "is not indented like what it belongs to",
        "mend the indentation: it begins in the same column as its like",
    ),
    _Case(
        "expected ',' or ']'",
        "begins a list that is not closed, or whose items are not parted by commas",
        "close it with ], part its items by commas, and put quotes around texts that hold such signs",
        at_start=True,
    ),
    _Case(
        "expected ',' or '}'",
        "begins keys in braces that are not closed, or not parted by commas",
        "close them with a brace, part them by commas, and put quotes around texts that hold such signs",
        at_start=True,
    ),
    _Case(
        "found unexpected (end of stream|document separator)",
        "opens a quote that is never closed",
        "close it; a quote within a text is written twice, or the text takes the other kind",
        at_start=True,
    ),
    _Case(
        "unknown escape|escape sequence of",
        "has a backslash between double quotes that means nothing there",
        "use single quotes, or write the backslash twice",
    ),
    _Case("found undefined alias", "begins with *, which stands for something named elsewhere", _QUOTES),
    _Case("expected alphabetic or numeric", "begins with %, which YAML keeps for itself", _QUOTES, "directive"),
    _Case("expected alphabetic or numeric", "begins with & or *, which YAML keeps for itself", _QUOTES),
    _Case(
        "second occurrence",
        "gives a name with & that is given already",
        "put quotes around the text, or choose another name",
    ),
    _Case(
        "indentation indicator|a comment or a line break",
        "has text on the same line as | or >",
        "begin the text on the next line, indented further; or put quotes around it",
        "block scalar",
    ),
    _Case("", "begins with %, which YAML keeps for itself", _QUOTES, "directive"),
    _Case("YAML directive|YAML document|duplicate tag handle", "begins with %, which YAML keeps for itself", _QUOTES),
    _Case("", *_TAG, " tag"),
    _Case("constructor for the tag|tag handle|base64|expected a (scalar|sequence|mapping)[ ,]", *_TAG),
    _Case("single mapping item|expected a class|empty value|non-empty name|module|blacklisted", *_TAG),
    _Case(
        "node content",
        "has no value where one is expected",
        "write one, or put quotes around a text that begins with such a sign",
    ),
    _Case("another document", "begins a second document in one file", "remove the line ---, or make two files of it"),
    _Case("document start", "follows what is complete already", CHECK),
    _Case("for merging", "takes over keys with << from something that has none", "write the keys themselves"),
    _Case("unhashable", "has braces or brackets where a key stands", _QUOTES),
    _Case("recursive", "contains itself", "write plain keys, lists and texts"),
    _Case("a directive", "begins with %, which YAML keeps for itself", _QUOTES),
)


def explained(text: str, error: yaml.YAMLError) -> Explained:
    """`error` as PyYAML raised it for `text`."""
    if isinstance(error, ReaderError):
        return _control_character(text, error)
    if not isinstance(error, yaml.MarkedYAMLError):
        return Explained(0, "is not YAML", CHECK)
    problem, context = error.problem or "", error.context or ""
    line = error.problem_mark.line if error.problem_mark else 0
    start = error.context_mark.line if error.context_mark else line
    case = next((one for one in _CASES if one.fits(problem, context)), _Case("", "is not YAML", CHECK))
    told = start if case.at_start else line
    first = start if "flow" in context else max(told - _LINES_ABOVE, 0)
    return _slip(text.splitlines(), first, line, context) or Explained(told + 1, case.wrong, case.mend)


def _slip(lines: Sequence[str], first: int, last: int, context: str) -> Explained | None:
    """The sign to blame on the lines between, the nearest to where the parser gave up."""
    look = _in_flow if "flow" in context else in_place_of_structure
    last = min(last, len(lines) - 1)
    for number in range(last, first - 1, -1):
        found: Wrong | None = look(lines[number]) or (in_place_of_a_quote(lines[number]) if number == last else None)
        if found is not None:
            return Explained(number + 1, *found)
    return None


def _in_flow(line: str) -> Wrong | None:
    return in_place_of_a_comma(line) or cut_by_hash(line) or in_place_of_structure(line)


def _control_character(text: str, error: ReaderError) -> Explained:
    line = text[: error.position].count("\n") + 1
    sign = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
    return Explained(line, f"has the control character U+{sign:04X}", "remove it")

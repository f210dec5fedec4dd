"""Explains YAML mistakes: what a parser refuses, and valid YAML that means something other than intended.

- Parser errors: PyYAML names the place where it gave up and the token it expected. The mistake is often some lines
  above, so these are searched for characters that Chinese input methods write in place of YAML's own.
- Misreadings: for example a text that ends at a `#`. They are found in the parsed nodes, which know their position and
  whether they are quoted. Quoted values are taken as intended and never reported.

The key of each Message is the code of a ConfigProblem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml
from yaml.reader import ReaderError

from bot.i18n import Message, message

DASHES = "－–—﹣−"  # look like a hyphen
# Spaces that YAML does not accept as indentation.
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


def in_place_of_structure(line: str) -> Message | None:
    """A wrong character at the beginning of a line: YAML expects an ASCII space, hyphen or colon there."""
    if found := _INDENTED.match(line):
        return _wide_space(found["sign"])
    if found := _ITEM.match(line):
        return message("yaml.wide_dash", sign=found["sign"])
    if found := KEY_WITH_WIDE_COLON.match(line):
        return message("yaml.wide_colon", name=found["key"])
    if _NO_SPACE_AFTER_DASH.match(line):
        return message("yaml.no_space_after_dash")
    if found := KEY_WITHOUT_SPACE.match(line):
        return message("yaml.no_space_after_colon", name=found["key"])
    return None


def in_place_of_a_quote(line: str) -> Message | None:
    """A full-width bracket or quote at the beginning of a value, which YAML reads as part of the text."""
    if found := _BRACKET.match(line):
        return message("yaml.wide_bracket", sign=found["sign"])
    if found := _WIDE_QUOTE.match(line):
        return message("yaml.wide_quote", sign=found["sign"])
    return None


def in_place_of_a_comma(line: str) -> Message | None:
    """A full-width comma outside of quotes in a line without any ASCII comma."""
    bare = _QUOTED.sub("", line)
    found = _WIDE_COMMA.search(bare)
    return message("yaml.wide_comma", sign=found.group()) if found and "," not in bare else None


def cut_by_hash(line: str) -> Message | None:
    """A # after a space, which starts a comment but looks like part of a text."""
    cut = _CUT.search(_QUOTED.sub("", line)) and not line.lstrip().startswith("#")
    return message("yaml.cut_by_hash") if cut else None


def _wide_space(sign: str) -> Message:
    if sign == "\u3000":
        return message("yaml.indented_by_wide_space")
    return message("yaml.indented_by_odd_space", code=f"{ord(sign):04X}")


_LINES_ABOVE = 2  # searched above the place that the parser names


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is wrong with a file that cannot be parsed."""

    line: int  # from 1; 0 if unknown
    what: Message


@dataclass(frozen=True, slots=True)
class _ParserMessage:
    """A kind of parser message and its code."""

    problem: str  # pattern in the parser's `problem`
    code: str
    context: str = ""  # text in the parser's `context`
    at_start: bool = False  # the mistake is where the context begins, not where the parser gave up

    def fits(self, problem: str, context: str) -> bool:
        return re.search(self.problem, problem) is not None and self.context in context


_MESSAGES: tuple[_ParserMessage, ...] = (  # the first that fits
    _ParserMessage(r"found character '\\t'", "yaml.tab"),
    _ParserMessage("found character", "yaml.reserved"),
    _ParserMessage("mapping values are not", "yaml.unexpected_colon"),
    _ParserMessage("sequence entries are not", "yaml.unexpected_item"),
    _ParserMessage("mapping keys are not", "yaml.reserved"),
    _ParserMessage("could not find expected ':'", "yaml.neither_key_nor_item", at_start=True),
    _ParserMessage("but found '<scalar>'", "yaml.text_after_value", "parsing a block"),
    _ParserMessage("expected <block end>", "yaml.indentation"),
    _ParserMessage("expected ',' or ']'", "yaml.open_list", at_start=True),
    _ParserMessage("expected ',' or '}'", "yaml.open_braces", at_start=True),
    _ParserMessage("found unexpected (end of stream|document separator)", "yaml.open_quote", at_start=True),
    _ParserMessage("unknown escape|escape sequence of", "yaml.backslash"),
    _ParserMessage("found undefined alias", "yaml.alias"),
    _ParserMessage("expected alphabetic or numeric", "yaml.percent", "directive"),
    _ParserMessage("expected alphabetic or numeric", "yaml.anchor"),
    _ParserMessage("second occurrence", "yaml.anchor_twice"),
    _ParserMessage("indentation indicator|a comment or a line break", "yaml.text_beside_block", "block scalar"),
    _ParserMessage("", "yaml.percent", "directive"),
    _ParserMessage("YAML directive|YAML document|duplicate tag handle", "yaml.percent"),
    _ParserMessage("", "yaml.tag", " tag"),
    _ParserMessage("constructor for the tag|tag handle|base64|expected a (scalar|sequence|mapping)[ ,]", "yaml.tag"),
    _ParserMessage("single mapping item|expected a class|empty value|non-empty name|module|blacklisted", "yaml.tag"),
    _ParserMessage("node content", "yaml.no_value"),
    _ParserMessage("another document", "yaml.second_document"),
    _ParserMessage("document start", "yaml.after_the_end"),
    _ParserMessage("for merging", "yaml.merge_of_nothing"),
    _ParserMessage("unhashable", "yaml.brackets_as_key"),
    _ParserMessage("recursive", "yaml.contains_itself"),
    _ParserMessage("a directive", "yaml.percent"),
)
_UNKNOWN = _ParserMessage("", "yaml.not_yaml")


def explained(text: str, error: yaml.YAMLError) -> Explanation:
    """Explain an error that PyYAML raised for `text`."""
    if isinstance(error, ReaderError):
        return _control_character(text, error)
    if not isinstance(error, yaml.MarkedYAMLError):
        return Explanation(0, message(_UNKNOWN.code))
    problem, context = error.problem or "", error.context or ""
    line = error.problem_mark.line if error.problem_mark else 0
    start = error.context_mark.line if error.context_mark else line
    case = next((one for one in _MESSAGES if one.fits(problem, context)), _UNKNOWN)
    shown = start if case.at_start else line
    # A flow collection ([...] or {...}) may be wrong anywhere from its beginning.
    first = start if "flow" in context else max(shown - _LINES_ABOVE, 0)
    return _wrong_character(text.splitlines(), first, line, context) or Explanation(shown + 1, message(case.code))


def _wrong_character(lines: Sequence[str], first: int, last: int, context: str) -> Explanation | None:
    """The wrong character on the lines from `first` to `last`, the nearest to `last`."""
    look = _in_flow if "flow" in context else in_place_of_structure
    last = min(last, len(lines) - 1)
    for number in range(last, first - 1, -1):
        found = look(lines[number]) or (in_place_of_a_quote(lines[number]) if number == last else None)
        if found is not None:
            return Explanation(number + 1, found)
    return None


def _in_flow(line: str) -> Message | None:
    return in_place_of_a_comma(line) or cut_by_hash(line) or in_place_of_structure(line)


def _control_character(text: str, error: ReaderError) -> Explanation:
    line = text[: error.position].count("\n") + 1
    sign = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
    return Explanation(line, message("yaml.control_character", code=f"{sign:04X}"))


Keys = tuple[str | int, ...]  # the path of a value
_STR = "tag:yaml.org,2002:str"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_NULL = "tag:yaml.org,2002:null"
# Keys whose values are texts for people.
_TEXT_KEYS = frozenset({"zh", "en", "ask", "text", "examples", "title", "topic"})
# Keys of the files that people write; in each file its own keys are known, too.
_KNOWN_KEYS = _TEXT_KEYS | {"owner", "entries", "id", "answers", "handoff", "skill", "signal", "default", "expect"}
_AFTER = re.compile(r"(?P<before>[ \t]+)#(?P<after>.?)")
# Numbers that YAML 1.1 reads as octal, as sexagesimal or without their underscores.
_ODD_NUMBER = re.compile(r"[-+]?0[0-9_]+|0o[0-7]+|[-+]?[0-9][0-9_]*(?::[0-9]+)+(?:\.[0-9]*)?|[-+]?[0-9]+_[0-9_]*")
_WIDE_COMMAS = re.compile(r"[，、；]")
_MANY = 3  # full-width commas in an item from which they were probably meant as separators


@dataclass(frozen=True, slots=True)
class Misreading:
    """A place where YAML probably reads something other than the author meant."""

    keys: Keys  # of the value
    line: int  # from 1
    what: Message
    explains: bool = True  # whether it is the cause of other problems with the value


def misreadings(node: yaml.Node | None, text: str) -> list[Misreading]:
    """The misreadings in a file, by line. node: its root. text: its content."""
    if node is None:
        return []
    finder = _Finder(text.splitlines(), _keys_in(node) | _KNOWN_KEYS)
    found = [*finder.of_node(node, ())]
    return sorted(found, key=lambda one: one.line)


def _keys_in(node: yaml.Node) -> frozenset[str]:
    if isinstance(node, yaml.MappingNode):
        own = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        return frozenset(own).union(*(_keys_in(value) for _, value in node.value))
    if isinstance(node, yaml.SequenceNode):
        return frozenset[str]().union(*map(_keys_in, node.value))
    return frozenset()


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds the misreadings of one file."""

    lines: Sequence[str]
    known: frozenset[str]  # keys

    def of_node(self, node: yaml.Node, keys: Keys) -> Iterator[Misreading]:
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

    def _of_key(self, key: yaml.Node, keys: Keys) -> Iterator[Misreading]:
        found = in_place_of_structure(str(key.value)) if isinstance(key, yaml.ScalarNode) and not key.style else None
        if found is not None:
            yield Misreading((*keys, str(key.value)), key.start_mark.line + 1, found)

    def _of_list(self, node: yaml.SequenceNode, keys: Keys) -> Iterator[Misreading]:
        """In a list in brackets, full-width commas do not separate items."""
        for index, item in enumerate(node.value if node.flow_style else ()):
            commas = _WIDE_COMMAS.findall(item.value) if isinstance(item, yaml.ScalarNode) and not item.style else []
            if len(commas) >= (1 if len(node.value) == 1 else _MANY):
                yield Misreading((*keys, index), item.start_mark.line + 1, message("yaml.wide_comma", sign=commas[0]))

    def _of_plain(self, node: yaml.ScalarNode, keys: Keys) -> Iterator[Misreading]:
        yield from self._cut(node, keys)
        yield from self._wrong_lines(node, keys)
        tag, value = node.tag, node.value
        if tag in {_INT, _FLOAT} and _ODD_NUMBER.fullmatch(value):
            read = yaml.safe_load(value)
            yield Misreading(keys, node.start_mark.line + 1, message("yaml.odd_number", value=value, number=read))
        begins = self.lines[node.start_mark.line][node.start_mark.column :][:1] if value else ""
        if begins in {"&", "!"} and begins != value[:1]:
            yield Misreading(keys, node.start_mark.line + 1, message("yaml.first_word_lost", sign=begins))

    def _cut(self, node: yaml.ScalarNode, keys: Keys) -> Iterator[Misreading]:
        """A text cut by a #. With two spaces before and one after the #, it is taken for an intended comment."""
        end = node.end_mark
        rest = self.lines[end.line][end.column :] if end.line < len(self.lines) else ""
        found = _AFTER.match(rest)
        if found is None:
            return
        nothing = node.tag == _NULL and not node.value
        spaced = found["after"] in {" ", ""}
        comment = spaced and (nothing or len(found["before"]) > 1 or _TEXT_KEYS.isdisjoint(keys))
        if not comment:
            yield Misreading(keys, end.line + 1, message("yaml.cut_by_hash"), explains=nothing)

    def _wrong_lines(self, node: yaml.ScalarNode, keys: Keys) -> Iterator[Misreading]:
        """Lines of an unquoted text that differ from a key or list item in one character."""
        first, last = node.start_mark, node.end_mark
        if node.tag != _STR:
            return
        for number in range(first.line, min(last.line, len(self.lines) - 1) + 1):
            begin = first.column if number == first.line else 0
            end = last.column if number == last.line else None
            below = first.line != last.line or not self.lines[number][:begin].strip()
            found = self._sign(
                self.lines[number][begin:end], below=below, in_list=bool(keys) and isinstance(keys[-1], int)
            )
            if found is not None:
                yield Misreading(keys, number + 1, found)
                return

    def _sign(self, line: str, *, below: bool, in_list: bool) -> Message | None:
        """The wrong character of one line.

        below: the line is below its key, where list items would be. in_list: the text is an item of a list already.
        """
        bare = line.strip()
        if below and bare[:1] in tuple(DASHES) and bare[1:].strip():
            return message("yaml.wide_dash", sign=bare[0])
        if (below or in_list) and bare[:1] == "-" and bare[1:2].strip("-0123456789."):
            return message("yaml.no_space_after_dash")
        for pattern in (KEY_WITH_WIDE_COLON, KEY_WITHOUT_SPACE):
            found = pattern.match(bare)
            if found and found["key"] in self.known:
                wide = pattern is KEY_WITH_WIDE_COLON
                return message("yaml.wide_colon", name=found["key"]) if wide else in_place_of_structure(bare)
        return None

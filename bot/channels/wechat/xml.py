"""Parses a push's XML into flat fields in one pass.

wechatpy.parse_message is not used: it strips the customer's whitespace, accepts a DOCTYPE, walks 100,000 nested tags,
turns repeated tags into lists and lets any exception escape. Here the text that people wrote is cut out first, then
expat parses the rest and stops at the first irregularity. No entity is expanded, because a DOCTYPE is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from bot.errors import Refused

MAX_DEPTH = 16  # levels of tags; the deepest known push, pic_sysphoto, has five

# Fields that people write. WeChat puts them into CDATA as typed, even if they hold `]]>` (silenceper/wechat#750), so
# nothing inside may be read as markup.
_WRITTEN_BY_PEOPLE = "Content|Title|Description|Url|Label|Poiname|Recognition|ScanResult"
_OPENS = re.compile(rf"<({_WRITTEN_BY_PEOPLE})>\s*<!\[CDATA\[")
_CLOSES = re.compile(rf"\]\]>\s*</({_WRITTEN_BY_PEOPLE})>")
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2 Characters
_BY_NUMBER = re.compile(r"&#(?:x([0-9A-Fa-f]+)|([0-9]+));")
_MAX_REFERENCE_DIGITS = 10  # no character has more than seven; int() of a huge number would be slow


@dataclass(frozen=True, slots=True)
class XmlFields:
    """The root's children that hold text, by tag name."""

    values: dict[str, str] = field(default_factory=dict)  # the first value of each tag
    repeated: set[str] = field(default_factory=set)  # tags that occur more than once

    def raw(self, name: str) -> str:
        """A field exactly as sent; '' if absent."""
        return self.values.get(name, "")

    def get(self, name: str) -> str:
        """A field stripped of surrounding whitespace; '' if absent."""
        return self.values.get(name, "").strip()


def read_fields(document: bytes) -> XmlFields:
    """Parse `<xml>...</xml>` in UTF-8. Raises Refused(400).

    Characters that XML forbids are dropped: customers paste control characters, WeChat passes them on, and the message
    must not be lost for that (WeRoBot#420).
    """
    if b"\0" in document[:4]:  # UTF-16, which WeChat never sends and which would hide tags from the patterns
        raise Refused(400, "xml")
    text = _NOT_IN_XML.sub("", document.decode(errors="replace"))
    frame, written = _split_user_text(text)
    fields = _read_frame(_BY_NUMBER.sub(_if_allowed, frame))
    for name, value in written.items():
        if name in fields.values:
            fields.repeated.add(name)
        fields.values[name] = value
    return fields


def _split_user_text(text: str) -> tuple[str, dict[str, str]]:
    """Return the push without the fields that people wrote, and those fields by name.

    Everything from the first opening to the last closing tag of such fields counts as text: a message that contains
    `]]></Content><MsgType>` is that message, and cannot replace the tags that say who sent what.
    """
    opened: dict[str, re.Match[str]] = {}
    closed: dict[str, re.Match[str]] = {}
    for one in _OPENS.finditer(text):
        opened.setdefault(one[1], one)
    for one in _CLOSES.finditer(text):
        closed[one[1]] = one
    written = {
        name: _cdata_content(text[one.end() : closed[name].start()])
        for name, one in opened.items()
        if name in closed and closed[name].start() >= one.end()
    }
    if not written:
        return text, {}
    start = min(opened[name].start() for name in written)
    end = max(closed[name].end() for name in written)
    return text[:start] + text[end:], written


def _cdata_content(raw: str) -> str:
    """The text of CDATA sections. A `]]>` split over two sections is joined; line ends are those of XML 1.0, 2.11."""
    return raw.replace("]]]]><![CDATA[>", "]]>").replace("\r\n", "\n").replace("\r", "\n")


def _if_allowed(reference: re.Match[str]) -> str:
    """A numeric character reference as it is, or '' if XML has no such character."""
    digits, base = (reference[1], 16) if reference[1] else (reference[2], 10)
    code = int(digits, base) if len(digits) <= _MAX_REFERENCE_DIGITS else -1
    allowed = 0 <= code <= 0x10FFFF and not _NOT_IN_XML.match(chr(code))
    return reference[0] if allowed else ""


def _read_frame(text: str) -> XmlFields:
    collector = _FieldCollector()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = collector.start
    parser.CharacterDataHandler = collector.text
    parser.EndElementHandler = collector.end
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as broken:
        raise Refused(400, "xml") from broken
    return collector.fields


def _refuse_doctype(*_: object) -> NoReturn:
    # Entities can only be declared in a DOCTYPE, and WeChat never sends one.
    raise Refused(400, "doctype")


class _FieldCollector:
    """expat handlers that collect the text of the root's children."""

    __slots__ = ("depth", "fields", "pieces")

    def __init__(self) -> None:
        self.fields = XmlFields()
        self.depth = 0
        self.pieces: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if self.depth >= MAX_DEPTH:
            raise Refused(400, "nested")
        if self.depth == 0 and name != "xml":
            raise Refused(400, "xml")
        self.depth += 1
        self.pieces.clear()

    def text(self, piece: str) -> None:
        if self.depth == 2:
            self.pieces.append(piece)

    def end(self, name: str) -> None:
        if self.depth == 2:
            self._keep(name)
        self.depth -= 1
        self.pieces.clear()

    def _keep(self, name: str) -> None:
        if name in self.fields.values:
            self.fields.repeated.add(name)
        else:
            self.fields.values[name] = "".join(self.pieces)


def is_number(text: str) -> bool:
    """Whether `text` is 1 to 12 ASCII digits, such as a Unix time in seconds, exact as int and as float."""
    return text.isascii() and text.isdigit() and len(text) <= 12

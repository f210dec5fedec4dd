"""A push's XML as flat fields, read suspiciously and in one pass.

wechatpy.parse_message is not used: it strips what the customer typed, takes a DOCTYPE, walks 100,000 nested tags, makes
lists of repeated tags and raises whatever happens to it. Here expat is stopped at the first oddity of the frame; what
people wrote is taken out before it looks. It expands nothing, as a DOCTYPE is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from bot.errors import Refused

DEEPEST = 16  # the deepest push known, pic_sysphoto, has five levels

# What people write. WeChat puts it into CDATA as it was typed, even if it holds `]]>` (silenceper/wechat#750), so
# nothing inside can be trusted to be markup.
_WRITTEN_BY_PEOPLE = "Content|Title|Description|Url|Label|Poiname|Recognition|ScanResult"
_OPENS = re.compile(rf"<({_WRITTEN_BY_PEOPLE})>\s*<!\[CDATA\[")
_CLOSES = re.compile(rf"\]\]>\s*</({_WRITTEN_BY_PEOPLE})>")
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2 Characters
_BY_NUMBER = re.compile(r"&#(?:x([0-9A-Fa-f]+)|([0-9]+));")
_LONGEST_NUMBER = 10  # digits; no character has more than seven


@dataclass(frozen=True, slots=True)
class Fields:
    """The root's children that hold text, by name: the first of each. `repeated`: names that stood there twice."""

    values: dict[str, str] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)

    def raw(self, name: str) -> str:
        """A field exactly as it was sent; '' if it is absent."""
        return self.values.get(name, "")

    def get(self, name: str) -> str:
        """A field without the space around it; '' if it is absent."""
        return self.values.get(name, "").strip()


def read_fields(document: bytes) -> Fields:
    """The fields of `<xml>...</xml>` in UTF-8, of which what XML cannot carry is dropped. Raises Refused(400).

    A customer may paste anything, and WeChat passes it on: a control character must not cost them their message
    (WeRoBot#420).
    """
    if b"\0" in document[:4]:  # UTF-16
        raise Refused(400, "xml")
    text = _NOT_IN_XML.sub("", document.decode(errors="replace"))
    frame, written = _apart(text)
    fields = _read_frame(_BY_NUMBER.sub(_if_allowed, frame))
    for name, value in written.items():
        if name in fields.values:
            fields.repeated.add(name)
        fields.values[name] = value
    return fields


def _apart(text: str) -> tuple[str, dict[str, str]]:
    """A push without what people wrote in it, and that by field.

    From where the first such field opens to where the last one closes everything is people's, whatever it looks like:
    a text with `]]></Content><MsgType>` in it is that text. What says who sent what stands outside.
    """
    opened: dict[str, re.Match[str]] = {}
    closed: dict[str, re.Match[str]] = {}
    for one in _OPENS.finditer(text):
        opened.setdefault(one[1], one)
    for one in _CLOSES.finditer(text):
        closed[one[1]] = one
    written = {
        name: _as_typed(text[one.end() : closed[name].start()])
        for name, one in opened.items()
        if name in closed and closed[name].start() >= one.end()
    }
    if not written:
        return text, {}
    start = min(opened[name].start() for name in written)
    end = max(closed[name].end() for name in written)
    return text[:start] + text[end:], written


def _as_typed(raw: str) -> str:
    """The content of one CDATA section, or of several between which somebody has parted a `]]>`; line ends as XML reads
    them."""
    return raw.replace("]]]]><![CDATA[>", "]]>").replace("\r\n", "\n").replace("\r", "\n")


def _if_allowed(reference: re.Match[str]) -> str:
    """A character written as its number, unless XML has no such character."""
    digits, base = (reference[1], 16) if reference[1] else (reference[2], 10)
    code = int(digits, base) if len(digits) <= _LONGEST_NUMBER else -1
    allowed = 0 <= code <= 0x10FFFF and not _NOT_IN_XML.match(chr(code))
    return reference[0] if allowed else ""


def _read_frame(text: str) -> Fields:
    sheet = _Sheet()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = sheet.start
    parser.CharacterDataHandler = sheet.text
    parser.EndElementHandler = sheet.end
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as broken:
        raise Refused(400, "xml") from broken
    return sheet.fields


def _refuse_doctype(*_: object) -> NoReturn:
    """Entities can only be declared in one, and WeChat never sends one."""
    raise Refused(400, "doctype")


class _Sheet:
    """Collects the text of the root's children while expat walks."""

    __slots__ = ("depth", "fields", "pieces")

    def __init__(self) -> None:
        self.fields = Fields()
        self.depth = 0
        self.pieces: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if self.depth >= DEEPEST:
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

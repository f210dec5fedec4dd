"""A push's XML as flat fields, read suspiciously and in one pass.

wechatpy.parse_message is not used: it strips what the customer typed, takes a DOCTYPE, walks 100,000 nested tags, makes
lists of repeated tags and raises whatever happens to it (reference 1.11). Here expat is stopped at the first oddity. It
expands nothing, as a DOCTYPE is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from bot.errors import Refused

DEEPEST = 16  # the deepest push known, pic_sysphoto, has five levels


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
    """The fields of `<xml>...</xml>` in UTF-8. Raises Refused(400)."""
    if b"\0" in document:  # UTF-16, which expat would notice and take in spite of what it is told
        raise Refused(400, "xml")
    sheet = _Sheet()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = sheet.start
    parser.CharacterDataHandler = sheet.text
    parser.EndElementHandler = sheet.end
    try:
        parser.Parse(document, True)
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

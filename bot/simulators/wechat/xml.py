"""The little XML that WeChat speaks: written with CDATA, read flat and strictly."""

from __future__ import annotations

from collections.abc import Mapping
from xml.parsers import expat

from bot.errors import YingdaError
from bot.wording import clean

_DEEPEST = 5
_LISTS = ("Articles.",)


class Malformed(YingdaError):
    """Not the XML that WeChat expects; a follower is told that the service is out of order."""


def write(fields: Mapping[str, str | int | float]) -> bytes:
    """`<xml>` with one element per field: numbers bare, text as CDATA, as WeChat does. Without control characters."""
    return f"<xml>{''.join(_element(name, value) for name, value in fields.items())}</xml>".encode()


def _element(name: str, value: str | float) -> str:
    if isinstance(value, str):
        value = f"<![CDATA[{clean(value).replace(']]>', ']]]]><![CDATA[>')}]]>"
    return f"<{name}>{value}</{name}>"


def read(body: bytes) -> dict[str, str]:
    """Text by path under the root, e.g. {'MsgType': 'image', 'Image.MediaId': '1'}; of a list, its first item.

    Raises Malformed for anything that is not XML under `<xml>`, and for document types, repeated or deep elements.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse_document_type
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(body, True)
    except expat.ExpatError as broken:
        raise Malformed("not XML") from broken
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._path: list[str] = []
        self._said: list[str] = []
        self._leaf = False

    def refuse_document_type(self, *_: object) -> None:
        raise Malformed("a document type")

    def start(self, name: str, _: Mapping[str, str]) -> None:
        if not self._path and name != "xml":
            raise Malformed("no <xml>")
        if len(self._path) >= _DEEPEST:
            raise Malformed("too deep")
        self._path.append(name)
        self._said = []
        self._leaf = True

    def text(self, text: str) -> None:
        self._said.append(text)

    def end(self, _: str) -> None:
        path = ".".join(self._path[1:])
        if self._leaf and path:
            self._keep(path, "".join(self._said))
        self._path.pop()
        self._leaf = False

    def _keep(self, path: str, text: str) -> None:
        if path in self.found and not path.startswith(_LISTS):
            raise Malformed("an element twice")
        self.found.setdefault(path, text)

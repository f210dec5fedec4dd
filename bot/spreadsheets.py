"""Tables as spreadsheets save them: tab- or comma-separated text, with quoted cells, in the encodings that they choose.

Excel saves "Unicode text" as UTF-16 with a byte order mark, "CSV UTF-8" with one of its own, and everything else on a
Chinese system in GBK, of which GB18030 is the superset. A cell that holds a quote, a separator or a line break stands
between quotes, and a quote within it is written twice.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.errors import Mistake, SettingError

UTF_8 = "UTF-8"
_MARKS = (
    (codecs.BOM_UTF8, UTF_8, "utf-8"),
    (codecs.BOM_UTF16_LE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "UTF-16", "utf-16"),
)
_SEPARATORS = "\t,;"


@dataclass(frozen=True, slots=True)
class Row:
    """line: where it begins, from 1. Line breaks within a cell are spaces."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """rows: the heading and what follows, without the empty end. encoding: the one that was taken."""

    rows: tuple[Row, ...]
    encoding: str


def read_table(path: Path) -> Table:
    """Read a table in UTF-8, in UTF-16 with a byte order mark, or else in GB18030; nothing is guessed or replaced.

    Raises SettingError for a file that is in none of them or cannot be read, and for a quote that swallows rows.
    """
    text, encoding = _decoded(path)
    text = text.replace("\r\n", "\n").rstrip("\r\n")
    heading = text.partition("\n")[0]
    separator = next((sign for sign in _SEPARATORS if sign in heading), "\t")
    return Table(tuple(_quoted(path, text, separator) or _unquoted(text, separator)), encoding)


def _decoded(path: Path) -> tuple[str, str]:
    try:
        written = path.read_bytes()
    except OSError as gone:
        wrong = f"cannot be read ({gone.strerror})"
        raise SettingError(Mistake(str(path), 0, path.name, wrong, "name a file of text<TAB>label")) from gone
    name, codec = next(((name, codec) for mark, name, codec in _MARKS if written.startswith(mark)), (UTF_8, "utf-8"))
    try:
        return written.removeprefix(codecs.BOM_UTF8).decode(codec), name
    except UnicodeDecodeError as strange:
        if name == UTF_8 and not written.startswith(codecs.BOM_UTF8):
            return _in_gb18030(path, written, strange), "GB18030"
        raise SettingError(_no_text(path, strange, f"is not {name}")) from strange


def _in_gb18030(path: Path, written: bytes, strange: UnicodeDecodeError) -> str:
    try:
        return written.decode("gb18030")
    except UnicodeDecodeError as neither:
        raise SettingError(_no_text(path, strange, "is neither UTF-8 nor GB18030")) from neither


def _no_text(path: Path, strange: UnicodeDecodeError, wrong: str) -> Mistake:
    line = strange.object[: strange.start].count(b"\n") + 1
    return Mistake(str(path), line, "text", wrong, "save the file as UTF-8")


def _quoted(path: Path, text: str, separator: str) -> list[Row]:
    """The rows as a spreadsheet quotes them; none if quotes stand otherwise, in a file that means them literally."""
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=separator, strict=True)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            if any("\n" in cell and separator in cell for cell in cells):
                wrong = "opens a quote that closes only some rows further on"
                raise SettingError(Mistake(str(path), line, "row", wrong, "write each quote within a text twice"))
            rows.append(Row(line, tuple(cell.replace("\n", " ") for cell in cells) or ("",)))
            line = reader.line_num + 1
    except csv.Error:
        return []
    return rows


def _unquoted(text: str, separator: str) -> Iterator[Row]:
    """Only line feeds part rows: a text may hold any other sign that Unicode calls a break."""
    for line, row in enumerate(text.split("\n"), 1):
        yield Row(line, tuple(row.removesuffix("\r").split(separator)))

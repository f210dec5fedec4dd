"""Labelled texts in tables, as public intent sets come and spreadsheets save them: `text<TAB>label` under a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bot.errors import Mistake, SettingError
from bot.spreadsheets import UTF_8, read_table

HEADING = ("text", "label")
STRANGERS = ("oos", "__oos__")  # how public sets label what no intent is meant to answer
_MOST_MISTAKES = 20
_PARTS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_CODE = re.compile(r"\d")
_KIND = re.compile(r"(?P<kind>[a-z][a-z_-]{0,19})=(?P<path>.+)")


class Labelled(NamedTuple):
    """A text and the intent it stands for; '' if it is about something else.

    at: where it stands, as file:line. kind: which kind of something else, such as 'near' and 'far'; '' if nobody said.
    """

    text: str
    label: str
    at: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands in some files: texts with their intents, and texts that no intent is meant to answer."""

    known: tuple[Labelled, ...] = ()
    strangers: tuple[Labelled, ...] = ()


def read_sheet(paths: Sequence[Path]) -> Sheet:
    """All rows of these files together; further columns are left alone.

    Rows labelled `oos` or `__oos__` are strangers. Raises SettingError with file and line for each row that is not as
    the heading says, for a file without texts, and for one in an unknown encoding.
    """
    if not paths:
        return Sheet()
    rows = [row for path in paths for row in _rows(path)]
    known = tuple(row for row in rows if row.label not in STRANGERS)
    if not known:
        wrong = f"every text is {rows[0].label}"
        raise SettingError(
            Mistake(str(paths[0]), 2, "label", wrong, "name the file with --oos, and here one with intents")
        )
    return Sheet(
        known,
        tuple(row._replace(label="") for row in rows if row.label in STRANGERS),
    )


def strangers(named: Sequence[str | Path]) -> tuple[Labelled, ...]:
    """All texts of files that hold nothing else, whatever their labels say. Raises SettingError as `read_sheet`.

    A file may be called with its kind, as in `near=questions.tsv`.
    """
    kinds = [_kind_and_path(str(one)) for one in named]
    return tuple(row._replace(label="", kind=kind) for kind, path in kinds for row in _rows(path))


def _kind_and_path(named: str) -> tuple[str, Path]:
    found = _KIND.fullmatch(named)
    return (found["kind"], Path(found["path"])) if found else ("", Path(named))


def names(rows: Sequence[Labelled]) -> list[Labelled]:
    """What intents are called, where their labels are words (`card_arrival`, `CardArrival`, `退款`): a text more of
    each to teach, as an entry's title is. A label with a number in it is taken for a code."""
    labels: dict[str, str] = {}
    for row in rows:
        labels.setdefault(row.label, row.at)
    called = ((_PARTS.sub(" ", label).strip().lower(), label, at) for label, at in labels.items())
    return [Labelled(name, label, at) for name, label, at in called if len(name) > 1 and not _CODE.search(name)]


def taught(rows: Sequence[Labelled]) -> list[tuple[str, list[str]]]:
    """The texts of each intent, in order of its first."""
    ways: dict[str, list[str]] = {}
    for row in rows:
        ways.setdefault(row.label, []).append(row.text)
    return list(ways.items())


def other_encodings(named: Sequence[str | Path]) -> dict[Path, str]:
    """Which of these files are not in UTF-8, and what they are read as."""
    found = {path: read_table(path).encoding for path in (_kind_and_path(str(one))[1] for one in named)}
    return {path: encoding for path, encoding in found.items() if encoding != UTF_8}


def _rows(path: Path) -> list[Labelled]:
    heading, *rows = read_table(path).rows
    width = len(heading.cells)
    if tuple(cell.strip() for cell in heading.cells[:2]) != HEADING:
        begins = "\t".join(heading.cells)[:40]
        wrong = f"begins with “{begins}”"
        raise SettingError(Mistake(str(path), 1, "heading", wrong, "let the first line be text<TAB>label"))
    mistakes = [mistake for row in rows for mistake in _mistakes(path, row.line, row.cells, width)]
    if not rows:
        mistakes = [Mistake(str(path), 1, "text", "no line follows the heading", "write one text<TAB>label a line")]
    if mistakes:
        raise SettingError(*_some(path, mistakes))
    return [Labelled(row.cells[0].strip(), row.cells[1].strip(), f"{path}:{row.line}") for row in rows]


def _mistakes(path: Path, line: int, cells: Sequence[str], width: int) -> Iterator[Mistake]:
    if len(cells) != width:
        wrong = f"number of columns: {len(cells)}, and {width} in the heading"
        yield Mistake(
            str(path), line, "row", wrong, "part the columns as the heading does; put quotes around such texts"
        )
        return
    for name, cell in zip(HEADING, cells, strict=False):
        if not cell.strip():
            yield Mistake(str(path), line, name, "is empty", "fill it in, or remove the line")


def _some(path: Path, mistakes: Sequence[Mistake]) -> Iterator[Mistake]:
    yield from mistakes[:_MOST_MISTAKES]
    if len(mistakes) > _MOST_MISTAKES:
        more = f"{len(mistakes) - _MOST_MISTAKES} more lines are not in order"
        yield Mistake(str(path), 0, "row", more, "is the file what it should be: one text<TAB>label a line?")

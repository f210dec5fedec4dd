"""Labelled texts from tables: `text<TAB>label` under a heading, as public intent datasets come and spreadsheets save
them.

Excel saves "Unicode text" as UTF-16 and "CSV UTF-8" as UTF-8, each with a byte order mark, and anything else on a
Chinese system as GBK, a subset of GB18030. A cell with a quote, separator or line break is quoted, and a quote in it
doubled.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bot.errors import ConfigProblem, SettingError
from bot.intents.classifier.cross_validation import k_fold
from bot.text.language import script_of

UTF_8 = "UTF-8"
_MARKS = (
    (codecs.BOM_UTF8, UTF_8, "utf-8"),
    (codecs.BOM_UTF16_LE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "UTF-16", "utf-16"),
)
_SEPARATORS = "\t,;"


@dataclass(frozen=True, slots=True)
class Row:
    line: int  # where the row begins, from 1
    cells: tuple[str, ...]  # line breaks within a cell are spaces


@dataclass(frozen=True, slots=True)
class Table:
    rows: tuple[Row, ...]  # the heading first; empty rows at the end are left out
    encoding: str  # the one that was used


def read_table(path: Path) -> Table:
    """Read a table in UTF-8, in UTF-16 with a byte order mark, or else in GB18030.

    Raises SettingError for a file in none of them or unreadable, and for a quote that is never closed. Nothing is
    guessed.
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
        problem = ConfigProblem.of(path, 0, path.name, "dataset.unreadable", reason=gone.strerror)
        raise SettingError(problem) from gone
    name, codec = next(((name, codec) for mark, name, codec in _MARKS if written.startswith(mark)), (UTF_8, "utf-8"))
    try:
        return written.removeprefix(codecs.BOM_UTF8).decode(codec), name
    except UnicodeDecodeError as strange:
        if name == UTF_8 and not written.startswith(codecs.BOM_UTF8):
            return _in_gb18030(path, written, strange), "GB18030"
        raise SettingError(_no_text(path, strange, "dataset.other_encoding", encoding=name)) from strange


def _in_gb18030(path: Path, written: bytes, strange: UnicodeDecodeError) -> str:
    try:
        return written.decode("gb18030")
    except UnicodeDecodeError as neither:
        raise SettingError(_no_text(path, strange, "dataset.unknown_encoding")) from neither


def _no_text(path: Path, strange: UnicodeDecodeError, code: str, **values: object) -> ConfigProblem:
    line = strange.object[: strange.start].count(b"\n") + 1
    return ConfigProblem.of(path, line, "text", code, **values)


def _quoted(path: Path, text: str, separator: str) -> list[Row]:
    """The rows of quoted cells; [] if quotes are not balanced, because then the file means them literally."""
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=separator, strict=True)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            # A cell with line break and separator is most likely a quote that is never closed.
            if any("\n" in cell and separator in cell for cell in cells):
                raise SettingError(ConfigProblem.of(path, line, "row", "dataset.open_quote"))
            rows.append(Row(line, tuple(cell.replace("\n", " ") for cell in cells) or ("",)))
            line = reader.line_num + 1
    except csv.Error:
        return []
    return rows


def _unquoted(text: str, separator: str) -> Iterator[Row]:
    """Rows end at line feeds only: a text may contain other characters that Unicode calls line breaks."""
    for line, row in enumerate(text.split("\n"), 1):
        yield Row(line, tuple(row.removesuffix("\r").split(separator)))


HEADING = ("text", "label")
OUT_OF_SCOPE_LABELS = ("oos", "__oos__")  # labels of public datasets (CLINC150 has oos)
_MOST_PROBLEMS = 20  # reported; a file of another kind has one in every line
_PARTS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")  # between the words of card_arrival and CardArrival
_CODE = re.compile(r"\d")  # a label with a digit is a code, not a name
_KIND = re.compile(r"(?P<kind>[a-z][a-z_-]{0,19})=(?P<path>.+)")  # kind=path on the command line


class Labelled(NamedTuple):
    text: str
    label: str  # intent; '' if out of scope
    at: str = ""  # file:line
    kind: str = ""  # of out-of-scope text, such as near or far; '' if not given


@dataclass(frozen=True, slots=True)
class Dataset:
    known: tuple[Labelled, ...] = ()
    out_of_scope: tuple[Labelled, ...] = ()


def read_dataset(paths: Sequence[Path]) -> Dataset:
    """All rows of these files; columns after the second are ignored.

    Rows labelled `oos` or `__oos__` are out of scope. Raises SettingError with the line of each invalid row, for a file
    without texts, and for an unknown encoding.
    """
    if not paths:
        return Dataset()
    rows = [row for path in paths for row in _rows(path)]
    known = tuple(row for row in rows if row.label not in OUT_OF_SCOPE_LABELS)
    if not known:
        label = rows[0].label
        raise SettingError(ConfigProblem.of(paths[0], 2, "label", "dataset.only_strangers", label=label))
    return Dataset(
        known,
        tuple(row._replace(label="") for row in rows if row.label in OUT_OF_SCOPE_LABELS),
    )


def read_out_of_scope(named: Sequence[str | Path]) -> tuple[Labelled, ...]:
    """All texts of files that contain only out-of-scope texts, whatever their labels. Raises SettingError like
    `read_dataset`.

    named: paths, or kind=path as in `near=questions.tsv`.
    """
    kinds = [_kind_and_path(str(one)) for one in named]
    return tuple(row._replace(label="", kind=kind) for kind, path in kinds for row in _rows(path))


def _kind_and_path(named: str) -> tuple[str, Path]:
    found = _KIND.fullmatch(named)
    return (found["kind"], Path(found["path"])) if found else ("", Path(named))


def label_names(rows: Sequence[Labelled]) -> list[Labelled]:
    """A text more per intent from its label, if the label is words (`card_arrival`, `CardArrival`, `退款`), like an
    entry's title. Labels with a digit are codes."""
    labels: dict[str, str] = {}
    for row in rows:
        labels.setdefault(row.label, row.at)
    called = ((_PARTS.sub(" ", label).strip().lower(), label, at) for label, at in labels.items())
    return [Labelled(name, label, at) for name, label, at in called if len(name) > 1 and not _CODE.search(name)]


def texts_by_label(rows: Sequence[Labelled]) -> list[tuple[str, list[str]]]:
    """Intents with their texts, in the order of each first text."""
    by_label: dict[str, list[str]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(row.text)
    return list(by_label.items())


def other_encodings(named: Sequence[str | Path]) -> dict[Path, str]:
    """Encoding of each of these files that is not in UTF-8."""
    found = {path: read_table(path).encoding for path in (_kind_and_path(str(one))[1] for one in named)}
    return {path: encoding for path, encoding in found.items() if encoding != UTF_8}


def _rows(path: Path) -> list[Labelled]:
    heading, *rows = read_table(path).rows
    width = len(heading.cells)
    if tuple(cell.strip() for cell in heading.cells[:2]) != HEADING:
        begins = "\t".join(heading.cells)[:40]
        raise SettingError(ConfigProblem.of(path, 1, "heading", "dataset.heading", begins=begins))
    problems = [problem for row in rows for problem in _problems(path, row.line, row.cells, width)]
    if not rows:
        problems = [ConfigProblem.of(path, 1, "text", "dataset.no_rows")]
    if problems:
        raise SettingError(*_first_problems(path, problems))
    return [Labelled(row.cells[0].strip(), row.cells[1].strip(), f"{path}:{row.line}") for row in rows]


def _problems(path: Path, line: int, cells: Sequence[str], width: int) -> Iterator[ConfigProblem]:
    if len(cells) != width:
        yield ConfigProblem.of(path, line, "row", "dataset.columns", found=len(cells), wanted=width)
        return
    for name, cell in zip(HEADING, cells, strict=False):
        if not cell.strip():
            yield ConfigProblem.of(path, line, name, "dataset.empty_cell")


def _first_problems(path: Path, problems: Sequence[ConfigProblem]) -> Iterator[ConfigProblem]:
    yield from problems[:_MOST_PROBLEMS]
    if len(problems) > _MOST_PROBLEMS:
        more = len(problems) - _MOST_PROBLEMS
        yield ConfigProblem.of(path, 0, "row", "dataset.more_lines", number=more)


def folds(
    rows: Sequence[Labelled], count: int, always: Sequence[Labelled] = ()
) -> Iterator[tuple[list[Labelled], list[Labelled]]]:
    """Yields `count` splits into training and test rows. Rows of `always` are in every training set.

    Stratified by label and language, and deterministic; equal texts of a label are never on both sides. A label with a
    single text, and none in `always`, is never tested: nothing could be learned about it.
    """
    dealt = _fold_of_texts(rows, count, {row.label for row in always})
    for fold in range(count):
        rest = [row for row in rows if dealt[row.label, row.text] != fold]
        yield [*rest, *always], [row for row in rows if dealt[row.label, row.text] == fold]


def _fold_of_texts(rows: Sequence[Labelled], count: int, known: set[str]) -> dict[tuple[str, str], int]:
    texts = list(dict.fromkeys((row.label, row.text) for row in rows))
    labels, languages = (
        {name: number for number, name in enumerate(dict.fromkeys(names))}
        for names in ((label for label, _ in texts), (script_of(text) for _, text in texts))
    )
    owners = np.array([labels[label] for label, _ in texts], np.intp)
    spread = k_fold(owners, count, np.array([languages[script_of(text)] for _, text in texts], np.intp))
    # The only text of a label that `always` teaches can be asked for, unlike that of any other label.
    alone = [fold < 0 and label in known for fold, (label, _) in zip(spread, texts, strict=True)]
    return dict(zip(texts, np.where(alone, owners % count, spread).tolist(), strict=True))

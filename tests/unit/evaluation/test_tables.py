"""Tables saved by spreadsheets: quotes, line breaks and encodings."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.__main__ import app
from bot.errors import ConfigProblem, SettingError
from bot.evaluation.datasets import other_encodings, read_dataset, read_table

# What Excel writes of three rows: plain, with quotes and a comma, with a line break.
QUOTED = (
    "text\tlabel\r\n怎么退货\treturn\r\n"
    '"你好，请问""退货""怎么弄"\treturn\r\n"我的快递\n什么时候到"\tdelivery\r\n几点开门\thours\r\n'
)
MEANT = ["怎么退货", '你好，请问"退货"怎么弄', "我的快递 什么时候到", "几点开门"]


def saved(folder: Path, content: bytes, name: str = "some.tsv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (QUOTED.encode(), "UTF-8"),
        (codecs.BOM_UTF8 + QUOTED.encode(), "UTF-8"),
        (codecs.BOM_UTF16_LE + QUOTED.encode("utf-16-le"), "UTF-16"),
        (codecs.BOM_UTF16_BE + QUOTED.encode("utf-16-be"), "UTF-16"),
        (QUOTED.encode("gbk"), "GB18030"),
        (QUOTED.encode("gb18030"), "GB18030"),
        (QUOTED.replace("\t", ",").encode("gbk"), "GB18030"),
        (QUOTED.replace("\t", ";").encode(), "UTF-8"),
    ],
)
def test_a_table_is_read_in_the_encoding_and_quoting_of_the_spreadsheet(
    tmp_path: Path, content: bytes, encoding: str
) -> None:
    path = saved(tmp_path, content)
    assert read_table(path).encoding == encoding
    rows = read_dataset([path]).known
    assert [row.text for row in rows] == MEANT
    assert [row.at for row in rows] == [f"{path}:{line}" for line in (2, 3, 4, 6)]
    assert other_encodings([path, f"near={path}"]) == ({} if encoding == "UTF-8" else {path: encoding})


def test_a_file_that_means_its_quotes_literally_keeps_them(tmp_path: Path) -> None:
    path = saved(tmp_path, b'text\tlabel\n"play" the song\tmusic\n5" or 6" pipe\tplumbing\n')
    assert [row.text for row in read_dataset([path]).known] == ['"play" the song', '5" or 6" pipe']


def test_a_quote_that_is_never_closed_is_refused_with_its_line(tmp_path: Path) -> None:
    path = saved(tmp_path, b'text\tlabel\na\tx\n"b\tx\nc\tx\nd"\tx\n')
    with pytest.raises(SettingError) as wrong:
        read_dataset([path])
    (problem,) = wrong.value.problems
    assert (problem.line, "closes only some rows below" in str(problem.message)) == (3, True)


@pytest.mark.parametrize(
    ("content", "line", "wrong"),
    [
        (b"text\tlabel\na\tx\n\xff\xff\tx\n", 3, "neither UTF-8 nor GB18030"),
        (codecs.BOM_UTF8 + b"text\tlabel\n\xc4\xe3\tx\n", 2, "is not UTF-8"),
        (codecs.BOM_UTF16_LE + "text\tlabel\n".encode("utf-16-le") + b"\x00", 1, "is not UTF-16"),
    ],
)
def test_a_file_in_no_known_encoding_is_refused(tmp_path: Path, content: bytes, line: int, wrong: str) -> None:
    with pytest.raises(SettingError) as refused:
        read_table(saved(tmp_path, content))
    problem: ConfigProblem = refused.value.problems[0]
    assert wrong in str(problem.message)
    assert problem.line >= line
    assert "UTF-8" in str(problem.hint)


def test_a_table_with_another_heading_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    path = saved(
        tmp_path, b"\xef\xbb\xbfQuestion\tAnswer\tSource\r\nHow do I return?\tWithin 7 days.\\n\\n\tEditorial\r\n"
    )
    with pytest.raises(SettingError) as refused:
        read_dataset([path])
    assert "text<TAB>label" in str(refused.value.problems[0].hint)


CELL = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: not ("\n" in text and "\t" in text)
)


@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
)
def test_any_table_saved_by_a_spreadsheet_is_read_unchanged(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], encoding: str
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, "excel-tab", quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    path = saved(tmp_path_factory.mktemp("table"), written.getvalue().encode(encoding))
    table = read_table(path)
    if table.encoding == encoding.upper().removesuffix("-SIG"):  # some GB18030 is valid UTF-8 too
        assert [row.cells for row in table.rows[1:]] == [tuple(cell.replace("\n", " ") for cell in row) for row in rows]


def test_evaluate_reports_the_encoding_used(tmp_path: Path) -> None:
    some = "".join(
        f"{text}{number}\t{label}\n" for number in range(6) for text, label in (("退货", "a"), ("开门", "b"))
    )
    path = saved(tmp_path, f"text\tlabel\n{some}".encode("gbk"))
    ran = CliRunner().invoke(app, ["evaluate", "--train", str(path), "--config", str(tmp_path / "none.yaml")])
    assert ran.exit_code == 0
    assert f"{path} is not UTF-8; it is read as GB18030" in ran.output

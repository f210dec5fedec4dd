"""Labelled texts from TSV files, and the problems reported for invalid ones."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigProblem, SettingError
from bot.evaluation.datasets import Dataset, Labelled, label_names, read_dataset, read_out_of_scope, texts_by_label

HEADING = "text\tlabel\n"


def sheet(folder: Path, content: str | bytes, name: str = "some.tsv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def problems(path: Path) -> list[ConfigProblem]:
    with pytest.raises(SettingError) as wrong:
        read_dataset([path])
    return list(wrong.value.problems)


def test_a_dataset_keeps_texts_and_intents_in_order(tmp_path: Path) -> None:
    path = sheet(tmp_path, HEADING + "几点开门\thours\nwhere's my parcel\ttracking\nopen on sundays?\thours\n")
    rows = read_dataset([path]).known
    assert rows == (
        Labelled("几点开门", "hours", f"{path}:2"),
        Labelled("where's my parcel", "tracking", f"{path}:3"),
        Labelled("open on sundays?", "hours", f"{path}:4"),
    )
    assert texts_by_label(rows) == [("hours", ["几点开门", "open on sundays?"]), ("tracking", ["where's my parcel"])]


def test_a_label_in_words_names_its_intent_and_a_code_does_not() -> None:
    rows = [Labelled("any", label, f"some.tsv:{line}") for line, label in enumerate(LABELS, start=2)]
    assert label_names([*rows, *rows]) == [
        Labelled("card arrival", "card_arrival", "some.tsv:2"),
        Labelled("top up by card", "TopUpByCard", "some.tsv:3"),
        Labelled("退款", "退款", "some.tsv:4"),
        Labelled("what s on", "what's-on", "some.tsv:5"),
    ]


LABELS = ("card_arrival", "TopUpByCard", "退款", "what's-on", "faq_0001", "7", "x", "__", "A1")


def test_files_with_crlf_and_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = sheet(tmp_path, "\ufefftext\tlabel\tnearest\r\nhi\thello\tnone\r\n\r\n")
    assert read_dataset([path]).known == (Labelled("hi", "hello", f"{path}:2"),)


def test_several_files_form_one_dataset(tmp_path: Path) -> None:
    one, other = sheet(tmp_path, HEADING + "a\tx\n", "a.tsv"), sheet(tmp_path, HEADING + "b\ty\n", "b.tsv")
    assert [row.text for row in read_dataset([one, other]).known] == ["a", "b"]


@pytest.mark.parametrize("label", ["oos", "__oos__"])
def test_rows_labelled_out_of_scope_are_kept_apart(tmp_path: Path, label: str) -> None:
    path = sheet(tmp_path, f"{HEADING}hi\thello\nwho won the cup\t{label}\n")
    found = read_dataset([path])
    assert [row.text for row in found.known] == ["hi"]
    assert found.out_of_scope == (Labelled("who won the cup", "", f"{path}:3"),)


def test_a_file_of_out_of_scope_texts_may_have_any_label(tmp_path: Path) -> None:
    path = sheet(tmp_path, HEADING + "who won the cup\tsports\n")
    assert read_out_of_scope([path]) == (Labelled("who won the cup", "", f"{path}:2"),)


def test_out_of_scope_files_may_name_their_kind(tmp_path: Path) -> None:
    near, far = sheet(tmp_path, HEADING + "a\tx\n", "a.tsv"), sheet(tmp_path, HEADING + "b\ty\n", "b=c.tsv")
    found = read_out_of_scope([f"near={near}", f"far={far}", far])
    assert [(row.text, row.kind, row.label) for row in found] == [("a", "near", ""), ("b", "far", ""), ("b", "", "")]


def test_no_files_give_an_empty_dataset() -> None:
    assert read_dataset([]) == Dataset()


def test_100_000_rows_are_read(tmp_path: Path) -> None:
    lines = "".join(f"text number {number}\tlabel-{number % 900}\r\n" for number in range(100_000))
    rows = read_dataset([sheet(tmp_path, "\ufeff" + HEADING + lines)]).known
    assert (len(rows), rows[-1].text, rows[-1].label) == (100_000, "text number 99999", "label-99")
    assert rows[-1].at.endswith("some.tsv:100001")


@pytest.mark.parametrize(
    ("content", "line", "key", "wrong"),
    [
        ("label\ttext\na\tb\n", 1, "heading", "begins with “label\ttext”"),
        ("", 1, "heading", "begins with “”"),
        (HEADING, 1, "text", "no line follows"),
        (HEADING + "a\tx\nno tab here\nb\ty\n", 3, "row", "number of columns: 1, and 2 in the heading"),
        (HEADING + "a\tx\nb\ty\tz\n", 3, "row", "number of columns: 3, and 2 in the heading"),
        (HEADING + "a\tx\n\nb\ty\n", 3, "row", "number of columns: 1"),
        (HEADING + "a\tx\n \ty\n", 3, "text", "is empty"),
        (HEADING + "a\t\n", 2, "label", "is empty"),
        ((HEADING + "a\tx\n").encode() + b"\xff\xfe\ty\n", 3, "text", "is neither UTF-8 nor GB18030"),
        (HEADING + "a\toos\n", 2, "label", "every text is oos"),
    ],
)
def test_an_invalid_row_is_reported_with_line_and_hint(
    tmp_path: Path, content: str | bytes, line: int, key: str, wrong: str
) -> None:
    path = sheet(tmp_path, content)
    (found,) = problems(path)
    assert (found.file, found.line, found.key) == (str(path), line, key)
    assert wrong in str(found.message)
    assert str(found.hint)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    (found,) = problems(tmp_path / "absent.tsv")
    assert "absent.tsv" in found.file
    assert "No such file" in str(found.message)


def test_a_file_of_another_kind_reports_a_limited_number_of_problems(tmp_path: Path) -> None:
    found = problems(sheet(tmp_path, HEADING + "prose\n" * 500))
    assert len(found) == 21
    assert "480 more lines" in str(found[-1].message)


CELL = st.text(st.characters(exclude_characters="\t\r\n", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip() and text.strip() not in {"oos", "__oos__"}
)


@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1))
def test_a_text_with_any_characters_is_read_as_one_cell(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    content = io.StringIO(newline="")
    csv.writer(content, "excel-tab").writerows([("text", "label"), *rows])
    path = sheet(tmp_path_factory.mktemp("sheet"), content.getvalue())
    assert [row[:2] for row in read_dataset([path]).known] == [(text.strip(), label.strip()) for text, label in rows]


@given(junk=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_problem(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    path = sheet(tmp_path_factory.mktemp("junk"), junk)
    with suppress(SettingError):
        assert read_dataset([path]).known

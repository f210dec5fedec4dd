"""The report of an evaluation: one file with pictures, for every reader, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import launched
from playwright.sync_api import Browser, Page, expect
from seats import barriers

from bot.commands.measured import Measured, measured
from bot.commands.report import write_report
from bot.errors import SettingError
from bot.intents.curves import Grown
from bot.intents.evaluation import files_exam, judged
from bot.intents.labelled import Labelled
from bot.intents.measuring import Guess, Sitting
from bot.intents.teaching import Promise

EVIL = "<script>document.title='owned'</script>&amp;"
ROWS = [
    Labelled("几点开门", "open", "train.tsv:2"),
    Labelled(EVIL, "shut", "train.tsv:3"),
    Labelled("when do you close", "shut", "train.tsv:4"),
]
GROWN = [
    Grown(1, 2, 0.7, 0.62, 0.8, 0.3, 3),
    Grown(3, 6, 0.85, 0.83, 0.88, 0.5, 3),
    Grown(None, 9, 0.9, 0.9, 0.9, 0.7, 1),
]


def results(engine: str, wrong: int, curve: bool = True) -> Measured:
    right = [Guess(f"text {n}", "open", "open", 0.5 + n / 200, n > 60, f"t.tsv:{n}") for n in range(100)]
    mistaken = [Guess(f"{EVIL} {n}", "open", "shut", n / 30, False, f"t.tsv:{100 + n}") for n in range(wrong)]
    strange = [Guess("oos", "", "open", n / 40, False, "", kind) for n in range(20) for kind in ("near", "far")]
    evaluated = judged([Sitting([*right, *mistaken], strange, 3.2, 0.4, 210.0)], 0.95, 2, 3)
    exam = files_exam(ROWS, [], [], Promise(0.95))
    return measured(engine, evaluated, exam, GROWN if curve else ())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, [results("semantic", 6), results("rasa", 20)], ("What shops are asked", "顾客问商店的话"), "zh")
    return path


@pytest.fixture
def read(chromium: Browser, report: Path) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    yield page
    context.close()


def test_the_file_needs_nothing_else(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=", page) == []
    assert "url(" not in page
    assert len(page) < 120_000


@pytest.mark.browser
def test_each_reader_chooses_a_language(read: Page) -> None:
    expect(read.get_by_role("heading", name="顾客问商店的话")).to_be_visible()
    expect(read.get_by_text("What shops are asked")).to_be_hidden()
    read.get_by_label("English").check()
    expect(read.get_by_role("heading", name="What shops are asked")).to_be_visible()
    expect(read.get_by_text("置信度可信吗？").first).to_be_hidden()
    expect(read.get_by_text("answered without asking").first).to_be_visible()


@pytest.mark.browser
def test_engines_stand_side_by_side_with_a_picture_for_every_question(read: Page) -> None:
    read.get_by_label("English").check()
    row = read.get_by_role("row", name="first intent right")
    assert row.get_by_role("cell").all_text_contents() == ["0.943", "0.833"]
    assert read.get_by_role("row", name="near: AUROC").get_by_role("cell").count() == 2
    for name in (
        "Coverage at the target precision",
        "Does confidence tell the truth?",
        "How sure rasa was",
        "more examples bring",
    ):
        expect(read.get_by_role("img", name=name)).to_be_visible()
    read.get_by_role("figure").filter(has_text="What more examples bring").locator("summary").click()
    expect(read.get_by_role("cell", name="0.620").first).to_be_visible()


@pytest.mark.browser
def test_a_text_is_shown_with_what_drew_it_and_never_run(read: Page) -> None:
    read.get_by_label("English").check()
    expect(read.get_by_text(f"“{EVIL} 5”").first).to_be_visible()
    expect(read.get_by_text("train.tsv:3").first).to_be_visible()
    assert "owned" not in read.title()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_everybody_can_read_it(chromium: Browser, report: Path, width: int, height: int, scheme: str) -> None:
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(report.as_uri())
    found = barriers(page)
    page.get_by_label("English").check()
    for summary in page.locator("summary").all():
        summary.click()
    found += barriers(page)
    assert "\n".join(found) == ""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_a_report_of_one_engine_that_was_always_right_is_drawn(tmp_path: Path) -> None:
    one = judged([Sitting([Guess("a", "x", "x", 1.0, True)], [], 0.1, 0.1)], 0.95, 1, 1)
    path = tmp_path / "one.html"
    write_report(path, [Measured("semantic", one, [])], ("a", "甲"), "en")
    page = path.read_text(encoding="utf-8")
    assert '<html lang="en">' in page
    assert "nan" not in page.lower().replace("finance", "")


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"report\.html"):
        write_report(tmp_path / "no folder" / "report.html", [results("semantic", 3, curve=False)], ("a", "甲"), "en")

"""The report of an evaluation: one file with pictures, for every reader, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support.chromium import launched
from support.desk_browser import barriers

from bot.cli.report import write_report
from bot.cli.report.tables import Measured, measured
from bot.errors import SettingError
from bot.evaluation.datasets import Labelled
from bot.evaluation.learning_curves import LearningPoint
from bot.evaluation.metrics import EvaluationRun, Prediction
from bot.evaluation.runner import plan_from_files, result_of
from bot.evaluation.trainers import Promise
from bot.i18n import message

EVIL = "<script>document.title='owned'</script>&amp;"
ROWS = [
    Labelled("几点开门", "open", "train.tsv:2"),
    Labelled(EVIL, "shut", "train.tsv:3"),
    Labelled("when do you close", "shut", "train.tsv:4"),
]
GROWN = [
    LearningPoint(1, 2, 0.7, 0.62, 0.8, 0.3, 3),
    LearningPoint(3, 6, 0.85, 0.83, 0.88, 0.5, 3),
    LearningPoint(None, 9, 0.9, 0.9, 0.9, 0.7, 1),
]

CUSTOMERS, BASE = message("evaluation.report.about_customers"), message("evaluation.report.about_base")


def results(engine: str, wrong: int, curve: bool = True) -> Measured:
    right = [Prediction(f"text {n}", "open", "open", 0.5 + n / 200, n > 60, f"t.tsv:{n}") for n in range(100)]
    mistaken = [Prediction(f"{EVIL} {n}", "open", "shut", n / 30, False, f"t.tsv:{100 + n}") for n in range(wrong)]
    strange = [Prediction("oos", "", "open", n / 40, False, "", kind) for n in range(20) for kind in ("near", "far")]
    evaluated = result_of([EvaluationRun([*right, *mistaken], strange, 3.2, 0.4, 210.0)], 0.95, 2, 3)
    exam = plan_from_files(ROWS, [], [], Promise(0.95))
    return measured(engine, evaluated, exam, GROWN if curve else ())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, [results("semantic", 6), results("rasa", 20)], CUSTOMERS, "zh")
    return path


@pytest.fixture
def read(chromium: Browser, report: Path) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    yield page
    context.close()


def test_the_report_loads_nothing_from_elsewhere(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=", page) == []
    assert "url(" not in page
    assert len(page) < 120_000


@pytest.mark.browser
def test_readers_of_the_report_choose_a_language(read: Page) -> None:
    expect(read.get_by_role("heading", name="顾客的真实提问")).to_be_visible()
    expect(read.get_by_text("What customers asked")).to_be_hidden()
    read.get_by_label("English").check()
    expect(read.get_by_role("heading", name="What customers asked")).to_be_visible()
    expect(read.get_by_text("置信度可信吗？").first).to_be_hidden()
    expect(read.get_by_text("answered without asking").first).to_be_visible()


@pytest.mark.browser
def test_the_report_compares_engines_in_every_chart(read: Page) -> None:
    read.get_by_label("English").check()
    row = read.get_by_role("row", name="first intent right")
    assert row.get_by_role("cell").all_text_contents() == ["0.943", "0.833"]
    assert read.get_by_role("row", name="near: AUROC").get_by_role("cell").count() == 2
    for name in (
        "Coverage at the target precision",
        "Is the confidence right?",
        "How sure rasa was",
        "Accuracy by number of examples",
    ):
        expect(read.get_by_role("img", name=name)).to_be_visible()
    read.get_by_role("figure").filter(has_text="Accuracy by number of examples").locator("summary").click()
    expect(read.get_by_role("cell", name="0.620").first).to_be_visible()


@pytest.mark.browser
def test_texts_in_the_report_name_their_similar_examples_and_are_never_executed(read: Page) -> None:
    read.get_by_label("English").check()
    expect(read.get_by_text(f"“{EVIL} 5”").first).to_be_visible()
    expect(read.get_by_text("train.tsv:3").first).to_be_visible()
    assert "owned" not in read.title()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_report_is_accessible(chromium: Browser, report: Path, width: int, height: int, scheme: str) -> None:
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
    one = result_of([EvaluationRun([Prediction("a", "x", "x", 1.0, True)], [], 0.1, 0.1)], 0.95, 1, 1)
    path = tmp_path / "one.html"
    write_report(path, [Measured("semantic", one, [])], BASE, "en")
    page = path.read_text(encoding="utf-8")
    assert '<html lang="en">' in page
    assert "nan" not in page.lower().replace("finance", "")


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"report\.html"):
        write_report(
            tmp_path / "no folder" / "report.html",
            [results("semantic", 3, curve=False)],
            BASE,
            "en",
        )

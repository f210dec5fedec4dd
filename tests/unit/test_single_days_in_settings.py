"""Days with hours of their own in config.yaml, and what is said of a date that cannot be meant."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest
from support.paths import ROOT
from typer.testing import CliRunner

from bot.__main__ import app
from bot.config import load, unreachable_dates
from bot.doctor import Grade, checks
from bot.errors import SettingError

TODAY = date(2027, 1, 30)


def written(folder: Path, days: str, holidays: str = "[]") -> Path:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    assert text.count("  days: {}") == text.count("  holidays: []") == 1
    path = folder / "config.yaml"
    path.write_text(text.replace("  days: {}", f"  days: {days}").replace("  holidays: []", f"  holidays: {holidays}"))
    return path


def test_single_days_are_read_with_their_hours(tmp_path: Path) -> None:
    path = written(tmp_path, '{2027-02-06: ["09:00-18:00"], "2027-02-17": []}')
    assert load(path).config.desk.days == {date(2027, 2, 6): ["09:00-18:00"], date(2027, 2, 17): []}


@pytest.mark.parametrize(
    ("days", "holidays", "wrong", "mend"),
    [
        ("{2027-2-6: []}", "[]", "valid date", "like 2026-12-31"),
        ("{2027-02-30: []}", "[]", "valid date", "like 2026-12-31"),
        ("{20270206: []}", "[]", "date", "like 2026-12-31"),
        ("{2月6日: []}", "[]", "valid date", "like 2026-12-31"),
        ("{2027-02-06: [9-18]}", "[]", "not a span of hours", "like 09:00-21:00"),
        ("{2027-02-06: [], 2027-02-06: []}", "[]", "duplicate key", "keep one"),
        ("{2027-02-06: []}", "[2027-02-06]", "is also in holidays", "keep one"),
    ],
)
def test_a_misspelt_or_repeated_day_is_reported_with_its_line(
    tmp_path: Path, days: str, holidays: str, wrong: str, mend: str
) -> None:
    path = written(tmp_path, days, holidays)
    line = path.read_text(encoding="utf-8").split("\n  days: ")[0].count("\n") + 2
    with pytest.raises(SettingError) as refused:
        load(path)
    (problem,) = refused.value.problems
    assert (problem.line, wrong in str(problem.message), mend in str(problem.hint)) == (line, True, True), problem


def test_a_date_that_is_past_or_years_ahead_is_a_warning_in_both_languages(tmp_path: Path) -> None:
    path = written(tmp_path, "{2026-02-06: [], 2027-02-06: [], 2072-02-06: []}", "[2027-01-29, 2027-01-30]")
    found = checks.setting_warnings(unreachable_dates(load(path), TODAY))
    assert [finding.grade for finding in found] == [Grade.WARN] * 3
    said = "\n".join(finding.what.text("en") + finding.hint.text("en") for finding in found)
    for words in ("2026-02-06 is past", "2027-01-29 is past", "2072-02-06 is over a year ahead", "correct the year"):
        assert words in said
    assert all("config.yaml:" in finding.what.text("en") for finding in found)
    assert all("已经过去" in finding.what.text("zh") or "一年多以后" in finding.what.text("zh") for finding in found)
    assert all("改正年份" in finding.hint.text("zh") for finding in found)


def test_check_names_a_date_that_is_past_and_fails_for_none(tmp_path: Path) -> None:
    path = written(tmp_path, "{2021-02-06: []}")
    shutil.copytree(ROOT / "knowledge_base", tmp_path / "knowledge_base")
    done = CliRunner().invoke(app, ["check", "--quick", "--config", str(path), "--json"])
    told = [one for one in json.loads(done.stdout)["findings"] if one["message"] == "2021-02-06 is past"]
    assert [(one["severity"], one["key"]) for one in told] == [("warning", "desk.days.2021-02-06")]
    assert done.exit_code == 0, done.output

"""An evaluation as a page with pictures: one HTML file that needs nothing else, in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.commands.measured import Measured, rows
from bot.commands.report.charts import charts
from bot.errors import Mistake, SettingError


def write_report(path: Path, found: Sequence[Measured], about: tuple[str, str], language: str) -> None:
    """`about`: what was asked, in English and Chinese. `language`: the one that shows first, 'zh' or 'en'.

    Raises SettingError for a file that cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made = datetime.now().astimezone()
    page = environment.get_template("page.html").render(
        about=about, found=found, rows=rows(found), charts=charts(found), language=language, made=made
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as refused:
        wrong = f"cannot be written ({refused.strerror})"
        mend = "name a file in a folder that is yours"
        raise SettingError(Mistake(str(path), 0, "--report", wrong, mend)) from refused

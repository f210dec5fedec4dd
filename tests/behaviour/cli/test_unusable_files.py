"""A SQLite file that cannot be the database is reported with the correction, by every command and by doctor."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.shop import deployment_in
from typer.testing import CliRunner

from bot.__main__ import app
from bot.errors import SettingError
from bot.stores.sql.database import Database
from bot.stores.sql.migrate import refuse_unfit


def no_database(folder: Path) -> Path:
    path = folder / "record.sqlite"
    path.write_text("somebody's notes, much longer than the head of a database file would be " * 20, encoding="utf-8")
    return path


def damaged(folder: Path) -> Path:
    path = folder / "record.sqlite"
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    return path


def no_folder(folder: Path) -> Path:
    return folder / "no" / "such" / "record.sqlite"


def a_folder(folder: Path) -> Path:
    path = folder / "record.sqlite"
    path.mkdir()
    return path


KINDS = [(no_database, "not a SQLite database"), (damaged, "not a SQLite database"), (no_folder, "cannot be opened")]


@pytest.mark.parametrize(("kind", "words"), [*KINDS, (a_folder, "cannot be opened")])
def test_an_unusable_database_file_is_refused_with_the_correction(tmp_path: Path, kind: object, words: str) -> None:
    assert callable(kind)
    free = {"listen": {"port": 0}, "simulator": {"port": 0}}
    ready = deployment_in(tmp_path, database=f"sqlite:///{kind(tmp_path)}", **free)
    database = Database(ready.config.database_url)
    with pytest.raises(SettingError) as refused:
        refuse_unfit(database.engine, ready.page)
    database.close()
    (problem,) = refused.value.problems
    assert words in str(problem.message)
    assert problem.line
    assert problem.message.text("zh") != str(problem.message)
    assert problem.hint.text("zh") != str(problem.hint)
    for verb in (("run",), ("train",), ("say", "你好")):
        ran = CliRunner().invoke(app, [*verb, "--config", str(tmp_path / "config.yaml")])
        assert ran.exit_code == 78, ran.output
        assert words in ran.stderr
        assert "Traceback" not in ran.output
    looked = CliRunner().invoke(app, ["doctor", "--config", str(tmp_path / "config.yaml"), "--language", "en"])
    assert words in looked.stdout

"""`yingda evaluate --from-record`: editions evaluated on what customers asked, without printing their words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update
from support.conversations import Seeder
from support.small_knowledge_base import kiosk
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.domain.decisions import Candidate, Trace
from bot.domain.messages import DAY
from bot.evaluation.metrics import Metrics
from bot.stores.sql.database import Database
from bot.stores.sql.schema import events, messages, traces

PROMISED = [field.name for field in fields(Metrics)]


class Counter:
    """A deployment whose customers have asked things, some days ago."""

    def __init__(self, folder: Path) -> None:
        self.editor, self.config = kiosk(folder)
        self.runs("train", "--json")
        self.now = time.time() - 2 * DAY
        self.database = Database(f"sqlite:///{folder / 'var' / 'record.sqlite'}", lambda: self.now)
        self.seeder = Seeder(self.database)

    def runs(self, *options: str) -> Result:
        return CliRunner().invoke(app, [options[0], "--config", str(self.config), *options[1:]])

    def told(self, *options: str) -> dict[str, Any]:
        ran = self.runs("evaluate", "--from-record", *options, "--json")
        assert (ran.exit_code, ran.stderr) == (0, "")
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    def asked(self, text: str, decision: str, entry: str = "", talk: str = "", **more: Any) -> tuple[str, str]:
        """A message and its conversation."""
        talk = talk or self.seeder.conversation(self.seeder.customer())
        message = self.seeder.hears(talk, text)
        candidates = (Candidate(entry or "opening", 0.9),)
        trace = json.dumps(asdict(Trace(1, "en", candidates, decision, entry, **more)))
        with self.database.engine.begin() as connection:
            row = {"message_id": message, "conversation_id": talk, "at": self.now, "trace": trace}
            connection.execute(insert(traces).values(**row))
        self.now += 1
        return message, talk

    def corrected(self, text: str, entry: str) -> str:
        message, talk = self.asked(text, "HandOff", reason="unsure")
        row = {"conversation_id": talk, "seq": 900, "at": self.now, "type": "corrected", "actor": "mei"}
        with self.database.engine.begin() as connection:
            kept = {"channel": "wechat", "account": "tea", "entry": entry, "data": json.dumps({"message": message})}
            connection.execute(insert(events).values(**row, **kept))
        return message


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    opened = Counter(tmp_path_factory.mktemp("counter"))
    opened.asked("what are your hours of opening", "Answer", "opening")
    opened.asked("can I get my cash back", "Answer", "refund")
    opened.asked("how long until my parcel is here", "Answer", "delivery")
    _, talk = opened.asked("until when can I come", "Ask", choices=("opening", "closing"))
    opened.asked("2", "Answer", "closing", talk=talk, picked=True)
    opened.corrected("ring 13800001234 when the parcel comes, or write to lin@example.com", "delivery")
    opened.corrected("=cmd|' /C calc'!A0 who won the cup", "")
    opened.corrected("when do you open and why is it called closing time", "refund")
    _, angry = opened.asked("give me my money", "Answer", "refund")
    opened.asked("a person now", "HandOff", talk=angry, reason="asked")
    opened.asked("几点开门", "Answer", "opening", exact=True)
    yield opened
    opened.database.close()


def test_the_live_edition_is_evaluated_on_real_questions_with_known_meaning(counter: Counter) -> None:
    found = counter.told()
    assert found["labelled"] == {"corrected": 3, "picked": 1, "answered": 4}
    assert (found["unknown"], found["disputed"]) == (1, {"refund": 1})
    assert (found["source"], found["edition"], found["test_texts"], found["oos_texts"]) == ("record", "edition 1", 7, 1)
    assert found.keys() >= set(PROMISED)
    assert {name: one["questions"] for name, one in found["by_evidence"].items()} == {
        "corrected": 2,
        "picked": 1,
        "answered": 4,
    }
    assert found["by_entry"]["delivery"]["questions"] == 2
    assert found["by_evidence"]["answered"]["right"] == 4


def test_texts_of_customers_are_printed_only_on_request(counter: Counter) -> None:
    for _ in range(2):
        counter.corrected("opening opening opening hours", "refund")
    silent, open_ = counter.runs("evaluate", "--from-record", "--json"), counter.told("--with-texts")
    for words in ("parcel", "cash", "13800001234", "几点开门", "opening hours"):
        assert words not in silent.stdout
    (pair,) = [one for one in open_["confused"] if one["entries"] == ["opening", "refund"]]
    assert "opening opening opening hours" in [one["text"] for one in pair["texts"]]
    assert "opening hours" not in counter.runs("evaluate", "--from-record").stdout


def test_option_fresh_also_evaluates_the_files_without_publishing_them(counter: Counter) -> None:
    found = counter.told("--fresh")
    assert [one["engine"] for one in found["engines"]] == ["edition 1", "files, semantic"]
    assert found["engines"][0]["accuracy"] == found["engines"][1]["accuracy"]
    shown = counter.runs("evaluate", "--from-record", "--engine", "semantic").stdout
    assert "engine edition 1, files, semantic, target precision 60%" in shown
    assert "labelled by agents" in shown
    assert "fewer than 30 questions" in shown
    assert counter.told()["edition"] == "edition 1"


def test_exported_questions_have_no_numbers_no_formulas_and_no_known_texts(counter: Counter, tmp_path: Path) -> None:
    path = tmp_path / "review.tsv"
    ran = counter.runs("evaluate", "--from-record", "--export", str(path))
    assert ran.exit_code == 0
    heading, *rows = path.read_text(encoding="utf-8").splitlines()
    assert heading == "text\tlabel"
    assert "ring ••••••••••• when the parcel comes, or write to •@•\tdelivery" in rows
    assert " =cmd|' /C calc'!A• who won the cup\toos" in rows
    assert "until when can I come\tclosing" in rows
    assert not any(row.startswith("几点开门\t") for row in rows)
    assert len(rows) == len(set(rows))
    again = CliRunner().invoke(app, ["evaluate", "--config", str(counter.config), "--test", str(path), "--json"])
    assert again.exit_code == 0
    assert json.loads(again.stdout)["oos_texts"] == 1


def test_only_questions_of_the_requested_days_count(counter: Counter) -> None:
    found = counter.told("--days", "1")
    assert found["labelled"] == {"corrected": 0, "picked": 0, "answered": 0}
    assert all(found[name] is None for name in PROMISED)
    assert "nothing to measure yet" in counter.runs("evaluate", "--from-record", "--days", "1").stdout


def test_evaluation_never_goes_back_beyond_the_retention(counter: Counter) -> None:
    assert counter.told("--days", "4000")["days"] == 180


def test_without_known_questions_no_report_is_written(counter: Counter, tmp_path: Path) -> None:
    ran = counter.runs("evaluate", "--from-record", "--days", "1", "--report", str(tmp_path / "r.html"))
    assert (ran.exit_code, (tmp_path / "r.html").exists()) == (0, False)
    assert "no report" in ran.stderr


def test_a_report_of_real_questions_holds_no_words_of_customers(counter: Counter, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert counter.runs("evaluate", "--from-record", "--report", str(path)).exit_code == 0
    page = path.read_text(encoding="utf-8")
    assert "edition 1" in page
    assert "parcel" not in page
    assert "cash back" not in page


def test_training_compares_the_new_edition_on_real_questions_once_there_are_enough(tmp_path: Path) -> None:
    shop = Counter(tmp_path)
    for number in range(29):
        shop.asked(f"what are your hours of opening {number}", "Answer", "opening")
    assert json.loads(shop.runs("train", "--json").stdout)["traffic"] is None
    assert "questions of customers" not in shop.runs("train").stdout
    shop.corrected("can I get my cash back", "refund")
    found = json.loads(shop.runs("train", "--json").stdout)["traffic"]
    assert (found["questions"], found["told"]) == (30, 1)
    assert 0 <= found["accuracy"] <= 1
    assert "on 30 real questions, 1 of them labelled" in shop.runs("train").stdout
    shop.database.close()


def test_erased_questions_are_not_evaluated(tmp_path: Path) -> None:
    shop = Counter(tmp_path)
    message, _ = shop.asked("what are your hours of opening", "Answer", "opening")
    assert shop.told()["test_texts"] == 1
    with shop.database.engine.begin() as connection:
        connection.execute(update(messages).where(messages.c.id == message).values(text=""))
    assert shop.told()["test_texts"] is None
    shop.database.close()


def test_without_an_edition_evaluation_from_the_database_says_what_to_do(tmp_path: Path) -> None:
    _, config = kiosk(tmp_path)
    ran = CliRunner().invoke(app, ["evaluate", "--from-record", "--config", str(config)])
    assert ran.exit_code == 2
    assert "publish one first: yingda train" in ran.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--export", "x.tsv"],
        ["--with-texts"],
        ["--fresh"],
        ["--from-record", "--train", "x.tsv"],
        ["--from-record", "--oos", "x.tsv"],
        ["--from-record", "--learning-curve"],
        ["--from-record", "--days", "0"],
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str]) -> None:
    ran = CliRunner().invoke(app, ["evaluate", *options])
    assert ran.exit_code == 2
    assert "--" in ran.stderr

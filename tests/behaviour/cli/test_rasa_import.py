"""`yingda rasa import` loses nothing in silence: what it cannot take over it names, and then it does not end well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.knowledge_base_files import Editor
from support.shop import deployment_in
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.knowledge.entries import Base
from bot.rasa.export import write

NLU = """\
nlu:
- intent: ask_return
  examples: |
    - how do I return it
- intent: ask_vase
  examples: |
    - vases
"""
ANSWERS = "responses:\n  utter_ask_return:\n  - text: Within 7 days.\n  utter_ask_vase:\n  - text: From 9 euros.\n"


class Mover:
    """Brings a Rasa project over into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.project, self.into = folder / "project", folder / "into"
        deployment_in(folder)
        self._config = folder / "config.yaml"

    def runs(self, files: dict[str, str], *options: str) -> Result:
        write(files, self.project)
        asked = ["rasa", "import", str(self.project), "--into", str(self.into), "--config", str(self._config)]
        return CliRunner().invoke(app, [*asked, *options])

    def told(self, files: dict[str, str]) -> dict[str, Any]:
        ran = self.runs(files, "--json")
        told: dict[str, Any] = json.loads(ran.stdout)
        assert ran.exit_code == (0 if told["good"] else 1)
        return told

    def base(self) -> Base:
        return Editor(self.into).base()


@pytest.fixture
def mover(tmp_path: Path) -> Mover:
    return Mover(tmp_path)


def test_two_wordings_of_several_answers_are_written_without_anchors_and_read_again(mover: Mover) -> None:
    two = ANSWERS.replace("7 days.\n", "7 days.\n  - text: A week.\n").replace(
        "euros.\n", "euros.\n  - text: 9 or more.\n"
    )
    ran = mover.runs({"nlu.yml": NLU, "domain.yml": two})
    assert ran.exit_code == 0
    assert "✓ 2 entries" in ran.stdout
    written = (mover.into / "nlu.yaml").read_text(encoding="utf-8")
    assert "&" not in written
    assert "*" not in written
    answers = mover.base().entries["ask-return"].answers
    assert answers is not None
    assert answers.zh["default"] == answers.en["default"] == ("Within 7 days.", "A week.")


@pytest.mark.parametrize("name", ["yes", "no", "off", "On", "null-ish", "100", "1e3", "012", "9:00"])
def test_intents_and_answers_are_imported_word_for_word(mover: Mover, name: str) -> None:
    files = {
        "nlu.yml": f"nlu:\n- intent: {name}\n  examples:\n  - {name}\n",
        "domain.yml": f"responses:\n  utter_{name}:\n  - text: {name}\n",
    }
    assert mover.told(files)["good"]
    (entry,) = mover.base().entries.values()
    assert entry.answers is not None
    assert (entry.examples.en, entry.answers.en["default"]) == ((name,), (name,))


def test_a_repeated_key_stops_the_import_with_its_line_and_nothing_is_written(mover: Mover) -> None:
    again = ANSWERS + "  utter_ask_return:\n  - text: Within seven days.\n"
    ran = mover.runs({"nlu.yml": NLU, "domain.yml": again})
    assert ran.exit_code == 78
    assert "domain.yml:6: responses.utter_ask_return: is a duplicate key" in ran.stderr
    assert "nothing was written" in ran.stderr
    assert "✓" not in ran.output
    assert not mover.into.exists()


@pytest.mark.parametrize(
    ("nlu", "answers", "lost", "line"),
    [
        ("    - vases\n    do you sell vases\n", "", "“do you sell vases” is left out", 8),
        ("    - vases\n      - a vase please\n", "", "“- a vase please” is left out", 8),
        ("    - vases\n    * any vases\n", "", "“* any vases” is left out", 8),
        ("    - vases\n- intent: empty\n", "", "no examples that can be read", 8),
        ("    - vases\n- just words\n", "", "neither intent", 8),
        ("", "  utter_more: a text\n", "no list of texts", 6),
        ("", "  utter_more:\n  - text:\n", "without a text", 7),
        ("", "rules: 7\n", "", 0),
        ("", "nlu: 7\n", "not what Rasa has", 6),
    ],
)
def test_invalid_rasa_yaml_is_reported_with_its_line_and_the_import_fails(
    mover: Mover, nlu: str, answers: str, lost: str, line: int
) -> None:
    told = mover.told(
        {"nlu.yml": NLU.replace("    - vases\n", nlu or "    - vases\n"), "domain.yml": ANSWERS + answers}
    )
    assert told["good"] is not bool(lost)
    assert [(one["line"], lost in one["message"]) for one in told["lost"]] == ([(line, True)] if lost else [])
    assert {"ask-return", "ask-vase"} <= mover.base().entries.keys()


def test_an_import_without_usable_answers_fails(mover: Mover) -> None:
    ran = mover.runs({"nlu.yml": NLU, "domain.yml": ANSWERS.replace("utter_", "say_")})
    assert ran.exit_code == 1
    assert "✓" not in ran.stdout
    assert "2 entries have no answer: a person answers\n" in ran.stdout


def test_an_import_that_clashes_with_the_existing_base_fails(mover: Mover) -> None:
    mover.into.mkdir()
    taken = "topic: {zh: 旧, en: Old}\nentries:\n  - {id: ask-vase, title: {zh: 花瓶, en: Vase}, handoff: always, "
    Editor(mover.into).writes(taken + "examples: {zh: [花瓶], en: [a vase]}}\n", "old.yaml")
    ran = mover.runs({"nlu.yml": NLU, "domain.yml": ANSWERS})
    assert ran.exit_code == 1
    assert "✗" in ran.stdout
    assert "ask-vase is also the id at" in ran.stdout


RASA_1 = '{"rasa_nlu_data": {"common_examples": [{"text": "hi", "intent": "greet"}]}}'


@pytest.mark.parametrize("others", [{}, {"nlu.yml": NLU, "domain.yml": ANSWERS}])
def test_the_json_of_rasa_1_is_refused_with_the_command_that_converts_it(mover: Mover, others: dict[str, str]) -> None:
    ran = mover.runs({"data/nlu.json": RASA_1, "package.json": '{"name": "site"}', **others})
    assert ran.exit_code == 78
    assert "nlu.json: is the JSON of Rasa 1" in ran.stderr
    assert "rasa data convert nlu -f yaml --data nlu.json --out nlu.yml" in ran.stderr
    assert "package.json" not in ran.output


def test_texts_cut_at_a_hash_in_a_rasa_project_are_reported(mover: Mover) -> None:
    told = mover.told({"nlu.yml": NLU, "domain.yml": ANSWERS.replace("Within 7 days.", "Call #3 within 7 days.")})
    assert [(one["line"], one["hint"]) for one in told["left"] if "#" in one["message"]] == [
        (3, "put quotes around it")
    ]

"""Export of a base to a Rasa project, and import of Rasa projects with a report of what was dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from support.knowledge_base_files import SHIPPED, SKILLS, Editor

from bot.app.channels import CHANNELS
from bot.errors import SettingError
from bot.knowledge.entries import Base, load
from bot.rasa.export import project, write
from bot.rasa.importer import ImportResult, import_facts
from bot.rasa.project_files import read_project

MOODBOT = {
    "data/nlu.yml": """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hey
    - good evening
- intent: faq/ask_opening_hours
  examples: |
    - when do you open
    - are you open in [Berlin](city)
    - are you open in [munich]{"entity": "city", "value": "Munich"}
    - 你们几点开门
- intent: faq/ask_returns
  examples: |
    - how do I send it back
    - when do you open
- intent: bye
  examples:
  - text: |
      see you
  - text: |
      bye bye
    metadata:
      sentiment: neutral
- synonym: Munich
  examples: |
    - minga
- regex: order_number
  examples: |
    - \\d{8}
- lookup: city
  examples: |
    - Berlin
    - Hamburg
""",
    "data/rules.yml": """\
version: "3.1"
rules:
- rule: greet back
  steps:
  - intent: greet
  - action: utter_welcome
- rule: faq
  steps:
  - intent: faq
  - action: respond_faq
""",
    "data/stories.yml": """\
version: "3.1"
stories:
- story: booking
  steps:
  - intent: book
  - action: booking_form
  - active_loop: booking_form
""",
    "domain.yml": """\
version: "3.1"
intents: [greet, bye, faq]
entities: [city]
slots:
  table:
    type: text
    mappings:
    - type: from_entity
      entity: city
forms:
  booking_form:
    required_slots: [table]
actions: [action_check_table]
responses:
  utter_welcome:
  - text: Welcome!
  - text: Hello again!
  - text: welcome
  - text: 欢迎！
  - text: Welcome on Telegram!
    channel: telegram
  utter_faq/ask_opening_hours:
  - text: We open at nine.
    image: https://example.org/door.png
  utter_faq/ask_returns:
  - text: Dear {name}, send it to us.
  utter_unused:
  - text: Nobody asks for this.
""",
    "endpoints.yml": "secret: never read",
}
MARKDOWN = {
    "data/nlu.md": """\
## intent:greet
- hello there
- 你好呀 [小明](name)
## synonym:hi
- hey
## lookup:city
data/cities.txt
## intent:chitchat/ask_name
- what is your name
""",
    "data/responses.md": "## ask name\n* chitchat/ask_name\n  - I am a bot.\n",
    "data/stories.md": """\
## greet
* greet
  - utter_hi
## long
* greet
  - utter_hi
* goodbye
  - action_listen
""",
    "domain.yml": "templates:\n  utter_hi:\n  - text: Hi!\n",
}


def brought(folder: Path, files: dict[str, str]) -> tuple[ImportResult, Path]:
    write(files, folder / "project")
    return import_facts(read_project(folder / "project"), CHANNELS), folder / "project"


def loaded(folder: Path, found: ImportResult) -> Base:
    """A knowledge base of these entries."""
    folder.mkdir(exist_ok=True)
    editor = Editor(folder)
    write(found.topics, folder)
    return editor.base()


def left(found: ImportResult) -> list[str]:
    return [f"{Path(one.file).name}:{one.line} {one.key}" for one in found.left]


def test_the_shipped_base_is_unchanged_by_export_and_import(tmp_path: Path) -> None:
    base = load(SHIPPED, SKILLS, CHANNELS)
    found, _ = brought(tmp_path, project(base, 100))
    back = loaded(tmp_path / "base", found)
    assert back.entries == base.entries
    assert found.left == []
    topics = {id_: place.page.path.name for id_, place in base.places.items()}
    assert {id_: place.page.path.name for id_, place in back.places.items()} == topics
    headings = {place.page.content["topic"]["en"] for place in base.places.values()}
    assert {place.page.content["topic"]["en"] for place in back.places.values()} == headings


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
SENTENCES = (
    st.lists(WORDS, min_size=1, max_size=4).map(" ".join).filter(lambda text: "{" not in text and "]" not in text)
)


SEVERAL = SENTENCES | st.lists(SENTENCES, min_size=1, max_size=3)
WORDED = SEVERAL | st.fixed_dictionaries({"default": SEVERAL}, optional={"twitter": SEVERAL})


@settings(max_examples=30)
@example(zh=["好"], en=["good"], said={"default": "0", "twitter": "0"})  # the same, and meant for each
@example(zh=["好"], en=["good"], said={"default": ["a", "b"], "twitter": ["a", "b"], "wechat": "a"})
@given(zh=st.lists(SENTENCES, min_size=1, max_size=3), en=st.lists(SENTENCES, min_size=1, max_size=3), said=WORDED)
def test_any_valid_base_is_unchanged_by_export_and_import(
    tmp_path_factory: pytest.TempPathFactory, zh: list[str], en: list[str], said: Any
) -> None:
    folder = tmp_path_factory.mktemp("base")
    entry = {"id": "one", "title": {"zh": "一", "en": "one"}, "examples": {"zh": zh, "en": en}}
    topic = {"topic": {"zh": "话题", "en": "Topic"}, "entries": [{**entry, "answers": {"zh": "好", "en": said}}]}
    editor = Editor(folder)
    assume(not editor.writes(yaml.safe_dump(topic, allow_unicode=True), "one.yaml").problems())
    base = editor.base()
    found, _ = brought(tmp_path_factory.mktemp("rasa"), project(base, 100))
    back = loaded(tmp_path_factory.mktemp("back"), found).entries["one"]
    assert back.answers == base.entries["one"].answers
    kept = {text for texts in (zh, en) for text in texts}
    assert {text for texts in (back.examples.zh, back.examples.en) for text in texts} <= kept


def test_a_foreign_project_becomes_entries_that_load(tmp_path: Path) -> None:
    found, _ = brought(tmp_path, MOODBOT)
    base = loaded(tmp_path / "base", found)
    assert list(base.entries) == ["faq-ask-opening-hours", "faq-ask-returns", "greet", "bye"]
    hours = base.entries["faq-ask-opening-hours"]
    assert hours.examples.en == ("when do you open", "are you open in Berlin", "are you open in munich")
    assert hours.examples.zh == ("你们几点开门",)
    assert hours.answers is not None
    assert hours.answers.en["default"] == ("We open at nine.",)
    greet = base.entries["greet"]
    assert greet.answers is not None
    assert (greet.answers.zh["default"], greet.answers.en["default"]) == (("欢迎！",), ("Welcome!", "Hello again!"))
    assert base.entries["bye"].handoff == base.entries["faq-ask-returns"].handoff == "always"
    assert {place.page.path.name for place in base.places.values()} == {"faq.yaml", "nlu.yaml"}


def test_everything_dropped_is_reported_with_its_place(tmp_path: Path) -> None:
    found, _ = brought(tmp_path, MOODBOT)
    assert {
        "nlu.yml:10 intent faq/ask_opening_hours",  # entities
        "nlu.yml:11 intent faq/ask_opening_hours",
        "nlu.yml:16 intent faq/ask_returns",  # an example that another intent has
        "nlu.yml:25 synonym Munich",
        "nlu.yml:28 regex order_number",
        "nlu.yml:31 lookup city",
        "stories.yml:3 story booking",
        "domain.yml:3 entities city",
        "domain.yml:5 slots table",
        "domain.yml:11 forms booking_form",
        "domain.yml:13 action action_check_table",
        "domain.yml:18 response utter_welcome",  # a wording that says the same
        "domain.yml:20 response utter_welcome",  # no such channel
        "domain.yml:23 utter_faq/ask_opening_hours",  # an image
        "domain.yml:26 response utter_faq/ask_returns",  # a placeholder
        "domain.yml:28 response utter_unused",
    } <= set(left(found))
    assert not any("endpoints" in line or "faq\n" in line for line in left(found))


def test_a_markdown_project_of_rasa_1_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as refused:
        brought(tmp_path, MARKDOWN)
    said = {Path(one.file).name: f"{one.message}; {one.hint}" for one in refused.value.problems}
    for file in ("nlu.md", "responses.md", "stories.md"):
        assert "is the Markdown of Rasa 1" in said[file]
        assert f"--data {file}" in said[file]


def test_only_rasa_markdown_stops_the_import_of_a_rasa_3_project(tmp_path: Path) -> None:
    readme = "# Our bot\n## Intents\n- greet\n* see [docs](docs/faq.md)\n* docs/faq\n"
    found, _ = brought(tmp_path / "one", {**MOODBOT, "README.md": readme})
    assert list(found.unread) == []
    found, _ = brought(tmp_path / "two", {**MOODBOT, "data/stories.md": MARKDOWN["data/stories.md"]})
    assert [Path(one.file).name for one in found.unread] == ["stories.md"]


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ({}, "holds no examples"),
        ({"data/nlu.yml": "nlu: 7\n"}, "holds no examples"),
        (
            {"data/nlu.yml": "nlu:\n- intent: [a]\n  examples: {b: c}\n- 7\n- intent: x\n  examples: |\n    no dash\n"},
            "holds no",
        ),
    ],
)
def test_a_folder_that_is_no_project_is_refused(tmp_path: Path, files: dict[str, str], wrong: str) -> None:
    (tmp_path / "project").mkdir()
    with pytest.raises(SettingError, match=wrong):
        brought(tmp_path, files)


def test_import_runs_no_project_code_and_reports_every_broken_file(tmp_path: Path) -> None:
    evil = "nlu: !!python/object/apply:os.system ['touch " + str(tmp_path / "ran") + "']\n"
    found, folder = brought(tmp_path, {**MOODBOT, "data/evil.yml": evil, "data/broken.yml": "a: [\n"})
    assert not (tmp_path / "ran").exists()
    assert found.entries == 4
    assert {Path(one.file).relative_to(folder).as_posix() for one in found.unread} == {
        "data/evil.yml",
        "data/broken.yml",
    }


def test_names_without_latin_letters_get_unique_ids(tmp_path: Path) -> None:
    nlu = "nlu:\n- intent: 退款\n  examples: |\n    - 怎么退款\n- intent: 发货\n  examples: |\n    - 何时发货\n"
    found, _ = brought(tmp_path, {"data/nlu.yml": nlu})
    base = loaded(tmp_path / "base", found)
    assert len(base.entries) == 2
    assert [entry.title.zh for entry in base.entries.values()] == ["退款", "发货"]
    assert sum("no English example" in str(one.message) for one in found.left) == 2

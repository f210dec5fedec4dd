"""`yingda new` knows no brand: a new deployment has no word of the demo's, and claims only what it can do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import ROOT
from typer.testing import CliRunner

from bot.__main__ import app
from bot.cli import new

# What the demo brand sells, and how it names it.
TEA = re.compile(r"(?i:茶|泡|龙井|云杉|明前|新芽|春芽|\bteas?\b|brew|jasmine|oolong|yunshan)|First Flush|Sprout|Spring")
# What a brand has to write before its bot can speak of it.
CLAIMS = re.compile(
    r"(?i:订单|快递|物流|送到|退货|退换|发票|门店|优惠|\borders?\b|deliver|\breturns?\b|invoice|\bstores?\b)"
)
FOR_MEMBERS = ("link.", "points.", "tier.")  # phrases that are said only where there are members


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new deployment."""
    folder = tmp_path_factory.mktemp("made") / "shop"
    made = CliRunner().invoke(app, ["new", str(folder), "--brand", "Bright Lamps"])
    assert made.exit_code == 0, made.output
    return folder


def base_of(folder: Path) -> dict[str, Any]:
    pages = sorted((folder / "knowledge_base").glob("*.yaml"))
    return {page.stem: yaml.safe_load(page.read_text(encoding="utf-8")) for page in pages}


def entries_of(folder: Path) -> Iterator[dict[str, Any]]:
    for page in base_of(folder).values():
        if isinstance(page, dict):  # a list in tests.yaml
            yield from page.get("entries", ())


def said(folder: Path) -> Iterator[tuple[str, str]]:
    """All that customers may read, with the name of the phrase or entry."""
    for name, words in base_of(folder)["phrases"].items():
        yield name, str(words)
    for entry in entries_of(folder):
        yield entry["id"], str(entry["title"]) + str(entry.get("answers", ""))


def test_a_new_deployment_has_no_word_of_tea_or_of_the_demo_brand(fresh: Path) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in fresh.rglob("*.yaml")}
    assert {name: found for name, text in texts.items() if (found := TEA.findall(text))} == {}
    assert "Bright Lamps" in texts["phrases.yaml"]


def test_a_new_deployment_speaks_of_nothing_that_its_brand_has_not_written(fresh: Path) -> None:
    assert {name: found for name, text in said(fresh) if (found := CLAIMS.findall(text))} == {}
    topics = [str(page["topic"]) for page in base_of(fresh).values() if "topic" in page]
    assert [topic for topic in topics if CLAIMS.search(topic)] == []


def test_points_are_spoken_of_only_where_there_are_members(fresh: Path) -> None:
    others = {name: text for name, text in said(fresh) if not name.startswith(FOR_MEMBERS)}
    about_points = {name for name, text in others.items() if re.search(r"积分|(?i:\bpoints\b)", text)}
    assert about_points <= {"points"}  # the title of the question about them
    config = yaml.safe_load((fresh / "config.yaml").read_text(encoding="utf-8"))
    assert not re.search(r"积分|points", str(config["accounts"]))


def test_every_phrase_of_the_demo_comes_along_with_its_placeholders(fresh: Path) -> None:
    shipped, made = (base_of(folder)["phrases"] for folder in (ROOT, fresh))
    assert made.keys() == shipped.keys()
    for name, words in made.items():
        for language in ("zh", "en"):
            assert placeholders(words[language]) == placeholders(shipped[name][language]), name


def placeholders(words: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", words))


def test_every_general_entry_of_the_demo_comes_along_and_no_other(fresh: Path) -> None:
    general = {entry["id"] for entry in entries_of(ROOT) if new.GENERAL_KEYS & entry.keys()}
    assert {entry["id"] for entry in entries_of(fresh)} == general


def test_answers_have_the_channels_that_the_demo_has(fresh: Path) -> None:
    shipped = {entry["id"]: channels(entry) for entry in entries_of(ROOT)}
    assert {entry["id"]: channels(entry) for entry in entries_of(fresh)}.items() <= shipped.items()


def channels(entry: Mapping[str, Any]) -> dict[str, list[str]]:
    answers: dict[str, Any] = entry.get("answers", {})
    return {language: sorted(words) if isinstance(words, dict) else [] for language, words in answers.items()}


def test_nothing_of_fresh_yaml_is_without_effect(fresh: Path) -> None:
    """Its phrases, topics and entries exist, and the examples that it leaves out are there to be left out."""
    words = yaml.safe_load(new.FRESH.read_text(encoding="utf-8"))
    shipped, made = base_of(ROOT), base_of(fresh)
    assert {name: made["phrases"][name] for name in words["phrases"]} == words_of(words["phrases"])
    for name, keys in words["topics"].items():
        assert keys.items() <= made[name].items()
    before = {entry["id"]: entry for entry in entries_of(ROOT)}
    after = {entry["id"]: entry for entry in entries_of(fresh)}
    for name, keys in words["entries"].items():
        left_out = set(keys.pop("leave_out", ()))
        assert words_of(keys).items() <= after[name].items()
        for language in ("zh", "en"):
            had, has = (set(one[name]["examples"][language]) for one in (before, after))
            assert {example.replace("Yunshan", "Bright Lamps") for example in had - left_out} == has
            left_out -= had
        assert left_out == set()
    assert shipped.keys() >= made.keys()


def words_of(words: Any) -> Any:
    """fresh.yaml names the brand as the demo does."""
    text = json.dumps(words, ensure_ascii=False)
    return json.loads(text.replace("云杉茶", "Bright Lamps").replace("Yunshan Tea", "Bright Lamps"))


@pytest.fixture(scope="module")
def trained(fresh: Path) -> Path:
    config = fresh / "config.yaml"
    done = CliRunner().invoke(app, ["train", "--config", str(config)])
    assert done.exit_code == 0, done.output
    return config


def suggestions() -> list[str]:
    """What the web chat of a new deployment suggests to ask."""
    questions = yaml.safe_load(new.fresh_config("Bright Lamps"))["accounts"][1]["questions"]
    return [question for language in ("zh", "en") for question in questions[language]]


@pytest.mark.parametrize("question", suggestions())
def test_a_new_deployment_can_do_what_its_web_chat_suggests(trained: Path, question: str) -> None:
    told = CliRunner().invoke(app, ["say", question, "--json", "--config", str(trained)])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["entry"] in {"who-are-you", "hours", "person"}


def test_an_installed_yingda_includes_the_words_of_a_new_deployment() -> None:
    assert new.FRESH.suffix == ".yaml"  # which pyproject.toml includes in every package
    assert new.FRESH.parent == ROOT / "bot" / "cli"

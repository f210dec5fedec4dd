"""A deployment whose engine is `rasa`: customers are answered by what it understands, and also when it is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ground import MovableClock
from rasa_stage import TOKEN, Stage, fallbacks, serving
from shop import OPEN_MONDAY, ROOT, Shop, deployment_in

from bot.commands.learning import lesson_of, models_of, others
from bot.config import load as load_config
from bot.intents.skills import SKILLS
from bot.knowledge.editions import Edition, Schooled, Thresholds
from bot.knowledge.entries import load
from bot.services.rasa.school import Lesson
from bot.simulators.rasa import Faults
from bot.stores.record.database import Database

ASKED = "could you tell me whether i can change where my parcel goes"


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    return lesson_of(load(ROOT / "knowledge_base", SKILLS), load_config(ROOT / "config.yaml"))


@pytest.fixture(scope="module")
def stage(lesson: Lesson, shipped_edition: tuple[str, bytes]) -> Iterator[Stage]:
    """A service that has learned the shipped base, which is believed as far as Rasa itself is after a rehearsal."""
    known = Schooled(lesson.name, (1.0, 0.5, 0.0), Thresholds(0.5, 0.2))
    with serving(lesson) as (service, url):
        yield Stage(service, url, lesson, known, shipped_edition[1])


@pytest.fixture
def shop(stage: Stage, tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[Shop]:
    edition = replace(Edition.from_json(0, shipped_edition[0]), others={"rasa": stage.known})
    rasa = {"url": stage.url, "token": TOKEN, "time_limit": 4, "failures": 1, "pause": 3600}
    deployment = deployment_in(tmp_path, intents={"engine": "rasa", "rasa": rasa})
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}")
    opened = Shop(deployment, database, MovableClock(OPEN_MONDAY), (edition.to_json(), stage.model))
    yield opened
    opened.close()
    stage.service.faults.set(Faults())


def test_a_customer_is_answered_by_what_rasa_understands(shop: Shop, stage: Stage) -> None:
    before = fallbacks()
    stage.service.asked.clear()
    assert shop.hears("lin", ASKED)
    assert ASKED in stage.service.asked
    assert fallbacks() == before


def test_when_rasa_is_gone_the_same_customer_is_answered_by_semantic(shop: Shop, stage: Stage) -> None:
    stage.service.faults.set(Faults(broken=True))
    before = fallbacks().get("no_answer", 0)
    assert shop.hears("lin", ASKED)
    assert shop.hears("lin", "how do I track my parcel then")
    assert fallbacks()["no_answer"] == before + 1
    assert fallbacks()["paused"] >= 1


def test_an_edition_says_what_rasa_learned_where_it_was_rehearsed(tmp_path: Path, lesson: Lesson) -> None:
    base = load(ROOT / "knowledge_base", SKILLS)
    deployment = deployment_in(tmp_path)
    assert others(deployment, base) == {}
    rows = [{"meant": "hello", "kind": 0, "ranking": [["hello", 0.9], ["thanks", 0.05]]}] * 30
    models_of(deployment).mkdir(parents=True)
    notes = models_of(deployment) / f"{lesson.name}.json"
    notes.write_text(json.dumps({"format": 1, "asked": rows}), encoding="utf-8")
    assert others(deployment, base)["rasa"].model == lesson.name

"""A deployment with engine `rasa` answers by its ranking, and by `semantic` while it is unreachable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.paths import ROOT
from support.services import MovableClock
from support.shop import OPEN_MONDAY, Shop, deployment_in
from support.simulated_rasa import TOKEN, Stage, fallbacks, serving

from bot.app.channels import CHANNELS
from bot.app.engines import external_models
from bot.config import load as load_config
from bot.intents.skills import SKILLS
from bot.knowledge.editions import Edition, ExternalModel, Thresholds
from bot.knowledge.entries import load
from bot.rasa import models_of
from bot.rasa.training import TrainingData, training_data
from bot.simulators.rasa import Faults
from bot.stores.sql.database import Database

ASKED = "could you tell me whether i can change where my parcel goes"


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return training_data(load(ROOT / "knowledge_base", SKILLS, CHANNELS), load_config(ROOT / "config.yaml"))


@pytest.fixture(scope="module")
def stage(data: TrainingData, shipped_edition: tuple[str, bytes]) -> Iterator[Stage]:
    """A service with a model of the shipped base, and a calibration like that of real Rasa."""
    known = ExternalModel(data.name, (1.0, 0.5, 0.0), Thresholds(0.5, 0.2))
    with serving(data) as (service, url):
        yield Stage(service, url, data, known, shipped_edition[1])


@pytest.fixture
def shop(stage: Stage, tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[Shop]:
    edition = replace(Edition.from_json(0, shipped_edition[0]), external_models={"rasa": stage.known})
    rasa = {"url": stage.url, "token": TOKEN, "time_limit": 4, "failures": 1, "pause": 3600}
    deployment = deployment_in(tmp_path, intents={"engine": "rasa", "rasa": rasa})
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}")
    opened = Shop(deployment, database, MovableClock(OPEN_MONDAY), (edition.to_json(), stage.model))
    yield opened
    opened.close()
    stage.service.faults.set(Faults())


def test_a_customer_is_answered_by_rasas_ranking(shop: Shop, stage: Stage) -> None:
    before = fallbacks()
    stage.service.asked.clear()
    assert shop.hears("lin", ASKED)
    assert ASKED in stage.service.asked
    assert fallbacks() == before


def test_a_customer_is_answered_by_semantic_while_rasa_is_unreachable(shop: Shop, stage: Stage) -> None:
    stage.service.faults.set(Faults(broken=True))
    before = fallbacks().get("no_answer", 0)
    assert shop.hears("lin", ASKED)
    assert shop.hears("lin", "how do I track my parcel then")
    assert fallbacks()["no_answer"] == before + 1
    assert fallbacks()["paused"] >= 1


def test_an_edition_has_a_rasa_calibration_only_where_rasa_was_trained(tmp_path: Path, data: TrainingData) -> None:
    base = load(ROOT / "knowledge_base", SKILLS, CHANNELS)
    deployment = deployment_in(tmp_path)
    assert external_models(deployment, base) == {}
    rows = [{"meant": "hello", "kind": 0, "ranking": [["hello", 0.9], ["thanks", 0.05]]}] * 30
    models_of(deployment).mkdir(parents=True)
    notes = models_of(deployment) / f"{data.name}.json"
    notes.write_text(json.dumps({"format": 1, "asked": rows}), encoding="utf-8")
    assert external_models(deployment, base)["rasa"].model == data.name

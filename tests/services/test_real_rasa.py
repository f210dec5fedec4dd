"""Rasa itself: a tiny base trained in 5 epochs, served, and asked by the engine. All other tests simulate it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ground import missing
from rasa_stage import fallbacks
from shop import ROOT

from bot.decisions import Utterance
from bot.intents.rasa import Breaker
from bot.intents.understanding.training import learn
from bot.knowledge.editions import Schooled, Thresholds
from bot.services.rasa import PROGRAM, RasaClient, Service, Workshop, engine_on
from bot.services.rasa.school import Lesson
from bot.simulators.rasa import RasaService, Reader

pytestmark = pytest.mark.long

TAUGHT = (
    ("hours", ("几点开门", "你们周末营业吗", "营业时间", "what are your opening hours", "are you open on sunday")),
    ("refund", ("怎么退款", "我要退货", "钱什么时候退给我", "how do I get a refund", "I want my money back")),
)
LESSON = Lesson(TAUGHT, 5)
TOKEN = "a token & more"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    program = Path(os.environ.get("YINGDA_RASA_PROGRAM", ROOT / PROGRAM))
    if not program.is_file():
        missing("Rasa", f"{program} is no file; make rasa installs it, YINGDA_RASA_PROGRAM names another")
    workshop = Workshop(program, tmp_path_factory.mktemp("rasa"), TOKEN)
    shown: list[float] = []
    model = workshop.train(LESSON.files, LESSON.name, shown.append)
    assert 1.0 in shown
    with workshop.serving(model) as service:
        yield service


@pytest.mark.timeout(600)
def test_rasa_is_trained_and_understands(service: Service) -> None:
    client = RasaClient(service)
    assert client.model() == LESSON.name
    for intent, texts in TAUGHT:
        for text in texts:
            ranking = client.parse(text)
            assert [name for name, _ in ranking] == [intent, *{"hours", "refund"} - {intent}]
            assert sum(sure for _, sure in ranking) == pytest.approx(1, abs=0.01)
    assert client.parse("") == []
    client.close()


@pytest.mark.timeout(600)
def test_the_engine_understands_by_it(service: Service) -> None:
    known = Schooled(LESSON.name, (1.0, 0.5, 0.0), Thresholds(0.8, 0.3))
    before = fallbacks()
    engine = engine_on(service, {1: known}.get, Breaker(3, 10.0))
    engine.take_up(1, learn(TAUGHT, 0.9).model)
    asked = ("可以退款吗", "are you open on sunday please tell me", "周末营业到几点", "my money back")
    found = engine.understand([Utterance(text, "en", 1) for text in asked])
    engine.close()
    assert [one.candidates[0].intent for one in found] == ["refund", "hours", "hours", "refund"]
    assert {one.engine for one in found} == {"rasa"}
    assert fallbacks() == before


@pytest.mark.timeout(600)
def test_the_simulated_service_answers_in_the_same_shapes(service: Service) -> None:
    simulated = RasaService()
    simulated.load(LESSON.name, Reader(LESSON.files))
    with httpx.Client(base_url=service.url, params={"token": TOKEN}, timeout=30, trust_env=False) as http:
        for text in ("怎么退款", ""):
            assert shape(http.post("/model/parse", json={"text": text}).json()) == shape(simulated.parse(text))
        assert shape(http.get("/status").json()) == shape(simulated.status())
        refused = http.get("/status", params={"token": "another"})
    assert (refused.status_code, refused.json()["reason"]) == (401, "NotAuthenticated")


def shape(content: object) -> object:
    """What kinds of things stand where; of a list, its first."""
    if isinstance(content, dict):
        return {key: shape(value) for key, value in content.items()}
    if isinstance(content, list):
        return [shape(one) for one in content[:1]]
    return type(content)

"""Real Rasa: a small base is trained in 5 epochs, served and asked. All other tests simulate Rasa."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.paths import ROOT
from support.services import missing
from support.simulated_rasa import fallbacks

from bot.circuit_breaker import CircuitBreaker
from bot.domain.decisions import Utterance
from bot.intents.classifier.training import learn
from bot.knowledge.editions import ExternalModel, Thresholds
from bot.rasa import PROGRAM
from bot.rasa.client import RasaAddress, RasaClient, engine_on
from bot.rasa.runner import RasaRunner
from bot.rasa.training import TrainingData
from bot.simulators.rasa import RasaService, Reader

pytestmark = pytest.mark.long

TAUGHT = (
    ("hours", ("几点开门", "你们周末营业吗", "营业时间", "what are your opening hours", "are you open on sunday")),
    ("refund", ("怎么退款", "我要退货", "钱什么时候退给我", "how do I get a refund", "I want my money back")),
)
DATA = TrainingData(TAUGHT, 5)
TOKEN = "a token & more"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RasaAddress]:
    program = Path(os.environ.get("YINGDA_RASA_PROGRAM", ROOT / PROGRAM))
    if not program.is_file():
        missing("Rasa", f"{program} is no file; make rasa installs it, YINGDA_RASA_PROGRAM names another")
    runner = RasaRunner(program, tmp_path_factory.mktemp("rasa"), TOKEN)
    shown: list[float] = []
    model = runner.train(DATA.files, DATA.name, shown.append)
    assert 1.0 in shown
    with runner.serving(model) as service:
        yield service


@pytest.mark.timeout(600)
def test_real_rasa_trains_and_ranks(service: RasaAddress) -> None:
    client = RasaClient(service)
    assert client.model() == DATA.name
    for intent, texts in TAUGHT:
        for text in texts:
            ranking = client.parse(text)
            assert [name for name, _ in ranking] == [intent, *{"hours", "refund"} - {intent}]
            assert sum(sure for _, sure in ranking) == pytest.approx(1, abs=0.01)
    assert client.parse("") == []
    client.close()


@pytest.mark.timeout(600)
def test_the_engine_understands_with_real_rasa(service: RasaAddress) -> None:
    known = ExternalModel(DATA.name, (1.0, 0.5, 0.0), Thresholds(0.8, 0.3))
    before = fallbacks()
    engine = engine_on(service, {1: known}.get, CircuitBreaker(3, 10.0))
    engine.load(1, learn(TAUGHT, 0.9).model)
    asked = ("可以退款吗", "are you open on sunday please tell me", "周末营业到几点", "my money back")
    found = engine.understand([Utterance(text, "en", 1) for text in asked])
    engine.close()
    assert [one.candidates[0].intent for one in found] == ["refund", "hours", "hours", "refund"]
    assert {one.engine for one in found} == {"rasa"}
    assert fallbacks() == before


@pytest.mark.timeout(600)
def test_the_simulated_service_answers_in_the_same_shapes(service: RasaAddress) -> None:
    simulated = RasaService()
    simulated.load(DATA.name, Reader(DATA.files))
    with httpx.Client(base_url=service.url, params={"token": TOKEN}, timeout=30, trust_env=False) as http:
        for text in ("怎么退款", ""):
            assert shape(http.post("/model/parse", json={"text": text}).json()) == shape(simulated.parse(text))
        assert shape(http.get("/status").json()) == shape(simulated.status())
        refused = http.get("/status", params={"token": "another"})
    assert (refused.status_code, refused.json()["reason"]) == (401, "NotAuthenticated")


def shape(content: object) -> object:
    """The types of a JSON value's parts; of a list, of its first item."""
    if isinstance(content, dict):
        return {key: shape(value) for key, value in content.items()}
    if isinstance(content, list):
        return [shape(one) for one in content[:1]]
    return type(content)

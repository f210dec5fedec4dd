"""Engine `rasa`: intents are ranked by a Rasa 3 server; their confidence is calibrated here.

`bot.app.engines` uses these functions. They import what they need, since most deployments have no Rasa.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config import Config, Deployment

if TYPE_CHECKING:
    from bot.evaluation.trainers import Trainer
    from bot.knowledge.editions import ExternalModel
    from bot.knowledge.entries import Base
    from bot.ports.nlu import ServingEngine

NAME = "rasa"
PROGRAM = Path(".venv-rasa/bin/rasa")  # where `make rasa` installs Rasa's own program


def models_of(deployment: Deployment) -> Path:
    """The folder of trained Rasa models."""
    return deployment.config.var / NAME


def open_engine(config: Config, learned: Callable[[int], ExternalModel | None]) -> ServingEngine:
    """The engine on the configured server. learned: the Rasa model of an edition number, None without one."""
    from bot.circuit_breaker import CircuitBreaker
    from bot.rasa.client import RasaAddress, engine_on

    settings = config.intents.rasa
    service = RasaAddress(settings.url, settings.token, settings.time_limit, settings.connections)
    return engine_on(service, learned, CircuitBreaker(settings.failures, settings.pause))


def trainer(environment: Mapping[str, str]) -> Trainer:
    """For evaluation; the Rasa program is YINGDA_RASA_PROGRAM, or the one that `make rasa` installs."""
    from bot.rasa.training import RasaTrainer

    return RasaTrainer(Path(environment.get("YINGDA_RASA_PROGRAM", PROGRAM)))


def learned(deployment: Deployment, base: Base) -> ExternalModel | None:
    """The calibrated Rasa model of a base; None if none was trained on the same examples. Raises SettingError."""
    if not any(
        models_of(deployment).glob("*.json")
    ):  # without a model, naming a large base's takes seconds for nothing
        return None
    from bot.rasa.training import model_of_base

    return model_of_base(base, deployment)


def served_model(config: Config, time_limit: float) -> str | None:
    """Name of the model that the server has loaded; None without an answer in `time_limit` seconds."""
    from bot.errors import EngineFailed
    from bot.rasa.client import RasaAddress, RasaClient

    settings = config.intents.rasa
    client = RasaClient(RasaAddress(settings.url, settings.token, time_limit))
    try:
        return client.model()
    except EngineFailed:
        return None
    finally:
        client.close()

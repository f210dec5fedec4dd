"""The registry of engines besides `semantic`. To remove one, delete its folder, its command and its line in ENGINES."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from bot import rasa
from bot.config import Config, Deployment

if TYPE_CHECKING:
    from bot.evaluation.trainers import Trainer
    from bot.knowledge.editions import ExternalModel
    from bot.knowledge.entries import Base
    from bot.ports.nlu import ServingEngine


class OtherEngine(Protocol):
    """The functions that an engine's package provides; `bot.rasa` documents each."""

    def open_engine(self, config: Config, learned: Callable[[int], ExternalModel | None]) -> ServingEngine: ...
    def trainer(self, environment: Mapping[str, str]) -> Trainer: ...
    def learned(self, deployment: Deployment, base: Base) -> ExternalModel | None: ...
    def served_model(self, config: Config, time_limit: float) -> str | None: ...


# By the value of `intents.engine` in the configuration.
ENGINES: dict[str, OtherEngine] = {
    rasa.NAME: rasa,
}


def external_models(deployment: Deployment, base: Base) -> Mapping[str, ExternalModel]:
    """The models that these engines have trained on a knowledge base, by engine. Raises SettingError."""
    found = {name: engine.learned(deployment, base) for name, engine in ENGINES.items()}
    return MappingProxyType({name: known for name, known in found.items() if known is not None})

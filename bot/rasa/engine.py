"""Engine `rasa`: exact examples first, then Rasa's ranking; engine `semantic` where Rasa gives no usable answer."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np

from bot.circuit_breaker import CircuitBreaker
from bot.domain.decisions import Candidate, Understanding, Utterance
from bot.errors import EngineFailed
from bot.intents.classifier.calibration import Calibration, Features
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.features import plain
from bot.knowledge.editions import ExternalModel
from bot.ports.nlu import IntentParser, Ranking
from bot.telemetry import count
from bot.text import truncate

NAME = "rasa"
_MODEL_NAME_TTL = 5.0  # seconds between two requests for the name of the loaded model
_UNTRAINED, _OTHER_MODEL, _NO_ANSWER, _PAUSED = "untrained", "other_model", "no_answer", "paused"
_LOG_TEXTS = {
    _UNTRAINED: "has not learned this edition: yingda rasa train",
    _OTHER_MODEL: "serves another model than this edition's: yingda rasa serve",
    _NO_ANSWER: "does not answer in time, or answers wrongly",
}
log = logging.getLogger(__name__)
T = TypeVar("T")


class RasaEngine:
    """`ports.ServingEngine` with Rasa's model if the server has the edition's, else with `fallback`. Thread-safe.

    learned: the calibrated Rasa model of an edition number, None without one. connections: parallel requests.
    time_limit: seconds for a whole batch.
    """

    def __init__(
        self,
        fallback: SemanticEngine,
        parser: IntentParser,
        learned: Callable[[int], ExternalModel | None],
        *,
        connections: int,
        time_limit: float,
        breaker: CircuitBreaker,
    ) -> None:
        self._fallback = fallback
        self._parser = parser
        self._learned = learned
        self._time_limit = time_limit
        self._breaker = breaker
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="rasa")
        self._served = ""
        self._name_valid_until = 0.0
        self._last_logged = ""

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._parser.close()

    def load(self, number: int, model: bytes) -> None:
        """Load an edition. Raises EngineFailed for an invalid model."""
        self._fallback.load(number, model)
        # A new edition may come with a new Rasa model: ask for its name at once.
        self._name_valid_until = 0.0

    def look_up(self, utterance: Utterance) -> Understanding | None:
        """The understanding of an exact example or an empty text; None for all others."""
        # Understandings that `semantic` cached are not exact; Rasa ranks those texts.
        known = self._fallback.look_up(utterance)
        return known if known is not None and (known.exact or not known.candidates) else None

    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """One understanding per utterance, within the time limit. Raises EngineFailed for an edition that is not
        loaded."""
        found = [self.look_up(utterance) for utterance in utterances]
        asked = [place for place, one in enumerate(found) if one is None]
        for place, one in zip(asked, self._by_rasa([utterances[place] for place in asked]), strict=True):
            found[place] = one
        left = [place for place, one in enumerate(found) if one is None]
        for place, one in zip(left, self._fallback.understand([utterances[place] for place in left]), strict=True):
            found[place] = one
        return [one for one in found if one is not None]

    def _by_rasa(self, utterances: Sequence[Utterance]) -> list[Understanding | None]:
        """Understandings by Rasa; None for texts that it did not answer or was not asked for."""
        models = {edition: self._learned(edition) for edition in {utterance.edition for utterance in utterances}}
        trained = [utterance for utterance in utterances if models[utterance.edition] is not None]
        admitted = trained[: self._breaker.admit(len(trained))]
        rankings = self._rankings(admitted, models) if admitted else {}
        found = [_interpret(utterance, models[utterance.edition], rankings) for utterance in utterances]
        self._report([why for why, _ in found])
        return [understanding for _, understanding in found]

    def _rankings(
        self, utterances: Sequence[Utterance], models: Mapping[int, ExternalModel | None]
    ) -> dict[Utterance, Ranking | str]:
        """Rasa's ranking of each text, or the reason why there is none."""
        until = time.monotonic() + self._time_limit
        served = self._served_model(until)
        if not served:
            return dict.fromkeys(utterances, _NO_ANSWER)
        own = [utterance for utterance in utterances if (model := models[utterance.edition]) and model.model == served]
        asked = {
            utterance: self._pool.submit(self._parser.parse, plain(truncate(utterance.text)))
            for utterance in dict.fromkeys(own)
        }
        wait(asked.values(), max(until - time.monotonic(), 0.0))
        ranked = {utterance: self._ranked(_result(one)) for utterance, one in asked.items()}
        return dict.fromkeys(utterances, _OTHER_MODEL) | ranked

    def _ranked(self, ranking: Ranking | None) -> Ranking | str:
        """Reports success or failure to the breaker."""
        if ranking is None:
            self._breaker.record_failure()
            return _NO_ANSWER
        self._breaker.record_success()
        return ranking

    def _served_model(self, until: float) -> str:
        """Name of the loaded model, at most _MODEL_NAME_TTL seconds old; '' if it is not known by `until` (monotonic
        seconds).

        An answer does not close the breaker: a server can report its name and rank nothing.
        """
        if time.monotonic() >= self._name_valid_until:
            looking = self._pool.submit(self._parser.model)
            wait([looking], until - time.monotonic())
            self._served = _result(looking) or ""
            self._name_valid_until = time.monotonic() + (_MODEL_NAME_TTL if self._served else 0.0)
            if not self._served:
                self._breaker.record_failure()
        return self._served

    def _report(self, reasons: Sequence[str]) -> None:
        """Counts fallbacks by reason and logs changes. A pause of the breaker is not logged: its cause was."""
        for why in filter(None, reasons):
            count("fell_back", why=why)
        now = next((why for why in reasons if why), "")
        if now in {_PAUSED, self._last_logged} or not reasons:
            return
        self._last_logged = now
        if now:
            log.warning("rasa %s; engine semantic answers meanwhile", _LOG_TEXTS[now])
        else:
            log.info("rasa answers again")


def _interpret(
    utterance: Utterance, model: ExternalModel | None, rankings: Mapping[Utterance, Ranking | str]
) -> tuple[str, Understanding | None]:
    """Reason why Rasa's ranking is not used, '' if it is, and the understanding."""
    if model is None:
        return _UNTRAINED, None
    ranking = rankings.get(utterance, _PAUSED)
    if isinstance(ranking, str):
        return ranking, None
    return "", understood(ranking, model.weights, NAME)


def _result(future: Future[T]) -> T | None:
    """The result, if the request has finished successfully; else the request is cancelled."""
    try:
        return future.result(0)
    except (EngineFailed, TimeoutError):
        future.cancel()
        return None


FEATURES = ("chance", "lead", "always")  # columns of `ranking_features`
_FLOOR = 1e-4  # keeps log odds finite
_CANDIDATES = 5


def ranking_features(rankings: Sequence[Ranking]) -> Features:
    """Features of rankings, shape (n, 3) float64, columns as in FEATURES.

    "chance" is half the log odds of the first intent, "lead" its log ratio to the second divided by 3, "always" is 1.
    """
    seen: Features = np.array([_features_of(ranking) for ranking in rankings]).reshape(len(rankings), len(FEATURES))
    return seen


def _features_of(ranking: Ranking) -> tuple[float, float, float]:
    first, second = ([confidence for _, confidence in ranking] + [0.0, 0.0])[:2]
    chance = min(max(first, _FLOOR), 1 - _FLOOR)
    return math.log(chance / (1 - chance)) / 2, math.log(chance / max(second, _FLOOR)) / 3, 1.0


def understood(ranking: Ranking, weights: Sequence[float], engine: str) -> Understanding:
    """The understanding of a ranking, at most five candidates. weights: (3,) of the calibration.

    The first has its calibrated confidence; the others keep their proportion to it as far as it leaves room.
    """
    if not ranking:
        return Understanding(engine=engine)
    sure = float(Calibration(np.array(weights)).confidence(ranking_features([ranking]))[0])
    best = max(ranking[0][1], _FLOOR)
    room = min(sure / best, (1 - sure) / max(1 - best, _FLOOR))
    shares = [sure, *(confidence * room for _, confidence in ranking[1:_CANDIDATES])]
    candidates = (Candidate(intent, round(share, 4)) for (intent, _), share in zip(ranking, shares, strict=False))
    return Understanding(tuple(candidates), engine=engine)

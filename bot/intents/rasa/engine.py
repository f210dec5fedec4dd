"""The engine `rasa`: exact examples first, then Rasa's ranking; where Rasa does not answer, the engine `semantic`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from bot.decisions import Understanding, Utterance
from bot.errors import EngineFailed
from bot.intents.rasa.breaker import Breaker
from bot.intents.rasa.sureness import understood
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.semantic import SemanticEngine
from bot.knowledge.editions import Schooled
from bot.ports import Parser, Ranking
from bot.telemetry import count
from bot.wording import digest

NAME = "rasa"
_LOOK_AGAIN = 5.0  # seconds for which the name of the served model is believed
_UNSCHOOLED, _OTHER_MODEL, _NO_ANSWER, _PAUSED = "unschooled", "other_model", "no_answer", "paused"
_SAID = {
    _UNSCHOOLED: "has not learned this edition: yingda rasa train",
    _OTHER_MODEL: "serves another model than this edition's: yingda rasa serve",
    _NO_ANSWER: "does not answer in time, or not rightly",
}
log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """connections: how many texts Rasa is asked at once. time_limit: seconds for a whole batch. breaker: when not to
    ask at all."""

    connections: int
    time_limit: float
    breaker: Breaker


class RasaEngine:
    """Understands by the service's model if that is the edition's, else as `instead` does.

    `schooled` gives what Rasa learned of the edition of a number, None if it did not. Any number of threads may ask.
    """

    def __init__(
        self,
        instead: SemanticEngine,
        parser: Parser,
        schooled: Callable[[int], Schooled | None],
        patience: Patience,
    ) -> None:
        self._instead = instead
        self._parser = parser
        self._schooled = schooled
        self._patience = patience
        self._pool = ThreadPoolExecutor(patience.connections, thread_name_prefix="rasa")
        self._served = ""
        self._believed_until = 0.0
        self._told = ""

    def close(self) -> None:
        """Let go of the service."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._parser.close()

    def take_up(self, number: int, model: bytes) -> None:
        """Make an edition ready to ask. Raises EngineFailed for a model that is none."""
        self._instead.take_up(number, model)
        self._believed_until = 0.0

    def recall(self, said: Utterance) -> Understanding | None:
        """What is known of a text without asking anybody: it is an example, or says nothing."""
        known = self._instead.recall(said)
        return known if known is not None and (known.exact or not known.candidates) else None

    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """One understanding per utterance, within the time limit. Raises EngineFailed for an edition that was not
        taken up."""
        known = [self.recall(said) for said in utterances]
        asked = [place for place, found in enumerate(known) if found is None]
        answers = zip(asked, self._asked([utterances[place] for place in asked]), strict=True)
        found = dict(enumerate(known)) | dict(answers)
        left = [place for place, one in found.items() if one is None]
        instead = zip(left, self._instead.understand([utterances[place] for place in left]), strict=True)
        whole = {place: one for place, one in found.items() if one is not None} | dict(instead)
        return [whole[place] for place in range(len(utterances))]

    def _asked(self, utterances: Sequence[Utterance]) -> list[Understanding | None]:
        """What Rasa makes of texts; None for those that it is not to be asked or did not answer."""
        lessons = {edition: self._schooled(edition) for edition in {said.edition for said in utterances}}
        taught = [said for said in utterances if lessons[said.edition] is not None]
        admitted = taught[: self._patience.breaker.admit(len(taught))]
        rankings = self._rankings(admitted, lessons) if admitted else {}
        found = [_judged(said, lessons[said.edition], rankings) for said in utterances]
        self._tell([why for why, _ in found])
        return [understanding for _, understanding in found]

    def _rankings(
        self, utterances: Sequence[Utterance], lessons: Mapping[int, Schooled | None]
    ) -> dict[Utterance, Ranking | str]:
        """What the service ranks within the time limit; for the others, why it does not."""
        until = time.monotonic() + self._patience.time_limit
        served = self._model(until)
        if not served:
            return dict.fromkeys(utterances, _NO_ANSWER)
        own = [said for said in utterances if _named(lessons[said.edition]) == served]
        asked = {said: self._pool.submit(self._parser.parse, plain(digest(said.text))) for said in dict.fromkeys(own)}
        wait(asked.values(), max(until - time.monotonic(), 0.0))
        ranked = {said: self._ranked(_result(one)) for said, one in asked.items()}
        return dict.fromkeys(utterances, _OTHER_MODEL) | ranked

    def _ranked(self, ranking: Ranking | None) -> Ranking | str:
        """The breaker hears whether there is one."""
        if ranking is None:
            self._patience.breaker.failed()
            return _NO_ANSWER
        self._patience.breaker.worked()
        return ranking

    def _model(self, until: float) -> str:
        """The name of the model that is served; looked at every few seconds. '' if that can't be told by `until`.

        That it can be told closes no breaker: a service may say its name and rank nothing.
        """
        if time.monotonic() >= self._believed_until:
            looking = self._pool.submit(self._parser.model)
            wait([looking], until - time.monotonic())
            self._served = _result(looking) or ""
            self._believed_until = time.monotonic() + (_LOOK_AGAIN if self._served else 0.0)
            if not self._served:
                self._patience.breaker.failed()
        return self._served

    def _tell(self, whys: Sequence[str]) -> None:
        """Counted by reason; logged when it changes. A pause only follows from what was told already."""
        for why in filter(None, whys):
            count("fell_back", why=why)
        now = next((why for why in whys if why), "")
        if now in {_PAUSED, self._told} or not whys:
            return
        self._told = now
        if now:
            log.warning("rasa %s; engine semantic answers meanwhile", _SAID[now])
        else:
            log.info("rasa answers again")


def _judged(
    said: Utterance, lesson: Schooled | None, rankings: Mapping[Utterance, Ranking | str]
) -> tuple[str, Understanding | None]:
    """Why Rasa's ranking is not taken, '' if it is, and what was understood by it."""
    if lesson is None:
        return _UNSCHOOLED, None
    ranking = rankings.get(said, _PAUSED)
    if isinstance(ranking, str):
        return ranking, None
    return "", understood(ranking, lesson.weights, NAME)


def _result(future: Future[T]) -> T | None:
    """What was asked for, if it has come."""
    try:
        return future.result(0)
    except (EngineFailed, TimeoutError):
        future.cancel()
        return None


def _named(lesson: Schooled | None) -> str:
    return lesson.model if lesson else ""

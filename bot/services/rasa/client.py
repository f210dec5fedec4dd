"""A client of Rasa's HTTP API: POST /model/parse and GET /status, as Rasa 3.6 answers them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import httpx

from bot.errors import EngineFailed
from bot.intents.rasa import Breaker, Patience, RasaEngine
from bot.intents.understanding.semantic import SemanticEngine
from bot.knowledge.editions import Schooled
from bot.ports import Ranking

_LONGEST = 1 << 20  # bytes; ten intents and a message's tokens are a few thousand
_CONNECT = 0.5


@dataclass(frozen=True, slots=True)
class Service:
    """Where Rasa is. token: what it was started with (--auth-token). time_limit: seconds for one answer."""

    url: str
    token: str = ""
    time_limit: float = 1.0
    connections: int = 4


class RasaClient:
    """`ports.Parser` over HTTP, with connections that stay open. Threads share it."""

    def __init__(self, service: Service) -> None:
        limit = service.time_limit
        self._limit = limit
        self._http = httpx.Client(
            base_url=service.url,
            params={"token": service.token} if service.token else {},
            timeout=httpx.Timeout(limit, connect=min(_CONNECT, limit)),
            limits=httpx.Limits(max_connections=service.connections, max_keepalive_connections=service.connections),
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def parse(self, text: str) -> Ranking:
        """At most ten intents. A message in which Rasa sees nothing has none. Raises EngineFailed."""
        answer = self._asked("POST", "/model/parse", {"text": text})
        try:
            found = [(one["name"], float(one["confidence"])) for one in answer["intent_ranking"]]
        except (KeyError, TypeError, ValueError) as strange:
            raise EngineFailed("rasa: no intent_ranking") from strange
        if not all(isinstance(name, str) and 0 <= confidence <= 1 for name, confidence in found):
            raise EngineFailed("rasa: an intent_ranking without names or confidences")
        return found

    def model(self) -> str:
        """The served model's file name without its ending. Raises EngineFailed, also while there is none."""
        file = self._asked("GET", "/status").get("model_file")
        if not isinstance(file, str):
            raise EngineFailed("rasa: no model_file")
        return PurePosixPath(file.replace("\\", "/")).name.removesuffix(".tar.gz")

    def _asked(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """The JSON object that is answered. Raises EngineFailed for anything else, named without its content."""
        try:
            with self._http.stream(method, path, json=body) as response:
                if response.status_code != 200:
                    raise EngineFailed(f"rasa: http_{response.status_code}")
                answer = json.loads(self._read(response))
        except (httpx.HTTPError, httpx.StreamError) as gone:
            raise EngineFailed(f"rasa: {type(gone).__name__}") from gone
        except ValueError as strange:
            raise EngineFailed("rasa: no JSON") from strange
        if not isinstance(answer, dict):
            raise EngineFailed("rasa: no JSON object")
        return answer

    def _read(self, response: httpx.Response) -> bytes:
        """The whole body, if it is of a sensible size and comes in time: httpx limits the time of each piece only."""
        until, body = time.monotonic() + self._limit, b""
        for piece in response.iter_bytes():
            body += piece
            if len(body) > _LONGEST or time.monotonic() > until:
                raise EngineFailed("rasa: an endless answer")
        return body


def engine_on(service: Service, lesson_of: Callable[[int], Schooled | None], breaker: Breaker) -> RasaEngine:
    """The engine `rasa` on a service. `lesson_of`: what it learned of the edition of a number."""
    patience = Patience(service.connections, service.time_limit, breaker)
    return RasaEngine(SemanticEngine(), RasaClient(service), lesson_of, patience)

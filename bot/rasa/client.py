"""Client of Rasa 3.6's HTTP API: POST /model/parse and GET /status, see https://rasa.com/docs/rasa/pages/http-api"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import httpx

from bot.circuit_breaker import CircuitBreaker
from bot.errors import EngineFailed
from bot.intents.classifier.engine import SemanticEngine
from bot.knowledge.editions import ExternalModel
from bot.ports.nlu import Ranking
from bot.rasa.engine import RasaEngine

_LONGEST = 1 << 20  # bytes; a response has a few thousand
_CONNECT = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class RasaAddress:
    url: str
    token: str = ""  # value of --auth-token
    time_limit: float = 1.0  # seconds per request
    connections: int = 4  # open at the same time


class RasaClient:
    """`ports.IntentParser` over HTTP with persistent connections. Thread-safe."""

    def __init__(self, service: RasaAddress) -> None:
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
        """At most ten intents with confidences; none for a text without known tokens. Raises EngineFailed."""
        answer = self._asked("POST", "/model/parse", {"text": text})
        try:
            found = [(one["name"], float(one["confidence"])) for one in answer["intent_ranking"]]
        except (KeyError, TypeError, ValueError) as strange:
            raise EngineFailed("rasa: no intent_ranking") from strange
        if not all(isinstance(name, str) and 0 <= confidence <= 1 for name, confidence in found):
            raise EngineFailed("rasa: an intent_ranking without names or confidences")
        return found

    def model(self) -> str:
        """File name of the loaded model without its suffix. Raises EngineFailed, also if none is loaded."""
        file = self._asked("GET", "/status").get("model_file")
        if not isinstance(file, str):
            raise EngineFailed("rasa: no model_file")
        return PurePosixPath(file.replace("\\", "/")).name.removesuffix(".tar.gz")

    def _asked(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """The JSON object of a response. Raises EngineFailed, with a reason that quotes no content."""
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
        """The body, limited in size and total time: httpx limits only the time of each read."""
        until, body = time.monotonic() + self._limit, b""
        for piece in response.iter_bytes():
            body += piece
            if len(body) > _LONGEST or time.monotonic() > until:
                raise EngineFailed("rasa: the response is too long or too slow")
        return body


def engine_on(
    service: RasaAddress, learned: Callable[[int], ExternalModel | None], breaker: CircuitBreaker
) -> RasaEngine:
    """The engine `rasa` on a server. learned: the calibrated Rasa model of an edition number, None without one."""
    return RasaEngine(
        SemanticEngine(),
        RasaClient(service),
        learned,
        connections=service.connections,
        time_limit=service.time_limit,
        breaker=breaker,
    )

"""An OpenAI-compatible embeddings endpoint without a model: real answers' shapes, vectors from letters, and faults."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.simulators.faults import FaultSwitch
from bot.simulators.serving import Simulator

_MOST = 2048  # inputs of one request, as OpenAI allows


@dataclass(frozen=True, slots=True)
class Faults:
    """slow: seconds before each answer. busy: how many answers are 429, with Retry-After `wait`. broken: how many are
    500. truncated, shuffled, narrow: JSON that ends in its middle, data in another order, vectors too short."""

    slow: float = 0.0
    busy: int = 0
    wait: int = 1
    broken: int = 0
    truncated: bool = False
    shuffled: bool = False
    narrow: bool = False


class EmbeddingsService:
    """One endpoint with one model. `asked` holds the inputs of each request that was answered."""

    def __init__(self, model: str = "letters-64", dimensions: int = 64, key: str = "") -> None:
        self.faults: FaultSwitch[Faults] = FaultSwitch(Faults())
        self.asked: list[list[str]] = []
        self.requests = 0
        self._model = model
        self._dimensions = dimensions
        self._key = key

    def refusal(self, authorization: str, body: Any) -> Response | None:
        """What OpenAI says to a wrong key, an unknown model, and inputs that are none."""
        if self._key and authorization != f"Bearer {self._key}":
            return _error(401, "Incorrect API key provided.", "invalid_api_key")
        if not isinstance(body, dict) or body.get("model") != self._model:
            return _error(404, "The model does not exist or you do not have access to it.", "model_not_found")
        texts = body.get("input")
        if not isinstance(texts, list) or not 0 < len(texts) <= _MOST or not all(map(_is_input, texts)):
            return _error(400, "'$.input' is invalid.", None)
        return None

    async def fault(self) -> Response | None:
        """What goes wrong now instead of an answer."""
        self.requests += 1
        await asyncio.sleep(self.faults.now.slow)
        if self.faults.take("busy"):
            late = _error(429, "Rate limit reached for requests", "rate_limit_exceeded")
            late.headers["retry-after"] = str(self.faults.now.wait)
            return late
        if self.faults.take("broken"):
            return _error(500, "The server had an error while processing your request.", None)
        return None

    def answer(self, texts: Sequence[str], dimensions: int | None) -> Response:
        self.asked.append(list(texts))
        now, size = self.faults.now, dimensions or self._dimensions
        data = [
            {"object": "embedding", "index": place, "embedding": vector(text, size - 1 if now.narrow else size)}
            for place, text in enumerate(texts)
        ]
        tokens = sum(len(text) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        content = {"object": "list", "data": data[::-1] if now.shuffled else data, "model": self._model, "usage": usage}
        if now.truncated:
            return PlainTextResponse(json.dumps(content)[:-40], media_type="application/json")
        return JSONResponse(content)


def simulator(service: EmbeddingsService) -> Simulator:
    async def embeddings(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return _error(400, "We could not parse the JSON body of your request.", None)
        refused = service.refusal(request.headers.get("authorization", ""), body) or await service.fault()
        return refused or service.answer(body["input"], body.get("dimensions"))

    return Simulator(Starlette(routes=[Route("/v1/embeddings", embeddings, methods=["POST"])]), lambda: None)


def vector(text: str, dimensions: int) -> list[float]:
    """A unit vector: texts that share letters and pairs of letters lie near each other."""
    table = [0.0] * dimensions
    for size in (1, 2):
        for start in range(len(text) - size + 1):
            piece = text[start : start + size].casefold().encode()
            number = int.from_bytes(hashlib.blake2b(piece, digest_size=8).digest())
            table[number % dimensions] += 1.0 if number >> 63 else -1.0
    length = math.sqrt(sum(one * one for one in table)) or 1.0
    return [one / length for one in table] if any(table) else [1.0, *table[1:]]


def _is_input(text: object) -> bool:
    return isinstance(text, str) and bool(text)


def _error(status: int, message: str, code: str | None) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status)

"""A simulated OpenAI-compatible embeddings endpoint: vectors computed from letters, responses shaped like OpenAI's."""

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

from bot.simulators.live import FaultSwitch
from bot.simulators.server import Simulator

MODEL, DIMENSIONS = "letters-64", 64
MAX_INPUTS = 2048  # of one request (platform.openai.com/docs/api-reference/embeddings)


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of the endpoint."""

    slow: float = 0.0  # seconds before each answer
    busy: int = 0  # answers that are 429
    wait: int = 1  # their Retry-After, in seconds
    broken: int = 0  # answers that are 500
    truncated: bool = False  # JSON that breaks off
    shuffled: bool = False  # data in another order than the inputs
    narrow: bool = False  # vectors with one dimension too few


class EmbeddingsService:
    """One endpoint with one model."""

    def __init__(self, key: str = "") -> None:
        self.faults: FaultSwitch[Faults] = FaultSwitch(Faults())
        self.asked: list[list[str]] = []  # inputs of each request that was answered
        self.requests = 0
        self._key = key

    def refusal(self, authorization: str, body: Any) -> Response | None:
        """OpenAI's response to a wrong key, an unknown model or invalid inputs; None for a valid request."""
        if self._key and authorization != f"Bearer {self._key}":
            return _error(401, "Incorrect API key provided.", "invalid_api_key")
        if not isinstance(body, dict) or body.get("model") != MODEL:
            return _error(404, "The model does not exist or you do not have access to it.", "model_not_found")
        texts = body.get("input")
        if not isinstance(texts, list) or not 0 < len(texts) <= MAX_INPUTS:
            return _error(400, "'$.input' is invalid.", None)
        if not all(text and isinstance(text, str) for text in texts):
            return _error(400, "'$.input' is invalid.", None)
        return None

    async def fault(self) -> Response | None:
        """The response of a fault that is on, after its delay; None if there is none."""
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
        now, size = self.faults.now, dimensions or DIMENSIONS
        data = [
            {"object": "embedding", "index": place, "embedding": letter_vector(text, size - 1 if now.narrow else size)}
            for place, text in enumerate(texts)
        ]
        tokens = sum(len(text) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        content = {"object": "list", "data": data[::-1] if now.shuffled else data, "model": MODEL, "usage": usage}
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

    return Simulator(Starlette(routes=[Route("/v1/embeddings", embeddings, methods=["POST"])]))


def letter_vector(text: str, dimensions: int) -> list[float]:
    """A unit vector of hashed letters and pairs of letters: texts that share them are similar."""
    table = [0.0] * dimensions
    for size in (1, 2):  # feature hashing: a stable hash chooses the dimension, its highest bit the sign
        for start in range(len(text) - size + 1):
            piece = text[start : start + size].casefold().encode()
            number = int.from_bytes(hashlib.blake2b(piece, digest_size=8).digest())
            table[number % dimensions] += 1.0 if number >> 63 else -1.0
    length = math.sqrt(sum(one * one for one in table)) or 1.0
    return [one / length for one in table] if any(table) else [1.0, *table[1:]]


def _error(status: int, message: str, code: str | None) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status)

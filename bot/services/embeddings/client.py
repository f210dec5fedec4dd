"""A client of an OpenAI-compatible embeddings endpoint: POST {base}/embeddings, as OpenAI's API reference has it
(platform.openai.com/docs/api-reference/embeddings) and as vLLM, Ollama, LM Studio and others serve it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray

from bot.config import OwnEncoder
from bot.errors import EncoderFailed

_LONGEST = 64 << 20  # bytes; 64 vectors of 4,096 numbers are 6 MB
_CONNECT = 0.5
_NOTHING = "-"  # endpoints refuse an empty text
_MEND_FIRST = frozenset({400, 401, 403, 404, 422})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked. url: up to where /embeddings follows. dimensions: the numbers of a vector. shorten: ask
    the model for so many, which only some understand. time_limit: seconds for one request."""

    url: str
    model: str
    dimensions: int
    key: str = ""
    shorten: bool = False
    time_limit: float = 1.0

    @classmethod
    def of(cls, settings: OwnEncoder, time_limit: float) -> Endpoint:
        """As it is configured."""
        return cls(settings.url, settings.model, settings.dimensions, settings.key, settings.shorten, time_limit)


class EmbeddingsEncoder:
    """`ports.Encoder` over HTTP, with connections that stay open. Threads share it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.name = f"{urlsplit(endpoint.url).netloc}/{endpoint.model}/{endpoint.dimensions}"[:200]
        limit = endpoint.time_limit
        self._http = httpx.Client(
            headers={"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {},
            timeout=httpx.Timeout(limit, connect=min(_CONNECT, limit)),
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector per text, all by one request. Raises EncoderFailed."""
        if not texts:
            return np.zeros((0, self._endpoint.dimensions), np.float32)
        answer = self._asked({"model": self._endpoint.model, "input": [text or _NOTHING for text in texts]})
        return _vectors(answer, len(texts), self._endpoint.dimensions)

    def _asked(self, body: dict[str, Any]) -> Any:
        if self._endpoint.shorten:
            body["dimensions"] = self._endpoint.dimensions
        try:
            with self._http.stream("POST", f"{self._endpoint.url}/embeddings", json=body) as response:
                if response.status_code != 200:
                    raise _refused(response)
                return json.loads(_read(response))
        except (httpx.HTTPError, httpx.StreamError) as gone:
            raise EncoderFailed(type(gone).__name__) from gone
        except ValueError as strange:
            raise EncoderFailed("no JSON") from strange


def _refused(response: httpx.Response) -> EncoderFailed:
    """By its status alone: what it says may repeat the text."""
    status = response.status_code
    return EncoderFailed(
        f"http_{status}", retry_after=_seconds(response.headers.get("retry-after")), permanent=status in _MEND_FIRST
    )


def _seconds(header: str | None) -> float | None:
    """Retry-After as seconds; a date, which is allowed too, is nobody's custom here."""
    return float(header) if header and header.strip().isdigit() else None


def _read(response: httpx.Response) -> bytes:
    """httpx limits the pauses between the pieces of a response, but neither their number nor its length."""
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _LONGEST:
            raise EncoderFailed("an answer without an end")
    return bytes(body)


def _vectors(answer: Any, count: int, dimensions: int) -> NDArray[np.float32]:
    """The vectors in the order of their `index`, which is not always that of the answer."""
    try:
        rows = {int(one["index"]): one["embedding"] for one in answer["data"]}
        table = np.array([rows[place] for place in range(count)], np.float32)
    except (KeyError, TypeError, ValueError) as strange:
        raise EncoderFailed("no data with index and embedding") from strange
    if table.ndim != 2 or table.shape[1] != dimensions:
        found = table.shape[1] if table.ndim == 2 else 0
        raise EncoderFailed(f"{found} dimensions instead of {dimensions}", permanent=True)
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise EncoderFailed("a vector without a direction")
    unit: NDArray[np.float32] = table / lengths
    return unit

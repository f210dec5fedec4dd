"""Client of an OpenAI-compatible embeddings endpoint, as OpenAI, vLLM, Ollama and LM Studio serve it.

API: POST {url}/embeddings, https://platform.openai.com/docs/api-reference/embeddings
"""

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
_CONNECT = 0.5  # seconds
_EMPTY_TEXT = "-"  # endpoints refuse an empty text
_PERMANENT = frozenset({400, 401, 403, 404, 422})  # statuses that a retry does not change: bad request, key, or model


@dataclass(frozen=True, slots=True)
class EmbeddingsEndpoint:
    url: str  # without /embeddings
    model: str
    dimensions: int  # numbers in a vector
    key: str = ""
    shorten: bool = False  # send `dimensions` in the request, which only some models accept
    time_limit: float = 1.0  # seconds per request

    @classmethod
    def of(cls, settings: OwnEncoder, time_limit: float) -> EmbeddingsEndpoint:
        return cls(settings.url, settings.model, settings.dimensions, settings.key, settings.shorten, time_limit)


class EmbeddingsEncoder:
    """`ports.Encoder` over HTTP with persistent connections. Thread-safe."""

    def __init__(self, endpoint: EmbeddingsEndpoint) -> None:
        self._endpoint = endpoint
        self.name = f"{urlsplit(endpoint.url).netloc}/{endpoint.model}/{endpoint.dimensions}"[:200]
        limit = endpoint.time_limit
        self._http = httpx.Client(
            headers={"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {},
            timeout=httpx.Timeout(limit, connect=min(_CONNECT, limit)),
            # A proxy of the environment must not receive customers' texts.
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (n, dimensions) float32, in one request. Raises EncoderFailed."""
        if not texts:
            return np.zeros((0, self._endpoint.dimensions), np.float32)
        answer = self._asked({"model": self._endpoint.model, "input": [text or _EMPTY_TEXT for text in texts]})
        return _vectors(answer, len(texts), self._endpoint.dimensions)

    def _asked(self, body: dict[str, Any]) -> Any:
        if self._endpoint.shorten:
            body["dimensions"] = self._endpoint.dimensions
        try:
            with self._http.stream("POST", f"{self._endpoint.url}/embeddings", json=body) as response:
                if response.status_code != 200:
                    raise _status_error(response)
                return json.loads(_read(response))
        except (httpx.HTTPError, httpx.StreamError) as gone:
            raise EncoderFailed(type(gone).__name__) from gone
        except ValueError as strange:
            raise EncoderFailed("no JSON") from strange


def _status_error(response: httpx.Response) -> EncoderFailed:
    # Only the status is kept: the body of an error may repeat the customer's text.
    status = response.status_code
    pause = response.headers.get("retry-after", "").strip()
    # HTTP also allows a date in Retry-After; embeddings endpoints send seconds, so a date is ignored.
    return EncoderFailed(
        f"http_{status}", retry_after=float(pause) if pause.isdigit() else None, permanent=status in _PERMANENT
    )


def _read(response: httpx.Response) -> bytes:
    """The body, limited in size: httpx has a limit for each read, not for their number or sum."""
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _LONGEST:
            raise EncoderFailed("the response is too long")
    return bytes(body)


def _vectors(answer: Any, count: int, dimensions: int) -> NDArray[np.float32]:
    """Vectors in the order of `index`, which may differ from the order of `data`. Raises EncoderFailed."""
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
        raise EncoderFailed("a vector of length 0, infinite or NaN")
    unit: NDArray[np.float32] = table / lengths
    return unit

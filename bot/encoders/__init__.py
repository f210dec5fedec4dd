"""Encoders configured instead of the bundled one, with retries in training and a circuit breaker in serving."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bot.circuit_breaker import CircuitBreaker
from bot.config import OwnEncoder
from bot.errors import EncoderFailed
from bot.intents.classifier.encoder import Vectors
from bot.ports.nlu import Encoder

if TYPE_CHECKING:
    from bot.encoders.e5 import CombinedEncoder
    from bot.encoders.openai import EmbeddingsEncoder

log = logging.getLogger(__name__)
_TRIES = 6  # with pauses of 1, 2, 4, 8 and 16 seconds unless the endpoint asks for another one
_FIRST_PAUSE = 1.0  # seconds, doubled after each failure
_LONGEST_PAUSE = 60.0  # seconds, also for an endpoint that asks for more


def own_encoder(settings: OwnEncoder, time_limit: float | None = None) -> CombinedEncoder | EmbeddingsEncoder:
    """The configured encoder, if not the bundled one. time_limit: seconds per request in serving; None in training."""
    # Imported here: e5 and httpx are only loaded by a deployment that uses them.
    if settings.kind == "both":
        from bot.encoders.e5 import CombinedEncoder

        return CombinedEncoder(time_limit)
    from bot.encoders.openai import EmbeddingsEncoder, EmbeddingsEndpoint

    return EmbeddingsEncoder(EmbeddingsEndpoint.of(settings, time_limit or settings.training_limit))


class RetryingEncoder:
    """For training: retries with exponential backoff, or after the pause that the encoder asks for."""

    def __init__(self, encoder: Encoder, sleep: Callable[[float], None] = time.sleep) -> None:
        self._encoder = encoder
        self._sleep = sleep
        self.name = encoder.name

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Raises EncoderFailed at once if it is permanent, else after six tries."""
        for turn in range(_TRIES - 1):
            try:
                return self._encoder.encode(texts)
            except EncoderFailed as failed:
                if failed.permanent:
                    raise
                self._sleep(min(failed.retry_after or _FIRST_PAUSE * 2**turn, _LONGEST_PAUSE))
        return self._encoder.encode(texts)


class GuardedEncoder:
    """For serving: a circuit breaker, and the pause that the encoder asks for."""

    def __init__(self, encoder: Encoder, breaker: CircuitBreaker, clock: Callable[[], float] = time.monotonic) -> None:
        self._encoder = encoder
        self._breaker = breaker
        self._clock = clock
        self._resting_until = 0.0
        self.name = encoder.name

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Raises EncoderFailed, without asking the encoder while the breaker is open."""
        # No request is made for no texts, so the breaker must not count it.
        if not texts:
            return self._encoder.encode(texts)
        if self._clock() < self._resting_until or not self._breaker.admit(1):
            raise EncoderFailed("the circuit breaker is open")
        try:
            vectors = self._encoder.encode(texts)
        except EncoderFailed as failed:
            self._breaker.record_failure()
            self._resting_until = self._clock() + min(failed.retry_after or 0.0, _LONGEST_PAUSE)
            log.warning(
                "encoder %s failed (%s): only exact examples are answered, other questions go to a person",
                self.name,
                failed.code,
            )
            raise
        self._breaker.record_success()
        return vectors

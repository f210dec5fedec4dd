"""Asking an encoder that lives elsewhere: with patience while training, with none while a customer waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from bot.errors import EncoderFailed
from bot.intents.rasa import Breaker
from bot.intents.understanding.encoder import Vectors
from bot.ports import Encoder

log = logging.getLogger(__name__)
_TRIES = 6
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


class Patient:
    """While training: what fails is asked again, after the pause that the encoder asked for or an ever longer one."""

    def __init__(self, encoder: Encoder, sleep: Callable[[float], None] = time.sleep) -> None:
        self._encoder = encoder
        self._sleep = sleep
        self.name = encoder.name

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Raises EncoderFailed at once for what asking again does not mend, else after six tries."""
        for turn in range(_TRIES - 1):
            try:
                return self._encoder.encode(texts)
            except EncoderFailed as failed:
                if failed.permanent:
                    raise
                self._sleep(min(failed.retry_after or _FIRST_PAUSE * 2**turn, _LONGEST_PAUSE))
        return self._encoder.encode(texts)


class Guarded:
    """While a customer waits: after a few failures in a row, or as long as the encoder asked for, it is not asked."""

    def __init__(self, encoder: Encoder, breaker: Breaker, clock: Callable[[], float] = time.monotonic) -> None:
        self._encoder = encoder
        self._breaker = breaker
        self._clock = clock
        self._resting_until = 0.0
        self.name = encoder.name

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Raises EncoderFailed, also for an encoder that is left alone."""
        if not texts:
            return self._encoder.encode(texts)
        if self._clock() < self._resting_until or not self._breaker.admit(1):
            raise EncoderFailed("left alone for a while")
        try:
            vectors = self._encoder.encode(texts)
        except EncoderFailed as failed:
            self._breaker.failed()
            self._resting_until = self._clock() + min(failed.retry_after or 0.0, _LONGEST_PAUSE)
            log.warning("encoder %s failed (%s); the bundled encoder is used meanwhile", self.name, failed.code)
            raise
        self._breaker.worked()
        return vectors

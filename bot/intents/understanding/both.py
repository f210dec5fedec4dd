"""Two encoders side by side, both in this process: the bundled one and multilingual-e5-small (kind: both).

Each sees what the other misses: with few examples an intent they are right one to two points more often together. The
second takes twenty times as long, so whoever waits may say how long; after that the bundled one understands alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from bot.errors import EncoderFailed
from bot.intents.understanding import e5
from bot.intents.understanding.e5 import shared_e5
from bot.intents.understanding.encoder import DIMENSIONS, Encoder, Vectors, shared_encoder
from bot.wording import clean

WEIGHT = 3.0
"""Of the second encoder's vector beside the first's. From 2 to 4 it makes no difference beyond chance."""
_LENGTH = np.float32((1 + WEIGHT**2) ** 0.5)


class Both:
    """`ports.Encoder` with vectors of 896: 512 of the bundled encoder, 384 of e5. time_limit: seconds for all texts
    that are asked for at once; None for as long as it takes. Making one loads the second encoder, so that no customer
    waits for it."""

    name = f"{Encoder.name}+{WEIGHT:g}x{e5.NAME}"

    def __init__(self, time_limit: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._e5 = shared_e5()
        self._time_limit = time_limit
        self._clock = clock

    def close(self) -> None:
        """There is nothing to let go of."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text, the same whatever it is read with. Raises EncoderFailed when time is up."""
        vectors = np.empty((len(texts), DIMENSIONS + e5.DIMENSIONS), np.float32)
        told = [clean(text) for text in texts]
        vectors[:, :DIMENSIONS] = shared_encoder().encode(told)
        self._second(told, vectors[:, DIMENSIONS:])
        vectors /= _LENGTH
        return vectors

    def _second(self, texts: Sequence[str], into: Vectors) -> None:
        began, done = self._clock(), 0
        for some in self._e5.read(texts):
            into[done : done + len(some)] = some
            done += len(some)
            late = self._time_limit is not None and self._clock() - began > self._time_limit
            if late and done < len(texts):
                raise EncoderFailed(f"{len(texts)} texts in more than {self._time_limit:g} s")
        into *= np.float32(WEIGHT)

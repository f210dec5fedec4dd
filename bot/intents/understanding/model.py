"""A trained model: plain arrays and a few names in one npz without pickle, read by every process that serves."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from bot.errors import EngineFailed
from bot.intents.understanding.calibration import Calibration
from bot.intents.understanding.encoder import Vectors
from bot.intents.understanding.ngrams import Grams, Letters

Scores: TypeAlias = npt.NDArray[np.float32]
FORMAT = 2
CONTESTED = -1  # the intent of a form that several intents claim
_SHORTEST = np.float32(1e-6)
_FEW = 10


@dataclass(frozen=True, slots=True)
class Head:
    """Linear scores (logits) of intents, and in the last column of being about something else.

    `meaning` is (512, intents + 1), `letters` (known n-grams, intents + 1) in float16, which is as good and half the
    memory, `bias` (intents + 1,).
    """

    meaning: Vectors
    letters: npt.NDArray[np.floating[Any]]
    bias: Scores

    def scores(self, vectors: Vectors, grams: Sequence[Grams]) -> Scores:
        """One row per text."""
        scores: Scores = vectors @ self.meaning + self.bias
        for row, read in enumerate(grams):
            scores[row] += read.weights @ self.letters[read.places].astype(np.float32)
        return scores


class Nearest(Protocol):
    """Taught examples, in one table or in parts."""

    def nearness(self, vectors: Vectors) -> Scores:
        """The cosine similarity of each text (row) to the nearest example of each intent (column)."""
        ...

    def together(self) -> Examples: ...


@dataclass(frozen=True, slots=True)
class Standpoint:
    """The middle of all that a base is about, (512,). Seen from there its entries lie further apart."""

    middle: Scores

    def look(self, vectors: Vectors) -> Vectors:
        """Unit vectors that show in which direction each text lies."""
        ways: Vectors = vectors - self.middle
        ways /= np.maximum(np.sqrt(np.einsum("ij,ij->i", ways, ways)), _SHORTEST)[:, None]
        return ways


def standpoint(vectors: Vectors) -> Standpoint:
    """Where the texts of a base are seen from: their middle; of few texts, only the way towards it."""
    return Standpoint((vectors.sum(axis=0) / (len(vectors) + _FEW)).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Examples:
    """The vectors of all examples, in order of their intents; intent i's begin at row `starts[i]`, each has one."""

    vectors: Vectors
    starts: npt.NDArray[np.int32]

    def nearness(self, vectors: Vectors) -> Scores:
        """The cosine similarity of each text (row) to the nearest example of each intent (column).

        The many examples stand on the left: a few texts on the left of them take BLAS twice as long.
        """
        nearness: Scores = np.maximum.reduceat(self.vectors @ vectors.T, self.starts, axis=0).T
        return nearness

    def together(self) -> Examples:
        return self


@dataclass(frozen=True, slots=True)
class Model:
    """What an edition's texts are understood by. `exact`: the intent (its index) of each example's same form. outside:
    the same forms of what nobody is to answer automatically."""

    intents: tuple[str, ...]
    exact: Mapping[str, int]
    letters: Letters
    standpoint: Standpoint
    head: Head
    examples: Nearest
    calibration: Calibration
    outside: frozenset[str] = frozenset()

    def to_bytes(self) -> bytes:
        """The same model always gives the same bytes."""
        about = {"format": FORMAT, "intents": self.intents, "exact": self.exact, "outside": sorted(self.outside)}
        written = json.dumps(about, ensure_ascii=False).encode()
        file, examples = io.BytesIO(), self.examples.together()
        np.savez(
            file,
            about=np.frombuffer(written, np.uint8),
            known=self.letters.known,
            rarity=self.letters.rarity,
            middle=self.standpoint.middle,
            meaning=self.head.meaning,
            letter_weights=self.head.letters.astype(np.float16),
            bias=self.head.bias,
            examples=examples.vectors.astype(np.float16),
            starts=examples.starts,
            calibration=self.calibration.weights,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, written: bytes) -> Model:
        """Raises EngineFailed if these are not a model's bytes, or another version's."""
        try:
            with np.load(io.BytesIO(written), allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                if about["format"] != FORMAT:
                    raise EngineFailed(f"a model of format {about['format']}, not {FORMAT}: train it anew")
                return _model(about, arrays)
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as broken:
            raise EngineFailed("these bytes are no trained model") from broken


def _model(about: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Model:
    return Model(
        intents=tuple(about["intents"]),
        exact=about["exact"],
        letters=Letters(arrays["known"], arrays["rarity"]),
        standpoint=Standpoint(arrays["middle"]),
        head=Head(arrays["meaning"], arrays["letter_weights"], arrays["bias"]),
        examples=Examples(arrays["examples"].astype(np.float32), arrays["starts"]),
        calibration=Calibration(arrays["calibration"]),
        outside=frozenset(about.get("outside", ())),
    )

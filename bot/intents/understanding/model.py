"""A trained model: plain arrays and a few names in one npz without pickle, read by every process that serves."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bot.errors import EngineFailed
from bot.intents.understanding.calibration import Calibration
from bot.intents.understanding.encoder import Vectors
from bot.intents.understanding.ngrams import Grams, Letters

Scores: TypeAlias = npt.NDArray[np.float32]
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Head:
    """Linear scores (logits) of intents, and in the last column of being about something else.

    `meaning` is (512, intents + 1), `letters` (buckets, intents + 1), `bias` (intents + 1,).
    """

    meaning: Vectors
    letters: Vectors
    bias: Scores

    def scores(self, vectors: Vectors, grams: Sequence[Grams]) -> Scores:
        """One row per text."""
        scores: Scores = vectors @ self.meaning + self.bias
        for row, read in enumerate(grams):
            scores[row] += read.weights @ self.letters[read.buckets]
        return scores


@dataclass(frozen=True, slots=True)
class Examples:
    """The vectors of all examples, in order of their intents; intent i's begin at row `starts[i]`, each has one."""

    vectors: Vectors
    starts: npt.NDArray[np.int32]

    def nearness(self, vectors: Vectors) -> Scores:
        """The cosine similarity of each text (row) to the nearest example of each intent (column)."""
        nearness: Scores = np.maximum.reduceat(vectors @ self.vectors.T, self.starts, axis=1)
        return nearness


@dataclass(frozen=True, slots=True)
class Model:
    """What an edition's texts are understood by. `exact`: the intent (its index) of each example's same form."""

    intents: tuple[str, ...]
    exact: Mapping[str, int]
    letters: Letters
    head: Head
    examples: Examples
    calibration: Calibration

    def to_bytes(self) -> bytes:
        """The same model always gives the same bytes."""
        about = {"format": FORMAT, "intents": self.intents, "exact": self.exact}
        written = json.dumps(about, ensure_ascii=False).encode()
        file = io.BytesIO()
        np.savez(
            file,
            about=np.frombuffer(written, np.uint8),
            rarity=self.letters.rarity,
            meaning=self.head.meaning,
            letter_weights=self.head.letters.astype(np.float16),
            bias=self.head.bias,
            examples=self.examples.vectors.astype(np.float16),
            starts=self.examples.starts,
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
        letters=Letters(arrays["rarity"]),
        head=Head(arrays["meaning"], arrays["letter_weights"].astype(np.float32), arrays["bias"]),
        examples=Examples(arrays["examples"].astype(np.float32), arrays["starts"]),
        calibration=Calibration(arrays["calibration"]),
    )

"""A trained model: NumPy arrays and names in one npz without pickle."""

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
from bot.intents.classifier.calibration import Calibration
from bot.intents.classifier.encoder import Vectors
from bot.intents.classifier.features import NgramFeatures, NgramVocabulary

Scores: TypeAlias = npt.NDArray[np.float32]
FORMAT = 2  # of the bytes; another one needs a new training
CONTESTED = -1  # exact form that several intents claim
_SHORTEST = np.float32(1e-6)  # avoids division by zero
_SHRINKAGE = 10  # texts at the origin that pull the centre of a small base towards it


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Linear scores (logits) of intents; the last column is out of scope."""

    meaning: Vectors  # (dimensions, intents + 1) float32
    # (n-grams, intents + 1); float16 in a stored model: as good, at half the memory
    letters: npt.NDArray[np.floating[Any]]
    bias: Scores  # (intents + 1,) float32

    def scores(self, vectors: Vectors, grams: Sequence[NgramFeatures]) -> Scores:
        """Logits, shape (n, intents + 1). vectors: (n, dimensions), centred."""
        scores: Scores = vectors @ self.meaning + self.bias
        for row, read in enumerate(grams):
            scores[row] += read.weights @ self.letters[read.places].astype(np.float32)
        return scores


class NearestExamples(Protocol):
    """Example vectors, in one array or in chunks."""

    def similarity(self, vectors: Vectors) -> Scores:
        """Cosine similarity of each text to the nearest example of each intent, shape (n, intents)."""
        ...

    def in_one_table(self) -> ExampleVectors: ...


@dataclass(frozen=True, slots=True)
class Centre:
    """Mean direction of a base's texts. Subtracting it spreads the entries of one brand further apart."""

    middle: Scores  # (dimensions,)

    def centred(self, vectors: Vectors) -> Vectors:
        """Unit vectors (n, dimensions) relative to the centre."""
        centred: Vectors = vectors - self.middle
        centred /= np.maximum(np.sqrt(np.einsum("ij,ij->i", centred, centred)), _SHORTEST)[:, None]
        return centred


def centre_of(vectors: Vectors) -> Centre:
    """Centre of a base's texts, shrunk towards the origin for few texts."""
    return Centre((vectors.sum(axis=0) / (len(vectors) + _SHRINKAGE)).astype(np.float32))


@dataclass(frozen=True, slots=True)
class ExampleVectors:
    """All example vectors, sorted by intent."""

    vectors: Vectors  # (examples, dimensions)
    starts: npt.NDArray[np.int32]  # (intents,) first row of each; every intent has one

    def similarity(self, vectors: Vectors) -> Scores:
        """Shape (n, intents); see NearestExamples."""
        # BLAS takes half the time with the larger matrix on the left.
        similarity: Scores = np.maximum.reduceat(self.vectors @ vectors.T, self.starts, axis=0).T
        return similarity

    def in_one_table(self) -> ExampleVectors:
        return self


@dataclass(frozen=True, slots=True)
class Model:
    intents: tuple[str, ...]
    exact: Mapping[str, int]  # intent index of each example's exact form
    letters: NgramVocabulary
    centre: Centre
    head: LinearHead
    examples: NearestExamples
    calibration: Calibration
    outside: frozenset[str] = frozenset()  # exact forms of questions that must not be answered automatically
    encoder: str = ""  # name of the encoder; '' for the bundled one

    def to_bytes(self) -> bytes:
        """Deterministic: the same model gives the same bytes."""
        about = {"format": FORMAT, "intents": self.intents, "exact": self.exact}
        about |= {"outside": sorted(self.outside), "encoder": self.encoder}
        written = json.dumps(about, ensure_ascii=False).encode()
        file, examples = io.BytesIO(), self.examples.in_one_table()
        np.savez(
            file,
            about=np.frombuffer(written, np.uint8),
            known=self.letters.known,
            rarity=self.letters.rarity,
            middle=self.centre.middle,
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
        """Raises EngineFailed for bytes that are no model, or of another format."""
        try:
            with np.load(io.BytesIO(written), allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                if about["format"] != FORMAT:
                    raise EngineFailed(f"a model of format {about['format']}, not {FORMAT}: run a full training")
                return _model(about, arrays)
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as broken:
            raise EngineFailed("these bytes are no trained model") from broken


def _model(about: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Model:
    return Model(
        intents=tuple(about["intents"]),
        exact=about["exact"],
        letters=NgramVocabulary(arrays["known"], arrays["rarity"]),
        centre=Centre(arrays["middle"]),
        head=LinearHead(arrays["meaning"], arrays["letter_weights"], arrays["bias"]),
        examples=ExampleVectors(arrays["examples"].astype(np.float32), arrays["starts"]),
        calibration=Calibration(arrays["calibration"]),
        outside=frozenset(about.get("outside", ())),
        encoder=about.get("encoder", ""),
    )

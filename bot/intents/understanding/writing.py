"""From lessons to the bytes that an edition keeps: everything learned, or what changed; whole or in parts; with an
encoder of one's choice a spare model beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.intents.understanding.increment import Changes, relearn
from bot.intents.understanding.model import Model
from bot.intents.understanding.pieces import LARGE, Assembly, Fetch, Manifest, apart
from bot.intents.understanding.recalling import Recalling
from bot.intents.understanding.training import Progress, Trained, train
from bot.intents.understanding.twins import Meeting, Twins, meeting
from bot.knowledge.entries import Base


@dataclass(frozen=True, slots=True)
class Written:
    """A model's bytes, the parts that are new, and the names of all parts that it needs."""

    model: bytes
    names: Sequence[str] = ()
    parts: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Readers:
    """bundled: by the encoder that comes along. own: by one of one's choice, if there is one."""

    bundled: Recalling
    own: Recalling | None = None

    @property
    def name(self) -> str:
        return (self.own or self.bundled).name

    @property
    def used(self) -> dict[str, set[str]]:
        return {one.name: one.used for one in (self.bundled, self.own) if one}


def learned(base: Base, target: float, progress: Progress, readers: Readers) -> tuple[Trained, Written]:
    """Everything, rehearsed. Raises SettingError, EncoderFailed and Unavailable."""
    trained = train(base, target, progress, readers.own or readers.bundled)
    written = _in_parts(trained.model)
    if readers.own is None:
        return trained, written
    spare = train(base, target, progress, readers.bundled)
    points = meeting(spare.thresholds, trained.thresholds)
    return trained, _paired(readers.own.name, written, _in_parts(spare.model), points)


def renewed(model: bytes, fetch: Fetch, changes: Changes, readers: Readers) -> Written:
    """The last model with what changed learned anew. Raises EncoderFailed, Unavailable and LookupError."""
    twins = Twins.from_bytes(model)
    if twins is None or readers.own is None:
        return _renewed(model, fetch, changes, readers.bundled)
    own = _renewed(twins.own, fetch, changes, readers.own)
    return _paired(twins.encoder, own, _renewed(twins.spare, fetch, changes, readers.bundled), twins.meeting)


def _paired(encoder: str, own: Written, spare: Written, points: Meeting) -> Written:
    twins = Twins(encoder, own.model, spare.model, points)
    return Written(twins.to_bytes(), [*own.names, *spare.names], {**own.parts, **spare.parts})


def _renewed(model: bytes, fetch: Fetch, changes: Changes, encode: Recalling) -> Written:
    manifest = Manifest.from_bytes(model)
    if manifest is None:
        return _in_parts(_whole(model, changes, encode))
    manifest, parts = relearn(manifest, fetch, changes, encode)
    return Written(manifest.to_bytes(), manifest.names, parts)


def _whole(model: bytes, changes: Changes, encode: Recalling) -> bytes:
    """A model that is one piece, learned anew in parts and put together again."""
    before = Model.from_bytes(model)
    if not changes.changed and before.intents == changes.intents:
        return model
    manifest, parts = apart(before)
    manifest, fresh = relearn(manifest, lambda names: {name: parts[name] for name in names}, changes, encode)
    parts |= fresh
    return Assembly(lambda names: {name: parts[name] for name in names}).model(manifest).to_bytes()


def _in_parts(model: bytes) -> Written:
    """A large model is written in parts."""
    if len(model) < LARGE:
        return Written(model)
    manifest, parts = apart(Model.from_bytes(model))
    return Written(manifest.to_bytes(), manifest.names, parts)

"""An edition's model made ready to ask: whole or in parts, alone or with a spare one beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import EncoderFailed
from bot.intents.understanding.encoder import Vectors, shared_encoder
from bot.intents.understanding.model import Model
from bot.intents.understanding.pieces import Assembly, Fetch, Manifest
from bot.intents.understanding.twins import Meeting, Twins
from bot.ports import Encoder


@dataclass(frozen=True, slots=True)
class Learned:
    """encoder: reads texts for `model`; None for the bundled one. spare: understands by the bundled encoder what
    `encoder` does not read. meeting: where the spare's confidence has to meet the edition's. large: it is in parts."""

    model: Model
    encoder: Encoder | None = None
    spare: Model | None = None
    meeting: Meeting | None = None
    large: bool = False

    def read(self, texts: Sequence[str]) -> tuple[Model, Vectors, bool]:
        """The texts' vectors, and the model that they are for; whether it is the spare one. Raises EncoderFailed."""
        if self.encoder is not None:
            try:
                return self.model, self.encoder.encode(texts), False
            except EncoderFailed:
                if self.spare is None:
                    raise
                return self.spare, shared_encoder().encode(texts), True
        return self.model, shared_encoder().encode(texts), False


class Loader:
    """Reads models' bytes. fetch: the parts of large ones, by name. encoder: the one that is configured, if it is not
    the bundled one. spare: whether models by `encoder` come with another by the bundled one, as editions do."""

    def __init__(self, fetch: Fetch, encoder: Encoder | None = None, *, spare: bool = True) -> None:
        self._assembly = Assembly(fetch)
        self._encoder = encoder
        self._spare = spare

    def learned(self, written: bytes) -> Learned:
        """Raises EngineFailed for bytes that are no model, LookupError for parts that are gone, and Unavailable."""
        twins = Twins.from_bytes(written)
        if twins is None:
            model, large = self._model(written)
            return Learned(model, None if self._spare else self._encoder, large=large)
        spare, large = self._model(twins.spare)
        if self._encoder is None or self._encoder.name != twins.encoder:
            return Learned(spare, _Absent(twins.encoder), spare, twins.meeting, large)
        return Learned(self._model(twins.own)[0], self._encoder, spare, twins.meeting, large)

    def _model(self, written: bytes) -> tuple[Model, bool]:
        manifest = Manifest.from_bytes(written)
        return (Model.from_bytes(written), False) if manifest is None else (self._assembly.model(manifest), True)


class _Absent:
    """Stands for the encoder that an edition was trained with and that is not configured any more."""

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, _texts: Sequence[str]) -> Vectors:
        raise EncoderFailed(f"{self.name} is not configured", permanent=True)

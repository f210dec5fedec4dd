"""What reads texts while training."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bot.config import OwnEncoder
from bot.intents.understanding.encoder import Encoder as Bundled
from bot.intents.understanding.encoder import Vectors, shared_encoder
from bot.intents.understanding.recalling import Recalling
from bot.intents.understanding.writing import Readers
from bot.ports import Encoder, VectorStore


class Coming:
    """The bundled encoder, which loads in a thread while the knowledge base is being read."""

    name = Bundled.name

    def __init__(self) -> None:
        self._loaded = ThreadPoolExecutor(1).submit(shared_encoder)

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self._loaded.result().encode(texts)


def readers_of(settings: OwnEncoder, kept: VectorStore, bundled: Encoder) -> Readers:
    """Each text is read once, and with patience."""
    own = patient_encoder(settings)
    return Readers(Recalling(bundled, kept), Recalling(own, kept, settings.batch) if own else None)


def patient_encoder(settings: OwnEncoder) -> Encoder | None:
    """The encoder of one's choice, for when nobody waits; None for the bundled one."""
    if settings.kind == "bundled":
        return None
    from bot.intents.understanding.asking import Patient
    from bot.services.encoders import own_encoder

    return Patient(own_encoder(settings))

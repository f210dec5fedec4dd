"""Protocols of engines, encoders, skills and the member system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bot.domain.decisions import Ask, Decision, Trace, Turn, Understanding, Utterance
from bot.domain.members import Member, MemberKey, Points, Redemption
from bot.domain.messages import Instant

Ranking: TypeAlias = Sequence[tuple[str, float]]  # intents with confidences, best first


class Engine(Protocol):
    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """One understanding per utterance, in their order. Raises EngineFailed."""
        ...


class ServingEngine(Engine, Protocol):
    """An engine that answers customers. It holds several editions, and is thread-safe."""

    def load(self, number: int, model: bytes) -> None:
        """Load an edition's model. Raises EngineFailed for an invalid one."""
        ...

    def look_up(self, utterance: Utterance) -> Understanding | None:
        """The understanding of a text without computing it: an example or a recent text; else None. Never blocks."""
        ...

    def close(self) -> None:
        """End threads and close connections."""
        ...


class IntentParser(Protocol):
    """A client of an external service that was trained on an edition and ranks its intents. Thread-safe."""

    def parse(self, text: str) -> Ranking:
        """The likeliest intents, with the service's uncalibrated confidences. Raises EngineFailed."""
        ...

    def model(self) -> str:
        """The name of the model that the service has loaded. Raises EngineFailed."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Encoder(Protocol):
    """Turns texts into vectors: the closer the meaning, the larger the cosine. Thread-safe."""

    @property
    def name(self) -> str:
        """Names the vector space. Vectors of different names cannot be compared."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector per text, (n, dimensions) float32; (0, dimensions) for no text. Raises EncoderFailed."""
        ...


class Skill(Protocol):
    """Does something for a customer. It writes nothing: effects and changes travel in its decision."""

    @property
    def intent(self) -> str: ...

    @property
    def time_limit(self) -> float:
        """Seconds; a skill that takes longer is cancelled, and the message handed off."""
        ...

    async def respond(self, turn: Turn) -> Decision: ...


@runtime_checkable
class MultiTurnSkill(Skill, Protocol):
    """Optional: a skill that asks the customer questions. It runs while the conversation's slot `skill` names it."""

    def wants(self, turn: Turn) -> bool:
        """Whether the message is an answer to its question."""
        ...

    def again(self, turn: Turn) -> Ask | None:
        """Its question once more, after something else was answered in between; None if it asks nothing any more."""
        ...


class MemberDirectory(Protocol):
    """The brand's member database. Every method raises MemberSystemFailed."""

    async def find(self, key: MemberKey) -> Member | None: ...

    async def member(self, member_id: str) -> Member | None: ...

    async def points(self, member_id: str) -> Points: ...

    async def redeem(self, member_id: str, gift: str, key: str) -> Redemption:
        """Idempotent by `key`."""
        ...


class CodeSender(Protocol):
    async def send(self, phone: str, text: str, key: str) -> None:
        """Send a text message once per `key`. Raises DeliveryFailed."""
        ...


@dataclass(frozen=True, slots=True)
class LoggedQuestion:
    """A message to the bot, and how it was understood."""

    message_id: str
    conversation_id: str
    seq: int
    at: Instant
    text: str  # '' if the message had no text, or was erased
    trace: Trace
    corrected: str | None = None  # the right entry according to an agent, '' for none; None: not corrected

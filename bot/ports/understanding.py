"""What understands texts and answers them: engines, encoders, skills, the member system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bot.decisions import Decision, Turn, Understanding, Utterance
from bot.membership import Member, MemberKey, Points, Redemption

Ranking: TypeAlias = Sequence[tuple[str, float]]


class Engine(Protocol):
    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """One understanding per utterance, in their order. Raises EngineFailed."""
        ...


class Parser(Protocol):
    """A service beside Yingda that was trained on an edition and ranks its intents. Threads share it."""

    def parse(self, text: str) -> Ranking:
        """The likeliest intents, best first, with the service's own confidences. Raises EngineFailed."""
        ...

    def model(self) -> str:
        """The name of the model that is served now. Raises EngineFailed."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Encoder(Protocol):
    """Turns texts into vectors: what means the same lies near each other. Any number of threads may ask."""

    @property
    def name(self) -> str:
        """Vectors of different names have nothing to do with each other."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector per text, in order; of no text, an empty table. Raises EncoderFailed."""
        ...


class Skill(Protocol):
    """Does something for a customer. Reads only: what it changes travels in the decision."""

    @property
    def intent(self) -> str: ...

    @property
    def time_limit(self) -> float:
        """Seconds; a skill that overruns hands off."""
        ...

    async def respond(self, turn: Turn) -> Decision: ...


class MemberDirectory(Protocol):
    """The brand's member system. Every method raises MemberSystemFailed."""

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

"""Two models of one edition: by an encoder of one's choice, and by the bundled one for when that does not answer.

Both learn the same entries. The spare one's confidence is stretched so that it reaches the edition's thresholds, which
are the other's, exactly where it reaches its own: the promised precision holds whichever understands.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bot.errors import EngineFailed
from bot.knowledge.editions import Thresholds

Meeting: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
FORMAT = 3
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Twins:
    """encoder: the name of the one whose vectors `own` reads. own, spare: models, whole or in parts. meeting: the
    spare's confidence from which it asks and answers, and the edition's."""

    encoder: str
    own: bytes
    spare: bytes
    meeting: Meeting

    def to_bytes(self) -> bytes:
        about = {"format": FORMAT, "encoder": self.encoder, "meeting": self.meeting}
        arrays = {
            "about": json.dumps(about).encode(),
            "own": self.own,
            "spare": self.spare,
        }
        file = io.BytesIO()
        np.savez(file, **{name: np.frombuffer(body, np.uint8) for name, body in arrays.items()})  # type: ignore[arg-type]
        return file.getvalue()

    @classmethod
    def from_bytes(cls, written: bytes) -> Twins | None:
        """None if these bytes are something else. Raises EngineFailed for broken ones."""
        if b'"format": 3' not in written[:400]:
            return None
        try:
            with np.load(io.BytesIO(written), allow_pickle=False) as arrays:
                about: dict[str, Any] = json.loads(arrays["about"].tobytes())
                own, spare = arrays["own"].tobytes(), arrays["spare"].tobytes()
                return cls(str(about["encoder"]), own, spare, _pairs(about["meeting"]))
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as broken:
            raise EngineFailed("these bytes are no pair of trained models") from broken


def meeting(spare: Thresholds, own: Thresholds) -> Meeting:
    """Where the spare model's confidence has to meet the edition's."""
    return (spare.ask, spare.answer), (own.ask, own.answer)


def stretched(confidence: npt.NDArray[np.float64], points: Meeting) -> npt.NDArray[np.float64]:
    """The spare's confidence on the edition's scale."""
    (ask, answer), (own_ask, own_answer) = points
    from_, to = [0.0, ask, max(answer, ask + _LEAST), 1.0], [0.0, own_ask, max(own_answer, own_ask + _LEAST), 1.0]
    return np.interp(confidence, from_, to)


def _pairs(written: Any) -> Meeting:
    (ask, answer), (own_ask, own_answer) = written
    return (float(ask), float(answer)), (float(own_ask), float(own_answer))

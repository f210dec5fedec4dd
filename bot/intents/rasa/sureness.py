"""How sure to be of what Rasa ranks: its own confidences are no probabilities of being right, but evidence for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bot.decisions import Candidate, Understanding
from bot.intents.understanding.calibration import Calibration, Evidence
from bot.ports import Ranking

EVIDENCE = ("chance", "lead", "always")
_FLOOR = 1e-4
_CANDIDATES = 5


def evidence(rankings: Sequence[Ranking]) -> Evidence:
    """One row per ranking, columns as in EVIDENCE: half the log odds of the first intent, its distance to the second
    in log confidence / 3, and 1."""
    seen: Evidence = np.array([_seen(ranking) for ranking in rankings]).reshape(len(rankings), len(EVIDENCE))
    return seen


def _seen(ranking: Ranking) -> tuple[float, float, float]:
    first, second = ([confidence for _, confidence in ranking] + [0.0, 0.0])[:2]
    chance = min(max(first, _FLOOR), 1 - _FLOOR)
    return math.log(chance / (1 - chance)) / 2, math.log(chance / max(second, _FLOOR)) / 3, 1.0


def understood(ranking: Ranking, weights: Sequence[float], engine: str) -> Understanding:
    """At most five candidates; the others keep their proportion to the first, as far as it leaves them room."""
    if not ranking:
        return Understanding(engine=engine)
    sure = float(Calibration(np.array(weights)).confidence(evidence([ranking]))[0])
    best = max(ranking[0][1], _FLOOR)
    room = min(sure / best, (1 - sure) / max(1 - best, _FLOOR))
    shares = [sure, *(confidence * room for _, confidence in ranking[1:_CANDIDATES])]
    candidates = (Candidate(intent, round(share, 4)) for (intent, _), share in zip(ranking, shares, strict=False))
    return Understanding(tuple(candidates), engine=engine)

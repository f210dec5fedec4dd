"""How much the truth surprises whoever has scored it: the log loss that training makes as small as it can."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Scores: TypeAlias = npt.NDArray[np.float32]


def surprise(scores: Scores, truth: npt.NDArray[np.intp]) -> tuple[Scores, Scores]:
    """Each text's log loss (natural logarithm) under the softmax of its row of scores, and the slope in each score: the
    chance that it was given, less one for the truth. `truth`: the right column of each row. Writes on `scores`."""
    places = (np.arange(len(truth)), truth)
    scores -= scores.max(axis=1, keepdims=True)
    chances: Scores = np.exp(scores)
    sums = chances.sum(axis=1, keepdims=True)
    lost: Scores = np.log(sums[:, 0]) - scores[places]
    chances /= sums
    chances[places] -= 1
    return lost, chances

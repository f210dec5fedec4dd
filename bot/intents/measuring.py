"""Measuring: how well an engine understands texts that it has not learned, and how fast.

Whatever engine it is, it is asked as the bot asks: the same batches, and the threshold that its training chose.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bot.decisions import Understanding, Utterance
from bot.intents.labelled import Labelled
from bot.intents.teaching import Learned, Progress, unwatched
from bot.intents.understanding.thresholds import Outcomes
from bot.knowledge.confusions import Confusion
from bot.language import script_of
from bot.wording import digest

AT_ONCE = 16
_KEPT = 0.95  # the share of known texts that must pass while strangers are counted
Sure = npt.NDArray[np.float64]


class Guess(NamedTuple):
    """What was made of a text. meant: '' where no intent is. answered: sure enough to answer without asking. at, kind:
    as of `Labelled`."""

    text: str
    meant: str
    taken: str
    confidence: float
    answered: bool
    at: str = ""
    kind: str = ""

    @property
    def right(self) -> bool:
        return self.taken == self.meant


@dataclass(frozen=True, slots=True)
class Sitting:
    """One training and what was asked after it. training, asking: seconds. memory: megabytes, at the most."""

    known: list[Guess]
    strangers: list[Guess]
    training: float
    asking: float
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What sittings showed; shares are 0 to 1, and None where no stranger was asked.

    test_texts, oos_texts: how many known texts and strangers were asked. accuracy, macro_f1: of the first intent.
    auroc_oos: the probability that a known text gets more confidence than a stranger. fpr_at_95_tpr: the share of
    strangers from the confidence on that 95 % of known texts reach. oos_answered: the share of strangers that would be
    answered. coverage_at_precision: the share of known texts that are answered, from the threshold that training chose
    for the target precision without seeing them; precision_answered: the share of right ones among those, 1 if there
    are none. ece: expected calibration error in 15 bins. train_seconds: of all sittings, by the clock on the wall.
    ms_per_text: asked in batches of 16. memory_mb: the most that one sitting took, None where nobody can tell.
    """

    test_texts: int
    oos_texts: int
    accuracy: float
    macro_f1: float
    auroc_oos: float | None
    fpr_at_95_tpr: float | None
    oos_answered: float | None
    coverage_at_precision: float
    precision_answered: float
    ece: float
    train_seconds: float
    ms_per_text: float
    memory_mb: float | None


@dataclass(frozen=True, slots=True)
class Outside:
    """How strangers of one kind fared; as of Figures."""

    texts: int
    auroc: float
    fpr_at_95_tpr: float
    answered: float


def sit(
    learned: Learned, known: Sequence[Labelled], strangers: Sequence[Labelled], progress: Progress = unwatched
) -> Sitting:
    """Ask what was learned. `progress` is told 'asking' and how much of it is done, 0 to 1."""
    asked = [*known, *strangers]
    began = time.perf_counter()
    understood = list(_understood(learned, asked, progress))
    asking = time.perf_counter() - began
    guesses = [_guess(learned, row, one) for row, one in zip(asked, understood, strict=True)]
    return Sitting(guesses[: len(known)], guesses[len(known) :], learned.seconds, asking, learned.memory())


def figures(sittings: Sequence[Sitting]) -> Figures:
    """The figures of all sittings together. Raises ValueError if nothing was asked."""
    known, strange = all_known(sittings), all_strange(sittings)
    if not known:
        raise ValueError("nothing was asked")
    sure, right = _sure(known), np.array([guess.right for guess in known])
    answered = [guess.right for guess in known if guess.answered]
    outside = _outside(sure, strange) if strange else None
    spent = sum(sitting.asking for sitting in sittings)
    return Figures(
        test_texts=len(known),
        oos_texts=len(strange),
        accuracy=float(right.mean()),
        macro_f1=macro_f1(known),
        auroc_oos=outside.auroc if outside else None,
        fpr_at_95_tpr=outside.fpr_at_95_tpr if outside else None,
        oos_answered=outside.answered if outside else None,
        coverage_at_precision=len(answered) / len(known),
        precision_answered=sum(answered) / len(answered) if answered else 1.0,
        ece=Outcomes(sure, right, right, np.ones(len(right))).calibration_error(),
        train_seconds=sum(sitting.training for sitting in sittings),
        ms_per_text=spent / (len(known) + len(strange)) * 1000,
        memory_mb=max((sitting.memory for sitting in sittings if sitting.memory), default=None),
    )


def outside_by_kind(sittings: Sequence[Sitting]) -> dict[str, Outside]:
    """How the strangers of each kind fared, where kinds were named."""
    sure, strange = _sure(all_known(sittings)), all_strange(sittings)
    kinds = dict.fromkeys(guess.kind for guess in strange if guess.kind)
    return {kind: _outside(sure, [guess for guess in strange if guess.kind == kind]) for kind in kinds}


def _outside(known: Sure, strange: Sequence[Guess]) -> Outside:
    sure = _sure(strange)
    answered = sum(guess.answered for guess in strange) / len(strange)
    return Outside(len(strange), auroc(known, sure), passing(known, sure), answered)


def all_known(sittings: Sequence[Sitting]) -> list[Guess]:
    return [guess for sitting in sittings for guess in sitting.known]


def all_strange(sittings: Sequence[Sitting]) -> list[Guess]:
    return [guess for sitting in sittings for guess in sitting.strangers]


def confusions(sittings: Sequence[Sitting]) -> list[Confusion]:
    """The known texts that were taken for another intent than their own."""
    return [
        Confusion(guess.meant, guess.taken, guess.text, guess.confidence)
        for guess in all_known(sittings)
        if guess.taken and not guess.right
    ]


def auroc(inside: Sure, outside: Sure) -> float:
    """The probability that one of `inside` is greater than one of `outside`; equal ones count half."""
    ranked = np.sort(outside)
    below = np.searchsorted(ranked, inside, "left")
    level = np.searchsorted(ranked, inside, "right") - below
    return float((below + level / 2).mean() / len(outside))


def passing(inside: Sure, outside: Sure, kept: float = _KEPT) -> float:
    """The share of `outside` that is at least as great as what the share `kept` of `inside` reaches."""
    lowest = np.sort(inside)[::-1][math.ceil(kept * len(inside)) - 1]
    return float((outside >= lowest).mean())


def macro_f1(guesses: Sequence[Guess]) -> float:
    """The mean of all intents' F1, of those meant and those guessed."""
    scores: dict[str, list[int]] = {}
    for guess in guesses:
        for intent in {guess.meant, guess.taken} - {""}:
            hit, seen = scores.setdefault(intent, [0, 0])
            scores[intent] = [hit + 2 * guess.right, seen + 1 + guess.right]
    return sum(hit / seen for hit, seen in scores.values()) / len(scores)


def _understood(learned: Learned, asked: Sequence[Labelled], progress: Progress) -> Iterator[Understanding]:
    for start in range(0, len(asked), AT_ONCE):
        progress("asking", start / len(asked))
        texts = [row.text for row in asked[start : start + AT_ONCE]]
        yield from learned.engine.understand(
            [Utterance(digest(text), script_of(text), learned.edition) for text in texts]
        )


def _guess(learned: Learned, row: Labelled, understood: Understanding) -> Guess:
    if not understood.candidates:
        return Guess(row.text, row.label, "", 0.0, False, row.at, row.kind)
    best = understood.candidates[0]
    answered = understood.exact or best.confidence >= learned.thresholds.answer_for(best.intent)
    return Guess(row.text, row.label, best.intent, best.confidence, answered, row.at, row.kind)


def _sure(guesses: Sequence[Guess]) -> Sure:
    return np.array([guess.confidence for guess in guesses])

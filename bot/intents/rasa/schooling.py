"""Learning how far Rasa is to be trusted: a part of what is taught is held out, asked, and what came of it measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np

from bot.intents.rasa.sureness import evidence
from bot.intents.understanding.calibration import Calibration
from bot.intents.understanding.fitting import Mix, Rehearsed, logistic
from bot.intents.understanding.thresholds import Outcomes, keeping
from bot.intents.understanding.training import Taught, elsewhere
from bot.knowledge.editions import Schooled
from bot.ports import Ranking

EXPERIENCE = np.array([1.0, 0.5, 0.0])
KNOWN, LEFT_OUT, ELSEWHERE = 0, 1, 2
_SEED = 20_240_607
_FOLDS, _ENTRIES = 5, 10
_OFFERED = 3


class Question(NamedTuple):
    """A text that was not taught, and the intent it stands for: '' if none that was. kind: an intent's own, of an
    intent that was left out, or about something else."""

    text: str
    meant: str
    kind: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What the service made of a question."""

    meant: str
    kind: int
    ranking: Ranking


def parted(taught: Taught) -> tuple[Taught, list[Question]]:
    """What is taught in a rehearsal, and what is asked after it.

    Held out are a fifth of each intent's texts (never its only one), of ten or more intents every tenth as a whole,
    and the texts of elsewhere.yaml.
    """
    draw = Random(_SEED)  # noqa: S311 - nothing secret
    order = draw.sample(range(len(taught)), len(taught))
    gone = {taught[place][0] for place in order[_ENTRIES - 1 :: _ENTRIES]}
    questions = [Question(text, "", LEFT_OUT) for intent, texts in taught if intent in gone for text in texts]
    kept = []
    for number, (intent, texts) in enumerate(one for one in taught if one[0] not in gone):
        shuffled = draw.sample(list(texts), len(texts))
        out = [text for place, text in enumerate(shuffled) if len(texts) > 1 and (place + number) % _FOLDS == 0]
        questions += [Question(text, intent, KNOWN) for text in out]
        kept.append((intent, [text for text in texts if text not in out]))
    return kept, [*questions, *(Question(text, "", ELSEWHERE) for text in elsewhere())]


def schooled(model: str, asked: Sequence[Asked], target: float, own: Mapping[str, float]) -> Schooled:
    """What the answers to a rehearsal's questions teach: how sure to be, and from when on to answer.

    `own`: the intents that ask for another precision than `target`.
    """
    rehearsed = _rehearsed(asked)
    weights = rehearsed.weights(Mix().real)
    fitted = logistic(rehearsed.seen, rehearsed.right, weights, EXPERIENCE)
    confidence = Calibration(fitted).confidence(rehearsed.seen)
    outcomes = Outcomes(confidence, rehearsed.right, rehearsed.offered, weights)
    return Schooled(model, tuple(fitted.tolist()), keeping(outcomes, target, own, rehearsed.weights(Mix().unsure)))


def _rehearsed(asked: Sequence[Asked]) -> Rehearsed:
    hits = [list(_hits(one)) for one in asked]
    nothing = np.zeros(len(asked), np.intp)
    return Rehearsed(
        evidence([one.ranking for one in asked]),
        np.array([found[:1] == [True] for found in hits]),
        np.array([any(found) for found in hits]),
        np.array([one.kind for one in asked]),
        nothing,
        nothing,
    )


def _hits(asked: Asked) -> Iterator[bool]:
    for intent, _ in asked.ranking[:_OFFERED]:
        yield asked.kind == KNOWN and intent == asked.meant

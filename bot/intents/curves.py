"""Curves: how confidence and truth go together, and how an engine grows with what it is taught."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from bot.intents.evaluation import Exam, Round, hold
from bot.intents.labelled import Labelled
from bot.intents.measuring import Guess, figures
from bot.intents.teaching import Progress, Teacher, unwatched

BINS = 10
DRAWS = 3
_STEPS = (1, 3, 5, 10, 20, 50, 100, 200)
_SEED = 20_240_607
_POINTS = 200


@dataclass(frozen=True, slots=True)
class Bin:
    """Texts of about the same confidence: the mean of it, and the share of them that came out right."""

    confidence: float
    right: float
    texts: int


@dataclass(frozen=True, slots=True)
class Kept:
    """From one confidence on: the share of known texts that is answered, and the share of those that is right."""

    coverage: float
    precision: float


@dataclass(frozen=True, slots=True)
class Grown:
    """With at most so many examples of each intent: the mean of all draws, and the worst and best of them.

    examples None: all that there are. train_texts: the mean number taught. answered: as coverage_at_precision.
    """

    examples: int | None
    train_texts: float
    accuracy: float
    lowest: float
    highest: float
    answered: float
    draws: int


def reliability(guesses: Sequence[Guess], bins: int = BINS) -> list[Bin]:
    """Equal steps of confidence, those without texts left out."""
    parted: dict[int, list[Guess]] = {}
    for guess in guesses:
        parted.setdefault(min(int(guess.confidence * bins), bins - 1), []).append(guess)
    return [_bin(parted[place]) for place in sorted(parted)]


def _bin(some: Sequence[Guess]) -> Bin:
    count = len(some)
    return Bin(sum(one.confidence for one in some) / count, sum(one.right for one in some) / count, count)


def trade(guesses: Sequence[Guess], points: int = _POINTS) -> list[Kept]:
    """What each threshold would buy, the strictest first, in at most `points` points. Texts of one confidence go
    together."""
    ranked = sorted(guesses, key=lambda guess: -guess.confidence)
    kept, right = [], 0
    for count, guess in enumerate(ranked, start=1):
        right += guess.right
        if count == len(ranked) or ranked[count].confidence < guess.confidence:
            kept.append(Kept(count / len(ranked), right / count))
    return _some(kept, points)


def _some(kept: Sequence[Kept], points: int) -> list[Kept]:
    """Evenly chosen, the first and the last among them."""
    if len(kept) <= points:
        return list(kept)
    return [kept[place * (len(kept) - 1) // (points - 1)] for place in range(points)]


def learning_curve(exam: Exam, teacher: Teacher, progress: Progress = unwatched) -> list[Grown]:
    """Taught 1, 3, 5, ... examples of each intent, and all. Each step but the last is drawn three times."""
    steps = [*_steps(exam), None]
    return [_grown(exam, teacher, step, _of_all(progress, place, len(steps))) for place, step in enumerate(steps)]


def _steps(exam: Exam) -> Iterator[int]:
    """Those that leave some intent with less than it has."""
    most = max(_counts(exam.rounds[0].lessons).values())
    yield from (step for step in _STEPS if step < most)


def _counts(rows: Sequence[Labelled]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row.label] = found.get(row.label, 0) + 1
    return found


def _grown(exam: Exam, teacher: Teacher, step: int | None, progress: Progress) -> Grown:
    """Where there are several rounds, each draw takes the next one: more draws would only take longer."""
    draws = DRAWS if step else min(DRAWS, len(exam.rounds))
    rounds = [_drawn(exam.rounds[draw % len(exam.rounds)], step, draw) for draw in range(draws)]
    found = [figures([hold(one, exam.promise, teacher, progress)]) for one in rounds]
    shares = [one.accuracy for one in found]
    return Grown(
        step,
        sum(len(one.lessons) for one in rounds) / draws,
        sum(shares) / draws,
        min(shares),
        max(shares),
        sum(one.coverage_at_precision for one in found) / draws,
        draws,
    )


def _drawn(one: Round, step: int | None, draw: int) -> Round:
    """The same round with at most `step` texts of each intent, in the order in which they stood; strangers have
    figures of their own and are not asked."""
    if step is None:
        return replace(one, strangers=())
    dealt = Random(_SEED + draw)  # noqa: S311 - nothing secret
    order = sorted(range(len(one.lessons)), key=lambda _: dealt.random())
    left = dict.fromkeys(_counts(one.lessons), step)
    chosen = []
    for place in order:
        label = one.lessons[place].label
        if left[label]:
            left[label] -= 1
            chosen.append(place)
    return replace(one, lessons=[one.lessons[place] for place in sorted(chosen)], strangers=())


def _of_all(progress: Progress, place: int, count: int) -> Progress:
    return lambda stage, done: progress(f"curve {place + 1}/{count} {stage}", done)

"""Evaluating: a training, or several in turn, and the figures of what was asked after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.intents.folds import folds
from bot.intents.labelled import Labelled, names, taught
from bot.intents.measuring import Figures, Sitting, confusions, figures, sit
from bot.intents.teaching import Progress, Promise, SemanticTeacher, Teacher, unwatched
from bot.intents.understanding.encoder import shared_encoder
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.thresholds import broken
from bot.knowledge.confusions import Confusion, Pair, pairs
from bot.knowledge.entries import Base
from bot.knowledge.examples import beyond, examples, titles

_SEMANTIC = SemanticTeacher()


@dataclass(frozen=True, slots=True)
class Round:
    """One training and what is asked after it. outside: taught as out of scope. called: what intents are called, taught
    as well where that is in words; it counts as nobody's text."""

    lessons: Sequence[Labelled]
    known: Sequence[Labelled]
    strangers: Sequence[Labelled] = ()
    outside: Sequence[Labelled] = ()
    called: Sequence[Labelled] = ()


@dataclass(frozen=True, slots=True)
class Exam:
    """What an engine is asked, in one round or several. rows: all texts that are taught in one round or another."""

    promise: Promise
    rows: Sequence[Labelled]
    rounds: Sequence[Round]

    @property
    def labels(self) -> int:
        return len({row.label for one in self.rounds for row in one.lessons})


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of it. train_texts, labels: how many texts were taught, of how many intents. untaught: how many were
    asked whose label nobody had taught, and so could only be wrong. mixed: the pairs mixed up, most often first."""

    target_precision: float
    labels: int
    train_texts: int
    untaught: int
    figures: Figures
    mixed: list[Pair]
    sittings: tuple[Sitting, ...] = ()


@dataclass(frozen=True, slots=True)
class Blame:
    """Why a text was taken for another intent: where it stands itself (file:line), and the text taught for that intent
    that is most like it."""

    confusion: Confusion
    at: str = ""
    like: Labelled | None = None


def files_exam(
    lessons: Sequence[Labelled],
    known: Sequence[Labelled],
    strangers: Sequence[Labelled],
    promise: Promise,
    outside: Sequence[Labelled] = (),
    called: Sequence[Labelled] = (),
) -> Exam:
    """Teach the lessons once, and what is `outside`, then ask what is known and what is not. called: as in Round."""
    return Exam(promise, lessons, [Round(lessons, known, strangers, outside, called)])


def folded_exam(
    rows: Sequence[Labelled],
    strangers: Sequence[Labelled],
    promise: Promise,
    count: int,
    always: Sequence[Labelled] = (),
    outside: Sequence[Labelled] = (),
    called: Sequence[Labelled] = (),
) -> Exam:
    """Ask every text of a model that has not learned it, in at most `count` rounds; each stranger once, and what is
    `outside` as well, which is taught in the other rounds. always: taught in every round. called: as in Round."""
    parted = [(rest, asked) for rest, asked in folds(rows, count, always) if asked]
    turns = len(parted)
    rounds = [
        Round(rest, asked, [*strangers[turn::turns], *outside[turn::turns]], _without(outside, turn, turns), called)
        for turn, (rest, asked) in enumerate(parted)
    ]
    return Exam(promise, rows, rounds)


def _without(rows: Sequence[Labelled], turn: int, turns: int) -> list[Labelled]:
    return [row for place, row in enumerate(rows) if place % turns != turn]


def base_exam(base: Base, strangers: Sequence[Labelled], target: float, count: int) -> Exam:
    """Every example of a base held out once; what entries are called is always taught."""
    return folded_exam(written(base), strangers, promised(base, target), count, called(base), out_of_scope(base))


def base_lessons(base: Base) -> list[Labelled]:
    """All that training learns from a base."""
    return [*written(base), *called(base)]


def out_of_scope(base: Base) -> list[Labelled]:
    return [Labelled(one.text, "", one.at) for one in beyond(base)]


def written(base: Base) -> list[Labelled]:
    return [Labelled(one.text, one.entry, one.at) for one in examples(base)]


def called(base: Base) -> list[Labelled]:
    return [Labelled(one.text, one.entry, one.at) for one in titles(base)]


def promised(base: Base, target: float) -> Promise:
    own = {entry.id: entry.target_precision for entry in base.entries.values() if entry.target_precision}
    return Promise(target, own)


def evaluate(exam: Exam, teacher: Teacher = _SEMANTIC, progress: Progress = unwatched) -> Evaluated:
    """Hold the exam. Raises what the teacher and its engine raise, and ValueError if the exam asks for nothing."""
    count = len(exam.rounds)
    sittings = [
        hold(one, exam.promise, teacher, _in_turn(progress, turn, count) if count > 1 else progress)
        for turn, one in enumerate(exam.rounds, start=1)
    ]
    untaught = sum(_untaught(one) for one in exam.rounds)
    return judged(sittings, exam.promise.target, exam.labels, len(exam.rows), untaught)


def judged(sittings: Sequence[Sitting], target: float, labels: int, train_texts: int, untaught: int = 0) -> Evaluated:
    """The figures of sittings that have been held."""
    mixed = pairs(confusions(sittings))
    return Evaluated(target, labels, train_texts, untaught, figures(sittings), mixed, tuple(sittings))


def hold(one: Round, promise: Promise, teacher: Teacher, progress: Progress) -> Sitting:
    with teacher.teach(taught([*one.lessons, *one.called, *one.outside]), promise, progress) as learned:
        return sit(learned, one.known, one.strangers, progress)


def of_files(
    lessons: Sequence[Labelled],
    known: Sequence[Labelled],
    strangers: Sequence[Labelled],
    target: float,
    progress: Progress = unwatched,
    teacher: Teacher = _SEMANTIC,
) -> Evaluated:
    """How engine `semantic` does on one set, whose labels are taught as well where they are words."""
    return evaluate(files_exam(lessons, known, strangers, Promise(target), called=names(lessons)), teacher, progress)


def blame(pair: Pair, evaluated: Evaluated, rows: Sequence[Labelled], most: int) -> Iterator[Blame]:
    """For the surest mistakes of a pair, the texts taught that led to them."""
    places = {(guess.meant, guess.text): guess.at for sitting in evaluated.sittings for guess in sitting.known}
    ways = {label: [row for row in rows if row.label == label] for label in pair.entries}
    for confusion in pair.found[:most]:
        at = places.get((confusion.meant, confusion.text), "")
        yield Blame(confusion, at, _likest(confusion.text, ways[confusion.taken]))


def _untaught(one: Round) -> int:
    labels = {row.label for row in one.lessons}
    return sum(row.label not in labels for row in one.known)


def broke_its_promise(evaluated: Evaluated) -> bool:
    """Whether fewer answers were right than was promised, and not by chance."""
    asked = evaluated.figures
    answered = round(asked.coverage_at_precision * asked.test_texts)
    return broken(answered, round(asked.precision_answered * answered), evaluated.target_precision)


def _in_turn(progress: Progress, turn: int, count: int) -> Progress:
    return lambda stage, done: progress(f"{turn}/{count} {stage}", done)


def _likest(text: str, ways: Sequence[Labelled]) -> Labelled | None:
    if not ways:
        return None
    vectors = shared_encoder().encode([plain(text), *(plain(one.text) for one in ways)])
    return ways[int((vectors[1:] @ vectors[0]).argmax())]

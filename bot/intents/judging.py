"""Judging an edition by real questions: the same figures as on any test, told apart by how the truth is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.intents.evaluation import Evaluated, judged
from bot.intents.evidence import Evidence, Proof
from bot.intents.labelled import Labelled
from bot.intents.measuring import Guess, Sitting, all_known

ENOUGH = 30  # labelled questions from which figures say something


@dataclass(frozen=True, slots=True)
class Fared:
    """How some questions fared. right: understood. answered: surely enough; wrongly: of those, the wrong ones."""

    questions: int
    right: int
    answered: int
    wrongly: int


def asked(evidence: Sequence[Evidence]) -> tuple[list[Labelled], list[Labelled]]:
    """The questions that an entry answers, and those that none does. Their kind is how that is known."""
    rows = [Labelled(one.text, one.entry, one.message_id, one.proof.value) for one in evidence]
    return [row for row in rows if row.label], [row._replace(kind="") for row in rows if not row.label]


def judgement(sitting: Sitting, target: float, entries: Collection[str]) -> Evaluated | None:
    """The figures of an edition with these entries; None if no question was asked that an entry answers."""
    if not sitting.known:
        return None
    untaught = sum(guess.meant not in entries for guess in sitting.known)
    return judged([sitting], target, len(entries), 0, untaught)


def by_proof(evaluated: Evaluated) -> dict[str, Fared]:
    """What an agent or the customer said holds; figures of merely answered questions flatter the edition that did."""
    guesses = all_known(evaluated.sittings)
    parted = {proof.value: [guess for guess in guesses if guess.kind == proof.value] for proof in Proof}
    return {proof: fared(some) for proof, some in parted.items() if some}


def by_entry(evaluated: Evaluated) -> dict[str, Fared]:
    """The entries that were misunderstood most often first."""
    parted = defaultdict[str, list[Guess]](list)
    for guess in all_known(evaluated.sittings):
        parted[guess.meant].append(guess)
    found = {entry: fared(some) for entry, some in parted.items()}
    return dict(sorted(found.items(), key=lambda one: (one[1].right - one[1].questions, one[0])))


def fared(guesses: Sequence[Guess]) -> Fared:
    answered = [guess for guess in guesses if guess.answered]
    wrongly = sum(not guess.right for guess in answered)
    return Fared(len(guesses), sum(guess.right for guess in guesses), len(answered), wrongly)

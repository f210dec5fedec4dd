"""Evidence: what can be known, without asking anybody, about what customers meant.

- An agent says which entry would have answered a question, or that none would: that holds.
- A customer who is asked back picks one of the choices: that is what the question before had meant.
- A question was answered, and the customer neither complained nor went to a person: probably rightly. This is weak: it
  cannot see a customer who gave up, and it leans towards the edition that gave the answer. So it is always told apart.

What was said in answer to a skill's own question (a phone number, a code) is no question and never evidence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.knowledge.entries import Entry
from bot.messages import Instant
from bot.traffic import Question

PATIENCE = 1_800.0  # seconds; what a customer does after that is no comment on an answer
_UNHAPPY = ("anger", "dissatisfied")
_HANDED_OFF, _ANSWERED, _ASKED, _QUIET = "HandOff", "Answer", "Ask", "Quiet"
_NOT_UNDERSTOOD = ("unsure", "failed", "reopened")


class Proof(StrEnum):
    """How it is known what a question meant, the best first."""

    CORRECTED = "corrected"
    PICKED = "picked"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A question and the entry it was about; '' if no entry answers it. exact: it is an example already."""

    message_id: str
    text: str
    entry: str
    proof: Proof
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Gathered:
    """All evidence in some questions, in order of time. disputed: how often the answer of an entry was followed by a
    complaint or a person. unknown: how many questions there were of which nobody knows what they meant."""

    evidence: tuple[Evidence, ...] = ()
    disputed: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0

    def counts(self) -> dict[str, int]:
        found = Counter(one.proof for one in self.evidence)
        return {proof.value: found[proof] for proof in Proof}


def gather(questions: Iterable[Question], entries: Mapping[str, Entry], now: Instant) -> Gathered:
    """What is known of these questions. Those about entries that are not among `entries` any more count as unknown."""
    found, disputed, unknown = list[tuple[Instant, Evidence]](), Counter[str](), 0
    for talk in _talks(questions):
        for turn, before, after in _in_context(talk):
            if not _is_question(turn, before):
                continue
            entry, proof = _meant(turn, after, entries, now)
            if proof and (entry in entries or entry == ""):
                found.append((turn.at, Evidence(turn.message_id, turn.text, entry, proof, turn.trace.exact)))
                continue
            unknown += 1
            if turn.trace.decision == _ANSWERED and _regretted(turn, after, entries):
                disputed[turn.trace.entry] += 1
    ordered = tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))
    return Gathered(ordered, disputed, unknown)


def _talks(questions: Iterable[Question]) -> Iterable[list[Question]]:
    talks = defaultdict[str, list[Question]](list)
    for question in questions:
        talks[question.conversation_id].append(question)
    return (sorted(talk, key=lambda one: one.seq) for talk in talks.values())


def _in_context(talk: Sequence[Question]) -> Iterable[tuple[Question, Question | None, Question | None]]:
    """Each turn that the bot took, with the one before and the one after."""
    turns = [turn for turn in talk if turn.trace.decision != _QUIET or turn.corrected is not None]
    return zip(turns, [None, *turns], [*turns[1:], None], strict=False)


def _is_question(turn: Question, before: Question | None) -> bool:
    if not turn.text.strip():
        return False
    if turn.corrected is not None:
        return True
    trace = turn.trace
    answers_skill = before is not None and _asks(before) and turn.at - before.at <= PATIENCE
    asks_for_person = trace.decision == _HANDED_OFF and trace.reason not in _NOT_UNDERSTOOD
    return not (trace.picked or answers_skill or asks_for_person)


def _asks(turn: Question) -> bool:
    """Whether a skill asked something, not the bot which entry was meant."""
    return turn.trace.decision == _ASKED and not turn.trace.choices


def _meant(
    turn: Question, after: Question | None, entries: Mapping[str, Entry], now: Instant
) -> tuple[str, Proof | None]:
    """The entry that a question was about, and how that is known."""
    if turn.corrected is not None:
        return turn.corrected, Proof.CORRECTED
    trace = turn.trace
    if trace.choices and after and after.trace.picked and after.trace.entry in trace.choices:
        return after.trace.entry, Proof.PICKED
    understood = bool(trace.candidates) and trace.candidates[0].intent == trace.entry
    if trace.decision != _ANSWERED or trace.detail or not understood:  # the detail: it was several questions at once
        return "", None
    settled = now - turn.at >= PATIENCE
    return (trace.entry, Proof.ANSWERED) if settled and not _regretted(turn, after, entries) else ("", None)


def _regretted(turn: Question, after: Question | None, entries: Mapping[str, Entry]) -> bool:
    """Whether the customer's next step was to complain, or to a person."""
    if after is None or after.at - turn.at > PATIENCE:
        return False
    entry = entries.get(after.trace.entry)
    return after.trace.decision == _HANDED_OFF or (entry is not None and entry.signal in _UNHAPPY)

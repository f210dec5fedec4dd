"""Derives what customers meant from the question log, without asking them.

- An agent named the entry that answers a question, or that none does: certain. - A customer who was asked back picked a
choice: that is what the question meant. - A question was answered, and the customer neither complained nor went to a
person: probably right. This evidence is weak: it misses customers who gave up, and it favours the edition that
answered. It is always reported apart.

Replies to a skill's question (a phone number, a code) are no evidence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.messages import Instant
from bot.evaluation.datasets import Labelled
from bot.evaluation.metrics import EvaluationRun, Prediction, in_scope_predictions
from bot.evaluation.runner import EvaluationResult, result_of
from bot.knowledge.entries import Entry
from bot.ports.nlu import LoggedQuestion

PATIENCE = 1_800.0  # seconds; later messages are no reaction to an answer
_UNHAPPY = ("anger", "dissatisfied")
_HANDED_OFF, _ANSWERED, _ASKED, _QUIET = "HandOff", "Answer", "Ask", "Quiet"  # values of a trace's `decision`
_NOT_UNDERSTOOD = ("unsure", "failed", "reopened")  # reasons of a handoff that leave the question itself open


class EvidenceSource(StrEnum):
    """How the meaning of a question is known, most reliable first."""

    CORRECTED = "corrected"
    PICKED = "picked"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Evidence:
    message_id: str
    text: str
    entry: str  # '' if no entry answers the question
    proof: EvidenceSource
    exact: bool = False  # the text is an example of the edition


@dataclass(frozen=True, slots=True)
class HistoryEvidence:
    """Evidence of a question log, by time."""

    evidence: tuple[Evidence, ...] = ()
    # by entry: answers that were followed by a complaint or a person
    disputed: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0  # questions without evidence

    def counts(self) -> dict[str, int]:
        found = Counter(one.proof for one in self.evidence)
        return {proof.value: found[proof] for proof in EvidenceSource}


def gather_evidence(questions: Iterable[LoggedQuestion], entries: Mapping[str, Entry], now: Instant) -> HistoryEvidence:
    """Evidence of these questions. Evidence for entries that no longer exist counts as unknown."""
    found, disputed, unknown = list[tuple[Instant, Evidence]](), Counter[str](), 0
    for conversation in _conversations(questions):
        for turn, before, after in _in_context(conversation):
            if not _is_question(turn, before):
                continue
            entry, proof = _known_entry(turn, after, entries, now)
            if proof and (entry in entries or entry == ""):
                found.append((turn.at, Evidence(turn.message_id, turn.text, entry, proof, turn.trace.exact)))
                continue
            unknown += 1
            if turn.trace.decision == _ANSWERED and _followed_by_complaint(turn, after, entries):
                disputed[turn.trace.entry] += 1
    ordered = tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))
    return HistoryEvidence(ordered, disputed, unknown)


def _conversations(questions: Iterable[LoggedQuestion]) -> Iterable[list[LoggedQuestion]]:
    conversations = defaultdict[str, list[LoggedQuestion]](list)
    for question in questions:
        conversations[question.conversation_id].append(question)
    return (sorted(conversation, key=lambda one: one.seq) for conversation in conversations.values())


def _in_context(
    conversation: Sequence[LoggedQuestion],
) -> Iterable[tuple[LoggedQuestion, LoggedQuestion | None, LoggedQuestion | None]]:
    """Turns that the bot took part in, each with the previous and the next one."""
    turns = [turn for turn in conversation if turn.trace.decision != _QUIET or turn.corrected is not None]
    return zip(turns, [None, *turns], [*turns[1:], None], strict=False)


def _is_question(turn: LoggedQuestion, before: LoggedQuestion | None) -> bool:
    if not turn.text.strip():
        return False
    if turn.corrected is not None:
        return True
    trace = turn.trace
    answers_skill = (
        before is not None
        and before.trace.decision == _ASKED
        and not before.trace.choices  # a list of entries to choose from is no question of a skill
        and turn.at - before.at <= PATIENCE
    )
    asks_for_person = trace.decision == _HANDED_OFF and trace.reason not in _NOT_UNDERSTOOD
    return not (trace.picked or answers_skill or asks_for_person)


def _known_entry(
    turn: LoggedQuestion, after: LoggedQuestion | None, entries: Mapping[str, Entry], now: Instant
) -> tuple[str, EvidenceSource | None]:
    """The entry a question was about, and the source of that knowledge; None if it is not known."""
    if turn.corrected is not None:
        return turn.corrected, EvidenceSource.CORRECTED
    trace = turn.trace
    if trace.choices and after and after.trace.picked and after.trace.entry in trace.choices:
        return after.trace.entry, EvidenceSource.PICKED
    understood = bool(trace.candidates) and trace.candidates[0].intent == trace.entry
    if trace.decision != _ANSWERED or trace.detail or not understood:  # the detail: it was several questions at once
        return "", None
    settled = now - turn.at >= PATIENCE
    return (
        (trace.entry, EvidenceSource.ANSWERED)
        if settled and not _followed_by_complaint(turn, after, entries)
        else ("", None)
    )


def _followed_by_complaint(turn: LoggedQuestion, after: LoggedQuestion | None, entries: Mapping[str, Entry]) -> bool:
    if after is None or after.at - turn.at > PATIENCE:
        return False
    entry = entries.get(after.trace.entry)
    return after.trace.decision == _HANDED_OFF or (entry is not None and entry.signal in _UNHAPPY)


ENOUGH = 30  # labelled questions from which metrics are meaningful


@dataclass(frozen=True, slots=True)
class Tally:
    questions: int
    right: int  # the first intent was right
    answered: int  # with enough confidence
    wrongly: int  # of those answered


def labelled_questions(evidence: Sequence[Evidence]) -> tuple[list[Labelled], list[Labelled]]:
    """In-scope rows, whose kind is the source of the evidence, and out-of-scope rows."""
    rows = [Labelled(one.text, one.entry, one.message_id, one.proof.value) for one in evidence]
    return [row for row in rows if row.label], [row._replace(kind="") for row in rows if not row.label]


def evaluate_history(run: EvaluationRun, target: float, entries: Collection[str]) -> EvaluationResult | None:
    """Metrics of an edition with these entries; None without in-scope questions."""
    if not run.known:
        return None
    untaught = sum(prediction.meant not in entries for prediction in run.known)
    return result_of([run], target, len(entries), 0, untaught)


def tally_by_source(evaluated: EvaluationResult) -> dict[str, Tally]:
    """Tallies by source: answered questions alone flatter the edition that answered them."""
    predictions = in_scope_predictions(evaluated.runs)
    parted = {
        proof.value: [prediction for prediction in predictions if prediction.kind == proof.value]
        for proof in EvidenceSource
    }
    return {proof: tally(some) for proof, some in parted.items() if some}


def tally_by_entry(evaluated: EvaluationResult) -> dict[str, Tally]:
    """Tallies by entry, the most misunderstood first."""
    parted = defaultdict[str, list[Prediction]](list)
    for prediction in in_scope_predictions(evaluated.runs):
        parted[prediction.meant].append(prediction)
    found = {entry: tally(some) for entry, some in parted.items()}
    return dict(sorted(found.items(), key=lambda one: (one[1].right - one[1].questions, one[0])))


def tally(predictions: Sequence[Prediction]) -> Tally:
    answered = [prediction for prediction in predictions if prediction.answered]
    wrongly = sum(not prediction.right for prediction in answered)
    return Tally(len(predictions), sum(prediction.right for prediction in predictions), len(answered), wrongly)

"""Evidence about what customers meant, from the question log and agents' corrections."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.knowledge_base_files import Editor
from support.small_knowledge_base import KIOSK

from bot.domain.decisions import Candidate, Trace
from bot.evaluation.history import PATIENCE, Evidence, EvidenceSource, HistoryEvidence, gather_evidence
from bot.knowledge.entries import Entry
from bot.ports.nlu import LoggedQuestion

NOW = 1_000_000.0


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> MappingProxyType[str, Entry]:
    base = Editor(tmp_path_factory.mktemp("base")).writes(KIOSK, "kiosk.yaml").base()
    unhappy = base.entries["closing"].model_copy(update={"id": "unhappy", "signal": "dissatisfied"})
    return MappingProxyType({**base.entries, "unhappy": unhappy})


def turn(text: str, decision: str, entry: str = "", *, at: float = 0.0, seq: int = 0, **more: object) -> LoggedQuestion:
    """A message in one conversation, long before NOW."""
    corrected = more.pop("corrected", None)
    guessed = more.pop("guessed", entry)
    candidates = (Candidate(str(guessed), 0.9),) if guessed else ()
    trace = Trace(1, "en", candidates, decision, entry, **more)  # type: ignore[arg-type]
    number = seq or turn_number()
    return LoggedQuestion(f"m{number}", "talk", number, at or number, text, trace, corrected)  # type: ignore[arg-type]


def turn_number() -> int:
    global COUNT  # noqa: PLW0603 - each message of a test is the next one
    COUNT += 1
    return COUNT


COUNT = 0


def known(found: HistoryEvidence) -> list[tuple[str, str, EvidenceSource]]:
    return [(one.text, one.entry, one.proof) for one in found.evidence]


def test_an_answer_without_complaint_counts_as_probably_right(entries: MappingProxyType[str, Entry]) -> None:
    found = gather_evidence(
        [turn("when do you open", "Answer", "opening"), turn("refund?", "Answer", "refund")], entries, NOW
    )
    assert known(found) == [
        ("when do you open", "opening", EvidenceSource.ANSWERED),
        ("refund?", "refund", EvidenceSource.ANSWERED),
    ]


@pytest.mark.parametrize(
    "after",
    [
        ("a person please", "HandOff", "", "asked"),
        ("and who won the cup", "HandOff", "", "unsure"),
        ("that is no use", "Answer", "unhappy", ""),
    ],
)
def test_an_answer_followed_by_a_complaint_or_a_person_is_disputed(
    entries: MappingProxyType[str, Entry], after: tuple[str, str, str, str]
) -> None:
    text, decision, entry, reason = after
    found = gather_evidence(
        [turn("opening?", "Answer", "opening"), turn(text, decision, entry, reason=reason)], entries, NOW
    )
    assert ("opening?", "opening", EvidenceSource.ANSWERED) not in known(found)
    assert found.disputed == {"opening": 1}


def test_a_message_much_later_is_no_reaction_to_an_answer(entries: MappingProxyType[str, Entry]) -> None:
    later = turn("a person please", "HandOff", reason="asked", at=PATIENCE + 50_000)
    found = gather_evidence([turn("opening?", "Answer", "opening", at=10.0), later], entries, NOW)
    assert known(found) == [("opening?", "opening", EvidenceSource.ANSWERED)]


def test_a_recent_answer_is_no_evidence_yet(entries: MappingProxyType[str, Entry]) -> None:
    found = gather_evidence([turn("opening?", "Answer", "opening", at=NOW - 60)], entries, NOW)
    assert (found.evidence, found.unknown, found.disputed) == ((), 1, {})


def test_a_picked_choice_is_the_meaning_of_the_question_before(
    entries: MappingProxyType[str, Entry],
) -> None:
    asked = turn("when are you there", "Ask", guessed="opening", choices=("opening", "closing"))
    found = gather_evidence([asked, turn("2", "Answer", "closing", picked=True)], entries, NOW)
    assert known(found) == [("when are you there", "closing", EvidenceSource.PICKED)]
    assert found.unknown == 0


def test_a_question_asked_back_without_a_pick_is_unknown(entries: MappingProxyType[str, Entry]) -> None:
    asked = turn("when are you there", "Ask", guessed="opening", choices=("opening", "closing"))
    found = gather_evidence([asked, turn("never mind", "HandOff", reason="unsure")], entries, NOW)
    assert (found.evidence, found.unknown) == ((), 2)


def test_an_agents_correction_overrides_other_evidence(entries: MappingProxyType[str, Entry]) -> None:
    answered = turn("how late can I come", "Answer", "opening", corrected="closing")
    handed = turn("who won the cup", "HandOff", reason="unsure", corrected="")
    found = gather_evidence([answered, handed], entries, NOW)
    assert known(found) == [
        ("how late can I come", "closing", EvidenceSource.CORRECTED),
        ("who won the cup", "", EvidenceSource.CORRECTED),
    ]
    assert found.counts() == {"corrected": 2, "picked": 0, "answered": 0}


def test_a_reply_to_a_skill_is_no_question(entries: MappingProxyType[str, Entry]) -> None:
    talk = [
        turn("my points", "Ask", "refund"),
        turn("13800000001", "Ask", "refund"),
        turn("482913", "Answer", "refund"),
    ]
    found = gather_evidence(talk, entries, NOW)
    assert (found.evidence, found.unknown) == ((), 1)


def test_a_message_a_day_after_a_skills_question_is_no_reply_to_it(entries: MappingProxyType[str, Entry]) -> None:
    talk = [turn("my points", "Ask", "refund", at=10.0), turn("opening?", "Answer", "opening", at=90_000.0)]
    assert known(gather_evidence(talk, entries, NOW)) == [("opening?", "opening", EvidenceSource.ANSWERED)]


def test_a_request_for_a_person_is_no_evidence(entries: MappingProxyType[str, Entry]) -> None:
    found = gather_evidence([turn("a person", "HandOff", "refund", reason="asked")], entries, NOW)
    assert (found.evidence, found.unknown) == ((), 0)


@pytest.mark.parametrize(
    "one",
    [
        turn("two things at once", "Answer", "opening", detail="refund"),
        turn("of an entry that is gone", "Answer", "parking"),
        turn("corrected to one that is gone", "HandOff", reason="unsure", corrected="parking"),
        turn("by a skill that was under way", "Answer", "opening", guessed="refund"),
    ],
)
def test_unclear_turns_count_as_unknown(one: LoggedQuestion, entries: MappingProxyType[str, Entry]) -> None:
    found = gather_evidence([one], entries, NOW)
    assert (found.evidence, found.unknown) == ((), 1)


def test_an_erased_text_is_no_evidence(entries: MappingProxyType[str, Entry]) -> None:
    found = gather_evidence([turn("", "Answer", "opening"), turn("  ", "HandOff", corrected="refund")], entries, NOW)
    assert found == HistoryEvidence()


def test_evidence_does_not_cross_conversations(entries: MappingProxyType[str, Entry]) -> None:
    other = turn("a person please", "HandOff", reason="asked")
    elsewhere = LoggedQuestion(other.message_id, "other talk", other.seq, other.at, other.text, other.trace)
    found = gather_evidence([turn("opening?", "Answer", "opening"), elsewhere], entries, NOW)
    assert known(found) == [("opening?", "opening", EvidenceSource.ANSWERED)]


SOME = st.lists(
    st.builds(
        turn,
        st.sampled_from(["", "opening?", "1"]),
        st.sampled_from(["Answer", "Ask", "HandOff", "Quiet"]),
        st.sampled_from(["", "opening", "unhappy", "gone"]),
        at=st.floats(1, NOW),
        reason=st.sampled_from(["", "unsure", "asked"]),
        choices=st.sampled_from([(), ("opening", "closing")]),
        picked=st.booleans(),
        corrected=st.sampled_from([None, "", "refund", "gone"]),
    ),
    max_size=8,
)


@given(questions=SOME)
def test_each_question_is_evidence_at_most_once(
    entries: MappingProxyType[str, Entry], questions: Iterable[LoggedQuestion]
) -> None:
    some = list(questions)
    found = gather_evidence(some, entries, NOW)
    assert len({one.message_id for one in found.evidence}) == len(found.evidence)
    assert len(found.evidence) + found.unknown <= len(some)
    assert all(one.text.strip() and one.entry in {*entries, ""} for one in found.evidence)
    assert found == gather_evidence(reversed(some), entries, NOW)


def test_a_question_that_is_an_example_is_marked_exact(entries: MappingProxyType[str, Entry]) -> None:
    (one,) = gather_evidence([turn("几点开门", "Answer", "opening", exact=True)], entries, NOW).evidence
    assert isinstance(one, Evidence)
    assert one.exact

"""What can be known of what customers meant, from what they and agents did."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

import pytest
from editor import Editor
from hypothesis import given
from hypothesis import strategies as st
from kiosk import KIOSK

from bot.decisions import Candidate, Trace
from bot.intents.evidence import PATIENCE, Evidence, Gathered, Proof, gather
from bot.knowledge.entries import Entry
from bot.traffic import Question

NOW = 1_000_000.0


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> MappingProxyType[str, Entry]:
    base = Editor(tmp_path_factory.mktemp("base")).writes(KIOSK, "kiosk.yaml").base()
    unhappy = base.entries["closing"].model_copy(update={"id": "unhappy", "signal": "dissatisfied"})
    return MappingProxyType({**base.entries, "unhappy": unhappy})


def turn(text: str, decision: str, entry: str = "", *, at: float = 0.0, seq: int = 0, **more: object) -> Question:
    """A message of one conversation, long ago."""
    corrected = more.pop("corrected", None)
    guessed = more.pop("guessed", entry)
    candidates = (Candidate(str(guessed), 0.9),) if guessed else ()
    trace = Trace(1, "en", candidates, decision, entry, **more)  # type: ignore[arg-type]
    number = seq or turn_number()
    return Question(f"m{number}", "talk", number, at or number, text, trace, corrected)  # type: ignore[arg-type]


def turn_number() -> int:
    global COUNT  # noqa: PLW0603 - each message of a test is the next one
    COUNT += 1
    return COUNT


COUNT = 0


def known(found: Gathered) -> list[tuple[str, str, Proof]]:
    return [(one.text, one.entry, one.proof) for one in found.evidence]


def test_an_answer_that_nobody_minded_was_probably_right(entries: MappingProxyType[str, Entry]) -> None:
    found = gather([turn("when do you open", "Answer", "opening"), turn("refund?", "Answer", "refund")], entries, NOW)
    assert known(found) == [
        ("when do you open", "opening", Proof.ANSWERED),
        ("refund?", "refund", Proof.ANSWERED),
    ]


@pytest.mark.parametrize(
    "after",
    [
        ("a person please", "HandOff", "", "asked"),
        ("and who won the cup", "HandOff", "", "unsure"),
        ("that is no use", "Answer", "unhappy", ""),
    ],
)
def test_an_answer_that_was_followed_by_a_complaint_or_a_person_is_disputed_instead(
    entries: MappingProxyType[str, Entry], after: tuple[str, str, str, str]
) -> None:
    text, decision, entry, reason = after
    found = gather([turn("opening?", "Answer", "opening"), turn(text, decision, entry, reason=reason)], entries, NOW)
    assert ("opening?", "opening", Proof.ANSWERED) not in known(found)
    assert found.disputed == {"opening": 1}


def test_what_a_customer_does_much_later_is_no_comment(entries: MappingProxyType[str, Entry]) -> None:
    later = turn("a person please", "HandOff", reason="asked", at=PATIENCE + 50_000)
    found = gather([turn("opening?", "Answer", "opening", at=10.0), later], entries, NOW)
    assert known(found) == [("opening?", "opening", Proof.ANSWERED)]


def test_an_answer_of_just_now_proves_nothing_yet(entries: MappingProxyType[str, Entry]) -> None:
    found = gather([turn("opening?", "Answer", "opening", at=NOW - 60)], entries, NOW)
    assert (found.evidence, found.unknown, found.disputed) == ((), 1, {})


def test_the_choice_that_was_picked_is_what_the_question_before_had_meant(
    entries: MappingProxyType[str, Entry],
) -> None:
    asked = turn("when are you there", "Ask", guessed="opening", choices=("opening", "closing"))
    found = gather([asked, turn("2", "Answer", "closing", picked=True)], entries, NOW)
    assert known(found) == [("when are you there", "closing", Proof.PICKED)]
    assert found.unknown == 0


def test_asked_back_and_not_picked_nothing_is_known(entries: MappingProxyType[str, Entry]) -> None:
    asked = turn("when are you there", "Ask", guessed="opening", choices=("opening", "closing"))
    found = gather([asked, turn("never mind", "HandOff", reason="unsure")], entries, NOW)
    assert (found.evidence, found.unknown) == ((), 2)


def test_what_an_agent_says_holds_over_everything(entries: MappingProxyType[str, Entry]) -> None:
    answered = turn("how late can I come", "Answer", "opening", corrected="closing")
    handed = turn("who won the cup", "HandOff", reason="unsure", corrected="")
    found = gather([answered, handed], entries, NOW)
    assert known(found) == [
        ("how late can I come", "closing", Proof.CORRECTED),
        ("who won the cup", "", Proof.CORRECTED),
    ]
    assert found.counts() == {"corrected": 2, "picked": 0, "answered": 0}


def test_what_is_said_in_answer_to_a_skills_question_is_no_question(entries: MappingProxyType[str, Entry]) -> None:
    talk = [
        turn("my points", "Ask", "refund"),
        turn("13800000001", "Ask", "refund"),
        turn("482913", "Answer", "refund"),
    ]
    found = gather(talk, entries, NOW)
    assert (found.evidence, found.unknown) == ((), 1)


def test_a_skills_question_is_not_answered_a_day_later(entries: MappingProxyType[str, Entry]) -> None:
    talk = [turn("my points", "Ask", "refund", at=10.0), turn("opening?", "Answer", "opening", at=90_000.0)]
    assert known(gather(talk, entries, NOW)) == [("opening?", "opening", Proof.ANSWERED)]


def test_asking_for_a_person_is_no_question_to_the_base(entries: MappingProxyType[str, Entry]) -> None:
    found = gather([turn("a person", "HandOff", "refund", reason="asked")], entries, NOW)
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
def test_what_is_not_clear_is_unknown(one: Question, entries: MappingProxyType[str, Entry]) -> None:
    found = gather([one], entries, NOW)
    assert (found.evidence, found.unknown) == ((), 1)


def test_a_text_that_was_erased_is_nothing_any_more(entries: MappingProxyType[str, Entry]) -> None:
    found = gather([turn("", "Answer", "opening"), turn("  ", "HandOff", corrected="refund")], entries, NOW)
    assert found == Gathered()


def test_conversations_do_not_comment_on_each_other(entries: MappingProxyType[str, Entry]) -> None:
    other = turn("a person please", "HandOff", reason="asked")
    elsewhere = Question(other.message_id, "other talk", other.seq, other.at, other.text, other.trace)
    found = gather([turn("opening?", "Answer", "opening"), elsewhere], entries, NOW)
    assert known(found) == [("opening?", "opening", Proof.ANSWERED)]


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
def test_whatever_happened_each_question_is_evidence_once_at_most(
    entries: MappingProxyType[str, Entry], questions: Iterable[Question]
) -> None:
    some = list(questions)
    found = gather(some, entries, NOW)
    assert len({one.message_id for one in found.evidence}) == len(found.evidence)
    assert len(found.evidence) + found.unknown <= len(some)
    assert all(one.text.strip() and one.entry in {*entries, ""} for one in found.evidence)
    assert found == gather(reversed(some), entries, NOW)


def test_an_example_in_a_customers_mouth_is_marked(entries: MappingProxyType[str, Entry]) -> None:
    (one,) = gather([turn("几点开门", "Answer", "opening", exact=True)], entries, NOW).evidence
    assert isinstance(one, Evidence)
    assert one.exact

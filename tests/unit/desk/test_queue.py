"""The order of the queue, the thread, the handoff card, and what customers are promised."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from support import builders

from bot.desk.case_view import handoff_card, merge_transcripts, worst_part
from bot.desk.opening_hours import OpeningHours
from bot.desk.queue import HandoffPhrases, expected_minutes, queue_order, queue_position
from bot.domain.cases import CaseLine, CaseState, CaseView, OutgoingPart, TurnTrace
from bot.domain.decisions import Candidate, Trace
from bot.domain.messages import Author, Customer, Kind, OutboxState, Reason, TranscriptLine
from bot.knowledge.content import Bilingual

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS = OpeningHours({"mon": ["09:00-18:00"], "tue": ["09:00-18:00"]}, [], SHANGHAI)
PHRASES = {
    "handoff.waiting": Bilingual(
        zh="您是第 {position} 位，约 {minutes} 分钟。", en="You are no. {position}, about {minutes} min."
    ),
    "handoff.closed": Bilingual(zh="我们{opens}上班。", en="We are back {opens}."),
    "handoff.still_waiting": Bilingual(zh="您是第 {position} 位。", en="You are no. {position}."),
    "handoff.still_closed": Bilingual(zh="{opens}回复您。", en="We answer {opens}."),
}
EDITION = builders.edition(PHRASES)
MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=SHANGHAI).timestamp()
MONDAY_NIGHT = datetime(2026, 11, 23, 22, tzinfo=SHANGHAI).timestamp()


def line(id_: str, since: float, priority: int = 0, state: CaseState = CaseState.WAITING) -> CaseLine:
    return CaseLine(
        id_,
        "v",
        Customer("c"),
        "a",
        "wechat",
        False,
        Reason.UNSURE,
        state,
        1.0,
        since,
        priority,
    )


def said(id_: str, conversation: str, seq: int, at: float, author: Author = Author.CUSTOMER) -> TranscriptLine:
    return TranscriptLine(id_, conversation, seq, author, Kind.TEXT, id_, at)


def test_the_most_urgent_case_comes_first_then_the_one_that_waits_longest() -> None:
    lines = [line("late", 30), line("early", 10), line("urgent", 40, 1), line("quiet", 0, 0, CaseState.CLAIMED)]
    assert [one.id for one in queue_order(lines)] == ["urgent", "early", "late", "quiet"]


def test_a_place_in_the_queue_counts_waiting_cases_only() -> None:
    lines = [line("mine", 20), line("taken", 5, 0, CaseState.CLAIMED), line("before", 10)]
    assert [queue_position(lines, one) for one in ("before", "mine", "taken", "nobody")] == [1, 2, 0, 0]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 3)), min_size=1, max_size=20))
def test_every_waiting_case_has_its_own_place(cases: list[tuple[float, int]]) -> None:
    lines = [line(f"c{number}", since, priority) for number, (since, priority) in enumerate(cases)]
    assert sorted(queue_position(lines, one.id) for one in lines) == list(range(1, len(lines) + 1))


def test_the_expected_wait_assumes_one_case_after_the_other() -> None:
    assert [expected_minutes(place, 4) for place in (1, 3, 0)] == [4, 12, 4]


def test_while_the_desk_is_open_a_customer_hears_place_and_wait() -> None:
    words = HandoffPhrases(HOURS, 4)
    assert words.opening(EDITION, "zh", 3, MONDAY_NOON) == "您是第 3 位，约 12 分钟。"
    assert words.still_waiting(EDITION, "en", 2, MONDAY_NOON) == "You are no. 2."


def test_while_the_desk_is_closed_a_customer_hears_when_it_opens() -> None:
    words = HandoffPhrases(HOURS, 4)
    assert words.opening(EDITION, "zh", 3, MONDAY_NIGHT) == "我们明天 09:00上班。"
    assert words.still_waiting(EDITION, "en", 3, MONDAY_NIGHT) == "We answer tomorrow at 9:00."
    assert words.still_waiting(EDITION, "en", 3) == "You are no. 3."


def test_a_desk_without_hours_promises_no_opening_time() -> None:
    words = HandoffPhrases(OpeningHours({}, [], SHANGHAI), 4)
    assert words.opening(EDITION, "en", 1, MONDAY_NOON) == "You are no. 1, about 4 min."


def test_several_conversations_are_shown_as_one_by_time() -> None:
    lines = [said("x2", "x", 2, 30), said("w1", "w", 1, 20), said("x1", "x", 1, 10)]
    assert [one.id for one in merge_transcripts(lines)] == ["x1", "w1", "x2"]


def test_a_platform_whose_clock_lags_does_not_put_the_question_after_the_answer() -> None:
    lines = [said("question", "w", 1, 100.0), said("answer", "w", 2, 100.4), said("next", "w", 3, 100.0)]
    assert [one.id for one in merge_transcripts(lines)] == ["question", "answer", "next"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=30))
def test_every_conversation_keeps_its_own_order(heard: list[tuple[str, float]]) -> None:
    lines = [said(f"m{seq}", conversation, seq, at) for seq, (conversation, at) in enumerate(heard)]
    thread = merge_transcripts(lines)
    for conversation in "abc":
        assert [one.seq for one in thread if one.conversation_id == conversation] == [
            one.seq for one in lines if one.conversation_id == conversation
        ]


def test_a_message_sent_in_pieces_has_the_worst_state_of_its_pieces() -> None:
    pieces = [
        OutgoingPart(str(number), "m", state, "")
        for number, state in enumerate((OutboxState.SENT, OutboxState.IN_DOUBT))
    ]
    worst = worst_part(pieces)
    assert worst is not None
    assert worst.state is OutboxState.IN_DOUBT
    assert worst_part([]) is None


def test_every_state_of_a_message_is_ranked() -> None:
    for state in OutboxState:
        found = worst_part([OutgoingPart("o", "m", state, "")])
        assert found is not None


def test_the_card_shows_the_turn_that_opened_the_case_and_not_a_later_one() -> None:
    def turn(message: str, at: float, *intents: str) -> TurnTrace:
        candidates = tuple(Candidate(intent, 0.4) for intent in intents)
        return TurnTrace(message, "v", at, Trace(7, "zh", candidates, "HandOff"))

    lines = (
        said("hello", "v", 1, 0.1),
        said("hi", "v", 2, 0.2, Author.BOT),
        said("why", "v", 3, 0.9),
        said("more", "v", 4, 5),
    )
    turns = (turn("hello", 0.1, "small.hello"), turn("why", 1.0, "a", "b", "c", "d"), turn("more", 5, "z"))
    card = handoff_card(CaseView(line("c", 1.0), (), ("v",), lines, traces=turns))
    assert card.asked is not None
    assert card.asked.id == "why"
    assert [one.intent for one in card.candidates] == ["a", "b", "c"]
    assert ([one.id for one in card.answered], card.edition) == (["hi"], 7)

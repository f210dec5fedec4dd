"""The order of the queue, the thread, the handoff card, and what customers are promised."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from support import builders

from bot.desk.case_view import handoff_card, merge_transcripts, worst_part
from bot.desk.opening_hours import OpeningHours
from bot.desk.queue import HandoffNotice, HandoffPhrases, expected_minutes, queue_order, queue_position
from bot.domain.cases import CaseLine, CaseState, CaseView, FirstAnswer, OutgoingPart, QueueState, TurnTrace
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
    "handoff.public": Bilingual(zh="同事来帮您。\n\n交给同事了。", en="A colleague helps.\n\nOver to a colleague."),
    "handoff.public_closed": Bilingual(
        zh="{opens}帮您。\n{opens}回复您。", en="Help comes {opens}.\nWe answer {opens}."
    ),
    "handoff.corrected": Bilingual(
        zh="第 {position} 位，还要 {minutes} 分钟。", en="No. {position}, {minutes} min more."
    ),
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


def after(*minutes_and_places: tuple[float, int]) -> tuple[FirstAnswer, ...]:
    return tuple(FirstAnswer(minutes * 60, place) for minutes, place in minutes_and_places)


def test_without_answers_lately_the_expected_wait_is_one_case_after_the_other() -> None:
    assert [expected_minutes(QueueState(place), 4) for place in (1, 3)] == [4, 12]
    assert expected_minutes(QueueState(3, after((20, 1), (20, 1))), 4) == 12


def test_the_expected_wait_is_what_most_customers_of_the_last_hour_waited_for_each_place() -> None:
    answers = after((10, 1), (16, 2), (9, 3), (40, 1))  # 10, 8, 3 and 40 minutes for each place
    assert [expected_minutes(QueueState(place, answers), 4) for place in (1, 2, 5)] == [10, 20, 50]


def test_one_customer_who_was_forgotten_does_not_make_everybody_wait() -> None:
    answers = after(*[(2, 1)] * 9, (600, 1))
    assert expected_minutes(QueueState(1, answers), 4) == 2


def test_the_expected_wait_is_never_said_to_be_nothing() -> None:
    assert expected_minutes(QueueState(1, after(*[(0.05, 1)] * 3)), 4) == 1


@given(st.lists(st.tuples(st.floats(0, 600), st.integers(1, 50)), max_size=60), st.integers(1, 200))
def test_who_is_further_back_never_hears_of_a_shorter_wait(lately: list[tuple[float, int]], place: int) -> None:
    answers = after(*lately)
    assert 1 <= expected_minutes(QueueState(place, answers), 4) <= expected_minutes(QueueState(place + 1, answers), 4)


def test_while_the_desk_is_open_a_customer_hears_place_and_wait() -> None:
    words = HandoffPhrases(HOURS, 4)
    opening = words.opening(EDITION, "zh", QueueState(3), MONDAY_NOON)
    assert opening == HandoffNotice(("您是第 3 位，约 12 分钟。",), 3, MONDAY_NOON + 12 * 60)
    assert words.still_waiting(EDITION, "en", 2, MONDAY_NOON).wordings == ("You are no. 2.",)
    assert words.corrected(EDITION, "en", QueueState(2)) == "No. 2, 8 min more."


def test_a_wait_that_the_closing_of_the_desk_interrupts_goes_on_when_it_opens() -> None:
    late = datetime(2026, 11, 23, 17, 50, tzinfo=SHANGHAI).timestamp()
    opening = HandoffPhrases(HOURS, 4).opening(EDITION, "zh", QueueState(5), late)
    assert opening.promised_until == datetime(2026, 11, 24, 9, 10, tzinfo=SHANGHAI).timestamp()


def test_while_the_desk_is_closed_a_customer_hears_when_it_opens() -> None:
    words = HandoffPhrases(HOURS, 4)
    opening = words.opening(EDITION, "zh", QueueState(3), MONDAY_NIGHT)
    assert opening == HandoffNotice(("我们明天 09:00上班。",), 3)
    assert words.still_waiting(EDITION, "en", 3, MONDAY_NIGHT).wordings == ("We answer tomorrow at 9:00.",)


def test_in_public_neither_place_nor_wait_is_said_and_there_are_several_wordings() -> None:
    words = HandoffPhrases(HOURS, 4)
    opened = words.opening(EDITION, "en", QueueState(3), MONDAY_NOON, public=True)
    assert opened == HandoffNotice(("A colleague helps.", "Over to a colleague."), 3)
    closed = words.opening(EDITION, "en", QueueState(3), MONDAY_NIGHT, public=True)
    assert closed == HandoffNotice(("Help comes tomorrow at 9:00.", "We answer tomorrow at 9:00."), 3)


def test_a_desk_that_never_opens_promises_no_time() -> None:
    words = HandoffPhrases(OpeningHours({}, [], SHANGHAI), 4)
    opening = words.opening(EDITION, "en", QueueState(1), MONDAY_NOON)
    assert (opening.wordings[0], opening.promised_until) == ("A colleague helps.", 0.0)


def test_only_waits_since_the_desk_opened_tell_about_the_wait_now() -> None:
    words = HandoffPhrases(HOURS, 4)
    assert words.counts_since(MONDAY_NOON) == datetime(2026, 11, 23, 9, tzinfo=SHANGHAI).timestamp()
    assert words.counts_since(MONDAY_NIGHT) == MONDAY_NIGHT


def test_an_edition_from_before_the_phrases_existed_says_built_in_words() -> None:
    words, old = HandoffPhrases(HOURS, 4), builders.edition()
    said = [
        *words.opening(old, "en", QueueState(3), MONDAY_NOON, public=True).wordings,
        *words.opening(old, "zh", QueueState(3), MONDAY_NIGHT, public=True).wordings,
    ]
    assert said == [
        "A colleague will take this from here and reply as soon as they can.",
        "这件事要请同事来处理。他们的上班时间：明天 09:00，到时回复您。",
    ]
    assert "number 3 in line and should hear back in about 12 min" in words.corrected(old, "en", QueueState(3))


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

"""Single days with hours of their own: 调休, a Saturday worked for a festival's Friday, and a short day before it."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from support import builders
from support.member_linking import shipped_words, turn_of
from support.office_hours import OFFICE, SHANGHAI, TALK, Week, at, clock

from bot.desk.opening_hours import OpeningHours
from bot.desk.queue import HandoffPhrases
from bot.domain.cases import QueueState
from bot.domain.decisions import Answer
from bot.intents.skills.opening_hours import HoursSkill, asked_day
from bot.knowledge.editions import Edition

# The Spring Festival of 2027 begins on Saturday, 6 February. Made up: Sunday the 31st and Saturday the 20th are worked,
# the eve's eve ends at noon, and from the 5th to the 11th nobody is there.
SPRING = OpeningHours(
    OFFICE,
    [date(2027, 2, day) for day in range(5, 12)],
    SHANGHAI,
    {
        date(2027, 1, 31): ["09:00-18:00"],
        date(2027, 2, 4): ["09:00-12:00"],
        date(2027, 2, 12): [],
        date(2027, 2, 20): ["13:00-17:00", "09:00-12:00"],
    },
)


@pytest.mark.parametrize(
    ("now", "opens", "closes"),
    [
        ("2027-01-30 12:00", "2027-01-31 09:00", None),  # a Saturday; the Sunday after it is worked
        ("2027-01-31 17:30", "2027-01-31 17:30", "2027-01-31 18:00"),
        ("2027-02-04 11:00", "2027-02-04 11:00", "2027-02-04 12:00"),
        ("2027-02-04 12:00", "2027-02-15 09:00", None),  # over the holidays, a day without hours and a weekend
        ("2027-02-19 17:00", "2027-02-20 09:00", None),
        ("2027-02-20 12:30", "2027-02-20 13:00", None),
        ("2027-02-20 17:00", "2027-02-22 09:00", None),
    ],
)
def test_the_next_opening_is_right_across_days_with_hours_of_their_own(
    now: str, opens: str, closes: str | None
) -> None:
    assert clock(SPRING.opens_at(at(now))) == opens
    found = SPRING.closes_at(at(now))
    assert (clock(found) if found else None) == closes


def test_open_time_is_counted_across_single_days() -> None:
    assert clock(SPRING.after(at("2027-02-04 11:00"), 2 * 3600)) == "2027-02-15 10:00"
    assert clock(SPRING.after(at("2027-01-29 16:00"), 3600 + 9 * 3600)) == "2027-01-31 18:00"


def test_a_single_day_may_have_hours_over_midnight() -> None:
    nights: Week = {day: ["22:00-02:00"] for day in OFFICE}
    short = OpeningHours(nights, [], SHANGHAI, {date(2027, 2, 4): [], date(2027, 2, 6): ["22:00-24:00"]})
    assert short.is_open(at("2027-02-04 01:00"))  # the evening before is finished
    assert not short.is_open(at("2027-02-04 23:00"))
    assert clock(short.closes_at(at("2027-02-06 23:00"))) == "2027-02-07 00:00"
    assert short.hours_of(date(2027, 2, 5), "en") == "22:00–2:00"


def test_a_single_day_with_a_clock_change_opens_at_the_first_and_closes_at_the_second_two() -> None:
    new_york = ZoneInfo("America/New_York")
    hours = OpeningHours({}, [], new_york, {date(2026, 11, 1): ["01:30-02:30"]})
    opens = hours.opens_at(at("2026-10-31 12:00", new_york))
    assert opens == datetime(2026, 11, 1, 1, 30, tzinfo=new_york).timestamp()
    assert hours.closes_at(opens) == opens + 2 * 3600


def test_customers_who_are_handed_over_hear_the_right_opening() -> None:
    words, edition, first = HandoffPhrases(SPRING, 4), shipped_words(), QueueState(1)
    assert "周日 09:00" not in words.opening(edition, "zh", first, at("2027-01-30 12:00")).wordings[0]
    assert "明天 09:00" in words.opening(edition, "zh", first, at("2027-01-30 12:00")).wordings[0]
    assert "on 15 February at 9:00" in words.opening(edition, "en", first, at("2027-02-04 12:30")).wordings[0]
    assert "2月15日 09:00" in words.still_waiting(edition, "zh", 1, at("2027-02-04 12:30")).wordings[0]


def said(text: str, now: str, words: Edition | None = None) -> str:
    edition = words or shipped_words()
    told = asyncio.run(HoursSkill(SPRING).respond(turn_of(text, TALK, at(now), edition=edition)))
    assert isinstance(told, Answer)
    return told.text.splitlines()[0]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Are you open on Saturday 20 Feb?", "Our team is online on 20 February: 9:00–12:00 and 13:00–17:00."),
        ("are you open on February 4th", "Our team is online on Thursday: 9:00–12:00."),
        ("are you open on Saturday 6 Feb", "Our team is off on 6 February and back at work on 15 February at 9:00."),
        ("Is anybody there tomorrow?", "Our team is online tomorrow: 9:00–18:00."),
        ("2月4日有人吗", "周四人工客服的服务时间：09:00–12:00。"),
        ("二月六号上班吗", "2月6日人工客服休息，之后上班时间：2月15日 09:00。"),
        ("下周三客服上班吗", "周三人工客服的服务时间：09:00–17:00。"),
        ("现在有人吗", "人工客服现在休息，上班时间：明天 09:00。"),
    ],
)
def test_the_day_that_is_asked_about_is_answered(text: str, answer: str) -> None:
    told = said(text, "2027-01-30 12:00")
    assert told.startswith(answer)


def test_a_base_without_words_for_single_days_answers_as_before() -> None:
    shipped = shipped_words()
    phrases = {name: phrase for name, phrase in shipped.phrases.items() if not name.startswith("hours.day")}
    earlier = builders.edition(phrases)
    now = "2027-01-30 12:00"
    assert said("Are you open on Saturday 20 Feb?", now, earlier) == said("Is anybody there?", now, earlier)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Feb 6th, 2028 please", "2028-02-06"),
        ("the 6th of february", "2027-02-06"),
        ("２０２７年２月２０日上班吗", "2027-02-20"),
        ("2027-02-20", "2027-02-20"),
        ("十二月三十一号呢", "2027-12-31"),
        ("1月29日", "2028-01-29"),
        ("后天", "2027-02-01"),
        ("大后天呢", "2027-02-02"),
        ("next monday", "2027-02-01"),
        ("on mon", "2027-02-01"),
        ("on Sundays", "2027-01-31"),
        ("下下周五", "2027-02-12"),
        ("this is the end, march of the pandas", ""),
        ("may I ask when you open", ""),
        ("几点开门", ""),
        ("今天几点下班", ""),
        ("2026-12-31", ""),
        ("2月30日", ""),
        ("13月1日", ""),
        ("32 Feb", ""),
    ],
)
def test_the_day_a_question_names_is_read(text: str, day: str) -> None:
    found = asked_day(text, date(2027, 1, 30))
    assert (found.isoformat() if found else "") == day

"""When people answer: over nights, holidays and changes of the clocks; and how customers hear it."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.member_linking import shipped_words, turn_of
from support.office_hours import OFFICE, SHANGHAI, TALK, WEEKDAYS, Week, at, clock

from bot.config import Days, Desk
from bot.desk.opening_hours import OpeningHours
from bot.domain.decisions import Answer, HandOff
from bot.domain.messages import Reason
from bot.intents.skills import PersonSkill
from bot.intents.skills.opening_hours import HoursSkill

NEW_YORK = ZoneInfo("America/New_York")
ALL_DAYS: tuple[Days, ...] = (*WEEKDAYS, "sat", "sun")


def office(*holidays: str, hours: Week | None = None, zone: ZoneInfo = SHANGHAI) -> OpeningHours:
    return OpeningHours(OFFICE if hours is None else hours, [date.fromisoformat(day) for day in holidays], zone)


@pytest.mark.parametrize(
    ("created", "hours", "due"),
    [
        # Zammad: opens 09:00, created 07:00, one hour.
        ("2026-03-11 07:00", 1, "2026-03-11 10:00"),
        # Chatwoot, pull request 13392: Mon-Fri 9-17, created Friday 16:30, one hour; Wednesday 7:00 and 10:00, two.
        ("2026-03-13 16:30", 1, "2026-03-16 09:30"),
        ("2026-03-11 07:00", 2, "2026-03-11 11:00"),
        ("2026-03-11 10:00", 2, "2026-03-11 12:00"),
        # Zammad: a day of 8 h, a target of 16 h: two business days.
        ("2026-03-11 09:00", 16, "2026-03-12 17:00"),
    ],
)
def test_open_time_equals_that_of_other_help_desks(created: str, hours: int, due: str) -> None:
    assert clock(office().after(at(created), hours * 3600)) == due


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-03-13 08:59", False),
        ("2026-03-13 09:00", True),
        ("2026-03-13 16:59", True),
        ("2026-03-13 17:00", False),
        ("2026-03-14 12:00", False),
    ],
)
def test_the_desk_opens_at_the_first_minute_and_closes_at_the_last(now: str, is_open: bool) -> None:
    assert office().is_open(at(now)) is is_open
    assert (office().closes_at(at(now)) is not None) is is_open


def test_a_desk_closed_on_friday_evening_opens_on_monday() -> None:
    assert clock(office().opens_at(at("2026-03-13 17:00"))) == "2026-03-16 09:00"
    assert office().opens_at(at("2026-03-13 10:00")) == at("2026-03-13 10:00")


def test_a_lunch_break_is_closed() -> None:
    hours = office(hours={"mon": ["13:00-18:00", "09:00-12:00"]})
    assert clock(hours.closes_at(at("2026-03-16 09:30"))) == "2026-03-16 12:00"
    assert clock(hours.opens_at(at("2026-03-16 12:00"))) == "2026-03-16 13:00"


def test_spans_that_touch_are_one_stretch() -> None:
    hours = office(hours={"mon": ["09:00-12:00", "12:00-18:00"], "tue": ["00:00-02:00"]})
    assert clock(hours.closes_at(at("2026-03-16 09:30"))) == "2026-03-16 18:00"
    nights = office(hours={"mon": ["18:00-24:00"], "tue": ["00:00-02:00"]})
    assert clock(nights.closes_at(at("2026-03-16 20:00"))) == "2026-03-17 02:00"


def test_a_night_shift_ends_the_next_day_even_if_that_is_a_holiday() -> None:
    hours = office("2026-03-17", hours={"mon": ["22:00-02:00"], "tue": ["22:00-02:00"]})
    assert hours.is_open(at("2026-03-17 01:30"))
    assert clock(hours.closes_at(at("2026-03-16 23:00"))) == "2026-03-17 02:00"
    assert not hours.is_open(at("2026-03-17 23:00"))
    assert clock(hours.opens_at(at("2026-03-17 02:00"))) == "2026-03-23 22:00"


def test_a_row_of_holidays_is_skipped() -> None:
    spring_festival = [f"2026-02-{day}" for day in range(16, 23)]
    assert clock(office(*spring_festival).opens_at(at("2026-02-15 12:00"))) == "2026-02-23 09:00"


def test_far_ahead_open_time_is_still_only_what_is_open() -> None:
    closed_all_march = [f"2026-03-{day:02}" for day in range(1, 32)]
    assert clock(office(*closed_all_march).after(at("2026-03-01 12:00"), 9 * 3600)) == "2026-04-02 10:00"


def test_a_desk_open_around_the_clock_never_closes() -> None:
    for span in ("00:00-24:00", "00:00-00:00"):
        hours = office(hours={day: [span] for day in ALL_DAYS})
        assert hours.is_open(at("2026-03-15 03:00"))
        assert hours.closes_at(at("2026-03-15 03:00")) is None
        assert hours.after(at("2026-03-15 03:00"), 600) == at("2026-03-15 03:10")


def test_a_desk_without_hours_never_opens() -> None:
    hours = office(hours={})
    assert not hours.is_open(at("2026-03-15 03:00"))
    assert hours.opens_at(at("2026-03-15 03:00")) is None
    assert hours.after(at("2026-03-15 03:00"), 600) is None


def test_when_the_clocks_change_the_desk_still_opens_at_nine() -> None:
    hours = office(hours={day: ["09:00-17:00"] for day in ALL_DAYS}, zone=NEW_YORK)
    before, on = hours.opens_at(at("2026-03-07 18:00", NEW_YORK)), hours.opens_at(at("2026-03-08 00:00", NEW_YORK))
    assert clock(before, NEW_YORK) == "2026-03-08 09:00"
    assert before == on == datetime(2026, 3, 8, 13, tzinfo=UTC).timestamp()
    assert hours.opens_at(at("2026-10-31 18:00", NEW_YORK)) == datetime(2026, 11, 1, 14, tzinfo=UTC).timestamp()


def test_a_night_shift_is_an_hour_shorter_in_spring_and_longer_in_autumn() -> None:
    hours = office(hours={day: ["22:00-06:00"] for day in ALL_DAYS}, zone=NEW_YORK)
    for evening, length in (("2026-03-07 22:00", 7), ("2026-10-31 22:00", 9), ("2026-06-06 22:00", 8)):
        closes = hours.closes_at(at(evening, NEW_YORK))
        assert closes == at(evening, NEW_YORK) + length * 3600


def test_a_time_that_occurs_twice_opens_at_the_first_and_closes_at_the_second() -> None:
    twice = office(hours={"sun": ["01:00-01:30"]}, zone=NEW_YORK)
    first = datetime(2026, 11, 1, 5, tzinfo=UTC).timestamp()
    assert twice.opens_at(at("2026-11-01 00:00", NEW_YORK)) == first
    assert twice.closes_at(first) == first + 5400


def test_a_time_that_is_skipped_comes_an_hour_later_by_the_clock() -> None:
    skipped = office(hours={"sun": ["02:30-04:00"]}, zone=NEW_YORK)
    opens = skipped.opens_at(at("2026-03-08 00:00", NEW_YORK))
    assert clock(opens, NEW_YORK) == "2026-03-08 03:30"


@pytest.mark.parametrize(
    ("instant", "zh", "en"),
    [
        ("2026-03-13 18:00", "今天 18:00", "today at 18:00"),
        ("2026-03-14 09:00", "明天 09:00", "tomorrow at 9:00"),
        ("2026-03-16 09:05", "周一 09:05", "on Monday at 9:05"),
        ("2026-03-19 09:00", "周四 09:00", "on Thursday at 9:00"),
        ("2026-03-20 09:00", "3月20日 09:00", "on 20 March at 9:00"),
        ("2027-01-04 09:00", "2027年1月4日 09:00", "on 4 January 2027 at 9:00"),
        ("2026-03-14 00:00", "今天 24:00", "today at 24:00"),
        ("2026-03-15 00:00", "明天 24:00", "tomorrow at 24:00"),
    ],
)
def test_times_are_written_as_people_say_them(instant: str, zh: str, en: str) -> None:
    now = at("2026-03-13 10:00")
    assert office().spoken(at(instant), "zh", now) == zh
    assert office().spoken(at(instant), "en", now) == en


MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
SPANS = st.tuples(MINUTES, MINUTES).map("-".join)
WEEKS = st.dictionaries(st.sampled_from(ALL_DAYS), st.lists(SPANS, max_size=3), max_size=7)
ZONES = st.sampled_from([SHANGHAI, NEW_YORK, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")])
MOMENTS = st.floats(at("2026-01-01 00:00"), at("2026-12-31 00:00")).map(round)


@given(WEEKS, ZONES, MOMENTS)
def test_for_any_hours_the_three_answers_agree(week: Week, zone: ZoneInfo, now: int) -> None:
    hours = OpeningHours(week, [], zone)
    opens, closes = hours.opens_at(now), hours.closes_at(now)
    if opens is None:
        assert closes is None
        assert not any(week.values())
        return
    assert opens >= now
    assert hours.is_open(opens)
    assert hours.is_open(now) == (opens == now)
    if opens > now:
        assert not hours.is_open(opens - 1)
    if closes is not None:
        assert closes > now
        assert not hours.is_open(closes)
        assert hours.is_open(closes - 1)


def naive_open(week: Week, now: int) -> bool:
    """The plainest reading, for a zone whose clocks never change: minute by minute of the week."""
    moment = datetime.fromtimestamp(now, SHANGHAI)
    minute = moment.hour * 60 + moment.minute
    for back in (0, 1):
        for span in week.get(ALL_DAYS[(moment.weekday() - back) % 7], []):
            begins, ends = (int(clock[:2]) * 60 + int(clock[3:]) for clock in span.split("-"))
            if begins <= minute + back * 1440 < (ends if ends > begins else ends + 1440):
                return True
    return False


@given(WEEKS, MOMENTS)
def test_the_desk_is_open_exactly_when_a_direct_lookup_says_so(week: Week, now: int) -> None:
    assert OpeningHours(week, [], SHANGHAI).is_open(now) == naive_open(week, now)


def said(opening: OpeningHours, text: str, now: str) -> str:
    told = asyncio.run(HoursSkill(opening).respond(turn_of(text, TALK, at(now))))
    assert isinstance(told, Answer)
    return told.text


def test_customers_hear_until_when_the_desk_is_open() -> None:
    words = shipped_words()
    assert said(office(), "现在有人吗", "2026-03-13 10:00") == words.phrase("hours.open", "zh", closes="今天 17:00")
    closed = words.phrase("hours.closed", "en", opens="on Monday at 9:00")
    assert said(office(), "is anybody there", "2026-03-13 17:00") == closed


def test_customers_also_hear_of_a_desk_that_never_opens_or_never_closes() -> None:
    words = shipped_words()
    always = office(hours={day: ["00:00-24:00"] for day in ALL_DAYS})
    assert said(always, "现在有人吗", "2026-03-13 10:00") == words.phrase("hours.always", "zh")
    assert said(office(hours={}), "现在有人吗", "2026-03-13 10:00") == words.phrase("hours.never", "zh")


def test_the_shipped_hours_are_valid() -> None:
    desk = Desk()
    opening = OpeningHours(desk.hours, desk.holidays, SHANGHAI)
    assert clock(opening.closes_at(at("2026-03-15 12:00"))) == "2026-03-15 21:00"


def test_asking_for_a_person_always_leads_to_a_handoff() -> None:
    asked = asyncio.run(PersonSkill().respond(turn_of("转人工", TALK, at("2026-03-13 10:00"))))
    assert asked == HandOff(Reason.ASKED)

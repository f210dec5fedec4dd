"""The skill that says when agents answer: now, or on a day that the question names ('2月6日', 'Saturday 6 Feb',
'下周一', 'tomorrow', '2027-02-06')."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta

from bot.desk.opening_hours import OpeningHours, spoken_day
from bot.domain.decisions import Answer, Decision, EditionWords, Turn
from bot.domain.messages import Instant

_READ = 400  # characters of a question that are searched for a day
_HAN_DIGITS = "〇一二三四五六七八九十"
_NUMBER = r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"({'|'.join(_MONTHS)})(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?"
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = "一二三四五六日"

_NUMERIC = re.compile(r"(?<!\d)(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(?!\d)")
_CHINESE = re.compile(rf"({_NUMBER})月({_NUMBER})[日号]?")
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}\b,?(?: (\d{{4}})\b)?")
_MONTH_FIRST = re.compile(rf"\b{_MONTH}\b\.? (\d{{1,2}})(?:st|nd|rd|th)?\b,?(?: (\d{{4}})\b)?")
_CHINESE_WEEKDAY = re.compile(r"(下下|下|这|本)?个?(?:周|星期|礼拜)([一二三四五六日天])")
_ENGLISH_WEEKDAY = re.compile(
    rf"\b(?:(next|this|on) )?({'|'.join(_LONG_DAYS)})s?\b|\b(next|this|on) ({'|'.join(_SHORT_DAYS)})\b"
)
_NEAR: Mapping[str, int] = {"大后天": 3, "后天": 2, "明天": 1, "明日": 1, "day after tomorrow": 2, "tomorrow": 1}


def asked_day(text: str, today: date) -> date | None:
    """The day that a text names, from tomorrow on; None if it names none, today or a past day.

    Of several days the most exact counts: with a year, then without, then a weekday, then 'tomorrow'. A date without a
    year is the next such date; a weekday is the next one, with 下 or 'next' that of next week.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text[:_READ]).casefold().split())
    readers: tuple[Callable[[str, date], Iterator[date | None]], ...] = (_with_year, _without_year, _weekdays, _near)
    found = (day for read in readers for day in read(plain, today) if day)
    first = next(found, None)
    return first if first and first > today else None


def _with_year(text: str, _today: date) -> Iterator[date | None]:
    for year, month, day in _NUMERIC.findall(text):
        yield _valid(int(year), int(month), int(day))


def _without_year(text: str, today: date) -> Iterator[date | None]:
    for month, day in _CHINESE.findall(text):
        yield _next(_number(month), _number(day), today)
    for day, month, year in _DAY_FIRST.findall(text):
        yield _next(_MONTHS.index(month) + 1, int(day), today, year)
    for month, day, year in _MONTH_FIRST.findall(text):
        yield _next(_MONTHS.index(month) + 1, int(day), today, year)


def _weekdays(text: str, today: date) -> Iterator[date | None]:
    monday = today - timedelta(days=today.weekday())
    for which, name in _CHINESE_WEEKDAY.findall(text):
        weekday = _WEEK.index(name.replace("天", "日"))
        week = {"下下": 2, "下": 1, "这": 0, "本": 0}.get(which)
        yield _coming(weekday, today) if week is None else monday + timedelta(days=weekday, weeks=week)
    for which, name, short_which, short in _ENGLISH_WEEKDAY.findall(text):
        weekday = _SHORT_DAYS.index((name or short)[:3])
        next_week = "next" in (which, short_which)
        yield monday + timedelta(days=weekday, weeks=1) if next_week else _coming(weekday, today)


def _near(text: str, today: date) -> Iterator[date | None]:
    for name, ahead in _NEAR.items():
        if name in text:
            yield today + timedelta(days=ahead)


def _coming(weekday: int, today: date) -> date:
    return today + timedelta(days=(weekday - today.weekday()) % 7)


def _next(month: int, day: int, today: date, year: str = "") -> date | None:
    """The date in `year`; without a year the next such date from today on. None if there is no such date."""
    if year:
        return _valid(int(year), month, day)
    this = _valid(today.year, month, day)
    return this if this and this >= today else _valid(today.year + 1, month, day)


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _number(text: str) -> int:
    """12 of '12', '十二' and 31 of '三十一'."""
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (_HAN_DIGITS.index(tens[-1:] or "一") * 10 if ten else 0) + (_HAN_DIGITS.index(ones[0]) if ones else 0)


class HoursSkill:
    """Says when agents answer: on the day that the customer asks about, else whether now, and until or from when."""

    intent = "hours"
    time_limit = 1.0

    def __init__(self, opening: OpeningHours) -> None:
        self._opening = opening

    async def respond(self, turn: Turn) -> Decision:
        words, day = turn.edition, asked_day(turn.message.text, self._opening.today(turn.now))
        about_day = self._hours_of_day(day, words, turn.language, turn.now) if day else ""
        return Answer(about_day or self._hours_now(words, turn.language, turn.now))

    def _hours_of_day(self, day: date, words: EditionWords, language: str, now: Instant) -> str:
        """The hours of a day; '' if the edition lacks the phrase."""
        name, times = spoken_day(day, language, self._opening.today(now)), self._opening.hours_of(day, language)
        if times:
            return words.phrase_if_any("hours.day", language, day=name, times=times)
        opens = self._opening.opens_after(day)
        if opens is None:
            return words.phrase("hours.never", language)
        spoken = self._opening.spoken(opens, language, now)
        return words.phrase_if_any("hours.day_closed", language, day=name, opens=spoken)

    def _hours_now(self, words: EditionWords, language: str, now: Instant) -> str:
        if self._opening.is_open(now):
            closes = self._opening.closes_at(now)
            if closes is None:
                return words.phrase("hours.always", language)
            return words.phrase("hours.open", language, closes=self._opening.spoken(closes, language, now))
        opens = self._opening.opens_at(now)
        if opens is None:
            return words.phrase("hours.never", language)
        return words.phrase("hours.closed", language, opens=self._opening.spoken(opens, language, now))

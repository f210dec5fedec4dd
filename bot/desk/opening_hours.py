"""Opening hours of the desk in the deployment's time zone, and days and times as customers read them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from bot.config import Days
from bot.domain.messages import Instant

_WEEKDAYS = {
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    "en": ("on Monday", "on Tuesday", "on Wednesday", "on Thursday", "on Friday", "on Saturday", "on Sunday"),
}
_NEAR = {"zh": ("今天", "明天"), "en": ("today", "tomorrow")}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ON = {"zh": "", "en": "on "}


def spoken_date(day: date, language: str, today: date) -> str:
    """'12月31日' or '31 December'; with the year if it is not the current one. Every language but 'zh' is English."""
    this_year = day.year == today.year
    if language == "zh":
        return f"{day.month}月{day.day}日" if this_year else f"{day.year}年{day.month}月{day.day}日"
    spoken = f"{day.day} {_MONTHS[day.month - 1]}"
    return spoken if this_year else f"{spoken} {day.year}"


def spoken_day(day: date, language: str, today: date) -> str:
    """'今天', 'tomorrow', '周一', 'on Monday'; a date for days at least a week ahead and for the past."""
    tongue = "zh" if language == "zh" else "en"
    ahead = (day - today).days
    if 0 <= ahead < len(_NEAR[tongue]):
        return _NEAR[tongue][ahead]
    if 0 < ahead < len(_WEEKDAYS[tongue]):
        return _WEEKDAYS[tongue][day.weekday()]
    return _ON[tongue] + spoken_date(day, tongue, today)


_DAYS: tuple[Days, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HORIZON = 400  # days searched for an opening: longer than any run of holidays, and the search ends
_ALWAYS = 14 * 86400.0  # seconds; a stretch longer than this counts as open around the clock

Shift = tuple[Instant, Instant]  # begin and end


class OpeningHours:
    """Weekly opening hours with exceptions.

    hours: spans by weekday, such as {'mon': ['09:00-12:00', '13:00-18:00'], 'fri': ['22:00-02:00']}. A span whose end
    is not after its start runs past midnight ('09:00-09:00' is 24 hours). Spans that touch or overlap are one stretch.
    holidays: days on which no span begins; one that began the evening before still runs to its end.
    days: hours of single days, instead of those of their weekday.
    """

    def __init__(
        self,
        hours: Mapping[Days, Sequence[str]],
        holidays: Collection[date],
        zone: ZoneInfo,
        days: Mapping[date, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._week = [_parse_spans(hours.get(day, ())) for day in _DAYS]
        self._days = {
            **dict.fromkeys(holidays, _parse_spans(())),
            **{day: _parse_spans(spans) for day, spans in days.items()},
        }
        self.zone = zone

    def is_open(self, now: Instant) -> bool:
        return self._stretch(now)[0] <= now

    def open_since(self, now: Instant) -> Instant | None:
        """When the current stretch began, or a time of yesterday if it began before; None if it is closed now."""
        opens, _ = self._stretch(now)
        return opens if opens <= now else None

    def closes_at(self, now: Instant) -> Instant | None:
        """When the current stretch ends; None if it is closed now, or open around the clock."""
        opens, closes = self._stretch(now)
        return closes if opens <= now and closes < _NEVER else None

    def opens_at(self, now: Instant) -> Instant | None:
        """`now` if it is open, else the next opening; None if there is none in 400 days."""
        opens, _ = self._stretch(now)
        return max(opens, now) if opens < _NEVER else None

    def after(self, now: Instant, seconds: float) -> Instant | None:
        """When `seconds` of open time will have passed; None if the next 400 days have less open time."""
        for opens, closes in self._stretches(now):
            begins = max(opens, now)
            if begins + seconds <= closes:
                return begins + seconds
            seconds -= closes - begins
        return None

    def spoken(self, instant: Instant, language: str, now: Instant) -> str:
        """'今天 18:00', 'tomorrow at 9:00', '周一 09:00', 'on 3 October at 9:00'; midnight ends a day as 24:00."""
        moment = datetime.fromtimestamp(instant, self.zone)
        at_midnight = (moment.hour, moment.minute) == (0, 0)
        day = moment.date() - timedelta(days=at_midnight)
        hour = 24 if at_midnight else moment.hour
        name = spoken_day(day, language, self.today(now))
        return f"{name} {hour:02}:{moment:%M}" if language == "zh" else f"{name} at {hour}:{moment:%M}"

    def today(self, now: Instant) -> date:
        return datetime.fromtimestamp(now, self.zone).date()

    def hours_of(self, day: date, language: str) -> str:
        """The spans that begin on a day: '09:00–12:00、13:00–18:00', '9:00–12:00 and 13:00–18:00'; '' for none."""
        spans = [f"{_clock(begins, language)}–{_clock(ends, language)}" for begins, ends in self._spans_of(day)]
        return ("、" if language == "zh" else " and ").join(spans)

    def opens_after(self, day: date) -> Instant | None:
        """The first opening after a day; None if there is none in 400 days."""
        return self.opens_at(self._instants(day + timedelta(days=1), timedelta())[0])

    def _spans_of(self, day: date) -> Sequence[tuple[timedelta, timedelta]]:
        return self._days.get(day, self._week[day.weekday()])

    def _stretch(self, now: Instant) -> Shift:
        """The stretch that is open now, or the next."""
        return next(self._stretches(now), (_NEVER, _NEVER))

    def _stretches(self, now: Instant) -> Iterator[Shift]:
        """Stretches of open time that end after `now`, in order, with adjacent shifts joined."""
        opens, closes = _NEVER, -_NEVER
        for begins, ends in self._shifts(self.today(now) - timedelta(days=1)):  # yesterday's may run past midnight
            if closes - max(opens, now) > _ALWAYS:
                break
            if begins <= closes:
                closes = max(closes, ends)
                continue
            if closes > now:
                yield opens, closes
            opens, closes = begins, ends
        if closes > now:
            yield opens, closes if closes - max(opens, now) <= _ALWAYS else _NEVER

    def _shifts(self, first: date) -> Iterator[Shift]:
        for day in (first + timedelta(days=ahead) for ahead in range(_HORIZON)):
            # A time that occurs twice when the clocks change opens at its first and closes at its second occurrence.
            yield from sorted(
                (self._instants(day, begins)[0], max(self._instants(day, ends))) for begins, ends in self._spans_of(day)
            )

    def _instants(self, day: date, since_midnight: timedelta) -> tuple[Instant, Instant]:
        """The first and second instant at which clocks show this time; they differ only when the clocks go back."""
        # A time skipped in spring gets the offset before the change (fold=0) or after it (fold=1): PEP 495.
        wall = datetime.combine(day, time()) + since_midnight
        first, second = (wall.replace(tzinfo=self.zone, fold=fold).timestamp() for fold in (0, 1))
        return first, second


_NEVER: Instant = datetime.max.replace(tzinfo=UTC).timestamp()  # the year 9999


def _parse_spans(spans: Sequence[str]) -> Sequence[tuple[timedelta, timedelta]]:
    return sorted(map(_parse_span, spans))


def _clock(since_midnight: timedelta, language: str) -> str:
    """'09:00' in Chinese, '9:00' in English; up to 24:00, later times are those of the next day."""
    minutes = int(since_midnight.total_seconds()) // 60
    hour, minute = divmod(minutes if minutes <= 1440 else minutes - 1440, 60)
    return f"{hour:02}:{minute:02}" if language == "zh" else f"{hour}:{minute:02}"


def _parse_span(span: str) -> tuple[timedelta, timedelta]:
    """'22:00-02:00' as begin and end since that day's midnight, the end after the begin."""
    begins, ends = (timedelta(hours=int(clock[:2]), minutes=int(clock[3:])) for clock in span.split("-"))
    return begins, ends if ends > begins else ends + timedelta(days=1)

"""When people answer: opening hours on the deployment's calendar, as instants and as customers hear them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from bot.config import Days
from bot.intents.calendar import near
from bot.messages import Instant

_DAYS: tuple[Days, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HORIZON = 400  # days looked ahead for an opening: beyond the longest row of holidays, short of forever
_ALWAYS = 14 * 86400.0

Shift = tuple[Instant, Instant]


class OpeningHours:
    """Weekly hours such as {'mon': ['09:00-12:00', '13:00-18:00'], 'fri': ['22:00-02:00']}, on the clocks of `zone`.

    A span that ends no later than it starts runs over midnight ('09:00-09:00' is a whole day and night); one that
    touches or overlaps the next is one stretch with it. `days` have hours of their own: a Saturday worked, a short day
    before a festival. On a holiday nothing begins, but a shift of the evening before is finished. When the clocks
    change, a time that occurs twice opens at the first and closes at the second, and one that is skipped is taken as
    long after midnight as if it were not.
    """

    def __init__(
        self,
        hours: Mapping[Days, Sequence[str]],
        holidays: Collection[date],
        zone: ZoneInfo,
        days: Mapping[date, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._week = [_walls(hours.get(day, ())) for day in _DAYS]
        self._days = {**dict.fromkeys(holidays, _walls(())), **{day: _walls(spans) for day, spans in days.items()}}
        self.zone = zone

    def is_open(self, now: Instant) -> bool:
        return self._stretch(now)[0] <= now

    def closes_at(self, now: Instant) -> Instant | None:
        """When the present opening ends; None if it is closed now, or open for two weeks and more: around the clock."""
        opens, closes = self._stretch(now)
        return closes if opens <= now and closes < _NEVER else None

    def opens_at(self, now: Instant) -> Instant | None:
        """`now` if it is open, else when it opens next; None if it does not in the next 400 days."""
        opens, _ = self._stretch(now)
        return max(opens, now) if opens < _NEVER else None

    def after(self, now: Instant, seconds: float) -> Instant | None:
        """When `seconds` of open time will have passed; None if it does not stay open for as long in 400 days."""
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
        name = near(day, language, self.today(now))
        return f"{name} {hour:02}:{moment:%M}" if language == "zh" else f"{name} at {hour}:{moment:%M}"

    def today(self, now: Instant) -> date:
        return datetime.fromtimestamp(now, self.zone).date()

    def hours_of(self, day: date, language: str) -> str:
        """'09:00–12:00、13:00–18:00', '9:00–12:00 and 13:00–18:00': what begins on a day; '' if nothing does."""
        spans = [f"{_clock(begins, language)}–{_clock(ends, language)}" for begins, ends in self._walls_of(day)]
        return ("、" if language == "zh" else " and ").join(spans)

    def opens_after(self, day: date) -> Instant | None:
        """When it opens first after a day; None if it does not in the 400 days after."""
        return self.opens_at(self._instants(day + timedelta(days=1), timedelta())[0])

    def _walls_of(self, day: date) -> Sequence[tuple[timedelta, timedelta]]:
        return self._days.get(day, self._week[day.weekday()])

    def _stretch(self, now: Instant) -> Shift:
        """The stretch that is open now, or the next."""
        return next(self._stretches(now), (_NEVER, _NEVER))

    def _stretches(self, now: Instant) -> Iterator[Shift]:
        """Stretches of open time that end after `now`, in order, each as long as it goes."""
        opens, closes = _NEVER, -_NEVER
        for begins, ends in self._shifts(self.today(now) - timedelta(days=1)):
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
        days = (first + timedelta(days=ahead) for ahead in range(_HORIZON))
        for day in days:
            yield from sorted(self._shift(day, *wall) for wall in self._walls_of(day))

    def _shift(self, day: date, begins: timedelta, ends: timedelta) -> Shift:
        return self._instants(day, begins)[0], max(self._instants(day, ends))

    def _instants(self, day: date, since_midnight: timedelta) -> tuple[Instant, Instant]:
        """The first and the second instant at which the clocks show this; the same unless they are being changed."""
        wall = datetime.combine(day, time()) + since_midnight
        first, second = (wall.replace(tzinfo=self.zone, fold=fold).timestamp() for fold in (0, 1))
        return first, second


_NEVER: Instant = datetime.max.replace(tzinfo=UTC).timestamp()


def _walls(spans: Sequence[str]) -> Sequence[tuple[timedelta, timedelta]]:
    return sorted(map(_wall, spans))


def _clock(since_midnight: timedelta, language: str) -> str:
    """'09:00' in Chinese, '9:00' in English; 24:00 ends a day, and what is later is of the next."""
    minutes = int(since_midnight.total_seconds()) // 60
    hour, minute = divmod(minutes if minutes <= 1440 else minutes - 1440, 60)
    return f"{hour:02}:{minute:02}" if language == "zh" else f"{hour}:{minute:02}"


def _wall(span: str) -> tuple[timedelta, timedelta]:
    """'22:00-02:00' as times since that day's midnight, the second after the first."""
    begins, ends = (timedelta(hours=int(clock[:2]), minutes=int(clock[3:])) for clock in span.split("-"))
    return begins, ends if ends > begins else ends + timedelta(days=1)

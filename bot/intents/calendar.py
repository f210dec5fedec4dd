"""Days as people say them."""

from __future__ import annotations

from datetime import date

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


def dated(day: date, language: str, today: date) -> str:
    """'12月31日' or '31 December'; with the year unless it is this one."""
    this_year = day.year == today.year
    if language == "zh":
        return f"{day.month}月{day.day}日" if this_year else f"{day.year}年{day.month}月{day.day}日"
    spoken = f"{day.day} {_MONTHS[day.month - 1]}"
    return spoken if this_year else f"{spoken} {day.year}"


def near(day: date, language: str, today: date) -> str:
    """'今天', 'tomorrow', '周一', 'on Monday'; a date from a week ahead on, and for the past."""
    tongue = "zh" if language == "zh" else "en"
    ahead = (day - today).days
    if 0 <= ahead < len(_NEAR[tongue]):
        return _NEAR[tongue][ahead]
    if 0 < ahead < len(_WEEKDAYS[tongue]):
        return _WEEKDAYS[tongue][day.weekday()]
    return _ON[tongue] + dated(day, tongue, today)

"""An office on the clocks of Shanghai, open from Monday to Friday, and times as people write them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from support.builders import conversation

from bot.config import Days

SHANGHAI = ZoneInfo("Asia/Shanghai")
Week = dict[Days, list[str]]
WEEKDAYS: tuple[Days, ...] = ("mon", "tue", "wed", "thu", "fri")
OFFICE: Week = {day: ["09:00-17:00"] for day in WEEKDAYS}
TALK = conversation()


def at(text: str, zone: ZoneInfo = SHANGHAI) -> float:
    """'2026-03-13 16:30' (a Friday) on the clocks of `zone`."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def clock(instant: float | None, zone: ZoneInfo = SHANGHAI) -> str:
    assert instant is not None
    return datetime.fromtimestamp(instant, zone).strftime("%Y-%m-%d %H:%M")

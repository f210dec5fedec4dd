"""Findings of `yingda doctor`, and what a channel's own checks use.

A finding's texts are in bot/locale under `doctor`: `key`, and `key_mend` for what to do about it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.domain.messages import Instant
from bot.i18n import LANGUAGES, NO_TEXT, Message, message

MAX_SKEW = 300.0  # seconds of clock skew at which platforms' requests and tokens are refused
LARGE_SKEW = 30.0  # seconds of clock skew from which the doctor warns


class Grade(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


_MARKS = {Grade.OK: "✓", Grade.WARN: "!", Grade.FAIL: "✗"}
_ORDER = (Grade.OK, Grade.WARN, Grade.FAIL)


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check."""

    grade: Grade
    what: Message  # what was found
    hint: Message = NO_TEXT  # what to do about it

    def as_json(self) -> dict[str, Any]:
        """Both texts in every language."""
        texts = {"what": self.what, "mend": self.hint}
        return {"grade": self.grade} | {
            name: {language: text.text(language) for language in LANGUAGES} for name, text in texts.items()
        }


def ok(key: str, **values: object) -> Finding:
    return Finding(Grade.OK, Message(key, values))


def warn(key: str, hint: Message | None = None, **values: object) -> Finding:
    """hint: replaces the text of `key_mend`."""
    return Finding(Grade.WARN, Message(key, values), hint or Message(f"{key}_mend", values))


def fail(key: str, hint: Message | None = None, **values: object) -> Finding:
    """hint: replaces the text of `key_mend`."""
    return Finding(Grade.FAIL, Message(key, values), hint or Message(f"{key}_mend", values))


@dataclass(frozen=True, slots=True)
class HttpReply:
    """The HTTP response of an address."""

    status: int | None  # None: no response
    body: str = ""  # without a response, the reason


@dataclass(frozen=True, slots=True)
class AccountView:
    """What a channel's own checks of one account use."""

    name: str  # of the account
    public: str  # the URL that platforms call; '' if there is none yet
    get: Callable[[str, dict[str, str]], Awaitable[HttpReply]]  # requests a URL with a query
    simulated: Callable[[str], bool]  # whether a URL is the simulator's, which only runs while `yingda run` does
    now: Callable[[], Instant]


def compare_clocks(ours: Instant, theirs: Instant | None, whose: Message) -> Finding:
    """Compare our clock with another one. theirs: None if it is unknown. whose: names it in the finding.

    A large skew breaks webhooks: a request that seems older than MAX_SKEW is refused as a replay.
    """
    if theirs is None:
        return warn("doctor.clock.unknown", whose=whose)
    skew = ours - theirs
    if abs(skew) < LARGE_SKEW:
        return ok("doctor.clock.good", whose=whose)
    grade = fail if abs(skew) >= MAX_SKEW else warn
    return grade("doctor.clock.ahead" if skew > 0 else "doctor.clock.behind", seconds=abs(skew), whose=whose)


def simulator_stopped(name: str) -> Finding:
    return warn("doctor.simulator.stopped", name=name)


def unreachable(reply: HttpReply) -> Message:
    """What to do if the public URL is answered by something other than Yingda."""
    if reply.status in (502, 503, 504):
        return message("doctor.public.bad_gateway_mend")
    return message("doctor.public.other_program_mend")


def worst_grade(findings: Iterable[Finding]) -> Grade:
    return max((finding.grade for finding in findings), key=_ORDER.index, default=Grade.OK)


def as_lines(findings: Iterable[Finding], language: str) -> str:
    """The findings as lines of text for a terminal."""
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.grade]} {finding.what.text(language)}")
        if hint := finding.hint.text(language):
            lines.append(f"    → {hint}")
    return "\n".join(lines)

"""What the doctor says: one finding per thing looked at, in both languages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


_MARKS = {Grade.OK: "✓", Grade.WARN: "!", Grade.FAIL: "✗"}
_ORDER = (Grade.OK, Grade.WARN, Grade.FAIL)


@dataclass(frozen=True, slots=True)
class Words:
    zh: str
    en: str

    def said_in(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


NOTHING = Words("", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was found; `mend` is what to do about it, nothing where all is well."""

    grade: Grade
    what: Words
    mend: Words = NOTHING


def ok(zh: str, en: str) -> Finding:
    return Finding(Grade.OK, Words(zh, en))


def warn(what: Words, mend: Words) -> Finding:
    return Finding(Grade.WARN, what, mend)


def fail(what: Words, mend: Words) -> Finding:
    return Finding(Grade.FAIL, what, mend)


def worst(findings: Iterable[Finding]) -> Grade:
    return max((finding.grade for finding in findings), key=_ORDER.index, default=Grade.OK)


def told(findings: Iterable[Finding], language: str) -> str:
    """The findings as lines for a terminal."""
    return "\n".join(_told(finding, language) for finding in findings)


def _told(finding: Finding, language: str) -> str:
    line = f"{_MARKS[finding.grade]} {finding.what.said_in(language)}"
    mend = finding.mend.said_in(language)
    return f"{line}\n    → {mend}" if mend else line

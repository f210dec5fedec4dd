"""Numbers as customers type them: member numbers, phone numbers, one-time codes."""

from __future__ import annotations

import re
import unicodedata

from bot.membership import MemberKey

CODE_DIGITS = 6
_LEAD_IN = re.compile(
    r"(?:[\s:,.'#是为的]|(?:我|会员|卡|手机|电话|号码|号|验证码)"
    r"|\b(?:my|the|member(?:ship)?|phone|mobile|card|verification|code|number|no|it|is|s)\b)+",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[\s\-‐-―−().,。!;:，、；：·/_#]+")
_MAINLAND = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})")
_ABROAD = re.compile(r"(?:\+|00)(?!86)([1-9][0-9]{6,14})")
_MEMBER = re.compile(r"[A-Z]{0,4}[0-9]{4,16}")
_ATTEMPT = re.compile(r"\+?[A-Z]{0,4}[0-9]+")


def member_key(text: str) -> MemberKey | None:
    """The member or phone number that `text` consists of, in its one form; None if it is neither.

    Full-width characters, spaces, hyphens, brackets and words such as 我的会员号是 in front do not matter. A mainland
    number loses its +86, 0086 or 86; a foreign one keeps its country, written +44...; letters become capitals.
    """
    typed = _bare(text)
    if mainland := _MAINLAND.fullmatch(typed):
        return MemberKey(mainland[1])
    if abroad := _ABROAD.fullmatch(typed):
        return MemberKey(f"+{abroad[1]}")
    return MemberKey(typed) if _MEMBER.fullmatch(typed) else None


def code_in(text: str) -> str | None:
    """The one-time code that `text` consists of; None if it is none."""
    typed = _bare(text)
    return typed if len(typed) == CODE_DIGITS and typed.isascii() and typed.isdigit() else None


def is_number(text: str) -> bool:
    """Whether somebody tried to type a number of any of these kinds, rightly or not."""
    return _ATTEMPT.fullmatch(_bare(text)) is not None


def _bare(text: str) -> str:
    """Only the number, where there is nothing but a number and the words that announce it."""
    typed = unicodedata.normalize("NFKC", text).strip()
    announced = _LEAD_IN.match(typed)
    return _SEPARATORS.sub("", typed[announced.end() :] if announced else typed).upper()

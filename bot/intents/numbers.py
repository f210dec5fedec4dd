"""Numbers as customers type them: member numbers, phone numbers, one-time codes."""

from __future__ import annotations

import re

from bot.folding import LONGEST, figures, read_plainly, without_courtesies
from bot.membership import MemberKey

CODE_DIGITS = 6
_MOST_TYPED = 400  # characters, what does not show counted
_LEAD_IN = re.compile(
    r"(?:[\s:,.'#是为的]|(?:我|会员|卡|手机|电话|号码|号|验证码|短信|密码|收到|那个|就是|这个|应该|好)|[嗯呃额啊哦喂]"
    r"|\b(?:my|the|member(?:ship)?|phone|mobile|card|verification|code|number|no|it|is|s|um|uh|so|well)\b)+"
)
_SEPARATORS = re.compile(r"[\s\-‐-―−().,。!;:，、；：·/_#\u20e3]+")
_TAIL = re.compile(r"[啊呀吧呢哦的了嗯]+$")
_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SAID = {name: str(digit) for digit, name in enumerate(_NAMES)}
_SAID |= {"oh": "0", "o": "0", "幺": "1"}
_TIMES = {"double": 2, "triple": 3}
_DIGIT_SAID = rf"(?:{'|'.join(_SAID)}|[0-9])"
_SPELLED = re.compile(
    rf"(?:(?P<times>double|triple)\s+(?P<many>{_DIGIT_SAID})\b|\b(?P<one>{'|'.join(_SAID)})\b|幺)", re.IGNORECASE
)
_COUNTED = re.compile(
    r"\b(?:ten|eleven|twelve|\w{3,5}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand)\b"
)
_MAINLAND = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})")
_ABROAD = re.compile(r"(?:\+|00)(?!86)([1-9][0-9]{6,14})")
_MEMBER = re.compile(r"[A-Z]{0,4}[0-9]{4,16}")
_ATTEMPT = re.compile(r"\+?[A-Z]{0,4}(?=[十百千万]*[0-9])[0-9十百千万]+")


def member_key(text: str) -> MemberKey | None:
    """The member or phone number that `text` consists of, in its one form; None if it is neither.

    Full-width characters, spaces, hyphens, brackets, signs that do not show and words such as 我的会员号是 in front do
    not matter, and digits may be said: 一三八, 幺, "one three eight", "double three". A mainland number loses its +86,
    0086 or 86; a foreign one keeps its country, written +44...; letters become capitals.
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
    """Whether somebody tried to give a number of any of these kinds, rightly or not, digit by digit or counted."""
    return _ATTEMPT.fullmatch(_bare(text)) is not None


def _bare(text: str) -> str:
    """Only the number, where there is nothing but a number and the words that announce it."""
    if len(text) > _MOST_TYPED:
        return ""
    typed = without_courtesies(read_plainly(text).strip())
    if len(typed) > LONGEST:
        return ""
    announced = _LEAD_IN.match(typed)
    said = figures(_spelled(_TAIL.sub("", typed[announced.end() :] if announced else typed)))
    return _SEPARATORS.sub("", said.removeprefix("加").removeprefix("plus")).upper()


def _spelled(typed: str) -> str:
    """English digits, and the one that is said 幺, as digits; what is counted ("thirteen") as 十, so as an attempt."""
    digits = _SPELLED.sub(_digit, typed)
    return _COUNTED.sub("十", digits)


def _digit(said: re.Match[str]) -> str:
    word = said["many"] or said["one"] or "幺"
    return _SAID.get(word, word) * _TIMES.get(said["times"] or "", 1)

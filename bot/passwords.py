"""Which passwords are not taken: short ones, and those that a guesser tries first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

SHORTEST = 10
LONGEST = 200
_READ = 72  # signs that the estimate looks at
_ENOUGH = 3  # of its scale from 0 to 4: a hundred million guesses and more
DEMO_PASSWORD = "demo-tea-2026"  # noqa: S105 - published, for demo mode alone
_OURS = ("yingda", "应答")


def weakness(password: str, login: str = "", brand: Iterable[str] = ()) -> str:
    """Why a password is refused: 'short', 'long', 'login', 'brand' or 'common'; '' if it is good.

    The login and the brand's names count nothing: what is left without them must be good enough by itself. How good is
    estimated by zxcvbn, which knows 30,000 passwords of breaches, common words and names, dates, runs and repeats of
    keys. brand: names of the brand and its accounts.
    """
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    text = unicodedata.normalize("NFKC", password).casefold()
    for why, names in (("login", [login]), ("brand", [*brand, *_OURS])):
        left = _without(text, _words(names))
        if left != text and _is_guessed(left):
            return why
    return "common" if DEMO_PASSWORD in text or _is_guessed(text) else ""


def _is_guessed(text: str) -> bool:
    from zxcvbn import zxcvbn  # its lists take 10 MB, and passwords are seldom chosen

    if not text or text.isdecimal():  # phone numbers and birthdays
        return True
    return bool(zxcvbn(text[:_READ])["score"] < _ENOUGH)


def _words(names: Iterable[str]) -> list[str]:
    """Names and their parts, of three letters or two Han characters and more; the longest first."""
    parts = {part for name in names for part in (name.strip(), *re.split(r"[\W_]+", name))}
    folded = {unicodedata.normalize("NFKC", part).casefold() for part in parts}
    return sorted((part for part in folded if len(part) >= (3 if part.isascii() else 2)), key=len, reverse=True)


def _without(text: str, words: Iterable[str]) -> str:
    for word in words:
        text = text.replace(word, "")
    return text

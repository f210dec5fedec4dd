"""Rules for logins and passwords: how a login is normalised, and which passwords are refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from bot.text.folding import visible

LONGEST_LOGIN = 60  # characters
SHORTEST_PASSWORD = 10  # characters
LONGEST_PASSWORD = 200
DEMO_PASSWORD = "demo-tea-2026"  # noqa: S105 - published, only for demo mode
_MOST_TYPED = 200  # characters of a typed login that are read
_ESTIMATED = 72  # characters of a password that are estimated: zxcvbn takes too long over more
_GOOD_SCORE = 3  # on zxcvbn's scale from 0 to 4: more than 10**8 guesses
_PRODUCT_NAMES = ("yingda", "应答")


def normalize_login(typed: str) -> str:
    """The form in which a login is stored, looked up and counted: NFKC, case-folded, without invisible characters and
    surrounding spaces (Unicode TR 31, section 5.3)."""
    text = typed[:_MOST_TYPED]
    for _ in range(3):  # folding may produce characters that fold again
        text = unicodedata.normalize("NFKC", _visible(text).casefold())
    return " ".join(_visible(text).split())[:LONGEST_LOGIN].strip()


def _visible(text: str) -> str:
    # Cc: control characters, Cs: surrogates, Cn: unassigned code points
    return "".join(
        sign for sign in visible(text) if sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cs", "Cn")
    )


def password_weakness(password: str, login: str = "", brand: Iterable[str] = ()) -> str:
    """Why a password is refused: 'short', 'long', 'login', 'brand' or 'common'; '' if it is accepted.

    zxcvbn estimates the number of guesses; it knows 30,000 leaked passwords, common words and names, dates, runs and
    repeats of keys. The login and the names of the brand and its accounts (`brand`) are removed first: the rest must
    be strong without them.
    """
    if len(password) < SHORTEST_PASSWORD:
        return "short"
    if len(password) > LONGEST_PASSWORD:
        return "long"
    text = unicodedata.normalize("NFKC", password).casefold()
    for why, names in (("login", [login]), ("brand", [*brand, *_PRODUCT_NAMES])):
        rest = text
        for word in _words(names):
            rest = rest.replace(word, "")
        if rest != text and _is_weak(rest):
            return why
    return "common" if DEMO_PASSWORD in text or _is_weak(text) else ""


def _is_weak(text: str) -> bool:
    from zxcvbn import zxcvbn  # imported late: its word lists take 10 MB, and passwords are rarely set

    if not text or text.isdecimal():  # digits alone are phone numbers and birthdays
        return True
    return bool(zxcvbn(text[:_ESTIMATED])["score"] < _GOOD_SCORE)


def _words(names: Iterable[str]) -> list[str]:
    """Names and their parts, of at least three letters or two Han characters, the longest first."""
    parts = {part for name in names for part in (name.strip(), *re.split(r"[\W_]+", name))}
    folded = {unicodedata.normalize("NFKC", part).casefold() for part in parts}
    return sorted((part for part in folded if len(part) >= (3 if part.isascii() else 2)), key=len, reverse=True)

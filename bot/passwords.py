"""Which passwords are not taken: short ones, and those that a guesser tries first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SHORTEST = 10
LONGEST = 200
_LEFT = 5  # different signs that must stand beside everything that is easily guessed
_RUNS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb")
_OURS = ("yingda", "应答")


def weakness(password: str, login: str = "", brand: Iterable[str] = ()) -> str:
    """Why a password is refused: 'short', 'long', 'login', 'brand' or 'common'; '' if it is good.

    What is easily guessed counts nothing: the login, the brand's names, common words, runs and repeats of keys. Some
    different signs must be left without it. brand: names of the brand and its accounts.
    """
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    text = _folded(password)
    for why, names in (("login", [login]), ("brand", [*brand, *_OURS])):
        left = _without(text, _words(names))
        if left != _without(text, frozenset()) and _is_little(left):
            return why
    return "common" if _is_little(text) else ""


def _is_little(text: str) -> bool:
    return len(set(_without_runs(_without(text, _common())))) < _LEFT


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _words(names: Iterable[str]) -> frozenset[str]:
    """Names and their parts, of three letters or two Han characters and more."""
    parts = (part for name in names for part in (name.strip(), *re.split(r"[\W_]+", name)))
    return frozenset(_folded(part) for part in parts if len(part) >= (3 if part.isascii() else 2))


def _without(text: str, words: frozenset[str]) -> str:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, " ")
    return text.replace(" ", "")


def _without_runs(text: str) -> str:
    """Without digits and signs at the ends, years and the like; without three keys and more in a row."""
    bare = re.sub(r"^[\d\W_]+|[\d\W_]+$", "", text)
    kept, at = [], 0
    while at < len(bare):
        length = _run_at(bare, at)
        kept.append("" if length >= 3 else bare[at : at + 1])
        at += length if length >= 3 else 1
    return "".join(kept)


def _run_at(text: str, at: int) -> int:
    """How many signs from `at` on lie beside each other on a keyboard or in the alphabet, either way."""
    length = 1
    while at + length < len(text) and any(text[at : at + length + 1] in run for run in _either_way()):
        length += 1
    return length


@cache
def _either_way() -> tuple[str, ...]:
    return (*_RUNS, *(run[::-1] for run in _RUNS))


@cache
def _common() -> frozenset[str]:
    lines = (Path(__file__).parent / "common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in map(str.strip, lines) if len(line) > 2 and not line.startswith("#"))

"""Messages that ask nothing: a nod ("嗯", "👍"), a lone number, or a piece of a question whose rest is still to come
("上周买的龙井")."""

from __future__ import annotations

import re

from bot.intents import sayings
from bot.text.folding import HAN, LONGEST, search_form, words_of

# Emoji that tell displeasure: no nods.
_DISPLEASED = re.compile("[\U0001f44e\U0001f4a9\U0001f595\U0001f620-\U0001f624\U0001f92c\U0001f47f\U0001f644]")
_NUMBER = re.compile(r"(?:[a-z]{1,4} ?)?[0-9][0-9 ]{0,30}")
_MOST_HAN, _MOST_WORDS = 10, 5  # of a piece
_SHORT_NUMBER = 2  # digits of a nod or choice


def is_nod(text: str) -> bool:
    """Whether a text only says that it was read: "嗯", "OK", an emoji, "...", a lone small number."""
    if len(text) > LONGEST or _DISPLEASED.search(text):
        return False
    return not words_of(text) or sayings.is_nod(text)


def is_number(text: str) -> bool:
    """Whether a text is a number and nothing else, of three digits or more."""
    words = words_of(text) if len(text) <= LONGEST else ""
    return sum(map(str.isdigit, words)) > _SHORT_NUMBER and bool(_NUMBER.fullmatch(words))


def is_piece(text: str) -> bool:
    """Whether a text is short, asks and orders nothing and tells of no problem: the rest may be still to come."""
    if len(text) > LONGEST:
        return False
    plain = search_form(text)
    complete = sayings.asks(text) or sayings.tells_of_a_problem(text) or "!" in plain
    return not complete and len(HAN.findall(plain)) <= _MOST_HAN and len(plain.split()) <= _MOST_WORDS

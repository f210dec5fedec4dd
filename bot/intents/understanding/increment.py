"""Training on what changed: the last edition's model, with some entries learned anew and all else as it was.

The changed entries are fitted against those they might be taken for, whose columns stay as they are (`refit`). How rare
letters are, what is about something else, and how sure to be are taken over: a full training renews them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from bot.intents.understanding.head import Views, views
from bot.intents.understanding.model import CONTESTED, Head
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.pieces import (
    Assembly,
    Fetch,
    Group,
    Manifest,
    Outline,
    columns_part,
    contested,
    forms_by_intent,
    grouped,
    part_name,
    taught_part,
)
from bot.intents.understanding.refit import TOGETHER, in_the_running, put, refit
from bot.intents.understanding.training import Encode, as_strangers, as_understood, elsewhere, forms, too_near

Ways: TypeAlias = Callable[[str], Sequence[str]]
_AT_ONCE = TOGETHER // 4  # changed entries in a neighbourhood; the others are their rivals


@dataclass(frozen=True, slots=True)
class Changes:
    """How a base differs from what was learned last. intents: all of today, in order. ways: the texts of one. changed:
    those that are new, or whose texts are others. outside: what is out of scope, as it was."""

    intents: tuple[str, ...]
    ways: Ways
    changed: frozenset[str]
    outside: Sequence[str] = ()


def relearn(last: Manifest, fetch: Fetch, changes: Changes, encode: Encode) -> tuple[Manifest, dict[str, bytes]]:
    """The model of today's texts, and those of its parts that are new. Raises EncoderFailed and what `fetch` raises."""
    before = Assembly(fetch).outline(last)
    desk, intents = _Desk(changes, last, encode), changes.intents
    head = _carried_over(before, intents)
    _fit_anew(head, intents, desk, changes.changed)
    exact = _exact(before, changes)
    by_intent = forms_by_intent(exact)
    groups, parts = list[Group](), dict[str, bytes]()
    for some in grouped(intents):
        names = intents[some.start : some.stop]
        old = before.groups.get(names)
        if old is None or changes.changed & set(names):
            columns, taught = columns_part(intents, head, by_intent, some), desk.part(names)
            old = Group(part_name(columns), part_name(taught))
            parts |= {old.columns: columns, old.taught: taught}
        groups.append(old)
    return replace(last, groups=tuple(groups), contested=contested(exact)), parts


class _Desk:
    """Reads the texts of intents as training does."""

    def __init__(self, changes: Changes, last: Manifest, encode: Encode) -> None:
        self._ways = changes.ways
        self.outside = as_strangers(changes.outside)
        self._last = last
        self.encode = encode

    def texts(self, intents: Sequence[str]) -> tuple[list[str], list[int]]:
        """The plain texts of these intents, in order, and how many each has."""
        each = [list(as_understood(intent, self._ways(intent))) for intent in intents]
        return [text for some in each for text in some], [len(some) for some in each]

    def seen(self, texts: Sequence[str]) -> Views:
        letters, standpoint = self._last.letters, self._last.standpoint
        grams = [letters.read(text) for text in texts]
        return views(standpoint.look(self.encode(texts)), grams, len(letters.known))

    def part(self, intents: Sequence[str]) -> bytes:
        texts, counts = self.texts(intents)
        return taught_part(self._last.standpoint.look(self.encode(texts)), np.array(counts))


def _carried_over(before: Outline, intents: Sequence[str]) -> Head:
    """The last head with a column for each of today's intents, an empty one for each that is new; to be written on."""
    place = {intent: number for number, intent in enumerate(before.intents)}
    old, empty = before.head, len(before.head.bias)
    taken = [*(place.get(intent, empty) for intent in intents), empty - 1]
    if taken == list(range(empty)):
        return Head(old.meaning, old.letters.astype(np.float32), old.bias)
    meaning, letters = (np.pad(table, ((0, 0), (0, 1)))[:, taken] for table in (old.meaning, old.letters))
    return Head(meaning, letters.astype(np.float32), np.append(old.bias, old.bias.min())[taken])


def _fit_anew(head: Head, intents: Sequence[str], desk: _Desk, changed: Collection[str]) -> None:
    """Fit the columns of the changed entries, a few at a time, to their texts and to those of their rivals.

    The rivals' own columns stay: their texts are here, but not those of the rivals that they have elsewhere, without
    which they would reach too far.
    """
    number = {intent: place for place, intent in enumerate(intents)}
    waiting = [intent for intent in intents if intent in changed]
    for start in range(0, len(waiting), _AT_ONCE):
        some = waiting[start : start + _AT_ONCE]
        hood = [*some, *_rivals(intents, head, desk.seen(desk.texts(some)[0]), some)]
        seen, counts = _lessons(desk, hood, len(some))
        owners = np.repeat([*(number[intent] for intent in hood), len(intents)], counts)
        places = np.array([number[intent] for intent in some])
        put(head, places, refit(seen, owners, head, in_the_running(seen, head).total, places))


def _rivals(intents: Sequence[str], head: Head, seen: Views, some: Sequence[str]) -> list[str]:
    """The other intents that these texts might be taken for, the likeliest first."""
    running = in_the_running(seen, head).rivals
    counted = Counter(running[running < len(intents)].tolist())
    others = [intents[place] for place, _ in counted.most_common() if intents[place] not in some]
    return others[: TOGETHER - len(some)]


def _lessons(desk: _Desk, hood: Sequence[str], changed: int) -> tuple[Views, list[int]]:
    """The texts of a neighbourhood, whose first entries changed, and then those about something else; how many each
    entry has, and how many the others are. What lies too near to a changed entry is about it, and left out,
    unless somebody wrote that it is out of scope."""
    texts, counts = desk.texts(hood)
    strange = [plain(text) for text in elsewhere()]
    own = desk.encode(texts[: sum(counts[:changed])])
    vectors = desk.encode(strange)
    far = np.flatnonzero((vectors @ own.T).max(axis=1) <= too_near(vectors))
    strangers = [*(strange[row] for row in far), *desk.outside]
    return desk.seen([*texts, *strangers]), [*counts, len(strangers)]


def _exact(before: Outline, changes: Changes) -> dict[str, int]:
    """Today's forms. One that was contested once stays so until a full training."""
    number = {intent: place for place, intent in enumerate(changes.intents)}
    moved = [number.get(intent) if intent not in changes.changed else None for intent in before.intents]
    owners = ((form, CONTESTED if was == CONTESTED else moved[was]) for form, was in before.exact.items())
    exact = {form: owner for form, owner in owners if owner is not None}
    for intent in changes.intents:
        for form in forms(changes.ways(intent)) if intent in changes.changed else ():
            owner = exact.setdefault(form, number[intent])
            exact[form] = owner if owner == number[intent] else CONTESTED
    return exact

"""Folds: labelled texts parted so that each is asked once of a model that has not learned it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from bot.intents.labelled import Labelled
from bot.language import script_of

_SEED = 20_240_607
_NEVER = -1


def folds(
    rows: Sequence[Labelled], count: int, always: Sequence[Labelled] = ()
) -> Iterator[tuple[list[Labelled], list[Labelled]]]:
    """`count` times: what is taught, and what is held out. Rows of `always` are taught every time.

    The texts of a label in one language are spread over all folds, always in the same way; the same text under the
    same label never stands on both sides. A label that has only one text, and none in `always`, is never asked for:
    nobody could have known it.
    """
    dealt = _dealt(rows, count, {row.label for row in always})
    for fold in range(count):
        rest = [row for row in rows if dealt[row.label, row.text] != fold]
        yield [*rest, *always], [row for row in rows if dealt[row.label, row.text] == fold]


def _dealt(rows: Sequence[Labelled], count: int, known: set[str]) -> dict[tuple[str, str], int]:
    """The fold of each text of each label."""
    dealt: dict[tuple[str, str], int] = {}
    for number, (label, texts) in enumerate(_texts(rows).items()):
        for some in texts.values():
            Random(_SEED).shuffle(some)  # noqa: S311 - nothing secret
        order = [text for some in texts.values() for text in some]
        lonely = len(order) == 1 and label not in known
        dealt |= {(label, text): _NEVER if lonely else (number + at) % count for at, text in enumerate(order)}
    return dealt


def _texts(rows: Sequence[Labelled]) -> dict[str, dict[str, list[str]]]:
    """The different texts of each label, by language."""
    found: dict[str, dict[str, list[str]]] = {}
    for label, text in dict.fromkeys((row.label, row.text) for row in rows):
        found.setdefault(label, {}).setdefault(script_of(text), []).append(text)
    return found

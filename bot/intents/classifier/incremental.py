"""Incremental training: refits changed entries in the last edition's model and keeps everything else.

Changed entries are fitted against the intents they compete with, whose columns are fixed. IDF weights, out-of-scope
column and calibration are kept until the next full training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from bot.intents.classifier.chunks import (
    ChunkAssembler,
    Fetch,
    HeadOutline,
    IntentGroup,
    Manifest,
    chunk_hash,
    contested_forms,
    encode_example_chunk,
    encode_head_chunk,
    forms_by_intent,
    intent_ranges,
)
from bot.intents.classifier.features import plain
from bot.intents.classifier.linear_head import TextFeatures, text_features
from bot.intents.classifier.model import CONTESTED, LinearHead
from bot.intents.classifier.partial_fit import NEIGHBOURHOOD, assign_columns, find_competitors, refit_columns
from bot.intents.classifier.training import (
    Encode,
    exact_forms,
    normalized_out_of_scope,
    normalized_texts,
    overlap_threshold,
    unrelated_questions,
)

TextsOfIntent: TypeAlias = Callable[[str], Sequence[str]]
_AT_ONCE = NEIGHBOURHOOD // 4  # changed entries refitted together; their competitors fill the rest of the neighbourhood


@dataclass(frozen=True, slots=True)
class BaseChanges:
    """How a base differs from the one that was trained last."""

    intents: tuple[str, ...]  # all intents of today, in order
    texts_of: TextsOfIntent  # the texts of an intent
    changed: frozenset[str]  # intents that are new or have other texts
    outside: Sequence[str] = ()  # out-of-scope questions, unchanged since


def relearn(last: Manifest, fetch: Fetch, changes: BaseChanges, encode: Encode) -> tuple[Manifest, dict[str, bytes]]:
    """Manifest of the updated model, and its new chunks. Raises EncoderFailed and what `fetch` raises."""
    before = ChunkAssembler(fetch).outline(last)
    reader, intents = _TextReader(changes, last, encode), changes.intents
    head = _initial_head(before, intents)
    _refit_changed(head, intents, reader, changes.changed)
    exact = _exact_forms(before, changes)
    by_intent = forms_by_intent(exact)
    groups, parts = list[IntentGroup](), dict[str, bytes]()
    for some in intent_ranges(intents):
        names = intents[some.start : some.stop]
        old = before.groups.get(names)
        if old is None or changes.changed & set(names):
            columns, examples_chunk = encode_head_chunk(intents, head, by_intent, some), reader.part(names)
            old = IntentGroup(chunk_hash(columns), chunk_hash(examples_chunk))
            parts |= {old.columns: columns, old.examples: examples_chunk}
        groups.append(old)
    return replace(last, groups=tuple(groups), contested_forms=contested_forms(exact)), parts


class _TextReader:
    """Encodes the texts of intents with the last model's vocabulary and centre."""

    def __init__(self, changes: BaseChanges, last: Manifest, encode: Encode) -> None:
        self._texts_of = changes.texts_of
        self.outside = normalized_out_of_scope(changes.outside)
        self._last = last
        self.encode = encode

    def texts(self, intents: Sequence[str]) -> tuple[list[str], list[int]]:
        """Normalised texts of these intents in order, and the number of each intent's."""
        each = [list(normalized_texts(intent, self._texts_of(intent))) for intent in intents]
        return [text for some in each for text in some], [len(some) for some in each]

    def features(self, texts: Sequence[str]) -> TextFeatures:
        letters, centre = self._last.letters, self._last.centre
        grams = [letters.read(text) for text in texts]
        return text_features(centre.centred(self.encode(texts)), grams, len(letters.known))

    def part(self, intents: Sequence[str]) -> bytes:
        texts, counts = self.texts(intents)
        return encode_example_chunk(self._last.centre.centred(self.encode(texts)), np.array(counts))


def _initial_head(before: HeadOutline, intents: Sequence[str]) -> LinearHead:
    """The last head with a column for each of today's intents, writable; new ones are empty."""
    place = {intent: number for number, intent in enumerate(before.intents)}
    old, empty = before.head, len(before.head.bias)
    taken = [*(place.get(intent, empty) for intent in intents), empty - 1]
    if taken == list(range(empty)):
        return LinearHead(old.meaning, old.letters.astype(np.float32), old.bias)
    meaning, letters = (np.pad(table, ((0, 0), (0, 1)))[:, taken] for table in (old.meaning, old.letters))
    # A new intent begins with the lowest bias, so that it is no competitor before it is fitted.
    return LinearHead(meaning, letters.astype(np.float32), np.append(old.bias, old.bias.min())[taken])


def _refit_changed(head: LinearHead, intents: Sequence[str], reader: _TextReader, changed: Collection[str]) -> None:
    """Refit the columns of changed intents, a few at a time, against their competitors' texts."""
    number = {intent: place for place, intent in enumerate(intents)}
    waiting = [intent for intent in intents if intent in changed]
    for start in range(0, len(waiting), _AT_ONCE):
        some = waiting[start : start + _AT_ONCE]
        # Only the changed columns are written: a competitor's other competitors are not here, and without their texts
        # its column would reach too far.
        neighbourhood = [*some, *_rivals(intents, head, reader.features(reader.texts(some)[0]), some)]
        features, counts = _training_rows(reader, neighbourhood, len(some))
        labels = np.repeat([*(number[intent] for intent in neighbourhood), len(intents)], counts)
        places = np.array([number[intent] for intent in some])
        assign_columns(
            head, places, refit_columns(features, labels, head, find_competitors(features, head).total, places)
        )


def _rivals(intents: Sequence[str], head: LinearHead, features: TextFeatures, some: Sequence[str]) -> list[str]:
    """Competitors of these texts' intents, most frequent first."""
    running = find_competitors(features, head).rivals
    counted = Counter(running[running < len(intents)].tolist())
    others = [intents[place] for place, _ in counted.most_common() if intents[place] not in some]
    return others[: NEIGHBOURHOOD - len(some)]


def _training_rows(reader: _TextReader, neighbourhood: Sequence[str], changed: int) -> tuple[TextFeatures, list[int]]:
    """Features of the neighbourhood's texts, then of out-of-scope texts; and the number of each.

    changed: how many of the first intents are to be refitted.
    """
    texts, counts = reader.texts(neighbourhood)
    strange = [plain(text) for text in unrelated_questions()]
    own = reader.encode(texts[: sum(counts[:changed])])
    vectors = reader.encode(strange)
    # An unrelated question too similar to a changed entry is about it, so it is left out. Out-of-scope questions of the
    # base always stay.
    far = np.flatnonzero((vectors @ own.T).max(axis=1) <= overlap_threshold(vectors))
    out_of_scope = [*(strange[row] for row in far), *reader.outside]
    return reader.features([*texts, *out_of_scope]), [*counts, len(out_of_scope)]


def _exact_forms(before: HeadOutline, changes: BaseChanges) -> dict[str, int]:
    """Today's intent of each exact form. A contested form stays contested until a full training."""
    number = {intent: place for place, intent in enumerate(changes.intents)}
    moved = [number.get(intent) if intent not in changes.changed else None for intent in before.intents]
    owners = ((form, CONTESTED if was == CONTESTED else moved[was]) for form, was in before.exact.items())
    exact = {form: owner for form, owner in owners if owner is not None}
    for intent in changes.intents:
        for form in exact_forms(changes.texts_of(intent)) if intent in changes.changed else ():
            owner = exact.setdefault(form, number[intent])
            exact[form] = owner if owner == number[intent] else CONTESTED
    return exact

"""The engine `semantic`: exact examples first, then meaning and letters under the edition's linear head."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from bot.decisions import Candidate, Understanding, Utterance
from bot.errors import EngineFailed
from bot.intents.understanding.calibration import evidence, shares
from bot.intents.understanding.encoder import shared_encoder
from bot.intents.understanding.learned import Learned, Loader
from bot.intents.understanding.model import CONTESTED, Model
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.pieces import Fetch
from bot.intents.understanding.twins import stretched
from bot.knowledge.sameness import same_form
from bot.ports import Encoder
from bot.wording import clean, digest

Remembered: TypeAlias = tuple[int, str]
_NOTHING = Understanding()
_OUTSIDE = Understanding(exact=True)
_SURE = 0.995
_CANDIDATES = 5
_EDITIONS = 4
_LARGE_EDITIONS = 2
_REMEMBERED = 20_000
_RECENT = 2_000


class SemanticEngine:
    """Understands texts by the editions it has taken up. Any number of threads may ask at once. fetch: the parts of
    large models, by name. encoder: the one that is configured, if it is not the bundled one. spare: whether models by
    `encoder` come with another by the bundled one, as editions do."""

    def __init__(
        self,
        remembered: int = _REMEMBERED,
        fetch: Fetch = lambda _names: {},
        encoder: Encoder | None = None,
        *,
        spare: bool = True,
    ) -> None:
        self._loader = Loader(fetch, encoder, spare=spare)
        self._models: dict[int, Learned] = {}
        self._taking_up = threading.Lock()
        self._memory = _Memory(remembered)

    def close(self) -> None:
        """There is nothing to let go of."""

    def take_up(self, number: int, model: bytes) -> None:
        """Make an edition's model ready to ask, beside the last others. Raises EngineFailed for other bytes, and for a
        model in parts what fetching them raises.

        Loads all that understanding needs, so that no customer waits for it (and because the tables of traditional
        Chinese must not be loaded by two threads at once).
        """
        ready = self._loader.learned(model)
        held = _LARGE_EDITIONS if ready.large else _EDITIONS
        shared_encoder()
        same_form("漢字")
        with self._taking_up:
            newest = [*(one for one in self._models.items() if one[0] != number), (number, ready)][-held:]
            self._models = dict(newest)
        self._memory.forget(number)

    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """One understanding per utterance, at most five candidates each; none at all for a text without a sign, and for
        what nobody is to answer automatically.

        Raises EngineFailed for an edition that was not taken up.
        """
        models = self._models
        unknown = {said.edition for said in utterances} - models.keys()
        if unknown:
            raise EngineFailed(f"edition {min(unknown)} has not been taken up")
        questions = [_question(said.edition, said.text) for said in utterances]
        known = {
            question: self._recall(models[question.edition].model, question) for question in dict.fromkeys(questions)
        }
        for edition, learned in models.items():
            fresh = [question for question, found in known.items() if found is None and question.edition == edition]
            known.update(self._guess(learned, fresh))
        return [known[question] or _NOTHING for question in questions]

    def recall(self, said: Utterance) -> Understanding | None:
        """What is known of a text without reading it: it is an example, or was understood before. Microseconds."""
        learned = self._models.get(said.edition)
        return self._recall(learned.model, _question(said.edition, said.text)) if learned else None

    def _recall(self, model: Model, question: _Question) -> Understanding | None:
        for form in question.forms:
            if form in model.outside:
                return _OUTSIDE
            if model.exact.get(form, CONTESTED) != CONTESTED:
                return Understanding((Candidate(model.intents[model.exact[form]], _SURE),), exact=True)
        return self._memory.recall((question.edition, question.plain)) if question.plain else _NOTHING

    def _guess(self, learned: Learned, questions: Sequence[_Question]) -> Iterable[tuple[_Question, Understanding]]:
        """Understand texts anew, together, and remember them, unless the spare model had to."""
        texts = list(dict.fromkeys(question.plain for question in questions))
        understandings, spare = _understandings(learned, texts)
        guessed = dict(zip(texts, understandings, strict=True))
        if not spare:
            self._memory.remember(((one.edition, one.plain), guessed[one.plain]) for one in questions)
        return [(question, guessed[question.plain]) for question in questions]


@dataclass(frozen=True, slots=True)
class _Question:
    """A text as it is looked up: its same forms, with courtesies and without, and what is to be understood of it."""

    edition: int
    forms: tuple[str, str]
    plain: str


@lru_cache(_RECENT)
def _question(edition: int, said: str) -> _Question:
    text = digest(clean(said).strip())
    calm = plain(text)
    return _Question(edition, (same_form(text), same_form(calm)), calm)


def _understandings(learned: Learned, texts: list[str]) -> tuple[list[Understanding], bool]:
    """And whether the edition's spare model had to."""
    if not texts:
        return [], False
    model, read, spare = learned.read(texts)
    vectors = model.standpoint.look(read)
    scores = model.head.scores(vectors, [model.letters.read(text) for text in texts])
    confidence = model.calibration.confidence(evidence(scores, model.examples.nearness(vectors)))
    if spare and learned.meeting:
        confidence = stretched(confidence, learned.meeting)
    return [_ranked(model.intents, row) for row in shares(scores, confidence)], spare


def _ranked(intents: Sequence[str], confidences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Understanding:
    best = np.argsort(-confidences, kind="stable")[:_CANDIDATES]
    return Understanding(tuple(Candidate(intents[place], round(float(confidences[place]), 4)) for place in best))


class _Memory:
    """The understandings of the texts asked last: much of what customers write, others have written before."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Remembered, Understanding] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, question: Remembered) -> Understanding | None:
        with self._lock:
            found = self._kept.get(question)
            if found is not None:
                self._kept.move_to_end(question)
            return found

    def remember(self, found: Iterable[tuple[Remembered, Understanding]]) -> None:
        with self._lock:
            self._kept.update(found)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def forget(self, edition: int) -> None:
        with self._lock:
            for question in [question for question in self._kept if question[0] == edition]:
                del self._kept[question]

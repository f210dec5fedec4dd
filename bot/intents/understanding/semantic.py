"""The engine `semantic`: exact examples first, then meaning and letters under the edition's linear head."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from bot.errors import EngineFailed
from bot.intents.understanding.calibration import evidence, shares
from bot.intents.understanding.encoder import shared_encoder
from bot.intents.understanding.model import Model
from bot.intents.understanding.normalise import plain
from bot.knowledge.sameness import same_form
from bot.messages import Candidate, Understanding, Utterance
from bot.wording import clean, digest

Remembered: TypeAlias = tuple[int, str]
_NOTHING = Understanding()
_SURE = 0.995
_CANDIDATES = 5
_EDITIONS = 4
_REMEMBERED = 20_000
_RECENT = 2_000


class SemanticEngine:
    """Understands texts by the editions it has taken up. Any number of threads may ask at once."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._models: dict[int, Model] = {}
        self._taking_up = threading.Lock()
        self._memory = _Memory(remembered)

    def take_up(self, number: int, model: bytes) -> None:
        """Make an edition's model ready to ask, beside the last three others. Raises EngineFailed for other bytes.

        Loads all that understanding needs, so that no customer waits for it (and because the tables of traditional
        Chinese must not be loaded by two threads at once).
        """
        ready = Model.from_bytes(model)
        shared_encoder()
        same_form("漢字")
        with self._taking_up:
            newest = [*(held for held in self._models.items() if held[0] != number), (number, ready)][-_EDITIONS:]
            self._models = dict(newest)
        self._memory.forget(number)

    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """One understanding per utterance, at most five candidates each; none at all for a text without a sign.

        Raises EngineFailed for an edition that was not taken up.
        """
        models = self._models
        unknown = {said.edition for said in utterances} - models.keys()
        if unknown:
            raise EngineFailed(f"edition {min(unknown)} has not been taken up")
        questions = [_question(said.edition, said.text) for said in utterances]
        known = {question: self._recall(models[question.edition], question) for question in dict.fromkeys(questions)}
        for edition, model in models.items():
            fresh = [question for question, found in known.items() if found is None and question.edition == edition]
            known.update(self._guess(model, fresh))
        return [known[question] or _NOTHING for question in questions]

    def recall(self, said: Utterance) -> Understanding | None:
        """What is known of a text without reading it: it is an example, or was understood before. Microseconds."""
        model = self._models.get(said.edition)
        return self._recall(model, _question(said.edition, said.text)) if model else None

    def _recall(self, model: Model, question: _Question) -> Understanding | None:
        for form in question.forms:
            if form in model.exact:
                return Understanding((Candidate(model.intents[model.exact[form]], _SURE),), exact=True)
        return self._memory.recall((question.edition, question.plain)) if question.plain else _NOTHING

    def _guess(self, model: Model, questions: Sequence[_Question]) -> Iterable[tuple[_Question, Understanding]]:
        """Understand texts anew, together, and remember them."""
        texts = list(dict.fromkeys(question.plain for question in questions))
        guessed = dict(zip(texts, _understandings(model, texts), strict=True))
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


def _understandings(model: Model, texts: list[str]) -> list[Understanding]:
    if not texts:
        return []
    vectors = shared_encoder().encode(texts)
    scores = model.head.scores(vectors, [model.letters.read(text) for text in texts])
    confidence = model.calibration.confidence(evidence(scores, model.examples.nearness(vectors)))
    return [_ranked(model.intents, row) for row in shares(scores, confidence)]


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

"""The engine `semantic`: exact examples first, then sentence vectors and n-grams under the edition's own model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from bot.errors import EngineFailed
from bot.intents.understanding.calibration import evidence, shares
from bot.intents.understanding.encoder import shared_encoder
from bot.intents.understanding.model import Model
from bot.intents.understanding.normalise import plain
from bot.knowledge.sameness import same_form
from bot.messages import Candidate, Understanding, Utterance

REMEMBERED = 20_000
EDITIONS = 3
TOP = 5
EXACTLY = 0.995


class SemanticEngine:
    """ports.Engine. Keeps the newest editions side by side, and what was asked most recently."""

    def __init__(self) -> None:
        self._models: OrderedDict[int, Model] = OrderedDict()
        self._known: OrderedDict[tuple[int, str], Understanding] = OrderedDict()
        self._lock = threading.Lock()

    def take_up(self, number: int, model: bytes) -> None:
        """Load an edition's model. Raises EngineFailed if the bytes are none."""
        loaded = Model.from_bytes(model)
        shared_encoder()
        with self._lock:
            self._models[number] = loaded
            while len(self._models) > EDITIONS:
                self._models.popitem(last=False)

    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        with self._lock:
            asked = [(utterance.edition, plain(utterance.text)) for utterance in utterances]
            new = list(dict.fromkeys(key for key in asked if key not in self._known))
            for number in {edition for edition, _ in new}:
                self._learn(number, [text for edition, text in new if edition == number])
            answers = [self._known[key] for key in asked]
            for key in asked:
                self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return answers

    def _learn(self, number: int, texts: list[str]) -> None:
        model = self._models.get(number)
        if model is None:
            raise EngineFailed(f"edition {number} has not been taken up")
        unread = []
        for text in texts:
            intent = model.exact.get(same_form(text))
            if intent is None:
                unread.append(text)
            else:
                self._known[number, text] = Understanding((Candidate(model.intents[intent], EXACTLY),), exact=True)
        if unread:
            self._known.update(zip(((number, text) for text in unread), _read(model, unread), strict=True))


def _read(model: Model, texts: list[str]) -> list[Understanding]:
    vectors = shared_encoder().encode(texts)
    scores = model.head.scores(vectors, [model.letters.read(text) for text in texts])
    sure = shares(scores, model.calibration.confidence(evidence(scores, model.examples.nearness(vectors))))
    ranked = np.argsort(-sure, axis=1, kind="stable")[:, :TOP]
    return [
        Understanding(tuple(Candidate(model.intents[intent], float(row[intent])) for intent in order))
        for row, order in zip(sure, ranked, strict=True)
    ]

"""Engine `semantic`: exact examples first, then the linear head with calibrated confidence."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from bot.domain.decisions import Candidate, Understanding, Utterance
from bot.errors import EncoderFailed, EngineFailed
from bot.intents.classifier.calibration import confidence_features, scale_probabilities
from bot.intents.classifier.chunks import ChunkAssembler, Fetch, Manifest
from bot.intents.classifier.encoder import Vectors, serving_encoder
from bot.intents.classifier.features import plain
from bot.intents.classifier.model import CONTESTED, Model
from bot.knowledge.similarity import same_form
from bot.ports.nlu import Encoder
from bot.text import clean, truncate


@dataclass(frozen=True, slots=True)
class LoadedModel:
    model: Model
    encoder: Encoder
    large: bool = False  # the model is in chunks


class ModelLoader:
    """Loads models. fetch: chunks of large ones by hash. encoder: the configured one, if not the bundled one."""

    def __init__(self, fetch: Fetch, encoder: Encoder | None = None) -> None:
        self._assembly = ChunkAssembler(fetch)
        self._encoder = encoder

    def load(self, written: bytes) -> LoadedModel:
        """Raises EngineFailed for invalid bytes, LookupError for missing chunks, Unavailable."""
        manifest = Manifest.from_bytes(written)
        model = Model.from_bytes(written) if manifest is None else self._assembly.model(manifest)
        return LoadedModel(model, self._encoder_of(model), large=manifest is not None)

    def _encoder_of(self, model: Model) -> Encoder:
        if not model.encoder:
            return serving_encoder()
        if self._encoder is not None and self._encoder.name == model.encoder:
            return self._encoder
        return _MissingEncoder(model.encoder)


class _MissingEncoder:
    """Fails in place of a model's encoder that is not configured: another encoder's vectors would
    give meaningless scores."""

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, _texts: Sequence[str]) -> Vectors:
        raise EncoderFailed(f"{self.name} is not configured", permanent=True)


CacheKey: TypeAlias = tuple[int, str]  # edition and normalised text
_NOTHING = Understanding()
_OUTSIDE = Understanding(exact=True)  # an out-of-scope question, known exactly
_EXACT_CONFIDENCE = 0.995  # above every answer threshold, below certainty
_CANDIDATES = 5
_MODELS_HELD = 4  # turns may still use earlier editions
_LARGE_MODELS_HELD = 2
_REMEMBERED = 20_000  # understandings; most of what customers ask was asked before
_RECENT = 2_000  # normalised questions


class SemanticEngine:
    """`ports.ServingEngine`. Thread-safe.

    remembered: understandings in the cache. fetch: chunks of large models by hash. encoder: the configured one, if not
    the bundled one.
    """

    def __init__(
        self,
        remembered: int = _REMEMBERED,
        fetch: Fetch = lambda _names: {},
        encoder: Encoder | None = None,
    ) -> None:
        self._loader = ModelLoader(fetch, encoder)
        self._models: dict[int, LoadedModel] = {}
        self._taking_up = threading.Lock()
        self._memory = _UnderstandingCache(remembered)

    def close(self) -> None:
        """No-op: there is nothing to release."""

    def load(self, number: int, model: bytes) -> None:
        """Load an edition's model; the most recent ones stay loaded. Raises EngineFailed and what `fetch` raises."""
        ready = self._loader.load(model)
        held = _LARGE_MODELS_HELD if ready.large else _MODELS_HELD
        # Loads the tables of traditional Chinese now: no customer waits for them, and two threads must not load them at
        # the same time.
        same_form("漢字")
        with self._taking_up:
            newest = [*(one for one in self._models.items() if one[0] != number), (number, ready)][-held:]
            self._models = dict(newest)
        self._memory.forget(number)

    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """One understanding per utterance with at most five candidates; without any for an empty text or an exact
        out-of-scope question.

        Raises EngineFailed for an edition that is not loaded, and EncoderFailed if the encoder fails and a text is
        neither an example nor cached: n-grams alone are not calibrated, so their confidence would mean nothing.
        """
        models = self._models
        unknown = {utterance.edition for utterance in utterances} - models.keys()
        if unknown:
            raise EngineFailed(f"edition {min(unknown)} is not loaded")
        questions = [_normalized_question(utterance.edition, utterance.text) for utterance in utterances]
        known = {
            question: self._look_up(models[question.edition].model, question) for question in dict.fromkeys(questions)
        }
        for edition, loaded in models.items():
            fresh = [question for question, found in known.items() if found is None and question.edition == edition]
            known.update(self._guess(loaded, fresh))
        return [known[question] or _NOTHING for question in questions]

    def look_up(self, utterance: Utterance) -> Understanding | None:
        """The understanding of an example or a cached text, without the encoder, in microseconds; else None."""
        loaded = self._models.get(utterance.edition)
        return self._look_up(loaded.model, _normalized_question(utterance.edition, utterance.text)) if loaded else None

    def _look_up(self, model: Model, question: _Question) -> Understanding | None:
        for form in question.forms:
            if form in model.outside:
                return _OUTSIDE
            if model.exact.get(form, CONTESTED) != CONTESTED:
                return Understanding((Candidate(model.intents[model.exact[form]], _EXACT_CONFIDENCE),), exact=True)
        return self._memory.get((question.edition, question.plain)) if question.plain else _NOTHING

    def _guess(self, loaded: LoadedModel, questions: Sequence[_Question]) -> Iterable[tuple[_Question, Understanding]]:
        """Classify texts in one batch and cache the results."""
        texts = list(dict.fromkeys(question.plain for question in questions))
        guessed = dict(zip(texts, _classify(loaded, texts), strict=True))
        self._memory.put(((one.edition, one.plain), guessed[one.plain]) for one in questions)
        return [(question, guessed[question.plain]) for question in questions]


@dataclass(frozen=True, slots=True)
class _Question:
    edition: int
    forms: tuple[str, str]  # exact forms of the text with and without courtesies
    plain: str  # normalised text for the classifier


@lru_cache(_RECENT)
def _normalized_question(edition: int, raw: str) -> _Question:
    text = truncate(clean(raw).strip())
    calm = plain(text)
    return _Question(edition, (same_form(text), same_form(calm)), calm)


def _classify(loaded: LoadedModel, texts: list[str]) -> list[Understanding]:
    if not texts:
        return []
    model = loaded.model
    vectors = model.centre.centred(loaded.encoder.encode(texts))
    scores = model.head.scores(vectors, [model.letters.read(text) for text in texts])
    confidence = model.calibration.confidence(confidence_features(scores, model.examples.similarity(vectors)))
    return [_ranked(model.intents, row) for row in scale_probabilities(scores, confidence)]


def _ranked(intents: Sequence[str], confidences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Understanding:
    best = np.argsort(-confidences, kind="stable")[:_CANDIDATES]
    return Understanding(tuple(Candidate(intents[place], round(float(confidences[place]), 4)) for place in best))


class _UnderstandingCache:
    """Least-recently-used cache of understandings. Thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[CacheKey, Understanding] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, question: CacheKey) -> Understanding | None:
        with self._lock:
            found = self._kept.get(question)
            if found is not None:
                self._kept.move_to_end(question)
            return found

    def put(self, found: Iterable[tuple[CacheKey, Understanding]]) -> None:
        with self._lock:
            self._kept.update(found)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def forget(self, edition: int) -> None:
        with self._lock:
            for question in [question for question in self._kept if question[0] == edition]:
                del self._kept[question]

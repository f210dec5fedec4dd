"""Runs the blocking engine for the event loop: in one thread, in batches, with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import ParamSpec, TypeVar

from bot.batching import Batcher
from bot.domain.decisions import Understanding, Utterance
from bot.errors import EncoderFailed, EngineFailed
from bot.intents.classifier.encoder import Vectors, serving_encoder, shared_encoder
from bot.intents.mood import Tone, moods, prepare
from bot.intents.sentiment import Sentiment, classify
from bot.ports.nlu import ServingEngine
from bot.telemetry import timed_calls

P = ParamSpec("P")
T = TypeVar("T")
ENGINE_LIMIT = 10.0  # seconds until a text is understood; then the turn hands off
_TEXTS = 128  # whose mood is kept
_PASSAGES = 128  # whose vectors are kept; about 4 MB


class InferenceThread:
    """Calls an engine from the event loop.

    Texts that the engine can recall are answered at once, even while the thread hangs. Others that wait at the same
    time are understood together, at most `batch` of them, in one thread: a second one would share the same core.
    limit: seconds for one text. A call that overruns cannot be stopped; while it still runs new texts fail at once
    instead of queueing up behind it. Once it returns the engine is used again.
    """

    def __init__(self, engine: ServingEngine, batch: int, limit: float = ENGINE_LIMIT) -> None:
        self._engine = engine
        self._limit = limit
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="understand")
        self._batched: Batcher[Utterance, Understanding] = Batcher(self._understand, batch)
        self._overrunning: asyncio.Future[list[Understanding]] | None = None

    def load(self, number: int, model: bytes) -> None:
        """Load an edition's model into the engine, and train what tells moods: no customer waits for it. Blocking.
        Raises as the engine does."""
        self._engine.load(number, model)
        prepare()

    async def understand(self, utterance: Utterance) -> Understanding:
        """Understand one text. Raises EngineFailed, also while the engine hangs, and TimeoutError after `limit`."""
        known = self._engine.look_up(utterance)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(self._limit):
                return await self._batched(utterance)
        except EncoderFailed:
            # The policy hands off on an empty understanding. Raising would also hand off what needs no engine: a
            # choice by number, an opt-out, an answer to a skill.
            return Understanding()

    async def sentiment(self, text: str) -> Sentiment:
        """The sentiment of a text. Raises as `mood`."""
        return (await self._call(classify, [text]))[0]

    async def mood(self, text: str) -> Tone:
        """The mood of a text, once it was understood: its vector is known then. Raises EngineFailed while the engine
        hangs, and TimeoutError after `limit`."""
        return await self._call(_mood, text)

    async def closeness(self, text: str, passages: Sequence[tuple[str, ...]]) -> list[float]:
        """For each passage, given as its sentences, the cosine of the text and the closest of them; 0 for none.

        Raises as `mood`.
        """
        return await self._call(closeness, text, passages)

    async def _call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """In the same thread, so that it never competes with customers who wait."""
        if self._hangs:
            raise EngineFailed("the engine still works on earlier texts")
        async with asyncio.timeout(self._limit):
            call = partial(function, *arguments, **named)
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def close(self) -> None:
        """Wait for the running batch, unless it hangs."""
        self._thread.shutdown(wait=not self._hangs, cancel_futures=True)

    @property
    def _hangs(self) -> bool:
        return self._overrunning is not None and not self._overrunning.done()

    @timed_calls("understand")
    async def _understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        if self._hangs:
            raise EngineFailed("the engine still works on earlier texts")
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._engine.understand, utterances)
        done, _ = await asyncio.wait([running], timeout=self._limit)
        if not done:
            self._overrunning = running
            running.add_done_callback(_consume_exception)
            raise EngineFailed("the engine took too long")
        return running.result()


@lru_cache(_TEXTS)  # a message that is handed to a person is asked for twice, by the gate of anger and for its urgency
def _mood(text: str) -> Tone:
    return moods([text])[0]


def closeness(text: str, passages: Sequence[tuple[str, ...]]) -> list[float]:
    """For each passage, given as its sentences, the cosine of the text and the closest of them; 0 for none."""
    (vector,) = serving_encoder().encode([text])
    return [float((_vectors(passage) @ vector).max()) if passage else 0.0 for passage in passages]


@lru_cache(_PASSAGES)
def _vectors(passage: tuple[str, ...]) -> Vectors:
    """The vectors of an answer's sentences. Many customers ask for more about the same answer."""
    return shared_encoder().encode(passage)


def _consume_exception(overran: asyncio.Future[list[Understanding]]) -> None:
    """The texts of a call that overran were handed off: asyncio must not log its late exception as never retrieved."""
    if not overran.cancelled():
        overran.exception()

"""An engine that hangs: its messages are handed off in time, others are answered, and it recovers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial

import pytest
from support.shop import Shop

from bot.app import parts
from bot.domain.decisions import Understanding, Utterance
from bot.domain.messages import Reason
from bot.errors import EngineFailed
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.inference import InferenceThread
from bot.journey import Journey

KNOWN, NEW = "怎么退货？", "昨天买的那只杯子口沿有点粗糙，能换吗"


@pytest.fixture
def hangs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The engine of the shop's process hangs until the event is set; its time limit is short."""
    released, understand = threading.Event(), SemanticEngine.understand

    def hang(engine: SemanticEngine, utterances: Sequence[Utterance]) -> list[Understanding]:
        released.wait(30)
        return understand(engine, utterances)

    monkeypatch.setattr(SemanticEngine, "understand", hang)
    monkeypatch.setattr(parts, "InferenceThread", partial(InferenceThread, limit=1.0))
    shop.restart()
    yield released
    released.set()


def test_a_message_that_overruns_is_handed_off_and_what_the_engine_recalls_is_answered(
    shop: Shop, hangs: threading.Event
) -> None:
    assert shop.hears("alice", NEW) is not None
    (line,) = shop.waiting()
    assert line.reason is Reason.FAILED
    assert shop.hears("bob", KNOWN) == shop.yingda.editions.current().answer(
        "return-goods", "zh", "fake", shop.clock.now()
    )


def test_later_messages_are_handed_off_without_waiting_until_the_engine_is_back(
    shop: Shop, hangs: threading.Event
) -> None:
    shop.hears("alice", NEW)
    for customer in ("carol", "dave"):
        shop.hears(customer, NEW)
    assert failed(shop) == len(shop.waiting()) == 3
    hangs.set()

    def is_understood(customer: str) -> bool:
        before = failed(shop)
        shop.hears(customer, NEW)
        return failed(shop) == before

    assert any(is_understood(f"erin {number}") or shop.run(asyncio.sleep(0.5)) for number in range(20))


def failed(shop: Shop) -> int:
    return sum(line.reason is Reason.FAILED for line in shop.waiting())


def test_what_a_customer_writes_to_a_person_reaches_them_while_the_engine_hangs(
    shop: Shop, hangs: threading.Event
) -> None:
    shop.hears("alice", "转人工")
    case = shop.waiting()[0].id
    shop.claims(shop.agent("anna"), case)
    assert shop.hears("alice", NEW) is None
    view = shop.case(case)
    assert view.said[-1].text == NEW
    assert view.traces[-1].trace.detail == "with_agent"


def test_a_turn_that_fails_while_an_agent_has_the_conversation_is_not_repeated_forever(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be handed off: the person has it already, and sees the message."""
    shop.hears("alice", "转人工")
    case = shop.waiting()[0].id
    shop.claims(shop.agent("anna"), case)
    tries = 0

    async def broken(journey: Journey, claimed: object) -> None:
        nonlocal tries
        tries += 1
        if tries > 5:  # so that the test ends where it fails
            return
        raise ValueError

    monkeypatch.setattr(Journey, "turn", broken)
    shop.hears("alice", "在吗")
    assert tries == 1
    assert shop.case(case).said[-1].text == "在吗"


class Hanging:
    """An engine that hangs until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.calls = 0

    def look_up(self, said: Utterance) -> Understanding | None:
        return Understanding(exact=True) if said.text == "known" else None

    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        self.calls += 1
        self.released.wait(30)
        return [Understanding(engine="hanging") for _ in utterances]

    def load(self, number: int, model: bytes) -> None:
        """Every edition is the same to it."""

    def close(self) -> None:
        self.released.set()


async def _once_it_returned(thread: InferenceThread, utterance: Utterance) -> Understanding:
    """The understanding of a text, once the call that overran has returned."""
    for _ in range(100):
        try:
            return await thread.understand(utterance)
        except EngineFailed:
            await asyncio.sleep(0.1)
    raise AssertionError("the engine is never used again")


def test_texts_fail_at_once_while_a_call_overruns_and_are_understood_after_it_returned() -> None:
    async def story() -> None:
        engine = Hanging()
        thread = InferenceThread(engine, 16, limit=1.0)
        with pytest.raises((EngineFailed, TimeoutError)):
            await thread.understand(Utterance("first", "en", 1))
        await asyncio.sleep(0.05)
        waits = []
        for text in ("second", "third", "fourth"):
            began = time.monotonic()
            with pytest.raises(EngineFailed):
                await thread.understand(Utterance(text, "en", 1))
            waits.append(time.monotonic() - began)
        assert min(waits) < 0.5
        assert (await thread.understand(Utterance("known", "en", 1))).exact
        assert engine.calls == 1
        engine.released.set()
        assert (await _once_it_returned(thread, Utterance("fifth", "en", 1))).engine == "hanging"
        thread.close()

    asyncio.run(story())

"""The worst moments of a talk: an agent claims while the bot answers in the queue, or while a right is exercised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from support.shop import Shop
from support.talks import (
    ODD,
    PERSON,
    PIECE,
    RETURNS,
    answer,
    asked_for_code,
    event_types,
    is_member,
    linked,
    open_case,
    phrase,
    said_by_machine,
    silenced,
)

from bot.domain.cases import CaseState
from bot.domain.messages import Inbound, Kind, Limits, Owner
from bot.domain.turns import ClaimedMessage
from bot.errors import AlreadyTaken, NotAllowed, Stale
from bot.intents.dialogue import DecisionResult, DialogueManager
from bot.stores.sql.inbox import LEASE
from bot.stores.sql.prompts import SqlPrompts
from bot.text import new_id

pytestmark = pytest.mark.faults


def claimed_meanwhile(shop: Shop, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """From now on an agent claims the case between the first decision and its commit."""
    anna, decide, claimed = shop.agent("anna"), DialogueManager.decide, False

    async def slowly(dialogue: DialogueManager, work: ClaimedMessage, limits: Limits) -> DecisionResult:
        nonlocal claimed
        result = await decide(dialogue, work, limits)
        if not claimed:
            claimed = True
            await shop.cases.claim(case, anna)
        return result

    monkeypatch.setattr(DialogueManager, "decide", slowly)


def prompt_due(shop: Shop) -> Inbound:
    """The pause is over, and the bot is about to speak first."""
    shop.clock.move(60)
    (prompt,) = shop.run(SqlPrompts(shop.database).due(10))
    return prompt


def waits(shop: Shop, elsewhere: str = "") -> str:
    """The id of a case that waits; elsewhere: the same customer's handle in the account "square", if they have one."""
    if elsewhere:
        linked(shop, "alice", 1, "tea")
        linked(shop, elsewhere, 1, "square")
    shop.hears("alice", PERSON)
    return open_case(shop, "alice")


def test_a_claim_at_the_worst_moment_silences_the_bot_in_the_queue(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    case = waits(shop)
    before = said_by_machine(shop, "alice")
    claimed_meanwhile(shop, monkeypatch, case)
    assert shop.hears("alice", RETURNS) is None
    assert said_by_machine(shop, "alice") == before
    assert shop.sent_to("alice") == []
    assert [talk.owner for talk in shop.case(case).conversations] == [Owner.AGENT]


def test_a_claim_at_the_worst_moment_silences_the_still_waiting_notice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = waits(shop)
    before = said_by_machine(shop, "alice")
    claimed_meanwhile(shop, monkeypatch, case)
    assert shop.hears("alice", ODD) is None
    assert said_by_machine(shop, "alice") == before


def test_a_claim_at_the_worst_moment_silences_the_bot_in_a_channel_that_joins(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = waits(shop, elsewhere="alice-at-square")
    before = said_by_machine(shop, "alice-at-square")
    claimed_meanwhile(shop, monkeypatch, case)
    assert shop.hears("alice-at-square", RETURNS, "square") is None
    assert said_by_machine(shop, "alice-at-square") == before
    assert {talk.owner for talk in shop.case(case).conversations} == {Owner.AGENT}


def test_a_claim_at_the_worst_moment_silences_the_notice_in_a_channel_that_joins(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = waits(shop, elsewhere="alice-at-square")
    claimed_meanwhile(shop, monkeypatch, case)
    assert shop.hears("alice-at-square", ODD, "square") is None
    assert ODD in [line.text for line in shop.case(case).said], "and the agent reads the question"


def test_never_mind_loses_to_a_claim_that_was_first(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    case = waits(shop)
    claimed_meanwhile(shop, monkeypatch, case)
    assert shop.hears("alice", "算了") is None
    assert shop.case(case).line.state is CaseState.CLAIMED
    assert "cancelled" not in event_types(shop)


def test_never_mind_from_a_channel_that_joins_loses_to_a_claim_that_was_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = waits(shop, elsewhere="alice-at-square")
    claimed_meanwhile(shop, monkeypatch, case)
    assert shop.hears("alice-at-square", "算了", "square") is None
    assert shop.case(case).line.state is CaseState.CLAIMED
    assert "cancelled" not in event_types(shop)
    assert len(shop.waiting()) == 1


def test_of_never_mind_and_a_claim_at_once_exactly_one_wins(shop: Shop) -> None:
    """Several rounds, so that either is first now and then."""
    anna = shop.agent("anna")

    async def at_once(customer: str, case: str) -> tuple[object, bool]:
        async def claims() -> bool:
            await asyncio.sleep(0.003 * (hash(customer) % 5))
            try:
                await shop.cases.claim(case, anna)
            except (Stale, NotAllowed, AlreadyTaken, LookupError):
                return False
            return True

        said = shop.answered(Inbound("tea", customer, new_id(), Kind.TEXT, "算了"))
        answered, won = await asyncio.gather(said, claims())
        return answered, won

    for number in range(8):
        customer = f"customer {number}"
        shop.hears(customer, PERSON)
        case = open_case(shop, customer)
        reply, won = shop.run(at_once(customer, case))
        state = shop.case(case).line.state
        assert (state, reply) == (
            (CaseState.CLAIMED, None) if won else (CaseState.WITHDRAWN, phrase(shop, "handoff.cancelled"))
        )


@pytest.mark.parametrize(
    ("right", "confirmed", "done"),
    [
        ("解绑", "link.unlinked", lambda shop: not is_member(shop, "alice")),
        ("退订", "rights.stopped", lambda shop: silenced(shop, "alice")),
        ("删除我的数据", "rights.erase", lambda shop: True),
    ],
    ids=["unlink", "stop", "erase"],
)
def test_a_right_is_carried_out_and_confirmed_although_an_agent_claims_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, right: str, confirmed: str, done: Callable[[Shop], bool]
) -> None:
    linked(shop, "alice")
    case = waits(shop)
    before = said_by_machine(shop, "alice")
    claimed_meanwhile(shop, monkeypatch, case)
    said = shop.hears("alice", right)
    assert said == phrase(shop, confirmed)
    assert done(shop)
    assert said_by_machine(shop, "alice") == [*before, ("system", said)]
    assert shop.case(case).line.state is CaseState.CLAIMED


def test_a_confirmation_that_waits_to_be_sent_is_not_cancelled_by_a_claim(shop: Shop) -> None:
    linked(shop, "alice")
    case = waits(shop)
    _without_a_request(shop, "解绑")
    shop.claims(shop.agent("anna"), case)
    shop.deliver()
    assert phrase(shop, "link.unlinked") in shop.sent_to("alice")


def test_a_claim_between_the_pause_and_its_turn_silences_the_question(shop: Shop) -> None:
    shop.hears("alice", PIECE)
    prompt = prompt_due(shop)
    shop.hears("alice", PERSON)
    shop.claims(shop.agent("anna"), open_case(shop, "alice"))
    shop.run(shop.yingda.journey.accept(prompt))
    shop.run(shop.yingda.journey.finish(10))
    shop.deliver()
    assert shop.sent_to("alice") == []


def test_an_agent_who_claims_while_a_code_is_checked_has_the_conversation_and_the_code_counts_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = waits(shop)
    code = asked_for_code(shop, "alice")
    claimed_meanwhile(shop, monkeypatch, case)
    assert shop.hears("alice", code) is None
    assert not is_member(shop, "alice")
    shop.run(shop.cases.hand_back(case, shop.agent("anna")))
    shop.clock.move(1)
    shop.sweep()
    shop.hears("alice", code)
    assert is_member(shop, "alice")


def test_what_was_written_before_a_claim_and_handled_after_it_is_for_the_agent(shop: Shop) -> None:
    """The process that accepted the messages has ended; in between an agent claimed."""
    case = waits(shop)
    code, anna = asked_for_code(shop, "alice"), shop.agent("anna")
    before = said_by_machine(shop, "alice")
    for text in (code, "稍等", RETURNS, "算了"):
        shop.accepted_and_died(Inbound("tea", "alice", new_id(), Kind.TEXT, text))
    shop.claims(anna, case)
    shop.clock.move(LEASE + 1)
    shop.sweep()
    assert said_by_machine(shop, "alice") == before
    assert shop.case(case).line.state is CaseState.CLAIMED
    assert code in [line.text for line in shop.case(case).said]
    shop.run(shop.cases.hand_back(case, anna))
    shop.sweep()
    shop.hears("alice", code)
    assert is_member(shop, "alice")


def test_a_prompt_that_comes_twice_is_asked_once(shop: Shop) -> None:
    shop.hears("alice", PIECE)
    prompt = prompt_due(shop)
    for _ in range(3):
        shop.run(shop.yingda.journey.accept(prompt))
    shop.run(shop.yingda.journey.finish(10))
    shop.deliver()
    assert shop.sent_to("alice") == [phrase(shop, "talk.ask")]
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")


def _without_a_request(shop: Shop, text: str) -> None:
    """A message that no request waits for: what comes of it is sent by the outbox."""

    async def story() -> None:
        await shop.yingda.journey.accept(Inbound("tea", "alice", new_id(), Kind.TEXT, text))
        await shop.yingda.journey.finish(5)

    shop.run(story())

"""ports.CaseActions on SQLite and PostgreSQL: claiming, releasing, resolving and handing back."""

from __future__ import annotations

import asyncio

import pytest
from support.cases import Desk, answer
from support.services import MovableClock

from bot.domain.cases import CaseState
from bot.domain.messages import OutboxState
from bot.errors import AlreadyTaken, NotAllowed, Stale, YingdaError
from bot.stores.sql.schema import audit, cases, conversations, customers, outbox

LONG = 36 * 3_600.0


def test_a_claim_gives_the_conversation_to_the_agent(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    conversation = desk.seeder.row(conversations, talk)
    assert (conversation.owner, conversation.agent, conversation.version) == ("agent", desk.mei.id, 1)
    line = desk.read(case).line
    assert (line.state, line.agent, line.agent_name) == (CaseState.CLAIMED, desk.mei.id, "小梅")
    assert desk.seeder.history(talk) == [(1, "claimed", desk.mei.id)]


def test_of_many_agents_who_claim_at_once_one_wins_and_the_others_learn_who(desk: Desk, talk: str, case: str) -> None:
    async def rush() -> list[BaseException | None]:
        claims = (desk.cases.claim(case, by) for by in (desk.mei, desk.jun, desk.lead) * 2)
        return list(await asyncio.gather(*claims, return_exceptions=True))

    came_of_it = asyncio.run(rush())
    winner = desk.read(case).line.agent
    losers = [one for one in came_of_it if isinstance(one, AlreadyTaken)]
    assert came_of_it.count(None) == 1
    assert [one.winner for one in losers] == [winner] * 5
    assert desk.seeder.row(conversations, talk).version == 1


def test_the_bots_pending_reply_is_cancelled_by_the_claim(desk: Desk, talk: str) -> None:
    pending = desk.seeder.answers(talk, "稍等", "small.wait", OutboxState.PENDING)
    on_its_way = desk.seeder.answers(talk, "您好", "small.hello", OutboxState.SENDING)
    asyncio.run(desk.cases.claim(desk.seeder.case(talk), desk.mei))
    assert desk.seeder.row(outbox, pending).state == "cancelled"
    assert desk.seeder.row(outbox, on_its_way).state == "sending"


def test_a_claim_leaves_the_bots_replies_to_other_customers_alone(desk: Desk, case: str) -> None:
    other = desk.seeder.conversation(desk.seeder.customer("别人"))
    pending = desk.seeder.answers(other, "您好", "small.hello", OutboxState.PENDING)
    asyncio.run(desk.cases.claim(case, desk.mei))
    assert desk.seeder.row(outbox, pending).state == "pending"


def test_a_conversation_that_the_bot_still_owns_cannot_be_claimed(desk: Desk, talk: str, case: str) -> None:
    desk.seeder.change(conversations, talk, owner="bot")
    with pytest.raises(Stale):
        asyncio.run(desk.cases.claim(case, desk.mei))
    assert desk.read(case).line.state is CaseState.WAITING


def test_a_claim_takes_every_conversation_that_joined_the_case(desk: Desk) -> None:
    customer = desk.seeder.customer()
    first = desk.seeder.conversation(customer)
    second = desk.seeder.conversation(customer, "brand-x", "twitter")
    case = desk.seeder.case(first)
    desk.seeder.joins(second, case)
    asyncio.run(desk.cases.claim(case, desk.mei))
    assert [desk.seeder.row(conversations, one).owner for one in (first, second)] == ["agent", "agent"]
    assert desk.seeder.row(customers, customer).case_id == case
    assert desk.read(case).joined == (first, second)


def test_while_only_a_public_thread_is_claimed_private_messages_do_not_join(desk: Desk) -> None:
    customer = desk.seeder.customer()
    public = desk.seeder.conversation(customer, "brand-x", "twitter", thread="1789")
    asyncio.run(desk.cases.claim(desk.seeder.case(public), desk.mei))
    assert desk.seeder.row(customers, customer).case_id is None


def test_a_released_case_waits_again_and_another_agent_can_claim_it(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.release(case, desk.mei))
    assert desk.seeder.row(conversations, talk).owner == "queue"
    asyncio.run(desk.cases.claim(case, desk.jun))
    assert desk.read(case).line.agent == desk.jun.id
    assert [event for _, event, _ in desk.seeder.history(talk)] == ["claimed", "released", "claimed"]


@pytest.mark.parametrize("move", ["release", "resolve", "hand_back"])
def test_a_claimed_case_is_moved_by_its_agent_or_a_lead_but_by_no_other_agent(desk: Desk, case: str, move: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    with pytest.raises(NotAllowed, match="not_yours"):
        asyncio.run(getattr(desk.cases, move)(case, desk.jun))
    asyncio.run(getattr(desk.cases, move)(case, desk.lead))
    assert desk.read(case).line.state is not CaseState.CLAIMED


def test_an_editor_moves_no_case(desk: Desk, case: str) -> None:
    for move in (desk.cases.claim, desk.cases.resolve, desk.cases.hand_back):
        with pytest.raises(NotAllowed, match="role"):
            asyncio.run(move(case, desk.editor))


def test_a_resolved_case_closes_its_conversations_and_remembers_who_did_it(
    desk: Desk, clock: MovableClock, talk: str, case: str
) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    clock.move(60)
    asyncio.run(desk.cases.resolve(case, desk.mei))
    closed = desk.seeder.row(conversations, talk)
    assert (closed.owner, closed.resolved_by, closed.resolved_at) == ("closed", desk.mei.id, clock.now())
    assert (closed.agent, closed.case_id) == (None, None)
    ended = desk.seeder.row(cases, case)
    assert (ended.state, ended.agent, ended.ended_at) == ("resolved", desk.mei.id, clock.now())
    assert desk.seeder.row(customers, ended.customer_id).case_id is None
    assert asyncio.run(desk.board.lines()) == []


def test_a_conversation_handed_back_belongs_to_the_bot_again(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.hand_back(case, desk.mei))
    assert desk.seeder.row(conversations, talk).owner == "bot"
    assert desk.read(case).line.state is CaseState.RETURNED
    assert desk.seeder.history(talk)[-1] == (2, "returned_to_bot", desk.mei.id)


def test_an_ended_case_cannot_be_moved(desk: Desk, case: str) -> None:
    asyncio.run(desk.cases.resolve(case, desk.mei))
    refused: list[type[YingdaError]] = []
    for move in (desk.cases.claim, desk.cases.release, desk.cases.resolve, desk.cases.hand_back):
        with pytest.raises((NotAllowed, Stale)) as refusal:
            asyncio.run(move(case, desk.mei))
        refused.append(refusal.type)
    assert refused == [Stale, NotAllowed, NotAllowed, NotAllowed]


def test_an_unknown_case_is_not_found(desk: Desk) -> None:
    assert asyncio.run(desk.board.case("nothing")) is None
    with pytest.raises(LookupError):
        asyncio.run(desk.cases.claim("nothing", desk.mei))


def test_a_silent_agents_case_goes_back_to_the_queue(desk: Desk, clock: MovableClock, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    clock.move(900)
    assert asyncio.run(desk.cases.release_silent(clock.now() - 901)) == []
    assert asyncio.run(desk.cases.release_silent(clock.now() - 899)) == [case]
    assert desk.seeder.row(conversations, talk).owner == "queue"
    assert desk.seeder.history(talk)[-1] == (2, "released", "system")
    assert asyncio.run(desk.cases.release_silent(clock.now() + 1)) == []


def test_an_agent_whose_customer_waits_for_nothing_keeps_the_case(
    desk: Desk, clock: MovableClock, talk: str, case: str
) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.reply(case, desk.mei, answer()))
    clock.move(3600)
    assert asyncio.run(desk.cases.release_silent(clock.now() - 900)) == []
    desk.seeder.hears(talk, "还在吗")
    clock.move(60)
    assert asyncio.run(desk.cases.release_silent(clock.now() - 900)) == []


def test_actions_on_a_case_are_in_the_audit_trail(desk: Desk, talk: str, case: str) -> None:
    row = desk.seeder.answers(talk, "您好", "small.hello", OutboxState.FAILED)

    async def story() -> None:
        await desk.cases.claim(case, desk.mei)
        await desk.cases.release(case, desk.mei)
        await desk.cases.claim(case, desk.jun)
        await desk.cases.reply(case, desk.jun, answer())
        await desk.cases.note(case, desk.mei, "她上周也来过")
        await desk.cases.send_again(case, row, desk.jun, OutboxState.PENDING)
        await desk.cases.hand_back(case, desk.lead)

    asyncio.run(story())
    deeds = {(one.staff_id, one.action, one.object) for one in desk.seeder.rows(audit) if one.object}
    assert deeds == {
        (desk.mei.id, "claimed", case),
        (desk.mei.id, "released", case),
        (desk.jun.id, "claimed", case),
        (desk.jun.id, "replied", case),
        (desk.mei.id, "noted", case),
        (desk.jun.id, "resent", row),
        (desk.lead.id, "returned_to_bot", case),
    }


def test_a_timeout_is_not_in_the_audit_trail(desk: Desk, clock: MovableClock, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    clock.move(900)
    asyncio.run(desk.cases.release_silent(clock.now() - 1))
    assert [one.action for one in desk.seeder.rows(audit) if one.object] == ["claimed"]

"""ports.CaseMessaging on SQLite and PostgreSQL: replies to customers and notes to colleagues."""

from __future__ import annotations

import asyncio

import pytest
from support.cases import Desk, answer
from support.services import MovableClock

from bot.domain.cases import AgentReply
from bot.domain.messages import Kind, OutboxState
from bot.errors import NotAllowed
from bot.stores.sql.database import Database
from bot.stores.sql.schema import cases, conversations, messages, outbox
from bot.stores.sql.turns import SqlTurns

LONG = 36 * 3_600.0


def test_an_agents_reply_is_written_and_waits_for_delivery(
    desk: Desk, clock: MovableClock, talk: str, case: str
) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    clock.move(30)
    said = asyncio.run(desk.cases.reply(case, desk.mei, AgentReply("一二", ("一", "二"), "k")))
    message = desk.seeder.row(messages, said)
    assert (message.author, message.by, message.seq, message.text) == ("agent", desk.mei.id, 2, "一二")
    parcels = desk.seeder.rows(outbox, message_id=said)
    assert [(row.text, row.state, row.author) for row in parcels] == [
        ("一", "pending", "agent"),
        ("二", "pending", "agent"),
    ]
    line = desk.seeder.row(cases, case)
    assert (line.waiting_since, line.agent_at) == (0, clock.now())
    assert desk.seeder.history(talk)[-1] == (2, "replied", desk.mei.id)


def test_agents_cannot_post_the_same_public_text_twice(desk: Desk, database: Database, clock: MovableClock) -> None:
    """Nor what the bot has said, which is kept in the same place."""
    talks = [desk.seeder.conversation(desk.seeder.customer(), "brand-x", "twitter", thread=name) for name in "12"]
    first, second = (desk.seeder.case(talk) for talk in talks)
    for case in (first, second):
        asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.reply(first, desk.mei, answer(key="1", same_after=LONG)))
    asyncio.run(desk.cases.reply(first, desk.mei, answer(key="1", same_after=LONG)))  # the browser, once more
    with pytest.raises(NotAllowed, match="said_lately"):
        asyncio.run(desk.cases.reply(second, desk.mei, answer(key="2", same_after=LONG)))
    assert len(desk.seeder.rows(outbox, author="agent")) == 1
    said = SqlTurns(database, "one").recently_posted("brand-x", [answer().text], LONG)
    assert asyncio.run(said) == {answer().text}
    clock.move(LONG)
    asyncio.run(desk.cases.reply(second, desk.mei, answer(key="2", same_after=LONG)))
    assert len(desk.seeder.rows(outbox, author="agent")) == 2


def test_a_reply_that_the_browser_sends_twice_is_said_once(desk: Desk, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))

    async def twice() -> list[str]:
        return list(await asyncio.gather(*(desk.cases.reply(case, desk.mei, answer()) for _ in range(2))))

    first, second = asyncio.run(twice())
    assert first == second
    assert len(desk.seeder.rows(outbox, author="agent")) == 1


def test_a_reply_that_is_to_be_fetched_waits_with_the_conversation(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.reply(case, desk.mei, AgentReply("好的", ("好的",), "k", OutboxState.WAITING)))
    assert desk.seeder.row(conversations, talk).waiting == 1
    assert desk.seeder.rows(outbox, conversation_id=talk)[0].state == "waiting"


def test_a_reply_goes_where_the_customer_spoke_last_unless_the_agent_says_otherwise(
    desk: Desk, clock: MovableClock
) -> None:
    customer = desk.seeder.customer()
    first = desk.seeder.conversation(customer)
    second = desk.seeder.conversation(customer, "brand-x", "twitter")
    desk.seeder.hears(first, "在吗")
    case = desk.seeder.case(first)
    desk.seeder.joins(second, case)
    clock.move(5)
    desk.seeder.hears(second, "hello?")
    asyncio.run(desk.cases.claim(case, desk.mei))
    by_default = asyncio.run(desk.cases.reply(case, desk.mei, answer(key="a")))
    as_told = asyncio.run(desk.cases.reply(case, desk.mei, answer(key="b", conversation_id=first)))
    assert desk.seeder.row(messages, by_default).conversation_id == second
    assert desk.seeder.row(messages, as_told).conversation_id == first


def test_only_the_claiming_agent_replies_to_the_customer(desk: Desk, case: str) -> None:
    with pytest.raises(NotAllowed, match="not_yours"):
        asyncio.run(desk.cases.reply(case, desk.mei, answer()))
    asyncio.run(desk.cases.claim(case, desk.mei))
    for somebody in (desk.jun, desk.lead):
        with pytest.raises(NotAllowed, match="not_yours"):
            asyncio.run(desk.cases.reply(case, somebody, answer()))
    stranger = desk.seeder.conversation(desk.seeder.customer("别人"))
    with pytest.raises(NotAllowed, match="elsewhere"):
        asyncio.run(desk.cases.reply(case, desk.mei, answer(conversation_id=stranger)))
    assert desk.seeder.rows(outbox) == []


def test_a_note_is_read_by_staff_and_sent_to_nobody(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.note(case, desk.jun, "她上周也来过"))
    noted = desk.read(case).said[-1]
    assert (noted.kind, noted.text, noted.by) == (Kind.NOTE, "她上周也来过", desk.jun.id)
    assert desk.seeder.rows(outbox) == []
    assert desk.seeder.history(talk) == [(1, "noted", desk.jun.id)]


@pytest.mark.parametrize("state", [OutboxState.IN_DOUBT, OutboxState.FAILED])
def test_a_person_may_send_again_what_is_in_doubt_or_failed(desk: Desk, talk: str, state: OutboxState) -> None:
    row = desk.seeder.answers(talk, "您的快递明天到", "delivery.when", state)
    case = desk.seeder.case(talk)
    assert desk.read(case).said[-1].delivery is state
    asyncio.run(desk.cases.send_again(case, row, desk.mei, OutboxState.PENDING))
    again = desk.seeder.row(outbox, row)
    assert (again.state, again.attempts, again.author) == ("pending", 0, "agent")
    assert desk.seeder.history(talk) == [(1, "resent", desk.mei.id)]


def test_a_delivered_message_is_not_sent_again(desk: Desk, talk: str) -> None:
    row = desk.seeder.answers(talk, "您好", "small.hello", OutboxState.SENT)
    case = desk.seeder.case(talk)
    with pytest.raises(NotAllowed, match="delivered"):
        asyncio.run(desk.cases.send_again(case, row, desk.mei, OutboxState.PENDING))
    assert desk.seeder.row(outbox, row).state == "sent"


def test_another_agents_message_is_not_sent_again(desk: Desk, talk: str) -> None:
    row = desk.seeder.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    case = desk.seeder.case(talk)
    asyncio.run(desk.cases.claim(case, desk.mei))
    with pytest.raises(NotAllowed, match="not_yours"):
        asyncio.run(desk.cases.send_again(case, row, desk.jun, OutboxState.PENDING))

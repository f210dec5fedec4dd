"""The moments at which P1 to P4 could break, one by one and without luck."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, event, select, text, update
from support.shop import Shop

from bot.delivery import result_of_failure
from bot.domain.cases import AgentReply
from bot.domain.decisions import Understanding, Utterance
from bot.domain.messages import Inbound, Kind, Limits, Outbound, OutboxState, Reason, Sent
from bot.domain.turns import ClaimedMessage, Committed, Delivered, DueDelivery, TurnCommit
from bot.errors import DeliveryFailed
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.dialogue import DecisionResult, DialogueManager
from bot.pending import DeadlinePassed, PendingResponse
from bot.stores.sql.database import Database
from bot.stores.sql.inbox import LEASE, SqlInbox
from bot.stores.sql.outbox import SqlOutbox
from bot.stores.sql.schema import conversations, events, outbox
from bot.stores.sql.turns import SqlTurns
from bot.text import new_id

RETURNS, HOURS, PERSON = "怎么退货？", "你们几点开门", "转人工"
pytestmark = pytest.mark.faults


def asks(text_: str, customer: str = "alice", key: str = "") -> Inbound:
    return Inbound("tea", customer, key or new_id(), Kind.TEXT, text_)


def hears_too_late(shop: Shop, text_: str) -> None:
    """The request is gone when its answer is ready, which therefore waits to be delivered."""

    async def story() -> None:
        offer = PendingResponse(lambda reply: reply.text.encode(), asyncio.get_running_loop().time())
        assert await shop.yingda.journey.handle(asks(text_), offer) is None
        await shop.yingda.journey.finish(5)

    shop.run(story())


def taken(shop: Shop) -> list[DueDelivery]:
    """What is being sent from now on."""
    return shop.run(SqlOutbox(shop.database).take(32))


def settle(shop: Shop, *delivered: Delivered) -> None:
    shop.run(SqlOutbox(shop.database).settle(delivered))


def rows(shop: Shop) -> list[tuple[str, str]]:
    """The outbox in order: author and state."""
    said = select(outbox.c.author, outbox.c.state).where(outbox.c.effect.is_(None)).order_by(outbox.c.seq, outbox.c.id)
    return [tuple(row) for row in shop.run(shop.database.read(lambda connection: connection.execute(said).all()))]


def test_a_bot_reply_that_fails_after_a_claim_is_not_retried(shop: Shop) -> None:
    hears_too_late(shop, RETURNS)
    (due,) = taken(shop)
    hears_too_late(shop, PERSON)
    shop.claims(shop.agent("anna"), shop.waiting()[0].id)
    settle(shop, result_of_failure(due, DeliveryFailed("busy", retry_after=1), shop.clock.now()))
    assert rows(shop) == [("bot", "cancelled"), ("system", "pending")]
    shop.clock.move(60)
    shop.deliver()
    assert len(shop.sent_to("alice")) == 1
    assert "人工" in shop.sent_to("alice")[0] or "同事" in shop.sent_to("alice")[0]


def test_the_pieces_of_a_long_reply_are_sent_one_after_the_other(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    case_id, anna = shop.waiting()[0].id, shop.agent("anna")
    shop.claims(anna, case_id)
    shop.run(shop.cases.reply(case_id, anna, AgentReply("one two three", ("one", "two", "three"), "draft")))
    shop.clock.move(21)  # the response that opened the case holds up nobody any more
    leaving = []
    while due := taken(shop):
        leaving.append([one.message.text for one in due if one.message])
        settle(shop, *(Delivered(one.id, OutboxState.SENT) for one in due))
    assert leaving == [["one"], ["two"], ["three"]]


def test_a_waiting_answer_is_sent_before_and_with_the_next_one(shop: Shop) -> None:
    usual = [shop.hears("bob", RETURNS), shop.hears("bob", HOURS)]
    hears_too_late(shop, RETURNS)
    assert shop.hears("alice", HOURS) == f"{usual[0]}\n\n{usual[1]}"
    assert shop.sent_to("alice") == []


def test_an_answer_does_not_overtake_one_that_is_being_sent(shop: Shop) -> None:
    usual = shop.hears("bob", HOURS)
    hears_too_late(shop, RETURNS)
    (due,) = taken(shop)
    assert shop.hears("alice", HOURS) is None
    assert shop.sent_to("alice") == []
    settle(shop, Delivered(due.id, OutboxState.SENT))
    shop.deliver()
    assert shop.sent_to("alice") == [usual]


def test_a_repeat_during_the_commit_of_an_answer_gets_the_same_answer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = shop.yingda.journey

    async def story() -> list[bytes | DeadlinePassed | None]:
        written, begun = asyncio.Event(), asyncio.Event()
        write = SqlTurns.commit_one

        async def slowly(turns: SqlTurns, turn: TurnCommit) -> Committed:
            begun.set()
            await written.wait()
            return await write(turns, turn)

        monkeypatch.setattr(SqlTurns, "commit_one", slowly)
        until = asyncio.get_running_loop().time() + 4
        inbound = asks(RETURNS)
        first = asyncio.create_task(journey.handle(inbound, PendingResponse(_rendered, until)))
        await begun.wait()
        again = asyncio.create_task(journey.handle(inbound, PendingResponse(_rendered, until)))
        await asyncio.sleep(0.2)
        written.set()
        return list(await asyncio.gather(first, again))

    first, again = shop.run(story())
    assert isinstance(first, bytes)
    assert again == first


def _rendered(reply: Outbound) -> bytes:
    return reply.text.encode()


def test_a_stopping_process_finishes_the_send_it_has_begun(shop: Shop) -> None:
    hears_too_late(shop, RETURNS)

    async def story() -> None:
        begun, send = asyncio.Event(), shop.tea.send

        async def slowly(message: Outbound) -> Sent:
            begun.set()
            await asyncio.sleep(0.3)
            return await send(message)

        shop.tea.send = slowly  # type: ignore[method-assign]
        delivering = asyncio.create_task(shop.yingda.delivery.run())
        await begun.wait()
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)

    shop.run(story())
    assert rows(shop) == [("bot", "sent")]


def test_all_messages_of_a_dead_process_are_taken_up_at_once(shop: Shop) -> None:
    customers = [f"customer {number}" for number in range(150)]
    dead = SqlInbox(shop.database, "dead", {"tea": "fake"})
    shop.run(dead.accept([asks(RETURNS, customer) for customer in customers]))
    shop.clock.move(LEASE + 1)
    shop.sweep()
    assert all(len(shop.sent_to(customer)) == 1 for customer in customers)


def test_an_effect_whose_process_died_fails_and_is_handed_off(shop: Shop) -> None:
    shop.hears("alice", "我有多少积分")
    hears_too_late(shop, "13800000001")
    (effect,) = [due for due in taken(shop) if due.effect]
    shop.clock.move(61)
    shop.sweep()
    (line,) = shop.waiting()
    assert line.reason is Reason.FAILED
    assert shop.case(line.id).detail == f"{effect.effect.name if effect.effect else ''}:sender_died"


def test_a_send_in_doubt_is_recorded_once_even_if_two_processes_find_it(shop: Shop) -> None:
    hears_too_late(shop, RETURNS)
    (due,) = taken(shop)
    doubt = Delivered(due.id, OutboxState.IN_DOUBT, error="sender_died")
    settle(shop, doubt)
    settle(shop, doubt)
    told = select(events.c.type).where(events.c.type == "delivery_in_doubt")
    assert len(shop.run(shop.database.read(lambda connection: connection.execute(told).all()))) == 1


def test_a_message_that_fails_the_engine_becomes_a_case_and_others_are_answered(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine raises for whatever batch the poison is in, and every message is in a batch."""
    healthy = SemanticEngine.understand

    def poisoned(engine: SemanticEngine, utterances: Sequence[Utterance]) -> list[Understanding]:
        if any("poison" in one.text for one in utterances):
            raise ValueError
        return healthy(engine, utterances)

    monkeypatch.setattr(SemanticEngine, "understand", poisoned)
    monkeypatch.setattr(SemanticEngine, "look_up", lambda engine, said: None)

    async def all_at_once() -> list[str | DeadlinePassed | None]:
        inbounds = [asks("poison" if number == 7 else RETURNS, f"customer {number}") for number in range(40)]
        return list(await asyncio.gather(*(shop.answered(inbound) for inbound in inbounds)))

    replies = shop.run(all_at_once())
    (line,) = shop.waiting()
    assert line.reason is Reason.FAILED
    assert len({reply for number, reply in enumerate(replies) if number != 7}) == 1
    assert all(isinstance(reply, str) for reply in replies)
    assert replies[7] not in (replies[0], replies[8])


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_delivery_does_not_wait_for_a_locked_conversation(shop: Shop) -> None:
    """Else a claim, which holds the conversation and wants its pending rows, and delivery wait for each other."""
    hears_too_late(shop, RETURNS)
    with shop.database.engine.begin() as claiming:
        claiming.execute(select(conversations.c.id).with_for_update()).all()
        (due,) = shop.run(asyncio.wait_for(SqlOutbox(shop.database).take(10), 20))
    assert due.message is not None


@pytest.fixture
def scratch(database: Database) -> Database:
    """The database with two rows to be locked: `n` of each is 0."""
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE scratch (id int PRIMARY KEY, n int)"))
        connection.execute(text("INSERT INTO scratch VALUES (1, 0), (2, 0)"))
    return database


ADD = text("UPDATE scratch SET n = n + 1 WHERE id = :id")


def counts(database: Database) -> list[int]:
    with database.engine.begin() as connection:
        return list(connection.execute(text("SELECT n FROM scratch")).scalars())


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_two_deadlocked_transactions_both_succeed(scratch: Database) -> None:
    met = threading.Barrier(2)

    def crossing(first: int, second: int):  # type: ignore[no-untyped-def]
        tries = 0

        def work(connection: Connection) -> int:
            nonlocal tries
            tries += 1
            connection.execute(ADD, {"id": first})
            if tries == 1:
                met.wait(10)
            connection.execute(ADD, {"id": second})
            return tries

        return work

    async def both() -> list[int]:
        return list(await asyncio.gather(scratch.write(crossing(1, 2)), scratch.write(crossing(2, 1))))

    assert max(asyncio.run(both())) >= 2
    assert counts(scratch) == [2, 2]


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_transaction_that_is_aborted_for_a_deadlock_twice_succeeds(scratch: Database) -> None:
    met, tries = threading.Barrier(2), 0

    def cross_twice() -> None:
        for _ in range(2):
            with scratch.engine.begin() as connection:
                connection.execute(ADD, {"id": 2})
                met.wait(20)
                connection.execute(ADD, {"id": 1})

    def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        connection.execute(text("SET LOCAL deadlock_timeout = '50ms'"))  # so that this is the one that is aborted
        connection.execute(ADD, {"id": 1})
        if tries <= 2:
            met.wait(20)
        connection.execute(ADD, {"id": 2})

    other = threading.Thread(target=cross_twice)
    other.start()
    asyncio.run(scratch.write(work))
    other.join()
    assert counts(scratch) == [3, 3]
    assert tries == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_finding_due_messages_reads_no_finished_ones(database: Database) -> None:
    """It happens twice a second and after every turn; the outbox keeps everything that was ever said."""
    asked: list[tuple[str, object]] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        if "outbox" in statement:
            asked.append((statement, parameters))

    async def look() -> None:
        store = SqlOutbox(database)
        await store.take(10)
        await store.close_offers(20)
        await store.settle([Delivered("nobody", OutboxState.SENT)])

    asyncio.run(look())
    with database.engine.begin() as connection:
        plans = [
            step[3]
            for statement, parameters in list(asked)
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
        ]
    assert plans
    assert not [step for step in plans if step.startswith("SCAN outbox")]


def test_a_claim_between_decision_and_commit_cancels_the_bots_answer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn was decided while the bot owned the conversation, and is committed after the claim."""
    anna = shop.agent("anna")
    shop.hears("alice", PERSON)
    case_id = shop.waiting()[0].id
    shop.run(shop.cases.claim(case_id, anna))
    shop.run(shop.cases.hand_back(case_id, anna))

    async def story() -> str | DeadlinePassed | None:
        decide = DialogueManager.decide

        async def slowly(dialogue: DialogueManager, claimed: ClaimedMessage, limits: Limits) -> DecisionResult:
            result = await decide(dialogue, claimed, limits)
            if claimed.conversation.owner == "bot":
                await shop.database.write(lambda connection: connection.execute(_CLAIMED))
            return result

        monkeypatch.setattr(DialogueManager, "decide", slowly)
        return await shop.answered(asks(RETURNS))

    assert shop.run(story()) is None
    assert rows(shop) == [("system", "offered")]


def test_a_claim_between_decision_and_commit_cancels_what_the_bot_answers_in_the_queue(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.hears("alice", PERSON)
    case_id, anna = shop.waiting()[0].id, shop.agent("anna")
    decided = []

    async def story() -> str | DeadlinePassed | None:
        decide = DialogueManager.decide

        async def slowly(dialogue: DialogueManager, claimed: ClaimedMessage, limits: Limits) -> DecisionResult:
            result = await decide(dialogue, claimed, limits)
            decided.append(type(result.decision).__name__)
            if claimed.conversation.owner == "queue":
                await shop.cases.claim(case_id, anna)
            return result

        monkeypatch.setattr(DialogueManager, "decide", slowly)
        return await shop.answered(asks(RETURNS))

    assert shop.run(story()) is None
    assert decided == ["Answer", "Quiet"]
    assert rows(shop) == [("system", "offered")]


def test_what_the_bot_answered_in_the_queue_is_not_sent_after_a_claim(shop: Shop) -> None:
    shop.hears("alice", PERSON)
    shop.clock.move(21)
    hears_too_late(shop, RETURNS)
    shop.claims(shop.agent("anna"), shop.waiting()[0].id)
    shop.deliver()
    assert shop.sent_to("alice") == []
    assert ("bot", "cancelled") in rows(shop)


def test_a_prompt_that_is_due_when_an_agent_claims_says_nothing(shop: Shop) -> None:
    """A piece of a question was written, and a person called, before the bot asked for the rest."""
    shop.hears("alice", "上周买的龙井")
    shop.clock.move(61)
    shop.hears("alice", PERSON)
    shop.claims(shop.agent("anna"), shop.waiting()[0].id)
    shop.sweep()
    shop.clock.move(61)
    shop.sweep()
    assert shop.sent_to("alice") == []


_CLAIMED = update(conversations).values(owner="agent", agent="anna", version=conversations.c.version + 1)

"""Inbox, turns and outbox on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from support.builders import answering
from support.fast_setup import QUICK
from support.services import MovableClock

from bot.domain.cases import Role
from bot.domain.decisions import Effect, Trace
from bot.domain.messages import Author, Inbound, Kind, OutboxState, Owner, Reason
from bot.domain.turns import Accepted, ClaimedMessage, Delivered, Event, NewCase, Reply, TurnCommit
from bot.stores.sql.cases import SqlCases
from bot.stores.sql.database import Database
from bot.stores.sql.inbox import LEASE, SqlInbox
from bot.stores.sql.outbox import SqlOutbox
from bot.stores.sql.staff import SqlStaff
from bot.stores.sql.turns import SqlTurns

CHANNELS = {"tea": "fake", "shop": "fake"}
TRACE = Trace(1, "en", (), "Answer")


def intake(database: Database, holder: str = "one") -> SqlInbox:
    return SqlInbox(database, holder, CHANNELS)


def turns(database: Database, holder: str = "one") -> SqlTurns:
    return SqlTurns(database, holder)


def says(handle: str, text: str, key: str, *, thread: str = "", kind: Kind = Kind.TEXT) -> Inbound:
    return Inbound("tea", handle, key, kind, text, thread=thread)


def accept(database: Database, *inbounds: Inbound, holder: str = "one") -> list[Accepted]:
    return asyncio.run(intake(database, holder).accept(inbounds))


def work_of(accepted: Accepted) -> ClaimedMessage:
    assert accepted.claimed is not None
    return accepted.claimed


def handing_off(work: ClaimedMessage) -> TurnCommit:
    return answering(
        work,
        replies=(Reply("a person comes", Author.SYSTEM),),
        owner=Owner.QUEUE,
        case=NewCase(Reason.ASKED),
        events=(Event("handed_off", "bot", 1),),
    )


def commit(database: Database, *commits: TurnCommit, holder: str = "one"):  # type: ignore[no-untyped-def]
    return asyncio.run(turns(database, holder).commit(commits))


def deliver(database: Database) -> list[str]:
    """Take and settle everything that is due; the texts in the order in which they went out."""
    outbox = SqlOutbox(database)
    texts = []
    while taken := asyncio.run(outbox.take(10)):
        texts += [due.message.text for due in taken if due.message]
        asyncio.run(outbox.settle([Delivered(due.id, OutboxState.SENT) for due in taken]))
    return texts


def test_a_message_is_accepted_once_and_its_repeats_are_counted(database: Database) -> None:
    first = accept(database, says("alice", "hi", "m1"))[0]
    again = accept(database, says("alice", "hi", "m1"))[0]
    assert work_of(first).message.text == "hi"
    assert (again.message_id, again.attempt, again.claimed) == (first.message_id, 2, None)


def test_a_repeat_inside_one_batch_is_a_repeat(database: Database) -> None:
    first, again = accept(database, says("alice", "hi", "m1"), says("alice", "hi", "m1"))
    assert first.lease_held
    assert (again.message_id, again.conversation_id, again.attempt) == (first.message_id, first.conversation_id, 2)


def test_messages_of_a_conversation_are_numbered_in_order_of_acceptance_and_one_holds_the_lease(
    database: Database,
) -> None:
    one, two, other = accept(database, says("alice", "1", "a"), says("alice", "2", "b"), says("bob", "1", "c"))
    assert (one.lease_held, two.lease_held, other.lease_held) == (True, False, True)
    assert work_of(one).message.seq == 1
    won = commit(database, answering(work_of(one)))[0]
    assert won.won
    assert won.next is not None
    assert (won.next.message.text, won.next.message.seq) == ("2", 2)
    assert commit(database, answering(won.next))[0].next is None


def test_another_process_leaves_the_message_to_the_holder_of_the_lease(database: Database) -> None:
    held = accept(database, says("alice", "1", "a"))[0]
    assert accept(database, says("alice", "2", "b"), holder="two")[0].lease_held is False
    following = commit(database, answering(work_of(held)))[0].next
    assert following is not None
    assert following.message.text == "2"


def test_a_dead_holders_messages_are_taken_up_oldest_first(database: Database, clock: MovableClock) -> None:
    accept(database, says("alice", "1", "a"), says("alice", "2", "b"), holder="dead")
    assert asyncio.run(intake(database).claim_abandoned(10)) == []
    clock.move(LEASE + 1)
    ids = asyncio.run(intake(database).claim_abandoned(10))
    work = asyncio.run(turns(database).next(ids[0]))
    assert work is not None
    assert work.message.text == "1"
    assert asyncio.run(intake(database, "other").claim_abandoned(10)) == []


def test_a_new_message_to_a_dead_holders_conversation_begins_with_the_oldest(
    database: Database, clock: MovableClock
) -> None:
    accept(database, says("alice", "1", "a"), holder="dead")
    clock.move(LEASE + 1)
    later = accept(database, says("alice", "2", "b"))[0]
    assert later.lease_held
    assert later.claimed is None
    work = asyncio.run(turns(database).next(later.conversation_id))
    assert work is not None
    assert work.message.text == "1"


def test_a_turn_on_an_old_version_is_not_written_and_gets_the_current_conversation(database: Database) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    stale = replace(work.conversation, version=7)
    lost = commit(database, replace(answering(work), conversation=stale))[0]
    assert not lost.won
    assert lost.next is not None
    assert lost.next.conversation.version == 0
    assert commit(database, answering(lost.next))[0].won
    assert deliver(database) == ["hello"]


def test_a_turn_is_committed_once(database: Database) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    assert commit(database, answering(work))[0].won
    assert commit(database, answering(work))[0].won is False
    assert deliver(database) == ["hello"]


def claim(database: Database, work: ClaimedMessage) -> None:
    """An agent claims the case of the conversation."""
    assert work.conversation.case_id is not None
    anna = asyncio.run(SqlStaff(database, 12, QUICK).add("anna", "Anna", Role.AGENT, "a long password"))
    asyncio.run(SqlCases(database).claim(work.conversation.case_id, anna))


def test_the_bot_writes_while_a_case_waits_and_the_case_stays(database: Database) -> None:
    first, _ = accept(database, says("alice", "1", "a"), says("alice", "2", "b"))
    following = commit(database, handing_off(work_of(first)))[0].next
    assert following is not None
    assert following.conversation.owner is Owner.QUEUE
    assert commit(database, answering(following, owner=Owner.QUEUE))[0].won
    (later,) = accept(database, says("alice", "3", "c"))
    talk = work_of(later).conversation
    assert (talk.owner, talk.case_id) == (Owner.QUEUE, following.conversation.case_id)
    assert deliver(database) == ["a person comes", "hello"]


def test_the_bot_cannot_write_once_an_agent_has_claimed_the_case(database: Database) -> None:
    first, _ = accept(database, says("alice", "1", "a"), says("alice", "2", "b"))
    following = commit(database, handing_off(work_of(first)))[0].next
    assert following is not None
    claim(database, following)
    late = commit(database, answering(following, owner=Owner.QUEUE))[0]
    assert late.won is False
    assert late.next is not None
    assert late.next.conversation.owner is Owner.AGENT
    assert commit(database, answering(late.next, owner=Owner.QUEUE))[0].won is False
    quiet = answering(late.next, replies=(), owner=Owner.AGENT, by_bot=False)
    assert commit(database, quiet)[0].won
    assert deliver(database) == ["a person comes"]


def test_the_bot_cannot_write_in_a_conversation_that_joins_a_claimed_case(database: Database) -> None:
    """The case was waiting when the turn was decided."""
    first, _ = accept(database, says("alice", "1", "a"), says("alice", "2", "b"))
    following = commit(database, handing_off(work_of(first)))[0].next
    assert following is not None
    case = following.conversation.case_id
    other = work_of(accept(database, says("bob", "1", "c"))[0])
    claim(database, following)
    assert commit(database, answering(other, owner=Owner.QUEUE, joins_case=case))[0].won is False
    quiet = answering(other, replies=(), owner=Owner.QUEUE, by_bot=False, joins_case=case)
    assert commit(database, quiet)[0].won
    assert deliver(database) == ["a person comes"]


def test_an_accounts_limit_of_due_messages_does_not_hold_up_other_accounts(
    database: Database,
) -> None:
    for account in ("tea", "shop"):
        for number in range(5):
            said = Inbound(account, f"alice {number}", f"{account} {number}", Kind.TEXT, "a")
            commit(database, answering(work_of(accept(database, said)[0]), account))
    outbox = SqlOutbox(database)

    def taken(limit: int, room: dict[str, int]) -> list[str]:
        return [due.conversation.identity.account for due in asyncio.run(outbox.take(limit, room))]

    assert taken(3, {"tea": 2, "nobody": 4}) == ["shop"] * 3 + ["tea"] * 2
    assert taken(0, {"tea": 0}) == []
    assert taken(0, {"tea": 1}) == ["tea"]
    assert sorted(taken(10, {"tea": 10})) == ["shop"] * 2 + ["tea"] * 2
    assert taken(10, {}) == []


def test_one_case_is_opened_for_a_customer_however_often_it_is_handed_off(database: Database) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    assert commit(database, handing_off(work))[0].won
    assert asyncio.run(turns(database).queue(0, 0.0)).place == 2
    assert commit(database, handing_off(work))[0].won is False
    assert asyncio.run(turns(database).queue(0, 0.0)).place == 2


def test_replies_of_a_conversation_go_out_one_after_the_other(database: Database) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(work, replies=(Reply("one"), Reply("two"), Reply("three"))))
    outbox = SqlOutbox(database)
    first = asyncio.run(outbox.take(10))
    assert [due.message.text for due in first if due.message] == ["one"]
    assert asyncio.run(outbox.take(10)) == []
    asyncio.run(outbox.settle([Delivered(first[0].id, OutboxState.FAILED, error="x")]))
    assert deliver(database) == ["two", "three"]


def test_an_offered_reply_is_kept_for_repeats_and_closed_without_one(database: Database, clock: MovableClock) -> None:
    accepted = accept(database, says("alice", "1", "a"))[0]
    offered = Reply("hello", state=OutboxState.OFFERED)
    commit(database, answering(work_of(accepted), replies=(offered,), body=b"<xml/>"))
    store = intake(database)
    replied = asyncio.run(store.find_reply("tea", "a"))
    assert replied is not None
    assert (replied.state, replied.body) == (OutboxState.OFFERED, b"<xml/>")
    clock.move(15)
    asyncio.run(store.extend_offer(replied.id))
    asyncio.run(store.record_written([accepted.message_id]))
    clock.move(15)
    assert asyncio.run(SqlOutbox(database).close_offers(20)) == 0
    clock.move(10)
    assert asyncio.run(SqlOutbox(database).close_offers(20)) == 1
    closed = asyncio.run(store.find_reply("tea", "a"))
    assert closed is not None
    assert closed.state is OutboxState.SENT


def test_reading_a_reply_changes_nothing_and_serving_it_again_resets_written(
    database: Database, clock: MovableClock
) -> None:
    store, outcomes = intake(database), []
    for again in (False, True):
        accepted = accept(database, says("alice", f"{again}", f"{again}"))[0]
        commit(database, answering(work_of(accepted), replies=(Reply("a", state=OutboxState.OFFERED),), body=b"x"))
        asyncio.run(store.record_written([accepted.message_id]))
        looked = asyncio.run(store.find_reply("tea", f"{again}"))
        assert looked is not None
        if again:
            asyncio.run(store.extend_offer(looked.id))
        clock.move(21)
        asyncio.run(SqlOutbox(database).close_offers(20))
        closed = asyncio.run(store.find_reply("tea", f"{again}"))
        outcomes.append(closed and closed.state)
    assert outcomes == [OutboxState.SENT, OutboxState.IN_DOUBT]


def test_an_offered_reply_that_was_never_written_is_in_doubt(database: Database, clock: MovableClock) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(work, replies=(Reply("hello", state=OutboxState.OFFERED),), body=b"x"))
    clock.move(21)
    asyncio.run(SqlOutbox(database).close_offers(20))
    replied = asyncio.run(intake(database).find_reply("tea", "a"))
    assert replied is not None
    assert replied.state is OutboxState.IN_DOUBT
    assert deliver(database) == []


def test_a_waiting_reply_is_fetched_by_a_later_turn_or_offered_to_a_repeat_but_not_both(database: Database) -> None:
    first = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(first, replies=(Reply("late answer", state=OutboxState.WAITING),)))
    second = work_of(accept(database, says("alice", "2", "b"))[0])
    assert second.conversation.waiting == 1
    parcels = asyncio.run(turns(database).waiting_replies(second.conversation.id))
    fetching = answering(second, replies=(), fetched=(parcels[0].id,), body=b"late answer")
    assert asyncio.run(intake(database).offer(parcels[0].id, b"bytes"))
    lost = commit(database, fetching)[0]
    assert not lost.won
    assert lost.next is not None
    assert lost.next.conversation.waiting == 0


def test_a_fetched_reply_keeps_the_bytes_of_its_response(database: Database) -> None:
    first = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(first, replies=(Reply("late", state=OutboxState.WAITING),)))
    second = work_of(accept(database, says("alice", "2", "b"))[0])
    parcels = asyncio.run(turns(database).waiting_replies(second.conversation.id))
    replies = (Reply("new", state=OutboxState.OFFERED),)
    assert commit(database, answering(second, replies=replies, fetched=(parcels[0].id,), body=b"both"))[0].won
    replied = asyncio.run(intake(database).find_reply("tea", "b"))
    assert replied is not None
    assert replied.body == b"both"
    assert asyncio.run(turns(database).waiting_replies(second.conversation.id)) == []


def answered(database: Database, handle: str, key: str, text: str) -> None:
    """A message of the customer, and its reply in the outbox."""
    commit(database, answering(work_of(accept(database, says(handle, "?", key))[0]), replies=(Reply(text),)))


def refuse(database: Database, *ids: str) -> None:
    """The platform sends none of these until the customer writes again."""
    refused = [Delivered(id_, OutboxState.WAITING, error="window_used_up") for id_ in ids]
    asyncio.run(SqlOutbox(database).settle(refused))


def test_replies_behind_one_that_waits_for_the_customer_wait_too(database: Database, clock: MovableClock) -> None:
    for key, text in (("a", "first"), ("b", "second")):
        answered(database, "alice", key, text)
    (due,) = asyncio.run(SqlOutbox(database).take(10))
    refuse(database, due.id)
    clock.move(1)
    third = work_of(accept(database, says("alice", "3", "c"))[0])
    assert third.conversation.waiting == 2
    assert deliver(database) == []
    commit(database, answering(third, replies=(Reply("third"),), releases_waiting=True))
    assert deliver(database) == ["first", "second", "third"]


def test_a_reply_refused_while_the_customer_writes_is_tried_again_before_later_ones(
    database: Database, clock: MovableClock
) -> None:
    answered(database, "alice", "a", "first")
    (due,) = asyncio.run(SqlOutbox(database).take(10))
    clock.move(1)
    answered(database, "alice", "b", "second")  # the platform counts anew from here on
    refuse(database, due.id)
    assert deliver(database) == ["first", "second"]


def test_a_turn_decided_before_an_earlier_reply_began_to_wait_is_decided_again(
    database: Database, clock: MovableClock
) -> None:
    answered(database, "alice", "a", "first")
    (due,) = asyncio.run(SqlOutbox(database).take(10))
    work = work_of(accept(database, says("alice", "2", "b"))[0])
    refuse(database, due.id)  # taken at the moment of the second message: nothing says that the window is open again
    clock.move(1)
    (lost,) = commit(database, answering(work, replies=(Reply("second"),)))
    assert (lost.won, lost.next and lost.next.conversation.waiting) == (False, 1)


def test_an_effect_is_taken_once_and_does_not_wait_for_replies(database: Database) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(work, effects=(Effect("send_link_code", {"key": "123"}),)))
    taken = asyncio.run(SqlOutbox(database).take(10))
    assert {due.effect.name for due in taken if due.effect} == {"send_link_code"}
    assert {due.message.text for due in taken if due.message} == {"hello"}
    assert asyncio.run(SqlOutbox(database).take(10)) == []


def test_a_message_of_a_dead_sender_is_in_doubt(database: Database, clock: MovableClock) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(work))
    asyncio.run(SqlOutbox(database).take(10))
    clock.move(61)
    (orphan,) = asyncio.run(SqlOutbox(database).orphans(60))
    asyncio.run(SqlOutbox(database).settle([Delivered(orphan.id, OutboxState.IN_DOUBT)]))
    assert asyncio.run(SqlOutbox(database).orphans(60)) == []
    assert deliver(database) == []


def test_private_replies_of_a_public_turn_go_to_the_private_conversation(database: Database) -> None:
    work = work_of(accept(database, says("alice", "my points?", "a", thread="post-1"))[0])
    replies = (Reply("see your messages"), Reply("you have 5 points", same_thread=False))
    commit(database, answering(work, replies=replies))
    taken = asyncio.run(SqlOutbox(database).take(10))
    assert {(due.message.thread, due.message.text) for due in taken if due.message} == {
        ("post-1", "see your messages"),
        ("", "you have 5 points"),
    }


def test_a_second_conversation_of_the_customer_joins_the_open_case(database: Database) -> None:
    commit(database, handing_off(work_of(accept(database, says("alice", "1", "a"))[0])))
    other = work_of(accept(database, Inbound("tea", "alice", "b", Kind.TEXT, "2", thread="post"))[0])
    assert other.conversation.customer_case is not None
    joining = answering(other, replies=(), by_bot=False, owner=Owner.QUEUE, joins_case=other.conversation.customer_case)
    assert commit(database, joining)[0].won
    again = work_of(accept(database, Inbound("tea", "alice", "c", Kind.TEXT, "3", thread="post"))[0])
    assert again.conversation.owner is Owner.QUEUE
    assert again.conversation.case_id == other.conversation.customer_case

"""What the record promises to those who bring messages in, take turns and deliver: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ground import MovableClock

from bot.decisions import Effect, Trace
from bot.messages import Author, Inbound, Kind, OutboxState, Owner, Reason
from bot.stores.record.commits import RecordTurns
from bot.stores.record.database import Database
from bot.stores.record.intake import LEASE, RecordIntake
from bot.stores.record.outbox import RecordOutbox
from bot.turns import Accepted, Delivered, Happened, NewCase, Reply, TurnCommit, Work

CHANNELS = {"tea": "rehearsal", "shop": "rehearsal"}
TRACE = Trace(1, "en", (), "Answer")


def intake(database: Database, holder: str = "one") -> RecordIntake:
    return RecordIntake(database, holder, CHANNELS)


def turns(database: Database, holder: str = "one") -> RecordTurns:
    return RecordTurns(database, holder)


def says(handle: str, text: str, key: str, *, thread: str = "", kind: Kind = Kind.TEXT) -> Inbound:
    return Inbound("tea", handle, key, kind, text, thread=thread)


def accept(database: Database, *inbounds: Inbound, holder: str = "one") -> list[Accepted]:
    return asyncio.run(intake(database, holder).accept(inbounds))


def work_of(accepted: Accepted) -> Work:
    assert accepted.work is not None
    return accepted.work


def answering(work: Work, text: str = "hello", **changes: object) -> TurnCommit:
    commit = TurnCommit(
        work.conversation,
        work.message,
        owner=Owner.BOT,
        by_bot=True,
        trace=TRACE,
        replies=(Reply(text),),
        events=(Happened("answered", "bot", 1),),
    )
    return replace(commit, **changes)  # type: ignore[arg-type]


def handing_off(work: Work) -> TurnCommit:
    return answering(
        work,
        replies=(Reply("a person comes", Author.SYSTEM),),
        owner=Owner.QUEUE,
        case=NewCase(Reason.ASKED),
        events=(Happened("handed_off", "bot", 1),),
    )


def commit(database: Database, *commits: TurnCommit, holder: str = "one"):  # type: ignore[no-untyped-def]
    return asyncio.run(turns(database, holder).commit(commits))


def deliver(database: Database) -> list[str]:
    """Take and settle everything that is due; the texts in the order in which they went out."""
    outbox = RecordOutbox(database)
    texts = []
    while taken := asyncio.run(outbox.take(10)):
        texts += [due.message.text for due in taken if due.message]
        asyncio.run(outbox.settle([Delivered(due.id, OutboxState.SENT) for due in taken]))
    return texts


def test_a_message_is_accepted_once_and_its_repeats_are_counted(database: Database) -> None:
    first = accept(database, says("alice", "hi", "m1"))[0]
    again = accept(database, says("alice", "hi", "m1"))[0]
    assert work_of(first).message.text == "hi"
    assert (again.message_id, again.attempt, again.work) == (first.message_id, 2, None)


def test_a_repeat_inside_one_batch_is_a_repeat(database: Database) -> None:
    first, again = accept(database, says("alice", "hi", "m1"), says("alice", "hi", "m1"))
    assert first.held
    assert (again.message_id, again.conversation_id, again.attempt) == (first.message_id, first.conversation_id, 2)


def test_messages_of_a_conversation_are_numbered_in_order_of_acceptance_and_one_holds_the_lease(
    database: Database,
) -> None:
    one, two, other = accept(database, says("alice", "1", "a"), says("alice", "2", "b"), says("bob", "1", "c"))
    assert (one.held, two.held, other.held) == (True, False, True)
    assert work_of(one).message.seq == 1
    won = commit(database, answering(work_of(one)))[0]
    assert won.won
    assert won.next is not None
    assert (won.next.message.text, won.next.message.seq) == ("2", 2)
    assert commit(database, answering(won.next))[0].next is None


def test_another_process_leaves_the_message_to_the_holder_of_the_lease(database: Database) -> None:
    held = accept(database, says("alice", "1", "a"))[0]
    assert accept(database, says("alice", "2", "b"), holder="two")[0].held is False
    following = commit(database, answering(work_of(held)))[0].next
    assert following is not None
    assert following.message.text == "2"


def test_a_dead_holders_messages_are_taken_up_oldest_first(database: Database, clock: MovableClock) -> None:
    accept(database, says("alice", "1", "a"), says("alice", "2", "b"), holder="dead")
    assert asyncio.run(intake(database).take_up(10)) == []
    clock.move(LEASE + 1)
    ids = asyncio.run(intake(database).take_up(10))
    work = asyncio.run(turns(database).next(ids[0]))
    assert work is not None
    assert work.message.text == "1"
    assert asyncio.run(intake(database, "other").take_up(10)) == []


def test_a_new_message_to_a_dead_holders_conversation_begins_with_the_oldest(
    database: Database, clock: MovableClock
) -> None:
    accept(database, says("alice", "1", "a"), holder="dead")
    clock.move(LEASE + 1)
    later = accept(database, says("alice", "2", "b"))[0]
    assert later.held
    assert later.work is None
    work = asyncio.run(turns(database).next(later.conversation_id))
    assert work is not None
    assert work.message.text == "1"


def test_a_turn_on_an_old_version_is_lost_and_told_what_is_true_now(database: Database) -> None:
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


def test_the_bot_cannot_write_where_a_person_owns(database: Database) -> None:
    first, _ = accept(database, says("alice", "1", "a"), says("alice", "2", "b"))
    following = commit(database, handing_off(work_of(first)))[0].next
    assert following is not None
    assert following.conversation.owner is Owner.QUEUE
    assert commit(database, answering(following))[0].won is False
    quiet = answering(following, replies=(), owner=Owner.QUEUE, by_bot=False)
    assert commit(database, quiet)[0].won
    assert deliver(database) == ["a person comes"]


def test_of_an_account_that_takes_few_at_once_no_more_are_taken_and_others_do_not_wait_for_it(
    database: Database,
) -> None:
    for account in ("tea", "shop"):
        for number in range(5):
            said = Inbound(account, f"alice {number}", f"{account} {number}", Kind.TEXT, "a")
            commit(database, answering(work_of(accept(database, said)[0]), account))
    outbox = RecordOutbox(database)

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
    assert asyncio.run(turns(database).queue_length()) == 1
    assert commit(database, handing_off(work))[0].won is False
    assert asyncio.run(turns(database).queue_length()) == 1


def test_replies_of_a_conversation_go_out_one_after_the_other(database: Database) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(work, replies=(Reply("one"), Reply("two"), Reply("three"))))
    outbox = RecordOutbox(database)
    first = asyncio.run(outbox.take(10))
    assert [due.message.text for due in first if due.message] == ["one"]
    assert asyncio.run(outbox.take(10)) == []
    asyncio.run(outbox.settle([Delivered(first[0].id, OutboxState.FAILED, error="x")]))
    assert deliver(database) == ["two", "three"]


def test_an_offered_reply_is_kept_for_repeats_and_closed_when_nobody_asks_again(
    database: Database, clock: MovableClock
) -> None:
    accepted = accept(database, says("alice", "1", "a"))[0]
    offered = Reply("hello", state=OutboxState.OFFERED)
    commit(database, answering(work_of(accepted), replies=(offered,), body=b"<xml/>"))
    store = intake(database)
    replied = asyncio.run(store.replied("tea", "a"))
    assert replied is not None
    assert (replied.state, replied.body) == (OutboxState.OFFERED, b"<xml/>")
    clock.move(15)
    asyncio.run(store.serve_again(replied.id))
    asyncio.run(store.written([accepted.message_id]))
    clock.move(15)
    assert asyncio.run(RecordOutbox(database).close_offers(20)) == 0
    clock.move(10)
    assert asyncio.run(RecordOutbox(database).close_offers(20)) == 1
    closed = asyncio.run(store.replied("tea", "a"))
    assert closed is not None
    assert closed.state is OutboxState.SENT


def test_looking_for_a_reply_leaves_it_as_it_was_and_serving_it_again_is_to_be_noted_again(
    database: Database, clock: MovableClock
) -> None:
    store, fates = intake(database), []
    for again in (False, True):
        accepted = accept(database, says("alice", f"{again}", f"{again}"))[0]
        commit(database, answering(work_of(accepted), replies=(Reply("a", state=OutboxState.OFFERED),), body=b"x"))
        asyncio.run(store.written([accepted.message_id]))
        looked = asyncio.run(store.replied("tea", f"{again}"))
        assert looked is not None
        if again:
            asyncio.run(store.serve_again(looked.id))
        clock.move(21)
        asyncio.run(RecordOutbox(database).close_offers(20))
        closed = asyncio.run(store.replied("tea", f"{again}"))
        fates.append(closed and closed.state)
    assert fates == [OutboxState.SENT, OutboxState.IN_DOUBT]


def test_an_offered_reply_that_was_never_written_is_in_doubt(database: Database, clock: MovableClock) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(work, replies=(Reply("hello", state=OutboxState.OFFERED),), body=b"x"))
    clock.move(21)
    asyncio.run(RecordOutbox(database).close_offers(20))
    replied = asyncio.run(intake(database).replied("tea", "a"))
    assert replied is not None
    assert replied.state is OutboxState.IN_DOUBT
    assert deliver(database) == []


def test_a_waiting_reply_is_fetched_by_a_later_turn_or_offered_to_a_repeat_but_not_both(database: Database) -> None:
    first = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(first, replies=(Reply("late answer", state=OutboxState.WAITING),)))
    second = work_of(accept(database, says("alice", "2", "b"))[0])
    assert second.conversation.waiting == 1
    parcels = asyncio.run(turns(database).waiting(second.conversation.id))
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
    parcels = asyncio.run(turns(database).waiting(second.conversation.id))
    replies = (Reply("new", state=OutboxState.OFFERED),)
    assert commit(database, answering(second, replies=replies, fetched=(parcels[0].id,), body=b"both"))[0].won
    replied = asyncio.run(intake(database).replied("tea", "b"))
    assert replied is not None
    assert replied.body == b"both"
    assert asyncio.run(turns(database).waiting(second.conversation.id)) == []


def test_an_effect_is_taken_once_and_does_not_wait_for_replies(database: Database) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(work, effects=(Effect("send_link_code", {"key": "123"}),)))
    taken = asyncio.run(RecordOutbox(database).take(10))
    assert {due.effect.name for due in taken if due.effect} == {"send_link_code"}
    assert {due.message.text for due in taken if due.message} == {"hello"}
    assert asyncio.run(RecordOutbox(database).take(10)) == []


def test_a_sender_that_died_leaves_its_message_in_doubt(database: Database, clock: MovableClock) -> None:
    work = work_of(accept(database, says("alice", "1", "a"))[0])
    commit(database, answering(work))
    asyncio.run(RecordOutbox(database).take(10))
    clock.move(61)
    (orphan,) = asyncio.run(RecordOutbox(database).orphans(60))
    asyncio.run(RecordOutbox(database).settle([Delivered(orphan.id, OutboxState.IN_DOUBT)]))
    assert asyncio.run(RecordOutbox(database).orphans(60)) == []
    assert deliver(database) == []


def test_private_words_of_a_public_turn_go_to_the_private_talk(database: Database) -> None:
    work = work_of(accept(database, says("alice", "my points?", "a", thread="post-1"))[0])
    replies = (Reply("see your messages"), Reply("you have 5 points", here=False))
    commit(database, answering(work, replies=replies))
    taken = asyncio.run(RecordOutbox(database).take(10))
    assert {(due.message.thread, due.message.text) for due in taken if due.message} == {
        ("post-1", "see your messages"),
        ("", "you have 5 points"),
    }


def test_a_second_conversation_of_the_customer_joins_the_open_case(database: Database) -> None:
    commit(database, handing_off(work_of(accept(database, says("alice", "1", "a"))[0])))
    other = work_of(accept(database, Inbound("tea", "alice", "b", Kind.TEXT, "2", thread="post"))[0])
    assert other.conversation.customer_case is not None
    joining = answering(other, replies=(), by_bot=False, owner=Owner.QUEUE, joins=other.conversation.customer_case)
    assert commit(database, joining)[0].won
    again = work_of(accept(database, Inbound("tea", "alice", "c", Kind.TEXT, "3", thread="post"))[0])
    assert again.conversation.owner is Owner.QUEUE
    assert again.conversation.case_id == other.conversation.customer_case

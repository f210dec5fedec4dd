"""A message's life: accepted, understood, decided, committed, answered. Read this and you know the product."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.batches import Together
from bot.composing import Composed, Way, compose, needs_system_words, public_texts
from bot.decisions import HandOff
from bot.errors import Unavailable
from bot.intents.mind import Decided, Mind
from bot.messages import NOWHERE, Cursor, Inbound, Instant, Limits, Outbound, OutboxState, Polled
from bot.offers import LATE, Late, Notes, Offer, Written
from bot.ports import Channel, Clock, Intake, Turns
from bot.repeats import Repeats
from bot.telemetry import count
from bot.turns import Accepted, Committed, Moved, TurnCommit, Work

log = logging.getLogger(__name__)
ACCEPTED_TOGETHER = 64
TRIES = 3
MOST_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Record:
    """The record as the journey needs it. notes: what it is about to know. lanes: how many transactions it can write at
    once."""

    intake: Intake
    turns: Turns
    notes: Notes
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the journey tells others: words of the desk, live pages, delivery."""

    desk_words: Callable[[Decided, int, Instant], str]
    tell_desk: Callable[[str], None]
    wake_delivery: Callable[[], None]


class Journey:
    """Takes messages in from any channel and carries each to its end, one turn at a time in every conversation."""

    def __init__(
        self, record: Record, mind: Mind, channels: Mapping[str, Channel], around: Surroundings, clock: Clock
    ) -> None:
        self._record = record
        self._mind = mind
        self._channels = channels
        self._around = around
        self._clock = clock
        self._accept: Together[Inbound, Accepted] = Together(self._received, ACCEPTED_TOGETHER, record.lanes)
        self._commit: Together[TurnCommit, Committed] = Together(record.turns.commit, ACCEPTED_TOGETHER, record.lanes)
        self._offers: dict[str, Offer] = {}
        self.written = Written(record.intake.written, record.notes)
        self._repeats = Repeats(record.intake, record.turns, channels, mind, clock)
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, inbound: Inbound, offer: Offer) -> bytes | Late | None:
        """Accept a message and wait for its reply: bytes, None to acknowledge, LATE to leave the request unanswered.

        Raises Unavailable if it could not be accepted: then nothing may be acknowledged.
        """
        accepted = await self._accept(inbound)
        count("repeated" if accepted.attempt > 1 else "accepted", account=inbound.account)
        self._offers[accepted.message_id] = offer
        offer.message_id = accepted.message_id
        try:
            self._set_out(accepted, inbound, offer)
            reply = await offer.outcome()
            return reply if reply is not LATE else await self._repeats.too_late(inbound, accepted, offer)
        finally:
            if self._offers.get(accepted.message_id) is offer:
                del self._offers[accepted.message_id]

    async def hear(self, inbound: Inbound) -> None:
        """Accept a message that no request waits for."""
        self._go_on(await self._accept(inbound))

    async def hear_all(self, inbounds: Sequence[Inbound]) -> None:
        """Accept what one request brought, all or nothing and in its order. Raises Unavailable."""
        for part in _parts(inbounds):
            self._all_go_on(await self._record.intake.accept(part))

    async def take_in(self, cursor: Cursor, polled: Polled) -> None:
        """Accept what a poll brought; its cursor moves with the last of it. Raises Unavailable."""
        parts = _parts(polled.inbounds)
        for part in parts[:-1]:
            self._all_go_on(await self._record.intake.accept(part))
        moved = Moved(cursor, polled.value)
        self._all_go_on(await self._record.intake.accept(parts[-1] if parts else (), moved))

    def _all_go_on(self, several: Sequence[Accepted]) -> None:
        for accepted in several:
            self._go_on(accepted)

    def _go_on(self, accepted: Accepted) -> None:
        """Begin the turn of a message that no request waits for, if it is ours."""
        if not accepted.held:
            return
        if len(self._tasks) >= MOST_AT_ONCE:
            count("overloaded")  # accepted all the same: the sweeper will understand it later
            return
        self._spawn(self.converse(accepted.work) if accepted.work else self.resume(accepted.conversation_id))

    async def _received(self, inbounds: Sequence[Inbound]) -> list[Accepted]:
        return await self._record.intake.accept(inbounds)

    async def resume(self, conversation_id: str) -> None:
        """Go on with a conversation whose lease is ours."""
        try:
            work = await self._record.turns.next(conversation_id)
        except Unavailable:
            return  # as with a turn: the lease will run out
        if work is not None:
            await self.converse(work)

    async def converse(self, first: Work) -> None:
        """One turn after the other until no message waits. The outermost loop: whatever goes wrong, a person hears."""
        work: Work | None = first
        while work is not None:
            work = await self._safely(work)

    async def _safely(self, work: Work) -> Work | None:
        try:
            return await self.turn(work)
        except Unavailable:
            return None  # the record is away; the lease will run out and the sweeper go on
        except Exception as problem:
            log.exception("answering a message failed; it is handed to a person")
            return await self._give_up(work, problem)

    async def turn(self, work: Work) -> Work | None:
        """Understand, decide and commit one message; the conversation's next work. After three lost commits the
        sweeper goes on."""
        for _ in range(TRIES):
            decided = await self._mind.decide(work, self._clock.now())
            committed = await self._write(work, decided)
            if committed.won or committed.next is None:
                return committed.next
            work = committed.next
        return None

    async def finish(self, seconds: float) -> None:
        """Let the turns under way come to their end."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    def _set_out(self, accepted: Accepted, inbound: Inbound, offer: Offer) -> None:
        """Start the turn if it is ours; else watch for whoever does it, be it ourselves for an earlier request."""
        if len(self._tasks) >= MOST_AT_ONCE:
            count("overloaded")  # accepted all the same: the sweeper will understand it later
        elif accepted.work is not None:
            self._spawn(self.converse(accepted.work))
        elif accepted.held:
            self._spawn(self.resume(accepted.conversation_id))
        else:
            self._spawn(self._repeats.watch(inbound, accepted, offer))

    async def _write(self, work: Work, decided: Decided) -> Committed:
        """Commit the turn. Its reply travels in the open request if there is one, else by the outbox."""
        offer = self._offers.get(work.message.id)
        taken = offer is not None and offer.take()
        try:
            composed = await self._composed(work, decided, taken)
            commit = composed.commit
            if taken and offer is not None and composed.response is not None:
                commit = replace(commit, body=offer.render(_outbound(work, composed.response)))
            committed = await self._commit(commit)
        except BaseException:
            if taken and offer is not None:
                offer.give_back()
            raise
        if taken and offer is not None:
            offer.give(None if committed.queued else commit.body) if committed.won else offer.give_back()
        if committed.won:
            self._after(commit, decided, committed.queued)
        else:
            count("discarded")
        return committed

    async def _composed(self, work: Work, decided: Decided, taken: bool) -> Composed:
        conversation = work.conversation
        channel = self._channels.get(conversation.account)
        limits = channel.limits(conversation, self._clock.now()) if channel else NOWHERE
        earlier = taken and (conversation.waiting or work.ahead)
        parcels = await self._record.turns.waiting(conversation.id) if earlier else ()
        words = None
        if needs_system_words(work, decided):
            position = await self._record.turns.queue_length() + isinstance(decided.decision, HandOff)
            words = self._around.desk_words(decided, position, self._clock.now())
        posted = await self._posted(work, public_texts(work, decided, limits, words), limits)
        return compose(work, decided, Way(limits, taken, parcels, posted), words)

    async def _posted(self, work: Work, texts: Sequence[str], limits: Limits) -> Collection[str]:
        """Which of the texts that may go into a public thread the account has said in public lately."""
        if not texts or not limits.manners.same_after:
            return ()
        return await self._record.turns.posted(work.conversation.account, texts, limits.manners.same_after)

    def _after(self, commit: TurnCommit, decided: Decided, queued: bool) -> None:
        """Tell those who wait for news."""
        count("turns", decision=type(decided.decision).__name__)
        if queued or commit.effects or any(reply.state is OutboxState.PENDING for reply in commit.replies):
            self._around.wake_delivery()
        if commit.case or commit.joins or commit.conversation.case_id:
            self._around.tell_desk(commit.conversation.id)

    async def _give_up(self, work: Work, problem: Exception) -> Work | None:
        """A turn that fails alone becomes a case; if even that fails, the sweeper tries again later."""
        try:
            committed = await self._write(work, self._mind.give_up(work, type(problem).__name__))
        except Exception:
            log.exception("opening a case failed; it is tried again later")
            return None
        return committed.next

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _parts(inbounds: Sequence[Inbound]) -> list[Sequence[Inbound]]:
    """As many as are accepted in one transaction."""
    return [inbounds[at : at + ACCEPTED_TOGETHER] for at in range(0, len(inbounds), ACCEPTED_TOGETHER)]


def _outbound(work: Work, text: str) -> Outbound:
    conversation = work.conversation
    return Outbound("", conversation.account, conversation.identity.handle, conversation.thread, text)

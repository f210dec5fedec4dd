"""The outbox worker: sends each due row once, in the order of its conversation, and records what became of it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from bot.batching import Batcher
from bot.domain.decisions import Effect
from bot.domain.messages import MACHINES, Conversation, Inbound, Instant, Kind, OutboxState, Sent
from bot.domain.turns import Delivered, DueDelivery
from bot.errors import DeliveryFailed, Unavailable
from bot.ports.channels import Channel, Clock, LimitsConcurrency
from bot.ports.storage import Outbox
from bot.telemetry import count, pseudonym, timed

log = logging.getLogger(__name__)
AT_ONCE = 32  # rows in sending at a time
ATTEMPTS = 6  # of one row, after which it has failed
PAUSE = 0.5  # seconds between two queries of the outbox, unless something wakes the worker
LOG_EVERY = 60.0  # seconds between two log lines about the same reason to put messages off
DRAIN_SECONDS = 6.0  # for which a stopping process waits for its sends; a call to a platform takes at most 5


class EffectExecutor(Protocol):
    async def carry_out(self, effect: Effect, key: str, conversation: Conversation) -> None:
        """Carry out one kind of effect, once per `key`. Raises DeliveryFailed."""
        ...


class Delivery:
    """Sends rows of the outbox: as soon as `wake` is set, and twice a second."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Channel],  # by account name
        executors: Mapping[str, EffectExecutor],  # by the effect's name
        accept: Callable[[Inbound], Awaitable[object]],  # takes in an effect's outcome as a message to its skill
        clock: Clock,
        due: asyncio.Event,  # set when something is due now
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._executors = executors
        self._accept = accept
        self._clock = clock
        self._due = due
        self.wake = due.set
        self._settle: Batcher[Delivered, None] = Batcher(self._write, AT_ONCE)
        self._sending: dict[asyncio.Task[None], str] = {}  # account by task
        self._postponed = PostponedLog()
        self._limited = {
            name: one.max_concurrent_sends for name, one in channels.items() if isinstance(one, LimitsConcurrency)
        }

    async def run(self) -> None:
        """Deliver until cancelled, then wait for the sends that are running."""
        try:
            while True:
                for due in await self._take():
                    task = asyncio.create_task(self._deliver_and_settle(due))
                    self._sending[task] = due.conversation.identity.account
                    task.add_done_callback(self._sending_ended)
                await self._pause()
        finally:
            if self._sending:
                await asyncio.wait(self._sending, timeout=DRAIN_SECONDS)

    async def run_once(self) -> int:
        """Deliver what is due now, and the next rows of the same conversations. Returns how many rows that were."""
        done = 0
        while taken := await self._outbox.take(AT_ONCE):
            await self._outbox.settle([await self.deliver(due) for due in taken])
            done += len(taken)
        return done

    async def settle_abandoned(self, offered_age: float, sending_age: float) -> None:
        """Settle rows that have no result `offered_age` seconds after an offer, or `sending_age` after a send began.

        A row in sending may have arrived or not, so it becomes IN_DOUBT: only a person sends it again.
        """
        await self._outbox.close_offers(offered_age)
        orphans = await self._outbox.orphans(sending_age)
        settled = [Delivered(due.id, OutboxState.IN_DOUBT, error="sender_died") for due in orphans]
        for due, delivered in zip(orphans, settled, strict=True):
            if due.effect is not None:
                await self._accept(outcome_of(due, delivered))
        if settled:
            await self._outbox.settle(settled)

    async def deliver(self, due: DueDelivery) -> Delivered:
        """Send one row or carry out its effect. Returns the state to record; raises Unavailable."""
        try:
            sent = await self._send(due)
        except DeliveryFailed as failed:
            delivered = result_of_failure(due, failed, self._clock.now())
        else:
            delivered = Delivered(due.id, OutboxState.SENT, platform_id=sent.platform_id)
        count("deliveries", state=delivered.state.value)
        if delivered.error and delivered.attempted:
            _log_failure(due, delivered)
        elif delivered.error:
            self._postponed.add(due.conversation.identity.account, delivered.error, self._clock.now())
        if due.effect is not None and delivered.state is not OutboxState.PENDING:
            await self._accept(outcome_of(due, delivered))
        return delivered

    async def _send(self, due: DueDelivery) -> Sent:
        if due.effect is not None:
            await self._executors[due.effect.name].carry_out(due.effect, due.id, due.conversation)
            return Sent()
        assert due.message is not None  # noqa: S101 - a row is a message or an effect
        silenced = due.conversation.identity.silenced_at and not due.confirms_opt_out
        if silenced and due.message.author in MACHINES:
            raise DeliveryFailed("opted_out", permanent=True)
        channel = self._channels.get(due.message.account)
        if channel is None:
            raise DeliveryFailed("account_gone", permanent=True)
        limits = channel.limits(due.conversation, self._clock.now())
        if limits.left == 0:
            raise DeliveryFailed("window_used_up", permanent=True, awaits_customer=True)
        with timed("send", account=due.message.account):
            return await channel.send(due.message)

    async def _deliver_and_settle(self, due: DueDelivery) -> None:
        try:
            await self._settle(await self.deliver(due))
        except Unavailable:
            log.warning("the database cannot be reached; messages being sent will be marked as possibly not delivered")
        except Exception:
            log.exception("sending failed unexpectedly; the message will be marked as possibly not delivered")

    def _sending_ended(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        self._due.set()  # the next row of the same conversation may be sent now

    async def _take(self) -> list[DueDelivery]:
        """Rows that can be sent at once, and no more: if this process died, a row waiting here would be in doubt."""
        busy = Counter(self._sending.values())
        account_limits = {account: limit - busy[account] for account, limit in self._limited.items()}
        others = sum(busy.values()) - sum(busy[account] for account in account_limits)
        try:
            return await self._outbox.take(AT_ONCE - others, account_limits)
        except Unavailable:
            return []

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(PAUSE):
                await self._due.wait()
        except TimeoutError:
            return
        self._due.clear()

    async def _write(self, delivered: Sequence[Delivered]) -> list[None]:
        await self._outbox.settle(delivered)
        return [None] * len(delivered)


def result_of_failure(due: DueDelivery, failed: DeliveryFailed, now: Instant) -> Delivered:
    """What a failed send means for its row: try again later, wait until the customer writes, give up, or let a person
    decide."""
    if failed.ambiguous:  # it may have arrived, and a second message would be worse than none
        return Delivered(due.id, OutboxState.IN_DOUBT, error=failed.code)
    if failed.awaits_customer and due.message is not None and due.message.author in MACHINES:
        return Delivered(due.id, OutboxState.WAITING, error=failed.code)
    if failed.permanent or (failed.attempted and due.attempts >= ATTEMPTS):
        return Delivered(due.id, OutboxState.FAILED, error=failed.code)
    wait = max(failed.retry_after or 0.0, 2.0 ** min(due.attempts, ATTEMPTS))  # seconds: 2, 4, ... 64
    return Delivered(due.id, OutboxState.PENDING, error=failed.code, retry_at=now + wait, attempted=failed.attempted)


class PostponedLog:
    """Logs postponed messages, at most one line a minute for each account and code, with the number since the last.

    A limit or a halted account postpones everything that waits, many times: a line each would fill the log.
    """

    def __init__(self) -> None:
        self._logged_at: dict[tuple[str, str], Instant] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, account: str, code: str, now: Instant) -> None:
        which = account, code.partition(" ")[0]  # after a space comes a number that differs each time
        self._counts[which] += 1
        if now - self._logged_at.get(which, -LOG_EVERY) < LOG_EVERY:
            return
        self._logged_at[which] = now
        log.warning("messages on %s: put off %d times (%s)", account, self._counts.pop(which), code)


def _log_failure(due: DueDelivery, delivered: Delivered) -> None:
    """Log a failed send for the operators, with a pseudonym instead of the customer's handle."""
    identity = due.conversation.identity
    customer, what = pseudonym(identity.handle), due.effect.name if due.effect else "message"
    log.warning("%s to %s on %s: %s (%s)", what, customer, identity.account, delivered.state.value, delivered.error)


def outcome_of(due: DueDelivery, delivered: Delivered) -> Inbound:
    """An effect's result, as a message to the skill that asked for it."""
    assert due.effect is not None  # noqa: S101 - asked for effects only
    identity = due.conversation.identity
    data = {"effect": due.effect.name, "state": delivered.state.value, "code": delivered.error}
    return Inbound(
        identity.account, identity.handle, f"effect:{due.id}", Kind.OUTCOME, thread=due.conversation.thread, data=data
    )

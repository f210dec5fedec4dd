"""The outbox's life: what is due is sent once, in order, and its fate is written down."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.batches import Together
from bot.decisions import Effect
from bot.errors import DeliveryFailed, Unavailable
from bot.messages import Author, Conversation, Inbound, Instant, Kind, OutboxState, Sent
from bot.ports import Channel, Clock, Outbox, TakesFew
from bot.telemetry import count, pseudonym, timed
from bot.turns import Delivered, Due

log = logging.getLogger(__name__)
AT_ONCE = 32
ATTEMPTS = 6
PAUSE = 0.5
_MACHINES = (Author.BOT, Author.SYSTEM)
TOLD_EVERY = 60.0  # seconds between two lines of the log about the same reason to put messages off
LAST_SENDS = 6.0  # seconds for what is being sent when the process is to end; a platform call takes five at most


class Carrier(Protocol):
    """Carries out one kind of effect. Raises DeliveryFailed."""

    async def carry_out(self, effect: Effect, key: str, conversation: Conversation) -> None: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What carries what: channels by account, carriers by effect. `hear` takes in what an effect came back with, as
    its conversation's next message."""

    channels: Mapping[str, Channel]
    carriers: Mapping[str, Carrier]
    hear: Callable[[Inbound], Awaitable[object]]


class Delivery:
    """Sends what the record says is due; looks when `awake` is set, and twice a second anyway."""

    def __init__(self, outbox: Outbox, means: Means, clock: Clock, awake: asyncio.Event) -> None:
        self._outbox = outbox
        self._means = means
        self._clock = clock
        self._awake = awake
        self._settle: Together[Delivered, None] = Together(self._write, AT_ONCE)
        self._sending: dict[asyncio.Task[None], str] = {}
        self._told = PutOffLog()
        self._narrow = {name: one.at_once for name, one in means.channels.items() if isinstance(one, TakesFew)}

    def wake(self) -> None:
        """Something is due now."""
        self._awake.set()

    async def run(self) -> None:
        """Deliver until cancelled; what is being sent is finished first."""
        try:
            while True:
                for due in await self._take():
                    task = asyncio.create_task(self._one(due))
                    self._sending[task] = due.conversation.identity.account
                    task.add_done_callback(self._sent)
                await self._rest()
        finally:
            if self._sending:
                await asyncio.wait(self._sending, timeout=LAST_SENDS)

    async def once(self) -> int:
        """Deliver what is due now, and what that lets through; how many."""
        done = 0
        while taken := await self._outbox.take(AT_ONCE):
            await self._outbox.settle([await self.deliver(due) for due in taken])
            done += len(taken)
        return done

    async def doubt_orphans(self, age: float) -> int:
        """What was being sent when its process died, `age` seconds ago, stands in doubt, and an effect's skill hears of
        it; how many."""
        orphans = await self._outbox.orphans(age)
        news = [Delivered(due.id, OutboxState.IN_DOUBT, error="sender_died") for due in orphans]
        for due, delivered in zip(orphans, news, strict=True):
            if due.effect is not None:
                await self._means.hear(outcome_of(due, delivered))
        if news:
            await self._outbox.settle(news)
        return len(news)

    async def deliver(self, due: Due) -> Delivered:
        """Send one row, or carry out its effect; what became of it."""
        try:
            sent = await self._carry(due)
        except DeliveryFailed as failed:
            delivered = verdict(due, failed, self._clock.now())
        else:
            delivered = Delivered(due.id, OutboxState.SENT, platform_id=sent.platform_id)
        count("deliveries", state=delivered.state.value)
        if delivered.error and delivered.tried:
            _tell(due, delivered)
        elif delivered.error:
            self._told.put_off(due.conversation.identity.account, delivered.error, self._clock.now())
        if due.effect is not None and delivered.state is not OutboxState.PENDING:
            await self._means.hear(outcome_of(due, delivered))
        return delivered

    async def _carry(self, due: Due) -> Sent:
        if due.effect is not None:
            await self._means.carriers[due.effect.name].carry_out(due.effect, due.id, due.conversation)
            return Sent()
        assert due.message is not None  # noqa: S101 - a row is a message or an effect
        if due.conversation.identity.silenced_at and due.message.author in _MACHINES:
            raise DeliveryFailed("opted_out", permanent=True)
        channel = self._means.channels.get(due.message.account)
        if channel is None:
            raise DeliveryFailed("account_gone", permanent=True)
        limits = channel.limits(due.conversation, self._clock.now())
        if limits.left == 0:
            raise DeliveryFailed("window_used_up", permanent=True, until_heard=True)
        with timed("send", account=due.message.account):
            return await channel.send(due.message)

    async def _one(self, due: Due) -> None:
        try:
            await self._settle(await self.deliver(due))
        except Unavailable:
            log.warning("the database cannot be reached; messages being sent will be marked as possibly not delivered")
        except Exception:
            log.exception("sending failed unexpectedly; the message will be marked as possibly not delivered")

    def _sent(self, task: asyncio.Task[None]) -> None:
        """There is room again, and the next row of the conversation may go."""
        del self._sending[task]
        self._awake.set()

    async def _take(self) -> list[Due]:
        """As many as can be sent at once: what is taken and has to wait would be in doubt if the process died."""
        busy = Counter(self._sending.values())
        room = {account: most - busy[account] for account, most in self._narrow.items()}
        others = sum(busy.values()) - sum(busy[account] for account in room)
        try:
            return await self._outbox.take(AT_ONCE - others, room)
        except Unavailable:
            return []

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(PAUSE):
                await self._awake.wait()
        except TimeoutError:
            return
        self._awake.clear()

    async def _write(self, delivered: Sequence[Delivered]) -> list[None]:
        await self._outbox.settle(delivered)
        return [None] * len(delivered)


def verdict(due: Due, failed: DeliveryFailed, now: Instant) -> Delivered:
    """What a failed send means for its row: again later, with the answer to what the customer says next, never again,
    or a person's to decide."""
    if failed.ambiguous:
        return Delivered(due.id, OutboxState.IN_DOUBT, error=failed.code)
    if failed.until_heard and due.message is not None and due.message.author in _MACHINES:
        return Delivered(due.id, OutboxState.WAITING, error=failed.code)
    if failed.permanent or (failed.tried and due.attempts >= ATTEMPTS):
        return Delivered(due.id, OutboxState.FAILED, error=failed.code)
    wait = max(failed.retry_after or 0.0, 2.0 ** min(due.attempts, ATTEMPTS))
    return Delivered(due.id, OutboxState.PENDING, error=failed.code, retry_at=now + wait, tried=failed.tried)


class PutOffLog:
    """Tells the log what is put off: a limit or a halted account puts off everything that waits, again and again, so
    each account and code has one line a minute, with how many there were since the last."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], Instant] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def put_off(self, account: str, code: str, now: Instant) -> None:
        which = account, code.partition(" ")[0]
        self._counts[which] += 1
        if now - self._since.get(which, -TOLD_EVERY) < TOLD_EVERY:
            return
        self._since[which] = now
        log.warning("messages on %s: put off %d times (%s)", account, self._counts.pop(which), code)


def _tell(due: Due, delivered: Delivered) -> None:
    """In the log, for those who look after the accounts; to whom it was going, nobody can read there."""
    identity = due.conversation.identity
    whom, what = pseudonym(identity.handle), due.effect.name if due.effect else "message"
    log.warning("%s to %s on %s: %s (%s)", what, whom, identity.account, delivered.state.value, delivered.error)


def outcome_of(due: Due, delivered: Delivered) -> Inbound:
    """What an effect came back with, as a message to its skill."""
    assert due.effect is not None  # noqa: S101 - asked for effects only
    identity = due.conversation.identity
    data = {"effect": due.effect.name, "state": delivered.state.value, "code": delivered.error}
    return Inbound(
        identity.account, identity.handle, f"effect:{due.id}", Kind.OUTCOME, thread=due.conversation.thread, data=data
    )

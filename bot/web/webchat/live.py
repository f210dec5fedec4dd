"""Server-sent events for visitors: `line` with the line's seq as event id, and `state`.

One watcher per process notifies all streams. Redis publishes whose mailbox has changed; while it is not available, the
marks of all mailboxes are compared once a second, with one query for hundreds of them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator
from contextlib import contextmanager

from sse_starlette import ServerSentEvent

from bot.access.origins import UNKNOWN_NETWORK
from bot.domain.messages import MAILBOX_TOPIC, ChatHistory, ChatLine, Owner, mailbox_address
from bot.errors import Refused, Unavailable
from bot.ports.realtime import LiveEvents
from bot.ports.storage import ChatHistoryReader

POLL_INTERVAL = 1.0  # seconds
STREAMS_PER_VISITOR = 8  # a ninth tab ends the stream of the oldest
STREAMS_PER_PROCESS = 4_000
STREAMS_PER_NETWORK = 100  # of one process
REPLACED = "replaced"  # the event that tells a tab that its stream is ended by a newer one
HIGHEST_SEQ = 2**31 - 1  # of a 32-bit column
RETRY_DELAY = 1.0  # seconds

MailboxKey = tuple[str, str]  # account and handle


class Subscription:
    """A stream's wait for news."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.end_reason = ""  # why the stream must end; '' while it may go on
        self.notify()  # the first read is due at once

    def notify(self) -> None:
        self._changed.set()

    def end(self, reason: str) -> None:
        self.end_reason = self.end_reason or reason
        self.notify()

    async def wait(self) -> None:
        """Wait until the mailbox may have changed or the stream must end."""
        await self._changed.wait()
        self._changed.clear()


class NoStreamLeft(Refused):
    """The process, or the network in this process, has as many streams as it may have."""

    def __init__(self) -> None:
        super().__init__(503, "full")


class MailboxWatcher:
    """Notifies the streams of this process when their mailbox changes. `run` must run in the background."""

    def __init__(
        self, live: LiveEvents, chat_history: ChatHistoryReader, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._live = live
        self._chat_history = chat_history
        self._clock = clock
        self._subscriptions: dict[MailboxKey, list[Subscription]] = {}
        self._open = 0  # subscriptions
        self._by_network: Counter[str] = Counter()
        self._versions: dict[MailboxKey, str] = {}  # the state of each mailbox when it was last read

    def check_capacity(self, network: str = UNKNOWN_NETWORK) -> None:
        """Raises NoStreamLeft if the process or the network has as many streams as it may have."""
        if self._open >= STREAMS_PER_PROCESS or self._by_network[network] >= STREAMS_PER_NETWORK:
            raise NoStreamLeft

    @contextmanager
    def subscription(self, mailbox: MailboxKey, network: str = UNKNOWN_NETWORK) -> Iterator[Subscription]:
        """Subscribe to a mailbox. A visitor's ninth subscription ends their oldest."""
        subscription = Subscription()
        self._by_network[network] += 1
        subscriptions = self._subscriptions.setdefault(mailbox, [])
        staying = [one for one in subscriptions if not one.end_reason]
        if len(staying) >= STREAMS_PER_VISITOR:
            staying[0].end(REPLACED)
        subscriptions.append(subscription)
        self._open += 1
        try:
            yield subscription
        finally:
            self._unsubscribe(mailbox, subscription)
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    async def run(self) -> None:
        """Run until cancelled. Raises Unavailable; the caller starts it again."""
        next_poll = 0.0
        async for address in self._live.subscribe(MAILBOX_TOPIC):
            account, _, handle = address.partition(" ")
            self._notify((account, handle))
            if self._clock() >= next_poll:
                next_poll = self._clock() + POLL_INTERVAL
                await self._poll(list(self._subscriptions))

    async def publish(self, account: str, handle: str) -> None:
        """Notify the visitor's streams in all processes."""
        await self._live.publish(MAILBOX_TOPIC, mailbox_address(account, handle))

    async def _poll(self, mailboxes: Collection[MailboxKey]) -> None:
        """Notify the streams of mailboxes whose mark has changed or is not known."""
        if not mailboxes:
            return
        for mailbox, version in (await self._chat_history.versions(mailboxes)).items():
            if mailbox in self._subscriptions and self._versions.get(mailbox) != version:
                self._versions[mailbox] = version
                self._notify(mailbox)

    def _notify(self, mailbox: MailboxKey) -> None:
        for subscription in self._subscriptions.get(mailbox, ()):
            subscription.notify()

    def _unsubscribe(self, mailbox: MailboxKey, subscription: Subscription) -> None:
        self._open -= 1
        subscriptions = self._subscriptions[mailbox]
        subscriptions.remove(subscription)
        if not subscriptions:
            del self._subscriptions[mailbox]
            self._versions.pop(mailbox, None)


def parse_last_event_id(last_event_id: str) -> int | None:
    """The seq in a Last-Event-ID header; None, which reads the newest lines, if it is not one of ours."""
    if not last_event_id.isascii() or not last_event_id.isdecimal() or len(last_event_id) > 10:
        return None
    return min(int(last_event_id), HIGHEST_SEQ)


async def visitor_events(
    chat_history: ChatHistoryReader,
    watcher: MailboxWatcher,
    mailbox: MailboxKey,
    after: int | None,
    network: str = UNKNOWN_NETWORK,
) -> AsyncGenerator[ServerSentEvent, None]:
    """Yield all lines after the seq `after` (None: the newest ones), then new lines and states as they come.

    Ends when the visitor has opened too many other streams.
    """
    state = ""
    with watcher.subscription(mailbox, network) as subscription:
        while True:
            await subscription.wait()
            if subscription.end_reason:
                yield ServerSentEvent(data="{}", event=subscription.end_reason)
                return
            history = await _read(chat_history, mailbox, after)
            for line in history.lines:
                yield ServerSentEvent(data=_line(line, mailbox), event="line", id=str(line.seq))
            after = history.lines[-1].seq if history.lines else after or 0
            if history.more:
                subscription.notify()
            if _state(history) != state:
                state = _state(history)
                yield ServerSentEvent(data=state, event="state")


async def _read(chat_history: ChatHistoryReader, mailbox: MailboxKey, after: int | None) -> ChatHistory:
    """Read the mailbox; tries again while the database is unavailable, so that streams survive its restart."""
    while True:
        try:
            return await chat_history.read(*mailbox, after)
        except Unavailable:
            await asyncio.sleep(RETRY_DELAY)


def _line(line: ChatLine, mailbox: MailboxKey) -> str:
    """The data of the event `line`. Its `id` is the one that the visitor's browser gave its own message."""
    key = line.key.removeprefix(f"{mailbox[1]}:")
    what = {"seq": line.seq, "author": line.author.value, "text": line.text, "at": line.at}
    return json.dumps(what | ({"id": key} if key else {}), ensure_ascii=False)


def _state(history: ChatHistory) -> str:
    """The data of the event `state`: who replies to the visitor, and whether a reply is being made."""
    owner = Owner.BOT if history.owner is Owner.CLOSED else history.owner
    return json.dumps({"owner": owner.value, "thinking": history.thinking})

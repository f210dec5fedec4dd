"""Platform requests that are still open while their message's turn runs: deadlines, retries, acknowledgements.

A platform may take the reply from the HTTP response. WeChat closes a request after 5 seconds and sends it three times
(https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html), so a reply that
misses one attempt can still travel in the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from typing import Protocol

from bot.domain.messages import Conversation, Identity, Inbound, Outbound, OutboxState
from bot.domain.turns import Accepted, Delivered
from bot.errors import Unavailable
from bot.intents.dialogue import DialogueManager
from bot.ports.channels import Channel, Clock
from bot.ports.storage import Inbox, Turns

log = logging.getLogger(__name__)
ACK_INTERVAL = 0.25  # seconds for which acknowledgements are gathered before they are written together
TAKE_OVER_INTERVAL = 1.0  # seconds between two looks for acknowledgements that ended processes have left
CHECK_INTERVAL = 0.1  # seconds between two looks whether another process has committed the turn


class DeadlinePassed(Enum):
    """The type of DEADLINE_PASSED: no reply in time. An enum, so that mypy narrows `is DEADLINE_PASSED`."""

    TOKEN = auto()


DEADLINE_PASSED = DeadlinePassed.TOKEN


class PendingResponse:
    """One open request. render: a reply as the response's bytes. until: the deadline on the event loop's clock, in
    seconds.

    A turn claims it before it commits. So a reply travels either in the response or by the outbox, never in both:
    after the deadline nothing can claim it, and a claimed one is waited for, because its commit has begun.
    """

    def __init__(self, render: Callable[[Outbound], bytes], until: float) -> None:
        self.render = render
        self.message_id = ""  # known once the message is accepted
        self._until = until
        self._claimed = False
        self._reply: asyncio.Future[bytes | DeadlinePassed | None] = asyncio.get_running_loop().create_future()

    @property
    def open(self) -> bool:
        """Whether a reply would still be in time."""
        return not self._reply.done() and asyncio.get_running_loop().time() < self._until

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Reserve the response for a reply that is about to be committed. Yields False if it is too late or taken.

        Leaving the block without `fulfil` releases it: the commit was lost.
        """
        if self._claimed or not self.open:
            yield False
            return
        self._claimed = True
        try:
            yield True
        finally:
            self._claimed = False
            if not self.open:  # the deadline passed while it was claimed; no effect if it was fulfilled
                self.fulfil(DEADLINE_PASSED)

    def fulfil(self, body: bytes | DeadlinePassed | None) -> None:
        """Set the outcome: the response's bytes, or None to only acknowledge. Later calls have no effect."""
        if not self._reply.done():
            self._reply.set_result(body)

    async def outcome(self) -> bytes | DeadlinePassed | None:
        """Wait for `fulfil` or the deadline. DEADLINE_PASSED if nothing has claimed the response by then."""
        deadline = asyncio.get_running_loop().call_at(self._until, self._expire)
        try:
            return await self._reply
        finally:
            deadline.cancel()

    def _expire(self) -> None:
        if not self._claimed:  # else the end of the claim decides
            self.fulfil(DEADLINE_PASSED)


class OpenResponses:
    """The pending responses of this process, by message id."""

    def __init__(self) -> None:
        self._waiting: dict[str, PendingResponse] = {}

    @contextmanager
    def waiting(self, message_id: str, response: PendingResponse) -> Iterator[None]:
        """Let the message's turn find the response. The platform's retry of a request replaces the earlier response,
        which then runs into its deadline."""
        response.message_id = message_id
        self._waiting[message_id] = response
        try:
            yield
        finally:
            if self._waiting.get(message_id) is response:
                del self._waiting[message_id]

    @contextmanager
    def claimed(self, message_id: str) -> Iterator[PendingResponse | None]:
        """Claim the message's response. Yields None if there is none, or its deadline has passed."""
        response = self._waiting.get(message_id)
        if response is None:
            yield None
            return
        with response.claimed() as in_time:
            yield response if in_time else None


class Retries:
    """Answers requests whose turn runs in another process or an earlier request, or does not end in time."""

    def __init__(
        self, inbox: Inbox, turns: Turns, channels: Mapping[str, Channel], dialogue: DialogueManager, clock: Clock
    ) -> None:
        self._inbox = inbox
        self._turns = turns
        self._channels = channels
        self._dialogue = dialogue
        self._clock = clock

    async def watch_for_reply(self, message: Inbound, receipt: Accepted, response: PendingResponse) -> None:
        """Poll the database for the reply that another request's turn commits, until the response's deadline."""
        if receipt.attempt == 1:
            await asyncio.sleep(CHECK_INTERVAL)  # a first delivery's turn has hardly begun
        while response.open:
            try:
                delivered = await self._inbox.find_reply(message.account, message.dedup_key)
                if delivered is not None:
                    with response.claimed() as claimed:
                        if claimed:
                            response.fulfil(await self._body(message, delivered, response))
            except Unavailable:
                log.warning("the database cannot be reached; the platform's next try looks again")
            await asyncio.sleep(CHECK_INTERVAL)

    async def late_response(
        self, message: Inbound, receipt: Accepted, response: PendingResponse
    ) -> bytes | DeadlinePassed | None:
        """The response to a request whose turn did not end in time: bytes, None to only acknowledge, DEADLINE_PASSED to
        leave it unanswered.

        An account that can send by itself acknowledges, and the reply follows. Another leaves the request unanswered,
        so that the platform delivers it again; the last attempt tells the customer how to fetch the reply. Attempts
        after the last get the same text, and the conversation has it once.
        """
        conversation = _conversation_of(message)
        limits = self._channels[message.account].limits(conversation, self._clock.now())
        if limits.active:
            return None
        if receipt.attempt < limits.attempts:
            return DEADLINE_PASSED
        if not limits.fetch_word:
            return None  # the reply travels with the answer to the customer's next message
        await self._dialogue.ready()
        text = self._dialogue.phrase("fetch.send_one", message.text)
        body = response.render(outbound(conversation, text))
        if receipt.attempt == limits.attempts:
            await self._turns.store_notice(receipt.conversation_id, text, body)
        return body

    async def _body(self, message: Inbound, delivered: Delivered, response: PendingResponse) -> bytes | None:
        """The bytes that the first attempt got, or the reply itself if its delivery has not begun; else None."""
        if delivered.state is OutboxState.OFFERED:
            await self._inbox.extend_offer(delivered.id)
        if delivered.state not in (OutboxState.PENDING, OutboxState.WAITING):
            return delivered.body
        body = response.render(outbound(_conversation_of(message), delivered.text))
        return body if await self._inbox.offer(delivered.id, body) else None


def _conversation_of(message: Inbound) -> Conversation:
    """The conversation as far as the message names it, without a query: enough for `limits` and `render`."""
    identity = Identity("", "", message.account, message.handle)
    return Conversation("", message.account, "", identity, message.thread)


def outbound(conversation: Conversation, text: str) -> Outbound:
    """A reply as a response carries it. Its id is empty: it has no row in the outbox yet."""
    return Outbound("", conversation.account, conversation.identity.handle, conversation.thread, text)


class AckLog(Protocol):
    """Keeps the ids of written responses until the database has them, also if this process is killed."""

    def append(self, message_id: str) -> None:
        """Add one. Does not wait for the disk."""
        ...

    def rewrite(self, message_ids: Sequence[str]) -> None:
        """Forget all but these."""
        ...

    async def take_over(self, write: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        """Pass the ids that ended processes have left to `write`, and forget them once it returns."""
        ...


class AckRecorder:
    """Records which responses were written to the platform's connections, in batches of a quarter of a second.

    `ack_log` has them in between. What is lost with the whole machine is shown on the desk as possibly not delivered:
    a wrong doubt costs an agent a look, a wrong certainty costs a customer the answer.
    """

    def __init__(self, write: Callable[[Sequence[str]], Awaitable[None]], ack_log: AckLog) -> None:
        self._write = write
        self._ack_log = ack_log
        self._gathered: list[str] = []
        self._task: asyncio.Task[None] | None = None

    def record(self, message_id: str) -> None:
        """The response to this message was written."""
        self._ack_log.append(message_id)
        self._gathered.append(message_id)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_gathered())

    async def flush(self) -> None:
        """Write what has gathered. Raises Unavailable."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            await self._write(gathered)
            self._ack_log.rewrite(self._gathered)

    async def take_over(self) -> None:
        """Write what ended processes have left, every second until cancelled."""
        while True:
            await self._ack_log.take_over(self._write)
            await asyncio.sleep(TAKE_OVER_INTERVAL)

    async def _write_gathered(self) -> None:
        while self._gathered:
            await asyncio.sleep(ACK_INTERVAL)
            try:
                await self.flush()
            except Unavailable:
                log.warning("the database cannot be reached; some replies will be marked as possibly not delivered")

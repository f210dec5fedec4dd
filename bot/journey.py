"""The message pipeline: accept, decide, commit, reply."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.batching import Background
from bot.compose import ContextReader, compose
from bot.domain.messages import Inbound
from bot.domain.turns import Accepted, ClaimedMessage, Committed, CursorUpdate, alters_a_case, leaves_work
from bot.errors import Unavailable
from bot.intents.dialogue import DecisionResult, DialogueManager
from bot.pending import DEADLINE_PASSED, DeadlinePassed, OpenResponses, PendingResponse, Retries, outbound
from bot.ports.storage import Inbox, Turns
from bot.telemetry import count

log = logging.getLogger(__name__)
ACCEPTED_TOGETHER = 64  # messages in one transaction
TRIES = 3  # of a turn whose conversation changes while it is decided
MAX_TASKS = 2_000  # turns at once; further messages are accepted all the same, and the sweeper runs their turns


class Journey:
    """Accepts messages from every channel and runs their turns, one at a time in each conversation."""

    def __init__(
        self,
        inbox: Inbox,
        turns: Turns,
        dialogue: DialogueManager,
        context: ContextReader,
        retries: Retries,
        notify_desk: Callable[[str], None],  # called with a conversation id: its case has changed
        wake_delivery: Callable[[], None],  # called when the outbox has a row that is due
    ) -> None:
        self._inbox, self._turns, self._dialogue = inbox, turns, dialogue
        self._context, self._retries = context, retries
        self._notify_desk, self._wake_delivery = notify_desk, wake_delivery
        self._responses, self._tasks = OpenResponses(), Background(MAX_TASKS)
        self.finish = self._tasks.finish

    async def handle(self, message: Inbound, response: PendingResponse) -> bytes | DeadlinePassed | None:
        """Accept a message and wait for its reply: bytes, None to acknowledge, DEADLINE_PASSED to leave the request
        unanswered. Raises Unavailable if it could not be accepted: then nothing may be acknowledged."""
        receipt = await self._inbox.accept_one(message)
        count("repeated" if receipt.attempt > 1 else "accepted", account=message.account)
        with self._responses.waiting(receipt.message_id, response):
            if receipt.lease_held and self._tasks.has_room():
                self._tasks.add(asyncio.create_task(self.run_turns(receipt.conversation_id, receipt.claimed)))
            elif self._tasks.has_room():  # another process runs the turn, or this one does for an earlier request
                self._tasks.add(asyncio.create_task(self._retries.watch_for_reply(message, receipt, response)))
            reply = await response.outcome()
            return await self._retries.late_response(message, receipt, response) if reply is DEADLINE_PASSED else reply

    async def accept(self, message: Inbound) -> None:
        """Accept a message that no request waits for. Raises Unavailable."""
        self._start([await self._inbox.accept_one(message)])

    async def accept_all(self, messages: Sequence[Inbound], update: CursorUpdate | None = None) -> None:
        """Accept what one request or poll brought, in its order; a poll's cursor moves with the last. Raises
        Unavailable: then the caller brings all of it again, and what was accepted already counts as a repeat."""
        for at in range(0, max(len(messages), 1), ACCEPTED_TOGETHER):
            last = at + ACCEPTED_TOGETHER >= len(messages)
            self._start(await self._inbox.accept(messages[at : at + ACCEPTED_TOGETHER], update if last else None))

    def _start(self, receipts: Sequence[Accepted]) -> None:
        for receipt in receipts:
            if receipt.lease_held and self._tasks.has_room():
                self._tasks.add(asyncio.create_task(self.run_turns(receipt.conversation_id, receipt.claimed)))

    async def run_turns(self, conversation_id: str, claimed: ClaimedMessage | None = None) -> None:
        """Run the turns of a conversation whose lease we hold, until no message waits. Raises nothing."""
        try:
            following = claimed or await self._turns.next(conversation_id)
            while claimed := following:
                try:
                    following = await self.turn(claimed)
                except Unavailable:
                    raise
                except Exception as problem:  # a skill's or our own defect must not leave a customer without a reply
                    log.exception("answering a message failed; it is handed to a person")
                    result = self._dialogue.give_up(claimed, type(problem).__name__)
                    following = (await self._commit(claimed, result)).next
        except Unavailable:
            return  # the lease runs out, and the sweeper resumes once the database is back
        except Exception:
            log.exception("opening a case failed; it is tried again later")

    async def turn(self, claimed: ClaimedMessage) -> ClaimedMessage | None:
        """Decide and commit one message, and return the next. None after three lost commits: the sweeper resumes."""
        for _ in range(TRIES):
            result = await self._dialogue.decide(claimed, self._context.limits(claimed.conversation))
            committed = await self._commit(claimed, result)
            if committed.won or committed.next is None:
                return committed.next
            claimed = committed.next  # the same message, with its conversation as it is now
        return None

    async def _commit(self, claimed: ClaimedMessage, result: DecisionResult) -> Committed:
        """Write the turn, unless its conversation has changed. The reply goes into the open response or the outbox."""
        with self._responses.claimed(claimed.message.id) as response:
            context = await self._context.read(claimed, result, response_open=response is not None)
            commit, text = compose(claimed, result, context)
            if response is not None and text is not None:
                commit = replace(commit, body=response.render(outbound(claimed.conversation, text)))
            committed = await self._turns.commit_one(commit)
            if response is not None and committed.won:
                response.fulfil(None if committed.queued else commit.body)
        if not committed.won:
            count("discarded")
            return committed
        count("turns", decision=type(result.decision).__name__)
        if committed.queued or leaves_work(commit):
            self._wake_delivery()
        if alters_a_case(commit):
            self._notify_desk(commit.conversation.id)
        return committed

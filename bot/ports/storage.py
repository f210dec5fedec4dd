"""Protocols of the database for messages and editions. All methods raise Unavailable while it cannot be reached."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.accounts import Permit, PermitRequest, RateLimitReport, SendingStatus
from bot.domain.cases import OverdueCase, QueueState
from bot.domain.messages import ChatHistory, Cursor, Inbound, Instant
from bot.domain.turns import (
    Accepted,
    ClaimedMessage,
    CodeKept,
    Committed,
    CursorUpdate,
    Delivered,
    DueDelivery,
    QueuedReply,
    Reply,
    TurnCommit,
)
from bot.ports.nlu import LoggedQuestion


class Cursors(Protocol):
    async def cursor(self, account: str, name: str) -> Cursor:
        """How far a poll has come."""
        ...


class Inbox(Protocol):
    """Accepts messages."""

    async def accept(self, inbounds: Sequence[Inbound], update: CursorUpdate | None = None) -> list[Accepted]:
        """Write messages durably, all or none, and move a poll's cursor with them. Returns a receipt for each."""
        ...

    async def accept_one(self, inbound: Inbound) -> Accepted:
        """Accept one message, in one transaction with others that arrive at the same time."""
        ...

    async def find_reply(self, account: str, dedup_key: str) -> Delivered | None:
        """The reply to an accepted message, with its state; None while its turn is not committed."""
        ...

    async def extend_offer(self, outbox_id: str) -> None:
        """A repeat's response carries an offered reply, too: it stays offered for as long again."""
        ...

    async def offer(self, outbox_id: str, body: bytes) -> bool:
        """Let a repeat's response carry a reply whose delivery has not begun; False if it has."""
        ...

    async def record_written(self, message_ids: Sequence[str]) -> None:
        """Record that the responses to these messages were written to the platform's connections."""
        ...

    async def claim_abandoned(self, limit: int) -> list[str]:
        """Take the leases of conversations that have unhandled messages and an expired lease. Returns their ids."""
        ...


class Turns(Protocol):
    """Reads and commits turns."""

    async def next(self, conversation_id: str) -> ClaimedMessage | None:
        """The conversation with its oldest unhandled message. If there is none, release the lease and return None."""
        ...

    async def waiting_replies(self, conversation_id: str) -> list[QueuedReply]:
        """Replies that wait until the customer fetches them, oldest first."""
        ...

    async def commit(self, turns: Sequence[TurnCommit]) -> list[Committed]:
        """Compare-and-set: write each turn only if its conversation still has the version and owner of the turn."""
        ...

    async def commit_one(self, turn: TurnCommit) -> Committed:
        """Commit one turn, in one transaction with others that are committed at the same time."""
        ...

    async def recently_posted(self, account: str, texts: Sequence[str], within: float) -> frozenset[str]:
        """Those of `texts` that the account has posted in public in the last `within` seconds."""
        ...

    async def queue(self, priority: int, since: Instant) -> QueueState:
        """The queue for a case of this priority that opens now, with the first answers of the last hour in cases that
        opened after `since`."""
        ...

    async def place(self, case_id: str) -> int:
        """The place of a waiting case in the queue, from 1."""
        ...

    async def store_notice(self, conversation_id: str, text: str, body: bytes) -> None:
        """Store a text about the delivery itself that a response told the customer, outside any turn."""
        ...


class Waits(Protocol):
    """What waiting customers were told about the wait."""

    async def overdue(self, since: Instant, limit: int) -> list[OverdueCase]:
        """Waiting cases that are unanswered after the wait that their customers were told in private, which has not
        been corrected; the oldest promise first, without customers who opted out. since: as for `Turns.queue`."""
        ...

    async def correct(self, case_id: str, pieces: Sequence[Reply]) -> bool:
        """Say the correction, in pieces, if the case is still overdue. At most once for each case."""
        ...


class Outbox(Protocol):
    """Outgoing messages and effects."""

    async def take(self, limit: int, account_limits: Mapping[str, int] | None = None) -> list[DueDelivery]:
        """Move due rows from pending to sending, oldest first, one per conversation at a time.

        limit: rows at most, of accounts not in account_limits. account_limits: rows at most, by account.
        """
        ...

    async def settle(self, delivered: Sequence[Delivered]) -> None:
        """Write the new states of rows that were offered or in sending."""
        ...

    async def close_offers(self, age: float) -> int:
        """Settle rows that were offered `age` seconds ago: sent if the write was recorded, else in doubt. Returns their
        number."""
        ...

    async def orphans(self, age: float) -> list[DueDelivery]:
        """Rows that have been in sending for `age` seconds: their process has died."""
        ...


class RateLimits(Protocol):
    """Rate-limit and budget accounting for all processes: ask for a permit before a call, report usage after it."""

    async def acquire(self, request: PermitRequest) -> Permit:
        """Count one request, if all its windows and the budget have room and the account is not halted."""
        ...

    async def update_windows(self, reports: Sequence[RateLimitReport]) -> None:
        """Record what the platform reports of its windows."""
        ...

    async def spend(self, account: str, amount: int) -> None:
        """Add to today's spending, in millionths of a dollar; a negative amount refunds."""
        ...

    async def halt(self, account: str, code: str, way: str = "") -> None:
        """Refuse all requests but one now and then, which finds out whether the account works again.

        way: one kind of sending, all kinds (`domain.accounts.SENDING`), or '' for polling as well.
        """
        ...

    async def record_success(self, account: str, way: str = "") -> None:
        """A request of this kind succeeded: end the halt, unless it is of another kind."""
        ...

    async def record_result(self, account: str, problem: str) -> None:
        """Record a poll that succeeded, with '', or the code of a request that failed."""
        ...

    async def sending_status(self, account: str) -> SendingStatus: ...


class RetentionStore(Protocol):
    """Deletes rows whose retention (config.RetentionDays) has ended."""

    async def due(self, now: Instant) -> Mapping[str, int]:
        """Numbers of expired rows by kind. Rows that others refer to count once those are deleted."""
        ...

    async def purge(self, now: Instant) -> Mapping[str, int]:
        """Delete some expired rows, in small transactions. Returns their numbers by kind; {} once none is left."""
        ...


class OneTimeCodeStore(Protocol):
    """One-time codes, hashed, with the number of attempts."""

    async def issued(self, identity_id: str, member_id: str | None, since: Instant) -> int:
        """The number of codes sent since then to this identity, or for this member, whichever is larger."""
        ...

    async def issue(self, key: str, identity_id: str, member_id: str | None, code_hash: str, until: Instant) -> bool:
        """Store a code; False if `key` has one already: the effect is repeated."""
        ...

    async def current(self, identity_id: str) -> CodeKept | None:
        """The newest unused code of an identity; None if there is none."""
        ...


class ChatHistoryReader(Protocol):
    """A customer's own private conversation, for web chat."""

    async def read(self, account: str, handle: str, after: int | None) -> ChatHistory:
        """The lines after the seq `after`, oldest first; with None the newest lines."""
        ...

    async def versions(self, mailboxes: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """By account and handle, an opaque mark that changes when there is something new to read."""
        ...


@dataclass(frozen=True, slots=True)
class Activation:
    """An edition became the active one."""

    number: int
    replaced: int  # the edition before; 0 if it was the first
    at: Instant
    by: str


@dataclass(frozen=True, slots=True)
class PublishedEdition:
    """A stored edition."""

    number: int
    at: Instant
    by: str
    activations: tuple[Activation, ...] = ()  # oldest first; () for editions from before they were recorded


class Editions(Protocol):
    async def active(self) -> int:
        """The number of the active edition; 0 before the first."""
        ...

    async def load(self, number: int) -> tuple[str, bytes]:
        """An edition's content (JSON) and trained model. Raises LookupError."""
        ...

    async def publish(
        self, content: str, model: bytes, by: str, based_on: int, parts: Mapping[str, bool] | None = None
    ) -> int:
        """Write the next edition, make it active if `based_on` still is, and return its number. Raises Stale.

        parts: names of the chunks it refers to, and whether each belongs to the model. `ChunkStore` has them already.
        """
        ...

    async def activate(self, number: int, by: str, based_on: int) -> None:
        """Make an earlier edition active again if `based_on` still is active. Raises Stale, and LookupError."""
        ...

    async def history(self, newest: int) -> list[PublishedEdition]:
        """The `newest` editions and the active one, newest first."""
        ...


class ChunkStore(Protocol):
    """Content-addressed storage for the chunks of editions. Blocking: do not call on the event loop."""

    def fetch(self, names: Sequence[str]) -> Mapping[str, bytes]:
        """The chunks by name. Raises LookupError if one is missing."""
        ...

    def store(self, chunks: Mapping[str, bytes]) -> None:
        """Write the chunks that are not stored yet, by name."""
        ...

    def delete_unused(self, before: int) -> int:
        """Delete the models of editions before this number, except the active one's, and chunks without a reference.

        New chunks are kept: another `publish` may be writing them. Returns the number of deleted chunks.
        """
        ...


class VectorStore(Protocol):
    """A cache of text vectors, for training. Blocking."""

    def fetch(self, encoder: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        """The stored vectors (float16 bytes) by the text's digest; missing ones are left out."""
        ...

    def store(self, encoder: str, by_digest: Mapping[str, bytes]) -> None: ...

    def delete_unused(self, used: Mapping[str, Collection[str]]) -> int:
        """Delete vectors that are a week old, unless their digest is in `used`, by encoder. Returns their number."""
        ...


class QuestionLog(Protocol):
    async def questions(self, since: Instant, limit: int) -> list[LoggedQuestion]:
        """The newest `limit` messages to the bot since then, oldest first."""
        ...

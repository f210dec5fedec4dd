"""The record, as those see it who carry messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from bot.allowance import Asked, Granted, Seen, Standing
from bot.mail import Mail
from bot.messages import Cursor, Inbound, Instant
from bot.turns import Accepted, CodeKept, Committed, Delivered, Due, Moved, Parcel, TurnCommit, Work


class Cursors(Protocol):
    async def cursor(self, account: str, name: str) -> Cursor:
        """How far a poll has come. Raises Unavailable."""
        ...


class Intake(Protocol):
    """The record, as those see it who bring messages in."""

    async def accept(self, inbounds: Sequence[Inbound], moved: Moved | None = None) -> list[Accepted]:
        """Write receipts and messages durably, all or none, and move a poll's cursor with them; tells for each what is
        to be done. Raises Unavailable."""
        ...

    async def replied(self, account: str, dedup_key: str) -> Delivered | None:
        """What has become of an accepted message: None while its turn is not committed."""
        ...

    async def serve_again(self, outbox_id: str) -> None:
        """An offered reply goes to a repeat as well: it stays open for as long again, and is yet to be written."""
        ...

    async def offer(self, outbox_id: str, body: bytes) -> bool:
        """Let a repeat's response carry a reply that is not on its way yet; False if it is."""
        ...

    async def written(self, message_ids: Sequence[str]) -> None:
        """Note that the responses to these messages were written to the platform's connections."""
        ...

    async def take_up(self, limit: int) -> list[str]:
        """Conversations with unhandled messages and no living lease; their leases are ours now."""
        ...


class Turns(Protocol):
    """The record, as the journey sees it."""

    async def next(self, conversation_id: str) -> Work | None:
        """The conversation as it is and its oldest unhandled message; None, and the lease given back, if none is."""
        ...

    async def waiting(self, conversation_id: str) -> list[Parcel]:
        """Replies that wait to be fetched, oldest first."""
        ...

    async def commit(self, turns: Sequence[TurnCommit]) -> list[Committed]:
        """Write turns, each only if its conversation still has the version (and owner) it was decided on."""
        ...

    async def posted(self, account: str, texts: Sequence[str], within: float) -> frozenset[str]:
        """Which of `texts` the account has said in public in the last `within` seconds."""
        ...

    async def queue_length(self) -> int:
        """How many cases wait for a person."""
        ...

    async def notice(self, conversation_id: str, text: str, body: bytes) -> None:
        """Keep what we told the customer about the delivery itself, outside any turn."""
        ...


class Outbox(Protocol):
    """The record, as delivery sees it."""

    async def take(self, limit: int, room: Mapping[str, int] | None = None) -> list[Due]:
        """Move rows that are due from pending to sending; oldest first, one in flight per conversation. At most
        `limit`, and on top of that of the accounts named in `room` as many as it says."""
        ...

    async def settle(self, delivered: Sequence[Delivered]) -> None:
        """Write what became of rows that were being sent, or offered."""
        ...

    async def close_offers(self, age: float) -> int:
        """Offered rows that no repeat asked for in `age` seconds: sent if the write was noted, else in doubt."""
        ...

    async def orphans(self, age: float) -> list[Due]:
        """Rows whose sender died: `age` seconds in sending."""
        ...


class Allowance(Protocol):
    """The record, as platform clients see it: limits, money and how an account fares, for all processes. Every method
    raises Unavailable."""

    async def book(self, asked: Asked) -> Granted:
        """Count one request, if all of its windows and the budget allow it and the account is not halted."""
        ...

    async def note(self, windows: Sequence[Seen]) -> None:
        """What the platform said it still allows."""
        ...

    async def spend(self, account: str, amount: int) -> None:
        """Millionths of a dollar, today; negative gives back."""
        ...

    async def halt(self, account: str, code: str, way: str = "") -> None:
        """Nothing is granted any more but one request now and then, which may find out that it works again. way: what
        is halted: one way of sending, all of them (`allowance.SENDING`), or '' for everything."""
        ...

    async def went_well(self, account: str, way: str = "") -> None:
        """A request of this way worked: the account is not halted, unless it is for another way."""
        ...

    async def fared(self, account: str, problem: str) -> None:
        """A look at the platform came through, or failed with the code `problem`."""
        ...

    async def standing(self, account: str) -> Standing: ...


class Housekeeping(Protocol):
    """The record, as those see it who throw away what has been kept for long enough (config.Retention)."""

    async def due(self, now: Instant) -> Mapping[str, int]:
        """How many rows of each kind may go now. What hangs on others counts once those are gone."""
        ...

    async def purge(self, now: Instant) -> Mapping[str, int]:
        """Throw away some of it, in small transactions; how many rows of each kind. Empty once nothing is due."""
        ...


class Codes(Protocol):
    """The record, as linking sees it: one-time codes, hashed, and how often they were tried."""

    async def issued(self, identity_id: str, member_id: str | None, since: Instant) -> int:
        """How many codes were sent to this identity or for this member since then, whichever is more."""
        ...

    async def issue(self, key: str, identity_id: str, member_id: str | None, code_hash: str, until: Instant) -> bool:
        """Keep a code; False if `key` already has one (the effect is being repeated)."""
        ...

    async def current(self, identity_id: str) -> CodeKept | None:
        """The newest unused code of an identity."""
        ...


class Mailbox(Protocol):
    """The record, as those see it who show a customer their own private conversation. Both raise Unavailable."""

    async def read(self, account: str, handle: str, after: int | None) -> Mail:
        """What was said since the line of seq `after`, oldest first; with None the newest that fit."""
        ...

    async def marks(self, boxes: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """For each account and handle a mark that is another one once there is something new to read."""
        ...

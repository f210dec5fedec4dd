"""Conversations: found or created for inbound messages, and read as a private chat by their customer (web chat).

A customer sees a reply once delivery has taken it, because then nothing cancels it any more (a claim by staff cancels
pending replies). A pending reply hides everything after it, so that a reader who asks for lines "after n" misses none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select

from bot.domain.messages import (
    INTERNAL,
    SILENT,
    Author,
    ChatHistory,
    ChatLine,
    Conversation,
    Inbound,
    Instant,
    Kind,
    OutboxState,
    Owner,
    StoredMessage,
)
from bot.domain.turns import ClaimedMessage
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import CONVERSATION, conversation_of
from bot.stores.sql.schema import OPEN, conversations, customers, identities, messages, outbox
from bot.stores.sql.statements import InList, Prepared, insert_new, upsert
from bot.text import new_id

Key = tuple[str, str, str]
_FIND = Prepared(
    CONVERSATION.where(InList(identities.c.account, "accounts"), InList(identities.c.handle, "handles"))
    .order_by(conversations.c.id)
    .with_for_update(of=conversations)
)
CHANGED = ("seq", "inbound_seq", "event_seq", "lease", "lease_until", "heard_at", "heard_kind", "sent_in_window")


class ConversationDraft:
    """A conversation's columns while inbound messages are appended to it."""

    def __init__(self, row: Row[Any]) -> None:
        self._conversation = conversation_of(row)
        self.id: str = row.id
        self.channel: str = row.channel
        self.seq: int = row.seq
        self.inbound_seq: int = row.inbound_seq
        self.event_seq: int = row.event_seq
        self.lease: str | None = row.lease
        self.lease_until: Instant = row.lease_until
        self.expects_answer = False  # a customer expects an answer to one of the new messages

    @property
    def handled_seq(self) -> int:
        return self._conversation.handled_seq

    @property
    def case(self) -> str | None:
        return self._conversation.case_id

    @property
    def conversation(self) -> Conversation:
        """The conversation before this arrival."""
        return self._conversation

    def open_window(self, now: Instant, kind: Kind) -> None:
        """Open the platform's reply window again. A silent kind, such as a QR scan, expects no answer."""
        self.expects_answer = self.expects_answer or kind not in SILENT
        self._conversation = replace(self._conversation, heard_at=now, heard_kind=kind, sent_in_window=0)

    @property
    def has_backlog(self) -> bool:
        """Whether an older message has no turn yet, which comes first."""
        return self._conversation.inbound_seq > self._conversation.handled_seq

    def take_lease(self, holder: str, now: Instant, seconds: float) -> bool:
        """Take the lease if it is free or has expired; False if another process holds it."""
        if self.lease is not None and self.lease_until > now:
            return False
        self.lease, self.lease_until = holder, now + seconds
        return True

    def claimed_message(self, message_id: str, inbound: Inbound, now: Instant) -> ClaimedMessage:
        heard = StoredMessage(
            message_id,
            self.id,
            self.seq,
            inbound.dedup_key,
            inbound.kind,
            inbound.text,
            now,
            inbound.media,
            inbound.data,
        )
        return ClaimedMessage(replace(self._conversation, inbound_seq=self.inbound_seq), heard)

    def changed_columns(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "seq": self.seq,
            "inbound_seq": self.inbound_seq,
            "event_seq": self.event_seq,
            "lease": self.lease,
            "lease_until": self.lease_until,
            "heard_at": self._conversation.heard_at,
            "heard_kind": self._conversation.heard_kind.value,
            "sent_in_window": self._conversation.sent_in_window,
        }


def key_of(inbound: Inbound) -> Key:
    """Account, handle and thread ('' if private) of the message's conversation."""
    return inbound.account, inbound.handle, inbound.thread


def find_threads(connection: Connection, inbounds: Sequence[Inbound]) -> dict[Key, ConversationDraft]:
    """The existing conversations of inbound messages; locked until the transaction ends."""
    wanted = {key_of(inbound) for inbound in inbounds}
    accounts, handles = {key[0] for key in wanted}, {key[1] for key in wanted}
    rows = _FIND.run(connection, accounts=sorted(accounts), handles=sorted(handles))
    keyed = (((row.account, row.handle, row.thread), row) for row in rows)
    return {key: ConversationDraft(row) for key, row in keyed if key in wanted}


def make_threads(
    connection: Connection, inbounds: Sequence[Inbound], channels: Mapping[str, str], now: Instant
) -> dict[Key, ConversationDraft]:
    """Create the conversations of new handles; locked until the transaction ends."""
    names = {(one.account, one.handle): f"@{one.data['username']}" for one in inbounds if "username" in one.data}
    _make(connection, {key_of(inbound) for inbound in inbounds}, names, channels, now)
    return find_threads(connection, inbounds)


def _make(
    connection: Connection,
    missing: set[Key],
    names: Mapping[tuple[str, str], str],
    channels: Mapping[str, str],
    now: Instant,
) -> None:
    """Insert customers, identities and conversations; another process may insert the same at the same time.

    missing: what has no conversation yet. names: (account, handle) -> public name, where there is one.
    """
    owners = _identities(connection, {(account, handle) for account, handle, _ in missing}, names, now)
    rows = [
        {
            "id": new_id(),
            "identity_id": owners[account, handle],
            "account": account,
            "channel": channels[account],
            "thread": thread,
            "at": now,
        }
        for account, handle, thread in sorted(missing)
    ]
    insert_new(connection, conversations, rows)


def _identities(
    connection: Connection, handles: set[tuple[str, str]], names: Mapping[tuple[str, str], str], now: Instant
) -> dict[tuple[str, str], str]:
    """(account, handle) -> identity id. New handles get an identity with a customer of its own."""
    known = _identity_ids(connection, handles)
    new = sorted(handles - known.keys())
    if not new:
        return known
    customer_ids = [new_id() for _ in new]
    named = [{"id": id_, "name": names.get(one, ""), "at": now} for id_, one in zip(customer_ids, new, strict=True)]
    connection.execute(insert(customers), named)
    rows = [
        {"id": new_id(), "customer_id": customer_id, "account": account, "handle": handle, "at": now}
        for customer_id, (account, handle) in zip(customer_ids, new, strict=True)
    ]
    new_identities = upsert(connection, identities).on_conflict_do_nothing()
    made = set(connection.execute(new_identities.returning(identities.c.customer_id), rows).scalars())
    unused = [customer_id for customer_id in customer_ids if customer_id not in made]
    if unused:  # another process was first: without an identity these customers would remain for ever
        connection.execute(delete(customers).where(customers.c.id.in_(unused)))
    return _identity_ids(connection, handles)


def _identity_ids(connection: Connection, handles: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        select(identities.c.account, identities.c.handle, identities.c.id).where(
            identities.c.account.in_({account for account, _ in handles}),
            identities.c.handle.in_({handle for _, handle in handles}),
        )
    )
    return {(account, handle): id_ for account, handle, id_ in rows if (account, handle) in handles}


PAGE = 100  # lines in one answer
_MOST_HANDLES = 200  # in one statement
_UNREADABLE = (Kind.NOTE.value, *(kind.value for kind in INTERNAL))
_PENDING = OutboxState.PENDING.value
_CANCELLED = OutboxState.CANCELLED.value
c, i, m = conversations.c, identities.c, messages.c

_MAILBOX: Select[Any] = (
    select(c.id, c.owner, c.inbound_seq, c.handled_seq)
    .join(identities, i.id == c.identity_id)
    .where(i.account == bindparam("account"), i.handle == bindparam("handle"), c.thread == "")
)
_LINES = select(messages).where(m.conversation_id == bindparam("box"), m.kind.not_in(_UNREADABLE))
_LATER = _LINES.where(m.seq > bindparam("after")).order_by(m.seq).limit(PAGE + 1)
_NEWEST = _LINES.order_by(m.seq.desc()).limit(PAGE)
_DELIVERIES = select(outbox.c.message_id, outbox.c.state).where(
    outbox.c.conversation_id == bindparam("box"),
    outbox.c.seq >= bindparam("first"),
    outbox.c.message_id.is_not(None),
)
_VERSIONS = (
    select(i.account, i.handle, c.id, c.seq, c.owner, (c.inbound_seq > c.handled_seq).label("thinking"))
    .join(identities, i.id == c.identity_id)
    .where(
        i.account.in_(bindparam("accounts", expanding=True)),
        i.handle.in_(bindparam("handles", expanding=True)),
        c.thread == "",
    )
)
_PENDING_REPLIES = (
    select(outbox.c.conversation_id, func.count().label("held"))
    .where(OPEN, outbox.c.state == _PENDING, outbox.c.conversation_id.in_(bindparam("boxes", expanding=True)))
    .group_by(outbox.c.conversation_id)
)


class SqlChatHistory:
    """ports.ChatHistoryReader on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, account: str, handle: str, after: int | None) -> ChatHistory:
        return await self._database.read(lambda connection: _read(connection, account, handle, after))

    async def versions(self, mailboxes: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        asked = sorted(mailboxes)
        found: dict[tuple[str, str], str] = {}
        for start in range(0, len(asked), _MOST_HANDLES):
            some = asked[start : start + _MOST_HANDLES]
            found |= await self._database.read(lambda connection, some=some: _versions(connection, some))  # type: ignore[misc]
        return {box: found.get(box, "") for box in asked}


def _read(connection: Connection, account: str, handle: str, after: int | None) -> ChatHistory:
    box = connection.execute(_MAILBOX, {"account": account, "handle": handle}).first()
    if box is None:
        return ChatHistory()
    if after is None:
        rows = list(reversed(connection.execute(_NEWEST, {"box": box.id}).all()))
    else:
        rows = list(connection.execute(_LATER, {"box": box.id, "after": after}))
    more = after is not None and len(rows) > PAGE
    rows = rows[:PAGE]
    lines = tuple(_visible_lines(rows, _states(connection, box.id, rows)))
    return ChatHistory(lines, Owner(box.owner), box.inbound_seq > box.handled_seq, more and bool(lines))


def _states(connection: Connection, box: str, rows: Sequence[Row[Any]]) -> Mapping[str, set[str]]:
    """Message id -> the states of its outbox rows: a long text is sent in several."""
    states: dict[str, set[str]] = defaultdict(set)
    if rows:
        for message_id, state in connection.execute(_DELIVERIES, {"box": box, "first": rows[0].seq}):
            states[message_id].add(state)
    return states


def _visible_lines(rows: Iterable[Row[Any]], states: Mapping[str, set[str]]) -> Iterator[ChatLine]:
    for row in rows:
        carried = states.get(row.id, set())
        if _PENDING in carried:
            return
        if carried != {_CANCELLED}:
            yield ChatLine(row.seq, Author(row.author), row.text, row.at, row.dedup_key or "")


def _versions(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    names = {"accounts": sorted({account for account, _ in keys}), "handles": sorted({handle for _, handle in keys})}
    rows = connection.execute(_VERSIONS, names).all()
    pending: dict[str, int] = {}
    if rows:
        replies = connection.execute(_PENDING_REPLIES, {"boxes": [row.id for row in rows]})
        pending = {row.conversation_id: row.held for row in replies}
    return {
        (row.account, row.handle): f"{row.seq} {row.owner} {bool(row.thinking)} {pending.get(row.id, 0)}"
        for row in rows
    }

"""The threads that new messages belong to: found, or made for a handle that never wrote before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.messages import Heard, Inbound, Instant, Kind
from bot.stores.record.prepared import Among, Prepared
from bot.stores.record.rows import CONVERSATION, conversation_of
from bot.stores.record.tables import conversations, customers, identities
from bot.turns import Work
from bot.wording import new_id

Key = tuple[str, str, str]
_FIND = Prepared(
    CONVERSATION.where(Among(identities.c.account, "accounts"), Among(identities.c.handle, "handles"))
    .order_by(conversations.c.id)
    .with_for_update(of=conversations)
)
LONG_WINDOW = 48 * 3600.0  # how long WeChat lets us answer a message; a click for a minute, reference/wechat.md 1.6
MOVED = ("seq", "inbound_seq", "event_seq", "lease", "lease_until", "heard_at", "heard_kind", "sent_in_window")
_BRIEF = frozenset({Kind.CLICK, Kind.FOLLOW})
_DIALECT = {"sqlite": sqlite, "postgresql": postgresql}


class Thread:
    """A conversation while messages are being given their places in it."""

    def __init__(self, row: Row[Any]) -> None:
        self._conversation = conversation_of(row)
        self.id: str = row.id
        self.channel: str = row.channel
        self.seq: int = row.seq
        self.inbound_seq: int = row.inbound_seq
        self.event_seq: int = row.event_seq
        self.lease: str | None = row.lease
        self.lease_until: Instant = row.lease_until
        self.asked = False

    @property
    def handled_seq(self) -> int:
        """Of the newest message whose turn is committed."""
        return self._conversation.handled_seq

    @property
    def case(self) -> str | None:
        return self._conversation.case_id

    def opens_window(self, kind: Kind, now: Instant) -> bool:
        """Whether the platform's reply window opens anew: a click's is short and doesn't end a message's long one."""
        known = self._conversation
        return not (kind in _BRIEF and known.heard_kind not in _BRIEF and now - known.heard_at < LONG_WINDOW)

    def heard(self, now: Instant, kind: Kind) -> None:
        """The customer said something: the platform's reply window opens anew."""
        self.asked = True
        self._conversation = replace(self._conversation, heard_at=now, heard_kind=kind, sent_in_window=0)

    @property
    def behind(self) -> bool:
        """Whether an older message waits still: then the work begins with that one."""
        return self._conversation.inbound_seq > self._conversation.handled_seq

    def take_lease(self, holder: str, now: Instant, seconds: float) -> bool:
        """Ours if nobody's, or if its holder has not been heard of in time."""
        if self.lease is not None and self.lease_until > now:
            return False
        self.lease, self.lease_until = holder, now + seconds
        return True

    def work(self, message_id: str, inbound: Inbound, now: Instant) -> Work:
        heard = Heard(
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
        return Work(replace(self._conversation, inbound_seq=self.inbound_seq), heard)

    def moved(self) -> dict[str, Any]:
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
    """What tells threads apart: account, handle and public thread."""
    return inbound.account, inbound.handle, inbound.thread


def find_threads(connection: Connection, inbounds: Sequence[Inbound]) -> dict[Key, Thread]:
    """The threads of inbound messages as far as there are any; locked until the transaction ends."""
    wanted = {key_of(inbound) for inbound in inbounds}
    accounts, handles = {key[0] for key in wanted}, {key[1] for key in wanted}
    rows = _FIND.run(connection, accounts=sorted(accounts), handles=sorted(handles))
    keyed = (((row.account, row.handle, row.thread), row) for row in rows)
    return {key: Thread(row) for key, row in keyed if key in wanted}


def make_threads(
    connection: Connection, inbounds: Sequence[Inbound], channels: Mapping[str, str], now: Instant
) -> dict[Key, Thread]:
    """The threads of those who never wrote before; locked until the transaction ends."""
    called = {(one.account, one.handle): f"@{one.data['username']}" for one in inbounds if "username" in one.data}
    _make(connection, {key_of(inbound) for inbound in inbounds}, called, channels, now)
    return find_threads(connection, inbounds)


def _make(
    connection: Connection,
    missing: set[Key],
    called: Mapping[tuple[str, str], str],
    channels: Mapping[str, str],
    now: Instant,
) -> None:
    """Customers, identities and conversations for new handles; another process may have been quicker. called: the
    public names of those who have one."""
    owners = _identities(connection, {(account, handle) for account, handle, _ in missing}, called, now)
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
    connection.execute(_DIALECT[connection.dialect.name].insert(conversations).on_conflict_do_nothing(), rows)


def _identities(
    connection: Connection, handles: set[tuple[str, str]], called: Mapping[tuple[str, str], str], now: Instant
) -> dict[tuple[str, str], str]:
    """The identities of `handles`, new ones with a customer of their own."""
    known = _known(connection, handles)
    new = sorted(handles - known.keys())
    if not new:
        return known
    people = [new_id() for _ in new]
    named = [{"id": id_, "name": called.get(one, ""), "at": now} for id_, one in zip(people, new, strict=True)]
    connection.execute(insert(customers), named)
    rows = [
        {"id": new_id(), "customer_id": person, "account": account, "handle": handle, "at": now}
        for person, (account, handle) in zip(people, new, strict=True)
    ]
    upsert = _DIALECT[connection.dialect.name].insert(identities).on_conflict_do_nothing()
    made = set(connection.execute(upsert.returning(identities.c.customer_id), rows).scalars())
    beaten = [person for person in people if person not in made]
    if beaten:
        connection.execute(delete(customers).where(customers.c.id.in_(beaten)))
    return _known(connection, handles)


def _known(connection: Connection, handles: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        select(identities.c.account, identities.c.handle, identities.c.id).where(
            identities.c.account.in_({account for account, _ in handles}),
            identities.c.handle.in_({handle for _, handle in handles}),
        )
    )
    return {(account, handle): id_ for account, handle, id_ in rows if (account, handle) in handles}

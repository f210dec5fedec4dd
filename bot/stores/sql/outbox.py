"""The outbox: taking due messages and effects, storing results, and refusing repeated public posts.

X refuses a post with the text of a recent one ("You are not allowed to create a Tweet with duplicate content"), and its
automation rules forbid repeated posts: https://help.x.com/en/rules-and-policies/x-automation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, exists, or_, select, update

from bot.domain.decisions import OPTED_OUT, Effect
from bot.domain.messages import MACHINES, Author, Instant, Outbound, OutboxState, Owner
from bot.domain.turns import Delivered, DueDelivery, Event, PublicPostGuard
from bot.stores.sql import mapping
from bot.stores.sql.customers import is_forgotten
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import conversation_of, lock_conversations, read_conversations
from bot.stores.sql.schema import OPEN, conversations, messages, outbox, posted
from bot.stores.sql.statements import upsert

OFFER_LASTS = 20.0  # seconds
# Final states that staff see in the event log, with the type of the event.
_SETTLED = {OutboxState.FAILED: "delivery_failed", OutboxState.IN_DOUBT: "delivery_in_doubt"}
_AGAIN = (OutboxState.PENDING, OutboxState.WAITING)  # results after which the message is to be sent later
o, before = outbox.c, outbox.alias("before")
# Whether an earlier message of the conversation (or, for an effect, an earlier effect) is not sent yet.
_EARLIER = exists().where(
    before.c.conversation_id == o.conversation_id,
    before.c.seq <= o.seq,
    # the pieces of a long text have the same seq
    or_(before.c.seq < o.seq, and_(before.c.seq == o.seq, before.c.id < o.id)),
    before.c.effect.is_(None) == o.effect.is_(None),
    or_(
        before.c.state.in_(("pending", "sending")),
        and_(before.c.state == "offered", ~before.c.written, before.c.state_at > bindparam("offers")),
    ),
)
_ROW = select(o.id, o.conversation_id, o.message_id, o.seq, o.attempts, o.author, o.text, o.effect, o.answers, o.error)
_DUE = (
    _ROW.where(OPEN, o.state == "pending", o.due_at <= bindparam("now"), ~_EARLIER)
    .order_by(o.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
# Accounts with a limit of their own are asked separately, so that their backlog does not use up everyone's limit.
_OF_LIMITED_ACCOUNTS = exists().where(
    conversations.c.id == o.conversation_id, conversations.c.account.in_(bindparam("accounts", expanding=True))
)
_DUE_THERE, _DUE_ELSEWHERE = _DUE.where(_OF_LIMITED_ACCOUNTS), _DUE.where(~_OF_LIMITED_ACCOUNTS)
_UNDER_WAY = select(o.id, o.conversation_id, o.seq, o.author, o.effect, o.answers, o.state_at).where(
    o.id.in_(bindparam("ids", expanding=True)), o.state == "sending"
)
_SENDING = (
    update(outbox)
    .where(o.id.in_(bindparam("ids", expanding=True)))
    .values(state="sending", attempts=o.attempts + 1, state_at=bindparam("b_now"))
)
_ON_ROUTE = select(conversations.c.id).where(
    conversations.c.account == bindparam("account"), (conversations.c.thread == "") == bindparam("private")
)
_SAME_ROUTE = (
    select(o.id)
    .where(OPEN, o.state == "pending", o.due_at < bindparam("until"), o.effect.is_(None))
    .where(o.conversation_id.in_(_ON_ROUTE))
    .with_for_update(skip_locked=True)
)
_POSTPONE = update(outbox).where(o.id.in_(_SAME_ROUTE)).values(due_at=bindparam("until"))
_SETTLE = (
    update(outbox)
    .where(o.id == bindparam("b_id"), o.state == "sending")
    .values(
        state=bindparam("b_state"),
        error=bindparam("b_error"),
        attempts=o.attempts - bindparam("b_untried"),
        platform_id=bindparam("b_platform"),
        due_at=bindparam("b_due"),
        state_at=bindparam("b_now"),
    )
)


class SqlOutbox:
    """ports.Outbox on SQL.

    offers: seconds for which a reply in an HTTP response that is not known to be written holds back later messages.
    """

    def __init__(self, database: Database, offers: float = OFFER_LASTS) -> None:
        self._database = database
        self._offers = offers

    async def take(self, limit: int, account_limits: Mapping[str, int] | None = None) -> list[DueDelivery]:
        return await self._database.write(lambda connection: self._take(connection, limit, account_limits or {}))

    async def settle(self, delivered: Sequence[Delivered]) -> None:
        """Store results. A message that came too early for a rate limit also postpones all others of its route."""
        routes = await self._database.write(lambda connection: self._settle(connection, delivered))
        if routes:
            await self._database.write(lambda connection: _postpone(connection, routes))

    async def close_offers(self, age: float) -> int:
        return await self._database.write(lambda connection: self._close_offers(connection, age))

    async def orphans(self, age: float) -> list[DueDelivery]:
        def work(connection: Connection) -> list[DueDelivery]:
            stuck = _ROW.where(OPEN, o.state == "sending", o.state_at < self._database.now(connection) - age)
            return _dues(connection, connection.execute(stuck).all())

        return await self._database.read(work)

    def _take(self, connection: Connection, limit: int, account_limits: Mapping[str, int]) -> list[DueDelivery]:
        now = self._database.now(connection)
        asked: dict[str, Any] = {"now": now, "offers": now - self._offers}
        elsewhere = {"accounts": list(account_limits), "most": limit}
        rows = list(connection.execute(_DUE_ELSEWHERE if account_limits else _DUE, asked | elsewhere))
        for account, most in account_limits.items():
            rows += connection.execute(_DUE_THERE, asked | {"accounts": [account], "most": most})
        if not rows:
            return []
        connection.execute(_SENDING, {"ids": [row.id for row in rows], "b_now": now})
        return _dues(connection, rows)

    def _settle(self, connection: Connection, delivered: Sequence[Delivered]) -> dict[_Route, Instant]:
        """Store results and return the routes that are closed by a rate limit, with the time until when."""
        # Conversations are locked before their outbox rows, as everywhere.
        now, by_id = self._database.now(connection), {one.id: one for one in delivered}
        of_rows = select(o.conversation_id).where(o.id.in_(list(by_id))).distinct()
        locked = lock_conversations(connection, sorted(connection.execute(of_rows).scalars()))
        rows = connection.execute(_UNDER_WAY, {"ids": list(by_id)}).all()
        if not rows:
            return {}
        results = [
            _Result(locked[row.conversation_id], row, _final(by_id[row.id], row, locked[row.conversation_id], now))
            for row in rows
        ]
        connection.execute(_SETTLE, [_settlement(result.delivered, now) for result in results])
        _count_in_window(connection, [result for result in results if result.delivered.state is OutboxState.SENT])
        _await_customer(connection, [result for result in results if result.delivered.state is OutboxState.WAITING])
        _append_failures(connection, [result for result in results if result.delivered.state in _SETTLED], now)
        return _closed_routes(results)

    def _close_offers(self, connection: Connection, age: float) -> int:
        """Close replies that no repeated request asked for: sent if the response was written, else in doubt."""
        now = self._database.now(connection)
        final = case((o.written, OutboxState.SENT.value), else_=OutboxState.IN_DOUBT.value)
        closing = update(outbox).where(OPEN, o.state == "offered", o.state_at < now - age)
        return connection.execute(closing.values(state=final, state_at=now, body=None)).rowcount


def _dues(connection: Connection, rows: Sequence[Any]) -> list[DueDelivery]:
    talks = read_conversations(connection, sorted({row.conversation_id for row in rows}))
    return [
        replace(
            _due(row, talks[row.conversation_id], _answered(connection, row, talks)),
            confirms_opt_out=bool(talks[row.conversation_id].silenced_at) and _confirms_opt_out(connection, row),
        )
        for row in rows
    ]


def _confirms_opt_out(connection: Connection, row: Any) -> bool:
    entry = select(messages.c.entry).where(messages.c.id == row.message_id)
    return connection.execute(entry).scalar() == OPTED_OUT


def _answered(connection: Connection, row: Any, talks: Mapping[str, Row[Any]]) -> Mapping[str, str]:
    """The data of the message that a public reply answers; for a reply of staff, of the newest inbound message."""
    if not talks[row.conversation_id].thread or row.effect is not None:
        return {}
    heard = select(messages.c.data).where(messages.c.conversation_id == row.conversation_id)
    this = heard.where(messages.c.id == row.answers) if row.answers else heard.where(messages.c.dedup_key.is_not(None))
    data = connection.execute(this.order_by(messages.c.seq.desc()).limit(1)).scalar()
    return json.loads(data) if data else {}


def _due(row: Any, talk: Row[Any], answers: Mapping[str, str]) -> DueDelivery:
    conversation = conversation_of(talk)
    if row.effect is not None:
        effect = json.loads(row.effect)
        return DueDelivery(row.id, conversation, row.attempts + 1, effect=Effect(effect["name"], effect["arguments"]))
    message = Outbound(
        row.id,
        talk.account,
        conversation.identity.handle,
        conversation.thread,
        row.text,
        Author(row.author),
        in_reply_to=answers,
        last_error=row.error,
    )
    return DueDelivery(row.id, conversation, row.attempts + 1, message)


def _settlement(one: Delivered, now: Instant) -> dict[str, Any]:
    return {
        "b_id": one.id,
        "b_state": one.state.value,
        "b_error": one.error,
        "b_untried": 0 if one.attempted else 1,
        "b_platform": one.platform_id,
        "b_due": one.retry_at,
        "b_now": now,
    }


@dataclass(frozen=True, slots=True)
class _Result:
    """The result of an outbox row."""

    conversation: Row[Any]  # its conversation, locked
    row: Any
    delivered: Delivered


@dataclass(frozen=True, slots=True)
class _Route:
    """An account's public threads, or its private conversations: platforms limit them separately."""

    account: str
    private: bool


def _closed_routes(results: Sequence[_Result]) -> dict[_Route, Instant]:
    """Routes whose limit was reached, and the earliest time at which one of their messages may be tried again."""
    closed: dict[_Route, Instant] = {}
    for result in results:
        delivered = result.delivered
        if delivered.state is OutboxState.PENDING and not delivered.attempted and result.row.effect is None:
            route = _Route(result.conversation.account, not result.conversation.thread)
            closed[route] = min(closed.get(route, delivered.retry_at), delivered.retry_at)
    return closed


def _postpone(connection: Connection, routes: Mapping[_Route, Instant]) -> None:
    """Postpone the pending messages of closed routes.

    In its own transaction, which locks no conversation, and skips outbox rows that are locked.
    """
    for route, until in routes.items():
        connection.execute(_POSTPONE, {"account": route.account, "private": route.private, "until": until})


def _final(one: Delivered, row: Any, conversation: Row[Any], now: Instant) -> Delivered:
    """The result, as far as the conversation is still what it was when the row was taken. conversation: locked.

    A retry is CANCELLED if it must not happen: of the bot's message, or of one about the wait, after an agent has
    claimed the conversation, and of any message after the customer was erased, whose message id of the platform is not
    stored either. A message does not wait for the customer if they have written meanwhile, which opened the window
    again: it is tried at once.
    """
    if is_forgotten(conversation.handle):
        return replace(one, platform_id="", state=OutboxState.CANCELLED if one.state in _AGAIN else one.state)
    claimed = conversation.owner == Owner.AGENT.value
    unasked = row.author == Author.SYSTEM.value and row.answers is None
    if one.state in _AGAIN and (row.author == Author.BOT.value or unasked) and claimed and row.effect is None:
        return replace(one, state=OutboxState.CANCELLED)
    if one.state is OutboxState.WAITING and conversation.heard_at > row.state_at:
        return replace(one, state=OutboxState.PENDING, retry_at=now)
    return one


def _count_in_window(connection: Connection, sent: Sequence[_Result]) -> None:
    """Count sent messages, which the platform's reply window limits. Effects do not count."""
    for result in sent:
        if result.row.effect is None:
            this = update(conversations).where(conversations.c.id == result.conversation.id)
            connection.execute(this.values(sent_in_window=conversations.c.sent_in_window + 1))


def _await_customer(connection: Connection, refused: Sequence[_Result]) -> None:
    """Count messages that the platform refuses until the customer writes again.

    The later ones of their conversation wait as well. One of them could otherwise be sent as soon as the customer
    writes, before the turn on that message releases the earlier ones.
    """
    for result in refused:
        later = (
            o.conversation_id == result.conversation.id,
            o.seq >= result.row.seq,
            o.state == OutboxState.PENDING.value,
            o.author.in_([author.value for author in MACHINES]),
            o.effect.is_(None),
        )
        behind = connection.execute(update(outbox).where(OPEN, *later).values(state=OutboxState.WAITING.value)).rowcount
        this = update(conversations).where(conversations.c.id == result.conversation.id)
        connection.execute(this.values(waiting=conversations.c.waiting + 1 + behind))


def _append_failures(connection: Connection, results: Sequence[_Result], now: Instant) -> None:
    """Append an event for each failed delivery or delivery in doubt."""
    last = {result.conversation.id: result.conversation.event_seq for result in results}
    entries = []
    for result in results:
        row, code = result.conversation, result.delivered.error
        what = Event(_SETTLED[result.delivered.state], "system", data={"code": code})
        last[row.id] += 1
        entries.append(mapping.EventEntry(row.id, last[row.id], row.channel, row.account, what, row.case_id))
    for id_, seq in last.items():
        connection.execute(update(conversations).where(conversations.c.id == id_).values(event_seq=seq))
    mapping.append_events(connection, entries, now)


def claim_wording(connection: Connection, account: str, guard: PublicPostGuard, now: Instant) -> bool:
    """Reserve a text for a public post now; False if the account posted it in the last `same_after` seconds."""
    new = upsert(connection, posted)
    said = new.on_conflict_do_update(
        index_elements=[posted.c.account, posted.c.digest],
        set_={"at": now},
        where=posted.c.at <= bindparam("b_before"),
    ).returning(posted.c.digest)
    row = {"account": account, "digest": wording_digest(guard.text), "at": now, "b_before": now - guard.same_after}
    return connection.execute(said, row).first() is not None


def already_posted(connection: Connection, account: str, texts: Sequence[str], since: Instant) -> frozenset[str]:
    """Which of `texts` the account has posted after `since`."""
    digests = {wording_digest(text): text for text in texts}
    lately = select(posted.c.digest).where(
        posted.c.account == account, posted.c.digest.in_(list(digests)), posted.c.at > since
    )
    return frozenset(digests[digest] for digest in connection.execute(lately).scalars())


def wording_digest(text: str) -> str:
    """SHA-256 of a public text, without differences in white space."""
    return hashlib.sha256(" ".join(text.split()).encode(errors="replace")).hexdigest()

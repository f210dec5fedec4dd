"""The tables, the same on SQLite and PostgreSQL. JSON is stored as text, times as seconds since the epoch."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

metadata = MetaData()


def _id() -> Column[str]:
    return Column("id", String(32), primary_key=True)


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, default=default, server_default=default)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, default=0, server_default="0")


def _instant(name: str) -> Column[float]:
    return Column(name, Double, nullable=False, default=0.0, server_default="0")


receipts = Table(
    "receipts",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("dedup_key", String(200), primary_key=True),  # sealed: see receipts.seal
    Column("message_id", String(32), nullable=False),
    Column("conversation_id", String(32), nullable=False),
    Column("attempt", Integer, nullable=False, default=1),  # how many times the platform has delivered it
    Column("at", Double, nullable=False),
    Column("version", BigInteger, nullable=False, default=0, server_default="0"),  # newest of an edited post
    Index("receipts_at", "at"),
)

customers = Table(
    "customers",
    metadata,
    _id(),
    _text("name"),
    Column("member_id", String(64), index=True),
    Column("case_id", String(32)),  # the open case of a private conversation
    _instant("at"),
)

identities = Table(
    "identities",
    metadata,
    _id(),
    Column("customer_id", String(32), ForeignKey("customers.id"), nullable=False, index=True),
    Column("account", String(40), nullable=False),
    Column("handle", String(200), nullable=False),
    Column("member_id", String(64)),
    _instant("verified_until"),
    _instant("gone_at"),  # unfollowed, blocked or erased; 0: reachable
    _instant("silenced_at"),  # opted out, and has not written since
    _instant("at"),
    UniqueConstraint("account", "handle"),
)

conversations = Table(
    "conversations",
    metadata,
    _id(),
    Column("identity_id", String(32), ForeignKey("identities.id"), nullable=False),
    Column("account", String(40), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("thread", String(200), nullable=False, default=""),  # '' for the private conversation
    Column("owner", String(10), nullable=False, default="bot"),  # domain.messages.Owner
    Column("agent", String(32)),  # the staff id, while owner is 'agent'
    Column("case_id", String(32)),  # the open case
    _count("version"),  # counts up with each change that voids turns decided before
    _count("seq"),  # of the newest message
    _count("inbound_seq"),  # of the newest inbound message
    _count("handled_seq"),  # of the newest inbound message whose turn is committed
    _count("event_seq"),  # of the newest event
    Column("slots", Text, nullable=False, default="{}"),  # JSON: what a running skill remembers
    Column("lease", String(32)),  # the process that handles the conversation
    _instant("lease_until"),
    _instant("heard_at"),  # when the platform's reply window was last opened
    Column("heard_kind", String(20), nullable=False, default="text"),  # and by which kind of message
    _count("sent_in_window"),  # our messages since then
    _count("waiting"),  # replies that go out when the customer writes again
    _instant("resolved_at"),
    Column("resolved_by", String(32)),
    Column("still_waiting_said", Boolean, nullable=False, default=False),
    _instant("prompt_at"),  # when the bot speaks first if the customer writes nothing; 0: never
    _instant("at"),
    UniqueConstraint("identity_id", "thread"),
)
Index(
    "conversations_unhandled",
    conversations.c.lease_until,
    sqlite_where=conversations.c.inbound_seq > conversations.c.handled_seq,
    postgresql_where=conversations.c.inbound_seq > conversations.c.handled_seq,
)
Index("conversations_case", conversations.c.case_id)
PROMPTED = conversations.c.prompt_at > literal_column("0")
Index("conversations_prompt", conversations.c.prompt_at, sqlite_where=PROMPTED, postgresql_where=PROMPTED)

messages = Table(
    "messages",
    metadata,
    _id(),
    Column("conversation_id", String(32), ForeignKey("conversations.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("author", String(10), nullable=False),
    Column("kind", String(20), nullable=False),
    _text("text"),
    Column("media", Text),  # JSON of domain.messages.Media
    Column("data", Text),  # JSON: facts about the message, by platform
    Column("dedup_key", String(200)),  # of an inbound message
    _text("by"),  # staff id, or 'bot', 'system'; '' for a customer
    _text("entry"),  # of the knowledge base, that the bot answered from
    _count("edition"),
    Column("confidence", Double),
    Column("at", Double, nullable=False),
    UniqueConstraint("conversation_id", "seq"),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("conversation_id", String(32), ForeignKey("conversations.id"), nullable=False),
    Column("seq", Integer, nullable=False),  # its message's
    Column("message_id", String(32)),  # None for an effect
    Column("answers", String(32)),  # the inbound message this replies to
    Column("author", String(10), nullable=False),
    _text("text"),
    Column("effect", Text),  # JSON: name and arguments
    Column("state", String(10), nullable=False),  # domain.messages.OutboxState
    Column("body", LargeBinary),  # the HTTP response that carries it, for a repeated request
    Column("written", Boolean, nullable=False, default=False),  # the response was written to the connection
    _count("attempts"),
    _instant("due_at"),
    _instant("state_at"),  # when the state last changed
    _text("error"),  # the code of the last failure
    _text("platform_id"),  # the platform's id of the sent message
)
# Unfinished rows, few at any time. Written as literals, the same in the index and in queries: otherwise SQLite does not
# use the partial index (https://www.sqlite.org/partialindex.html) and reads the whole outbox twice a second.
_UNDONE = ("offered", "pending", "waiting", "sending")
OPEN = outbox.c.state.in_([literal_column(f"'{state}'", String) for state in _UNDONE])
Index(
    "outbox_open",
    outbox.c.state,
    outbox.c.due_at,
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
# Messages that may not have arrived and wait for a decision of staff; literals for the same reason.
UNDELIVERED = outbox.c.state.in_([literal_column(f"'{state}'", String) for state in ("in_doubt", "failed")])
Index("outbox_undelivered", outbox.c.state_at, sqlite_where=UNDELIVERED, postgresql_where=UNDELIVERED)
Index("outbox_conversation", outbox.c.conversation_id, outbox.c.seq)
Index("outbox_answers", outbox.c.answers)

events = Table(
    "events",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Double, nullable=False, index=True),
    Column("type", String(30), nullable=False),
    Column("actor", String(40), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("account", String(40), nullable=False),
    Column("case_id", String(32)),
    _count("edition"),
    _text("entry"),
    Column("confidence", Double),
    Column("data", Text),
)

cases = Table(
    "cases",
    metadata,
    _id(),
    Column("conversation_id", String(32), ForeignKey("conversations.id"), nullable=False),
    Column("customer_id", String(32), ForeignKey("customers.id"), nullable=False, index=True),
    Column("reason", String(20), nullable=False),
    _count("priority"),
    Column("team", String(40), nullable=False, default=""),
    Column("state", String(12), nullable=False),  # waiting, claimed, resolved, returned, withdrawn
    Column("agent", String(32)),
    Column("prefer", String(32)),
    _count("version"),
    _text("detail"),
    _text("entry"),
    Column("opened_at", Double, nullable=False),
    _instant("claimed_at"),
    _instant("ended_at"),
    _instant("waiting_since"),  # time of the oldest unanswered customer message; 0: none
    _instant("agent_at"),  # the agent's last action
    _count("place"),  # in the queue when it opened, from 1; 0: unknown
    _instant("promised_until"),  # when the wait that was said ends; 0: none was said, or it is answered or corrected
    _instant("first_answered_at"),  # by an agent
)
Index("cases_state", cases.c.state, cases.c.opened_at)
Index("cases_promised", cases.c.promised_until)
Index("cases_first_answered", cases.c.first_answered_at)
Index("cases_ended", cases.c.ended_at, cases.c.id)

traces = Table(
    "traces",
    metadata,
    Column("message_id", String(32), primary_key=True),
    Column("conversation_id", String(32), nullable=False, index=True),
    Column("at", Double, nullable=False),
    Column("trace", Text, nullable=False),
)

staff = Table(
    "staff",
    metadata,
    _id(),
    Column("login", String(60), nullable=False, unique=True),
    _text("name"),
    Column("role", String(10), nullable=False),
    Column("password", Text, nullable=False),
    _instant("at"),
    _instant("disabled_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", String(64), primary_key=True),  # SHA-256 of the cookie
    Column("staff_id", String(32), ForeignKey("staff.id"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("until", Double, nullable=False),
    _instant("seen_at"),  # last use, to the minute
)

codes = Table(
    "codes",
    metadata,
    _id(),  # the idempotency key of the effect that sent it
    Column("identity_id", String(32), nullable=False, index=True),
    Column("member_id", String(64), index=True),
    Column("hash", String(64), nullable=False),
    _count("attempts"),
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),
    _instant("used_at"),
)

editions = Table(
    "editions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
    Column("model", LargeBinary, nullable=False),
    Column("at", Double, nullable=False),
    _text("by"),
)

# Chunks of large editions, by the hash of their bytes: an edition that changed little shares most with the last.
parts = Table(
    "parts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("at", Double, nullable=False, index=True),
)

edition_parts = Table(
    "edition_parts",
    metadata,
    Column("edition", Integer, primary_key=True, autoincrement=False),
    Column("part", String(64), ForeignKey("parts.name"), primary_key=True, index=True),
    Column("learned", Boolean, nullable=False),  # part of the model, which old editions lose; else of the content
)

# Cached sentence vectors (float16) of training texts, by encoder and hash of the text.
vectors = Table(
    "vectors",
    metadata,
    Column("encoder", String(200), primary_key=True),
    Column("digest", String(32), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    Column("at", Double, nullable=False, index=True),
)

active_edition = Table(
    "active_edition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("version", BigInteger, nullable=False, default=0),
)

# When which edition became active and by whom, by publishing or by going back to an earlier one.
activations = Table(
    "activations",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),  # of active_edition after the change
    Column("number", Integer, nullable=False),
    Column("replaced", Integer, nullable=False),  # 0 before the first
    Column("at", Double, nullable=False),
    _text("by"),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at", Double, nullable=False),
    Column("staff_id", String(32), nullable=False),
    Column("action", String(40), nullable=False),
    _text("object"),
    Column("times", Integer, nullable=False, default=1, server_default="1"),  # repetitions are counted
    Index("audit_at", "at"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("name", String(40), primary_key=True),
    _text("value"),
)

# Digests of public posts, so that the same text is not posted again too soon.
posted = Table(
    "posted",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("at", Double, nullable=False, index=True),
)

# What a platform still allows in each of its rate limit windows.
quotas = Table(
    "quotas",
    metadata,
    Column("holder", String(80), primary_key=True),  # an account, or an app with several accounts
    Column("window", String(80), primary_key=True),
    Column("left", Integer, nullable=False),
    Column("until", Double, nullable=False),
    Column("guessed", Boolean, nullable=False),  # the platform has not reported this window yet
)

spending = Table(
    "spending",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),  # since the epoch, UTC
    Column("amount", BigInteger, nullable=False),  # millionths of a dollar
)

# Per account: whether sending is halted, and the last error.
standings = Table(
    "standings",
    metadata,
    Column("account", String(40), primary_key=True),
    _text("halted"),  # code of the reason; '' if not halted
    _instant("halted_at"),
    _text("error"),  # code of the last error
    _instant("error_at"),
    _instant("heard_at"),  # last successful poll
    _text("halted_way"),  # what is halted: 'posts', 'messages', 'sending' for both, '' for everything
    _count("probes"),  # single requests that have tested the halt in vain
    _instant("probe_at"),  # when the next one is allowed
)

# The modes in which the database has been used: live mode refuses to start on the data of demo mode.
modes = Table(
    "modes",
    metadata,
    Column("mode", String(10), primary_key=True),
    Column("since", Double, nullable=False),
)

# One row that the write check overwrites every few seconds, as large as a few messages.
pulse = Table(
    "pulse",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("filling", Text, nullable=False),
)

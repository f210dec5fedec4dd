"""The record's tables. The same on SQLite and PostgreSQL; JSON is kept as text, times as seconds since the epoch."""

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
    Column("dedup_key", String(200), primary_key=True),  # sealed: see sealing.py
    Column("message_id", String(32), nullable=False),
    Column("conversation_id", String(32), nullable=False),
    Column("attempt", Integer, nullable=False, default=1),
    Column("at", Double, nullable=False),
    Column("version", BigInteger, nullable=False, default=0, server_default="0"),  # the newest known of an edited post
    Index("receipts_at", "at"),
)

customers = Table(
    "customers",
    metadata,
    _id(),
    _text("name"),
    Column("member_id", String(64), index=True),
    Column("case_id", String(32)),  # the open case that people hold in a private conversation
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
    _instant("gone_at"),  # unfollowed, blocked
    _instant("silenced_at"),  # told us to stop, and has not written again
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
    Column("thread", String(200), nullable=False, default=""),
    Column("owner", String(10), nullable=False, default="bot"),
    Column("agent", String(32)),
    Column("case_id", String(32)),
    _count("version"),
    _count("seq"),  # of the newest message of anybody
    _count("inbound_seq"),  # of the newest inbound message
    _count("handled_seq"),  # of the newest inbound message whose turn is committed
    _count("event_seq"),
    Column("slots", Text, nullable=False, default="{}"),
    Column("lease", String(32)),
    _instant("lease_until"),
    _instant("heard_at"),
    Column("heard_kind", String(20), nullable=False, default="text"),
    _count("sent_in_window"),
    _count("waiting"),
    _instant("resolved_at"),
    Column("resolved_by", String(32)),
    Column("still_waiting_said", Boolean, nullable=False, default=False),
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

messages = Table(
    "messages",
    metadata,
    _id(),
    Column("conversation_id", String(32), ForeignKey("conversations.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("author", String(10), nullable=False),
    Column("kind", String(20), nullable=False),
    _text("text"),
    Column("media", Text),
    Column("data", Text),
    Column("dedup_key", String(200)),
    _text("by"),
    _text("entry"),
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
    Column("seq", Integer, nullable=False),  # place among the conversation's outgoing rows: that of its message
    Column("message_id", String(32)),  # None for an effect
    Column("answers", String(32)),  # the inbound message this replies to
    Column("author", String(10), nullable=False),
    _text("text"),
    Column("effect", Text),
    Column("state", String(10), nullable=False),
    Column("body", LargeBinary),
    Column("written", Boolean, nullable=False, default=False),
    _count("attempts"),
    _instant("due_at"),
    _instant("state_at"),
    _text("error"),
    _text("platform_id"),
)
# The few rows that are not done with. As literals, word by word in the index and in queries: SQLite takes a partial
# index for nothing less, and would read the whole outbox twice a second instead.
_UNDONE = ("offered", "pending", "waiting", "sending")
OPEN = outbox.c.state.in_([literal_column(f"'{state}'", String) for state in _UNDONE])
Index(
    "outbox_open",
    outbox.c.state,
    outbox.c.due_at,
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
# What may not have arrived and waits for a person's decision, as literals for the same reason.
_DOUBTFUL = ("in_doubt", "failed")
UNDELIVERED = outbox.c.state.in_([literal_column(f"'{state}'", String) for state in _DOUBTFUL])
Index(
    "outbox_undelivered",
    outbox.c.state_at,
    sqlite_where=UNDELIVERED,
    postgresql_where=UNDELIVERED,
)
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
    _instant("waiting_since"),  # the oldest customer message that no person has answered; 0 when none waits
    _instant("agent_at"),  # when the agent last did anything on it
)
Index("cases_state", cases.c.state, cases.c.opened_at)
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
    Column("token", String(64), primary_key=True),  # sha256 of the cookie
    Column("staff_id", String(32), ForeignKey("staff.id"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("until", Double, nullable=False),
    _instant("seen_at"),  # when its holder last did something, to the minute
)

codes = Table(
    "codes",
    metadata,
    _id(),  # the effect's idempotency key
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

# The pieces of large editions, by the hash of their bytes: an edition that changed little shares most with the last.
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
    Column("learned", Boolean, nullable=False),  # of its model, which only the newest editions keep; else of its words
)

# Sentence vectors of taught texts, by encoder and by the hash of the plain text, in half floats: computed once.
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

# Which edition became the active one when, and by whom: of publishing, and of going back to an earlier edition.
activations = Table(
    "activations",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),  # of active_edition, which it made
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
    Column("times", Integer, nullable=False, default=1, server_default="1"),  # since the last row of the same
    Index("audit_at", "at"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("name", String(40), primary_key=True),
    _text("value"),
)

# Digests of what was said in public, so that the same words are not said there again too soon.
posted = Table(
    "posted",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("at", Double, nullable=False, index=True),
)

# What a platform still allows in each of its windows. guessed: the platform has not confirmed the window yet.
quotas = Table(
    "quotas",
    metadata,
    Column("holder", String(80), primary_key=True),  # an account, or an app with several accounts
    Column("window", String(80), primary_key=True),
    Column("left", Integer, nullable=False),
    Column("until", Double, nullable=False),
    Column("guessed", Boolean, nullable=False),
)

spending = Table(
    "spending",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),  # since the epoch, UTC
    Column("amount", BigInteger, nullable=False),  # millionths of a dollar
)

# How an account fares with its platform.
standings = Table(
    "standings",
    metadata,
    Column("account", String(40), primary_key=True),
    _text("halted"),  # the code for which nothing is sent; '' while all is well
    _instant("halted_at"),
    _text("error"),  # the last one
    _instant("error_at"),
    _instant("heard_at"),  # when a poll last came through
    _text("halted_way"),  # what is halted: 'posts', 'messages', 'sending' for both, '' for everything
    _count("probes"),  # how often a single request has tried in vain
    _instant("probe_at"),  # when the next one may
)

# In which modes the database has run, and since when: live mode never starts on what demo mode wrote.
modes = Table(
    "modes",
    metadata,
    Column("mode", String(10), primary_key=True),
    Column("since", Double, nullable=False),
)

# Written again and again to see whether anything can be; as much as a few messages need.
pulse = Table(
    "pulse",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("filling", Text, nullable=False),
)

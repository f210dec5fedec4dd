"""What turns say, gathered so that a whole batch is written in a few statements."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from bot.decisions import Effect, Trace
from bot.messages import Instant, Kind, OutboxState
from bot.stores.record import eventlog
from bot.stores.record.bulk import Inserts
from bot.stores.record.rows import json_text, message_row
from bot.stores.record.tables import messages, outbox, traces
from bot.turns import Reply, TurnCommit
from bot.wording import clean, new_id

_MESSAGES, _OUTBOX, _TRACES = (Inserts(table) for table in (messages, outbox, traces))


@dataclass(slots=True)
class Sheet:
    """Rows of one transaction, written at its end."""

    now: Instant
    conversations: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)
    entries: list[eventlog.EventEntry] = field(default_factory=list)

    def say(self, turn: TurnCommit, after: dict[str, Any], row: Row[Any]) -> tuple[str, ...]:
        """Note the turn's replies, effects, events and trace; count `after` on. The ids of the outbox rows."""
        ids = tuple(self.reply(turn, reply, after) for reply in turn.replies if reply.here)
        for effect in turn.effects:
            self.outbox.append(_effect_row(turn, effect, after, self.now))
        for what in turn.events:
            after["event_seq"] += 1
            entry = eventlog.EventEntry(
                row.id, after["event_seq"], row.channel, row.account, what, after["case_id"] or row.case_id
            )
            self.entries.append(entry)
        self.traces.append(_trace_row(turn, row.id, self.now))
        after["slots"] = json_text(turn.slots)
        return ids

    def reply(self, turn: TurnCommit, reply: Reply, after: dict[str, Any]) -> str:
        """A line that answers the turn's message; the id of its outbox row."""
        body = turn.body if reply.state is OutboxState.OFFERED else None
        return self.line(reply, after, body, turn.message.id, turn.trace.edition)

    def line(
        self, reply: Reply, after: dict[str, Any], body: bytes | None, answers: str | None = None, edition: int = 0
    ) -> str:
        """One line of the conversation and the outbox row that carries it; the row's id."""
        text = clean(reply.text)
        after["seq"] += 1
        after["waiting"] += reply.state is OutboxState.WAITING
        message = message_row(new_id(), after["id"], after["seq"], reply.author, Kind.TEXT, self.now) | {
            "text": text,
            "by": reply.author.value,
            "entry": reply.entry,
            "edition": edition,
            "confidence": reply.confidence,
        }
        self.messages.append(message)
        carrier = _outbox_row(after, answers, self.now) | {
            "message_id": message["id"],
            "author": reply.author.value,
            "text": text,
            "state": reply.state.value,
            "body": body,
        }
        self.outbox.append(carrier)
        return str(carrier["id"])

    def write(self, connection: Connection) -> None:
        """All but the conversations, whose columns the caller knows."""
        for table, rows in ((_MESSAGES, self.messages), (_OUTBOX, self.outbox), (_TRACES, self.traces)):
            table.run(connection, rows)
        eventlog.append(connection, self.entries, self.now)


def _outbox_row(after: dict[str, Any], answers: str | None, now: Instant) -> dict[str, Any]:
    return {
        "id": new_id(),
        "conversation_id": after["id"],
        "seq": after["seq"],
        "message_id": None,
        "answers": answers,
        "author": "system",
        "text": "",
        "effect": None,
        "state": OutboxState.PENDING.value,
        "body": None,
        "written": False,
        "attempts": 0,
        "due_at": now,
        "state_at": now,
        "error": "",
        "platform_id": "",
    }


def _effect_row(turn: TurnCommit, effect: Effect, after: dict[str, Any], now: Instant) -> dict[str, Any]:
    return _outbox_row(after, turn.message.id, now) | {
        "effect": json.dumps({"name": effect.name, "arguments": dict(effect.arguments)}, ensure_ascii=False)
    }


def _trace_row(turn: TurnCommit, conversation_id: str, now: Instant) -> dict[str, Any]:
    return {
        "message_id": turn.message.id,
        "conversation_id": conversation_id,
        "at": now,
        "trace": trace_text(turn.trace),
    }


def trace_text(trace: Trace) -> str:
    return _AS_JSON(trace)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


_AS_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_fields).encode

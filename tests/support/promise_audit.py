"""Compares the database after a run with what the platform saw, message by message: promises P1 to P4."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from typing import Any

from sqlalchemy import Row, create_engine, select
from support.load_generator import Observed, Pushed

from bot.simulators.wechat.state import ChatLine
from bot.stores.sql.schema import conversations, events, identities, messages, outbox, receipts, traces

TURNS = frozenset({"answered", "asked", "handed_off", "quiet"})
SPOKEN = frozenset({"answered", "asked", "handed_off"})
CLAIM_ENDS = frozenset({"released", "resolved", "returned_to_bot"})
IN_FLIGHT = 3.0  # seconds in which a send that had begun before the claim may still come to its end


class PromiseAudit:
    """Everything in the database, by conversation."""

    def __init__(self, url: str) -> None:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        with engine.connect() as connection:
            keyed = select(receipts, messages.c.dedup_key.label("key"))
            joined = keyed.join(messages, messages.c.id == receipts.c.message_id, isouter=True)
            self.receipts = connection.execute(joined).all()
            self.talks = {
                row.id: row
                for row in connection.execute(
                    select(conversations, identities.c.handle).join(
                        identities, identities.c.id == conversations.c.identity_id
                    )
                )
            }
            self.messages = _grouped(connection.execute(select(messages).order_by(messages.c.seq)))
            self.events = _grouped(connection.execute(select(events).order_by(events.c.seq)))
            self.outbox = _grouped(connection.execute(select(outbox).order_by(outbox.c.seq, outbox.c.id)))
            understood = connection.execute(select(traces)).all()
            self.traces = {row.message_id: json.loads(row.trace) for row in understood}
            self.turned_at = {row.message_id: row.at for row in understood}
        engine.dispose()

    def check(self, observed: Observed) -> dict[str, int]:
        """Check every promise; returns how much was seen of what, to show that the run was hard enough."""
        self.everything_acknowledged_is_here_once(observed)
        for id_ in self.talks:
            self.numbered_without_gaps(id_)
            self.every_message_had_one_turn(id_)
            self.turns_follow_their_messages(id_)
            self.nobody_was_talked_over(id_)
        self.written_in_the_order_of_acceptance(observed)
        for talk in self.talks.values():
            self.seen_once_and_in_order(talk, observed)
        states = Counter(row.state for rows in self.outbox.values() for row in rows)
        turns = Counter(trace["decision"] for trace in self.traces.values())
        repeats = sum(row.attempt > 1 for row in self.receipts)
        return {
            "messages": len(observed.pushed),
            "acknowledged": sum(one.acknowledged for one in observed.pushed),
            "repeated": repeats,
            "claims": observed.claims,
            "unseen": self.thought_to_be_seen(observed),
            **states,
            **turns,
            **Counter(attempt.outcome.value for one in observed.pushed for attempt in one.delivery.attempts),
        }

    def everything_acknowledged_is_here_once(self, observed: Observed) -> None:
        """P1."""
        keys = {row.key: row for row in self.receipts}
        stored = Counter(row.dedup_key for rows in self.messages.values() for row in rows if row.dedup_key)
        assert set(stored) == set(keys)
        assert set(stored.values()) <= {1}
        for one in observed.pushed:
            if one.acknowledged:
                assert self.receipt_of(one) is not None, f"acknowledged and lost: {one}"

    def receipt_of(self, one: Pushed) -> Row[Any] | None:
        return self._by_number.get((one.account, one.openid, str(one.delivery.msg_id)))

    @cached_property
    def _by_number(self) -> dict[tuple[str, str, str], Row[Any]]:
        found = {}
        for row in self.receipts:
            if row.key.startswith("prompt:"):  # the bot speaks first: nothing was pushed
                continue
            openid, _, number = row.key.split("|")
            found[row.account, openid, number] = row
        return found

    def thought_to_be_seen(self, observed: Observed) -> int:
        """Responses that we hold for written and that the platform did not wait for."""
        passive = {row.answers for rows in self.outbox.values() for row in rows if row.state == "sent" and row.answers}
        passive -= {row.answers for rows in self.outbox.values() for row in rows if row.attempts}
        receipts_of = ((one, self.receipt_of(one)) for one in observed.pushed if one.delivery.reply is None)
        return sum(receipt is not None and receipt.message_id in passive for _, receipt in receipts_of)

    def doubted_though_seen(self, observed: Observed) -> int:
        """Replies that stand in doubt and that the platform had as a response: nobody need look at them."""
        doubted = {row.answers for rows in self.outbox.values() for row in rows if row.state == "in_doubt"}
        answered = (self.receipt_of(one) for one in observed.pushed if one.delivery.reply)
        return sum(receipt is not None and receipt.message_id in doubted for receipt in answered)

    def numbered_without_gaps(self, id_: str) -> None:
        talk = self.talks[id_]
        assert [row.seq for row in self.messages[id_]] == list(range(1, talk.seq + 1))
        assert [row.seq for row in self.events[id_]] == list(range(1, talk.event_seq + 1))

    def every_message_had_one_turn(self, id_: str) -> None:
        """P1, P2, P5: exactly one turn each; it said something, or had a reason to be quiet."""
        inbound = [row for row in self.messages[id_] if row.dedup_key]
        assert self.talks[id_].handled_seq == self.talks[id_].inbound_seq == (inbound[-1].seq if inbound else 0)
        turns = [row for row in self.events[id_] if row.type in TURNS]
        assert len(turns) == len(inbound)
        assert all(row.id in self.traces for row in inbound)
        kinds = {"answered": "Answer", "asked": "Ask", "handed_off": "HandOff", "quiet": "Quiet"}
        assert [kinds[row.type] for row in turns] == [self.traces[row.id]["decision"] for row in inbound]
        assert all(json.loads(row.data)["why"] for row in turns if row.type == "quiet")
        spoken = [row for row in self.messages[id_] if row.author in ("bot", "system") and not row.dedup_key]
        assert len(spoken) >= sum(row.type in SPOKEN for row in turns)
        assert {row.message_id for row in self.outbox[id_]} >= {row.id for row in spoken}

    def turns_follow_their_messages(self, id_: str) -> None:
        """P3: turns are written in the order of acceptance, and so are the places of what they say."""
        at = [self.turned_at[row.id] for row in self.messages[id_] if row.dedup_key]
        assert at == sorted(at)

    def nobody_was_talked_over(self, id_: str) -> None:
        """P4: no turn of the bot while a person has the case, and nothing of the bot's is sent after the claim."""
        claimed: list[tuple[float, float]] = []
        since = None
        for row in self.events[id_]:
            if row.type == "claimed":
                since = row.at
            elif row.type in CLAIM_ENDS and since is not None:
                claimed.append((since, row.at))
                since = None
            assert since is None or row.type not in SPOKEN, f"the bot spoke while a person had the case: {id_}"
        for row in self.outbox[id_]:
            if row.author == "bot" and row.attempts and row.state == "sent":
                assert not any(start + IN_FLIGHT < row.state_at < end for start, end in claimed)

    def written_in_the_order_of_acceptance(self, observed: Observed) -> None:
        """P3: messages of those who waited for each answer are in the database in the order in which they wrote."""
        numbers = defaultdict(list)
        for one in observed.pushed:
            receipt = self.receipt_of(one)
            if receipt is not None and one.patient and one.once:
                numbers[one.openid].append((int(one.text.rpartition(" ")[2]), self._place(receipt)))
        assert numbers
        for places in numbers.values():
            in_order = [place for _, place in sorted(places)]
            assert in_order == sorted(in_order)

    def _place(self, receipt: Row[Any]) -> int:
        return next(int(row.seq) for row in self.messages[receipt.conversation_id] if row.id == receipt.message_id)

    def seen_once_and_in_order(self, talk: Row[Any], observed: Observed) -> None:
        """P2, P3: on the follower's screen nothing stands that was not said, nothing twice, and nothing overtakes;
        but for responses to requests that were open at the same time, or that the platform had to repeat."""
        mine = [one for one in observed.pushed if (one.account, one.openid) == (talk.account, talk.handle)]
        again = [one for one in mine if not one.once or (one.line and any(one.overlaps(other) for other in mine))]
        rows = [row for row in self.outbox[talk.id] if row.message_id and not _how_to_fetch(row)]
        hints = {row.text for row in self.outbox[talk.id] if _how_to_fetch(row)}
        chat = observed.chats[talk.account, talk.handle]
        lines = [line for line in chat if line.side == "account" and line.text not in hints]
        late_lines = {one.line for one in again if one.line}
        late = {getattr(self.receipt_of(one), "message_id", "") for one in again}
        told = _told(lines, rows, late_lines, late)
        on_time = [
            _Said(row.text, row.state == "sent" and not (row.answers in late and row.error))  # refused, then fetched
            for row in rows
            if row.attempts or row.answers not in late
        ]
        assert fits([line.text for line in lines if line.id not in late_lines], on_time), told
        seen = Counter(part for line in lines for part in line.text.split("\n\n"))
        said = Counter(part for row in rows if row.state != "cancelled" for part in row.text.split("\n\n"))
        assert all(seen[part] <= said[part] for part in seen if part in said), told
        assert all(any(row.text in line.text for row in rows) for line in lines), told


def _how_to_fetch(row: Row[Any]) -> bool:
    """Whether this only told a follower to send 1: no message's reply, and left by no turn."""
    return row.author == "system" and row.answers is None


class _Said:
    """A row of the outbox as it may stand on the screen."""

    __slots__ = ("surely", "text")

    def __init__(self, text: str, surely: bool) -> None:
        self.text, self.surely = text, surely


def fits(lines: Sequence[str], rows: Sequence[_Said]) -> bool:
    """Whether the lines of a chat are these rows in their order, several joined in one or each alone, none that surely
    arrived missing."""

    @cache
    def from_here(line: int, row: int) -> bool:
        if row == len(rows):
            return line == len(lines)
        if not rows[row].surely and from_here(line, row + 1):
            return True
        return line < len(lines) and any(
            from_here(line + 1, end)
            for end in range(row + 1, min(len(rows), row + 12) + 1)
            if _joined(lines[line], rows[row:end])
        )

    return from_here(0, 0)


def _joined(line: str, rows: Iterable[_Said]) -> bool:
    """Whether a line is these rows joined, with at most one paragraph more: how to fetch what did not fit."""
    said = "\n\n".join(row.text for row in rows)
    hint = line.removeprefix(said)
    return line.startswith(said) and (not hint or (hint.startswith("\n\n") and hint.count("\n\n") == 1))


def _grouped(rows: Iterable[Any]) -> dict[str, list[Row[Any]]]:
    grouped = defaultdict[str, list[Row[Any]]](list)
    for row in rows:
        grouped[row.conversation_id].append(row)
    return grouped


def _told(lines: Sequence[ChatLine], rows: Sequence[Row[Any]], late_lines: set[int], late: set[str]) -> str:
    """Both sides, to find the cause; ~ marks what may stand anywhere."""
    seen = [f"{'~' if line.id in late_lines else ' '} {line.via} {line.at:.2f} {line.text[:40]!r}" for line in lines]
    said = [
        f"{'~' if row.answers in late and not row.attempts else ' '} {row.seq} {row.author} {row.state} "
        f"x{row.attempts} {row.state_at:.2f} {row.error} {row.answers} {row.text[:40]!r}"
        for row in rows
    ]
    return "\n".join(["seen:", *seen, "said:", *said])

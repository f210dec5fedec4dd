"""Writes customers, messages and cases straight into the tables, as the journey would leave them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Table, insert, select, update

from bot.domain.decisions import Candidate, Trace
from bot.domain.messages import Author, Kind, Media, OutboxState, Reason
from bot.stores.sql.database import Database
from bot.stores.sql.schema import cases, conversations, customers, events, identities, messages, outbox, traces
from bot.text import new_id


class Seeder:
    """Writes rows at the database's own time, which tests move."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def customer(self, name: str = "小林") -> str:
        return self._insert(customers, name=name, at=self._now())

    def conversation(
        self,
        customer: str,
        account: str = "brand-wechat",
        channel: str = "wechat",
        thread: str = "",
        verified_as: str | None = None,
    ) -> str:
        identity = self._insert(
            identities,
            customer_id=customer,
            account=account,
            handle=new_id(),
            member_id=verified_as,
            verified_until=self._now() + 86400 if verified_as else 0.0,
        )
        return self._insert(
            conversations, identity_id=identity, account=account, channel=channel, thread=thread, at=self._now()
        )

    def hears(self, conversation: str, text: str, kind: Kind = Kind.TEXT, media: Media | None = None) -> str:
        """The customer says something, and waits if there is a case."""
        kept = json.dumps(asdict(media)) if media else None
        line = self._says(conversation, Author.CUSTOMER, text, kind=kind.value, media=kept, dedup_key=new_id())
        seq = self.row(messages, line).seq
        self._update(conversations, conversation, inbound_seq=seq, handled_seq=seq, heard_at=self._now())
        case = self.row(conversations, conversation).case_id
        if case and not self.row(cases, case).waiting_since:
            self._update(cases, case, waiting_since=self._now())
        return line

    def answers(self, conversation: str, text: str, entry: str, state: OutboxState = OutboxState.SENT) -> str:
        """The bot answers; the outbox row's id."""
        line = self._says(conversation, Author.BOT, text, entry=entry, edition=3, confidence=0.97)
        return self._insert(
            outbox,
            conversation_id=conversation,
            seq=self.row(messages, line).seq,
            message_id=line,
            author=Author.BOT.value,
            text=text,
            state=state.value,
        )

    def understood(self, conversation: str, message: str, *candidates: tuple[str, float]) -> None:
        trace = Trace(3, "zh", tuple(Candidate(*one) for one in candidates), "HandOff", reason="unsure")
        row = {"message_id": message, "conversation_id": conversation, "at": self._now()}
        self.execute(insert(traces).values(**row, trace=json.dumps(asdict(trace))))

    def case(self, conversation: str, reason: Reason = Reason.UNSURE, priority: int = 0) -> str:
        """The bot hands over."""
        identity = self.row(identities, self.row(conversations, conversation).identity_id)
        case = self._insert(
            cases,
            conversation_id=conversation,
            customer_id=identity.customer_id,
            reason=reason.value,
            priority=priority,
            state="waiting",
            opened_at=self._now(),
            waiting_since=self._now(),
        )
        self.joins(conversation, case)
        return case

    def joins(self, conversation: str, case: str) -> None:
        self._update(conversations, conversation, owner="queue", case_id=case)

    def row(self, table: Table, id_: str) -> Row[Any]:
        with self._database.engine.connect() as connection:
            return connection.execute(select(table).where(table.c.id == id_)).one()

    def rows(self, table: Table, **wanted: object) -> list[Row[Any]]:
        query = select(table)
        for name, value in wanted.items():
            query = query.where(table.c[name] == value)
        with self._database.engine.connect() as connection:
            return list(connection.execute(query))

    def history(self, conversation: str) -> list[tuple[int, str, str]]:
        rows = self.rows(events, conversation_id=conversation)
        return sorted((row.seq, row.type, row.actor) for row in rows)

    def change(self, table: Table, id_: str, **values: object) -> None:
        self._update(table, id_, **values)

    def _says(self, conversation: str, author: Author, text: str, **more: object) -> str:
        seq = self.row(conversations, conversation).seq + 1
        self._update(conversations, conversation, seq=seq)
        values = {"kind": Kind.TEXT.value, "text": text, "at": self._now()} | more
        return self._insert(messages, conversation_id=conversation, seq=seq, author=author.value, **values)

    def _insert(self, table: Table, **values: object) -> str:
        id_ = new_id()
        self.execute(insert(table).values(id=id_, **values))
        return id_

    def _update(self, table: Table, id_: str, **values: object) -> None:
        self.execute(update(table).where(table.c.id == id_).values(**values))

    def execute(self, statement: Any) -> None:
        with self._database.engine.begin() as connection:
            connection.execute(statement)

    def _now(self) -> float:
        with self._database.engine.connect() as connection:
            return self._database.now(connection)

"""Rows become conversations by the names of their columns, wherever a column is in the statement."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import Connection

from bot.domain.messages import Conversation, Identity, Kind, Owner
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import CONVERSATION, conversation_of, conversation_reader
from bot.stores.sql.schema import conversations, customers, identities

# Every column has a value of its own, so that any two that changed places are seen.
CUSTOMER = {"id": "cu", "case_id": "case-of-customer"}
IDENTITY = {
    "id": "i", "customer_id": "cu", "account": "tea", "handle": "lin", "member_id": "m1",
    "verified_until": 11.0, "silenced_at": 12.0,
}  # fmt: skip
CONVERSED = {
    "id": "c", "account": "tea", "channel": "wechat", "thread": "t", "owner": "queue", "agent": "mei",
    "case_id": "case", "version": 1, "handled_seq": 2, "inbound_seq": 3, "slots": '{"a": 1}', "heard_at": 4.0,
    "heard_kind": "voice", "sent_in_window": 5, "waiting": 6, "resolved_at": 7.0, "resolved_by": "jun",
    "still_waiting_said": True, "identity_id": "i", "seq": 8, "event_seq": 9, "lease": "l", "lease_until": 10.0,
}  # fmt: skip
EXPECTED = Conversation(
    id="c",
    account="tea",
    channel="wechat",
    identity=Identity(
        id="i", customer_id="cu", account="tea", handle="lin", member_id="m1", verified_until=11.0, silenced_at=12.0
    ),
    thread="t",
    owner=Owner.QUEUE,
    agent="mei",
    case_id="case",
    customer_case="case-of-customer",
    version=1,
    handled_seq=2,
    inbound_seq=3,
    slots={"a": 1},
    heard_at=4.0,
    heard_kind=Kind.VOICE,
    sent_in_window=5,
    waiting=6,
    resolved_at=7.0,
    resolved_by="jun",
    still_waiting_said=True,
)


def test_a_moved_column_swaps_nothing(database: Database) -> None:
    def fill(connection: Connection) -> None:
        for table, values in ((customers, CUSTOMER), (identities, IDENTITY), (conversations, CONVERSED)):
            needed = {
                column.name: 0 if column.type.python_type in (int, float) else ""
                for column in table.c
                if not (column.nullable or column.server_default or column.default)
            }
            connection.execute(table.insert().values(needed | values))

    with database.engine.begin() as connection:
        fill(connection)
        columns = list(CONVERSATION.selected_columns)
        for moved in (columns, columns[::-1], columns[5:] + columns[:5]):
            statement = CONVERSATION.with_only_columns(*moved)
            assert conversation_reader(statement)(connection.execute(statement).one()) == EXPECTED
        assert conversation_of(connection.execute(CONVERSATION).one()) == EXPECTED


def test_every_field_has_a_column_of_its_name() -> None:
    columns = {column.key for column in CONVERSATION.selected_columns}
    assert {field.name for field in fields(Conversation)} - {"identity"} <= columns

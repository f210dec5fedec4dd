"""Undelivered messages without a case, on SQLite and PostgreSQL: listed until staff decide."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
from argon2 import PasswordHasher
from support.conversations import Seeder
from support.services import MovableClock

from bot.domain.cases import Role, StaffMember
from bot.domain.messages import OutboxState
from bot.errors import NotAllowed, Stale
from bot.stores.sql.cases import SqlUndelivered
from bot.stores.sql.database import Database
from bot.stores.sql.schema import audit, conversations, outbox
from bot.stores.sql.staff import SqlStaff

DECISIONS = ("send_again", "leave")


@dataclass
class Desk:
    seeder: Seeder
    undelivered: SqlUndelivered
    mei: StaffMember
    editor: StaffMember

    def listed(self) -> list[str]:
        return [message.id for message in asyncio.run(self.undelivered.undelivered(10))]

    def decide(self, what: str, outgoing: str, by: StaffMember | None = None) -> None:
        deciding: Coroutine[Any, Any, None] = (
            self.undelivered.leave_unsent(outgoing, by or self.mei)
            if what == "leave"
            else self.undelivered.send_again(outgoing, by or self.mei, OutboxState.PENDING)
        )
        asyncio.run(deciding)

    def deeds(self) -> list[tuple[str, str, str]]:
        rows = self.seeder.rows(audit)
        return [(row.staff_id, row.action, row.object) for row in rows if row.action in ("resent", "left")]


@pytest.fixture
def desk(database: Database) -> Desk:
    staff = SqlStaff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))

    async def hired() -> tuple[StaffMember, StaffMember]:
        mei = await staff.add("mei", "小梅", Role.AGENT, "correct horse")
        return mei, await staff.add("ed", "Ed", Role.EDITOR, "correct horse")

    return Desk(Seeder(database), SqlUndelivered(database), *asyncio.run(hired()))


@pytest.fixture
def talk(desk: Desk) -> str:
    return desk.seeder.conversation(desk.seeder.customer("林晓"))


def test_undelivered_messages_without_a_case_are_listed_newest_first(
    desk: Desk, clock: MovableClock, talk: str
) -> None:
    asked = {}
    for state in OutboxState:
        clock.move(1)
        asked[state] = desk.seeder.answers(talk, f"答复 {state}", "entry", state)
        desk.seeder.change(outbox, asked[state], state_at=clock.now())
    listed = asyncio.run(desk.undelivered.undelivered(10))
    assert [(one.id, one.state) for one in listed] == [
        (asked[OutboxState.FAILED], OutboxState.FAILED),
        (asked[OutboxState.IN_DOUBT], OutboxState.IN_DOUBT),
    ]
    assert (listed[1].text, listed[1].customer.name, listed[1].conversation.id) == ("答复 in_doubt", "林晓", talk)
    assert asyncio.run(desk.undelivered.undelivered(1)) == listed[:1]


def test_an_undelivered_message_is_found_by_id_beyond_the_listed_ones(
    desk: Desk, clock: MovableClock, talk: str
) -> None:
    rows = []
    for number in range(3):
        clock.move(1)
        rows.append(desk.seeder.answers(talk, f"{number}", "entry", OutboxState.FAILED))
    found = asyncio.run(desk.undelivered.find(rows[0]))
    assert found is not None
    assert (found.id, found.text) == (rows[0], "0")
    desk.decide("leave", rows[0])
    assert asyncio.run(desk.undelivered.find(rows[0])) is None
    assert asyncio.run(desk.undelivered.find("no such message")) is None


def test_an_undelivered_message_of_an_open_case_is_not_listed(desk: Desk, talk: str) -> None:
    row = desk.seeder.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    desk.seeder.case(talk)
    assert desk.listed() == []
    for what in DECISIONS:
        with pytest.raises(Stale):
            desk.decide(what, row)
    assert desk.seeder.row(outbox, row).state == "failed"


def test_an_effect_is_no_message_and_stays_out_of_the_list(desk: Desk, talk: str) -> None:
    row = desk.seeder.answers(talk, "", "", OutboxState.FAILED)
    desk.seeder.change(outbox, row, message_id=None, effect="{}")
    assert desk.listed() == []
    with pytest.raises(LookupError):
        desk.decide("leave", row)


def test_staff_send_an_undelivered_message_again(desk: Desk, talk: str) -> None:
    row = desk.seeder.answers(talk, "您好", "small.hello", OutboxState.IN_DOUBT)
    desk.decide("send_again", row)
    again = desk.seeder.row(outbox, row)
    assert (again.state, again.author, again.attempts) == ("pending", "agent", 0)
    assert desk.seeder.history(talk) == [(1, "resent", desk.mei.id)]
    assert (desk.listed(), desk.deeds()) == ([], [(desk.mei.id, "resent", row)])


def test_a_resent_message_can_wait_until_the_customer_writes(desk: Desk, talk: str) -> None:
    row = desk.seeder.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    asyncio.run(desk.undelivered.send_again(row, desk.mei, OutboxState.WAITING))
    assert desk.seeder.row(outbox, row).state == "waiting"
    assert desk.seeder.row(conversations, talk).waiting == 1


def test_a_message_left_unsent_is_not_listed_again(desk: Desk, talk: str) -> None:
    row = desk.seeder.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    desk.decide("leave", row)
    assert desk.seeder.row(outbox, row).state == "left"
    assert desk.seeder.history(talk) == [(1, "left", desk.mei.id)]
    assert (desk.listed(), desk.deeds()) == ([], [(desk.mei.id, "left", row)])


@pytest.mark.parametrize("what", DECISIONS)
def test_an_undelivered_message_is_decided_once_and_only_by_desk_roles(desk: Desk, talk: str, what: str) -> None:
    row = desk.seeder.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    with pytest.raises(NotAllowed, match="role"):
        desk.decide(what, row, desk.editor)
    desk.decide(what, row)
    with pytest.raises(NotAllowed, match="delivered"):
        desk.decide(what, row)
    with pytest.raises(LookupError):
        desk.decide(what, "nothing")
    assert len(desk.deeds()) == 1

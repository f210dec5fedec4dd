"""Strays on every record: what may not have arrived and is nobody's case, until a person decides."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
from argon2 import PasswordHasher
from ground import MovableClock
from seeding import Ground

from bot.cases import Role, StaffMember
from bot.errors import NotAllowed, Stale
from bot.messages import OutboxState
from bot.stores.record.database import Database
from bot.stores.record.staff import Staff
from bot.stores.record.strays import RecordStrays
from bot.stores.record.tables import audit, conversations, outbox

DECISIONS = ("send_again", "leave")


@dataclass
class Desk:
    ground: Ground
    strays: RecordStrays
    mei: StaffMember
    editor: StaffMember

    def listed(self) -> list[str]:
        return [stray.id for stray in asyncio.run(self.strays.undelivered(10))]

    def decide(self, what: str, outgoing: str, by: StaffMember | None = None) -> None:
        deciding: Coroutine[Any, Any, None] = (
            self.strays.leave(outgoing, by or self.mei)
            if what == "leave"
            else self.strays.send_again(outgoing, by or self.mei, OutboxState.PENDING)
        )
        asyncio.run(deciding)

    def deeds(self) -> list[tuple[str, str, str]]:
        rows = self.ground.rows(audit)
        return [(row.staff_id, row.action, row.object) for row in rows if row.action in ("resent", "left")]


@pytest.fixture
def desk(database: Database) -> Desk:
    staff = Staff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))

    async def hired() -> tuple[StaffMember, StaffMember]:
        mei = await staff.add("mei", "小梅", Role.AGENT, "correct horse")
        return mei, await staff.add("ed", "Ed", Role.EDITOR, "correct horse")

    return Desk(Ground(database), RecordStrays(database), *asyncio.run(hired()))


@pytest.fixture
def talk(desk: Desk) -> str:
    return desk.ground.conversation(desk.ground.customer("林晓"))


def test_what_is_in_doubt_or_failed_without_a_case_is_listed_newest_first(
    desk: Desk, clock: MovableClock, talk: str
) -> None:
    asked = {}
    for state in OutboxState:
        clock.move(1)
        asked[state] = desk.ground.answers(talk, f"答复 {state}", "entry", state)
        desk.ground.change(outbox, asked[state], state_at=clock.now())
    listed = asyncio.run(desk.strays.undelivered(10))
    assert [(one.id, one.state) for one in listed] == [
        (asked[OutboxState.FAILED], OutboxState.FAILED),
        (asked[OutboxState.IN_DOUBT], OutboxState.IN_DOUBT),
    ]
    assert (listed[1].text, listed[1].customer.name, listed[1].conversation.id) == ("答复 in_doubt", "林晓", talk)
    assert asyncio.run(desk.strays.undelivered(1)) == listed[:1]


def test_one_is_found_however_many_are_newer(desk: Desk, clock: MovableClock, talk: str) -> None:
    rows = []
    for number in range(3):
        clock.move(1)
        rows.append(desk.ground.answers(talk, f"{number}", "entry", OutboxState.FAILED))
    found = asyncio.run(desk.strays.stray(rows[0]))
    assert found is not None
    assert (found.id, found.text) == (rows[0], "0")
    desk.decide("leave", rows[0])
    assert asyncio.run(desk.strays.stray(rows[0])) is None
    assert asyncio.run(desk.strays.stray("no such message")) is None


def test_what_stands_in_an_open_case_is_decided_there(desk: Desk, talk: str) -> None:
    row = desk.ground.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    desk.ground.case(talk)
    assert desk.listed() == []
    for what in DECISIONS:
        with pytest.raises(Stale):
            desk.decide(what, row)
    assert desk.ground.row(outbox, row).state == "failed"


def test_an_effect_is_no_message_and_stays_out_of_the_list(desk: Desk, talk: str) -> None:
    row = desk.ground.answers(talk, "", "", OutboxState.FAILED)
    desk.ground.change(outbox, row, message_id=None, effect="{}")
    assert desk.listed() == []
    with pytest.raises(LookupError):
        desk.decide("leave", row)


def test_a_person_sends_it_again(desk: Desk, talk: str) -> None:
    row = desk.ground.answers(talk, "您好", "small.hello", OutboxState.IN_DOUBT)
    desk.decide("send_again", row)
    again = desk.ground.row(outbox, row)
    assert (again.state, again.author, again.attempts) == ("pending", "agent", 0)
    assert desk.ground.history(talk) == [(1, "resent", desk.mei.id)]
    assert (desk.listed(), desk.deeds()) == ([], [(desk.mei.id, "resent", row)])


def test_a_reply_that_is_to_be_fetched_waits_with_its_conversation(desk: Desk, talk: str) -> None:
    row = desk.ground.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    asyncio.run(desk.strays.send_again(row, desk.mei, OutboxState.WAITING))
    assert desk.ground.row(outbox, row).state == "waiting"
    assert desk.ground.row(conversations, talk).waiting == 1


def test_a_person_leaves_it_and_nobody_is_asked_again(desk: Desk, talk: str) -> None:
    row = desk.ground.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    desk.decide("leave", row)
    assert desk.ground.row(outbox, row).state == "left"
    assert desk.ground.history(talk) == [(1, "left", desk.mei.id)]
    assert (desk.listed(), desk.deeds()) == ([], [(desk.mei.id, "left", row)])


@pytest.mark.parametrize("what", DECISIONS)
def test_it_is_decided_once_and_only_by_those_who_work_at_the_desk(desk: Desk, talk: str, what: str) -> None:
    row = desk.ground.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    with pytest.raises(NotAllowed, match="role"):
        desk.decide(what, row, desk.editor)
    desk.decide(what, row)
    with pytest.raises(NotAllowed, match="delivered"):
        desk.decide(what, row)
    with pytest.raises(LookupError):
        desk.decide(what, "nothing")
    assert len(desk.deeds()) == 1

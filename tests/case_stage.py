"""Cases on a record, the people who work on them, and what an agent says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from seeding import Ground

from bot.cases import AgentReply, CaseView, Role, StaffMember
from bot.stores.record.board import Board
from bot.stores.record.cases import Cases
from bot.stores.record.database import Database
from bot.stores.record.staff import Staff


@dataclass
class Desk:
    ground: Ground
    cases: Cases
    board: Board
    mei: StaffMember
    jun: StaffMember
    lead: StaffMember
    editor: StaffMember

    def read(self, case: str) -> CaseView:
        view = asyncio.run(self.board.case(case))
        assert view is not None
        return view


def desk_on(database: Database) -> Desk:
    staff = Staff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))

    async def hired() -> list[StaffMember]:
        people = [("mei", "小梅", Role.AGENT), ("jun", "阿俊", Role.AGENT), ("lead", "Lin", Role.LEAD)]
        everybody = [*people, ("ed", "Ed", Role.EDITOR)]
        return [await staff.add(login, name, role, "correct horse") for login, name, role in everybody]

    return Desk(Ground(database), Cases(database), Board(database), *asyncio.run(hired()))


def answer(text: str = "您好，我来帮您看看。", key: str = "draft-1", **more: Any) -> AgentReply:
    return AgentReply(text, (text,), key, **more)

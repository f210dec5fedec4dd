"""Cases in a database, the staff who work on them, and an agent's reply."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from support.conversations import Seeder

from bot.domain.cases import AgentReply, CaseView, Role, StaffMember
from bot.stores.sql.case_queries import SqlCaseQueries
from bot.stores.sql.cases import SqlCases
from bot.stores.sql.database import Database
from bot.stores.sql.staff import SqlStaff


@dataclass
class Desk:
    seeder: Seeder
    cases: SqlCases
    board: SqlCaseQueries
    mei: StaffMember
    jun: StaffMember
    lead: StaffMember
    editor: StaffMember

    def read(self, case: str) -> CaseView:
        view = asyncio.run(self.board.case(case))
        assert view is not None
        return view


def desk_on(database: Database) -> Desk:
    staff = SqlStaff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))

    async def hired() -> list[StaffMember]:
        people = [("mei", "小梅", Role.AGENT), ("jun", "阿俊", Role.AGENT), ("lead", "Lin", Role.LEAD)]
        everybody = [*people, ("ed", "Ed", Role.EDITOR)]
        return [await staff.add(login, name, role, "correct horse") for login, name, role in everybody]

    return Desk(Seeder(database), SqlCases(database), SqlCaseQueries(database), *asyncio.run(hired()))


def answer(text: str = "您好，我来帮您看看。", key: str = "draft-1", **more: Any) -> AgentReply:
    return AgentReply(text, (text,), key, **more)

"""One customer who asks for points on a real database, with real members and a phone that remembers its messages."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import select
from support import builders
from support.conversations import Seeder
from support.paths import ROOT
from support.services import MovableClock

from bot import config
from bot.domain.decisions import Answer, Ask, Decision, Turn, Understanding
from bot.domain.messages import Conversation, Kind, StoredMessage
from bot.intents.skills import PointsSkill
from bot.intents.skills.account_linking import SEND_CODE, LinkingTerms, LinkSkill, OneTimeCodes
from bot.knowledge.editions import Edition
from bot.knowledge.phrases import read_phrases
from bot.members.demo import create_demo_members
from bot.members.sql import SqlMemberDirectory
from bot.members.verification import RecordingSender, SendLinkCode
from bot.ports.nlu import CodeSender, MemberDirectory
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import CONVERSATION, conversation_of
from bot.stores.sql.schema import conversations, metadata
from bot.stores.sql.staff import SqlOneTimeCodes
from bot.stores.sql.turn_effects import apply_change
from bot.text import new_id
from bot.text.language import language_of
from bot.yaml_files import read_page

PHRASES = ROOT / "knowledge_base" / "phrases.yaml"
SECRET = "a secret for tests only"
CODE = re.compile(r"\d{6}")


@cache
def shipped_words() -> Edition:
    """An edition with the phrases that ship with Yingda."""
    phrases, problems = read_phrases(read_page(PHRASES))
    assert not problems, problems
    return builders.edition(phrases)


def turn_of(
    text: str,
    conversation: Conversation,
    now: float,
    language: str = "",
    kind: Kind = Kind.TEXT,
    edition: Edition | None = None,
) -> Turn:
    """A message just read from the database, about to be answered."""
    heard = StoredMessage(new_id(), conversation.id, 1, new_id(), kind, text, now)
    spoken = language or language_of(text, str(conversation.slots.get("language", "zh")))
    return Turn(heard, conversation, Understanding(), spoken, edition or shipped_words(), now)


class Stage:
    """Reads everything from the database for each turn and makes every skill again, as after a restart."""

    def __init__(self, database: Database, members: MemberDirectory, clock: MovableClock) -> None:
        self.database = database
        self.members = members
        self.clock = clock
        self.seeder = Seeder(database)
        self.codes = SqlOneTimeCodes(database)
        self.phone = RecordingSender()
        self.sender: CodeSender = self.phone
        self.terms = LinkingTerms(OneTimeCodes(SECRET), config.Linking())
        self.carries_out = True
        self.id = self.seeder.conversation(self.seeder.customer())

    def conversation(self) -> Conversation:
        with self.database.engine.connect() as connection:
            return conversation_of(connection.execute(CONVERSATION.where(conversations.c.id == self.id)).one())

    def asks_for_points(self, text: str = "查积分") -> Answer | Ask:
        return self._done(self._turn(text), PointsSkill(self.members))

    def asks_to_link(self, text: str = "绑定会员") -> Answer | Ask:
        return self._done(self._turn(text), self.link_skill())

    def types(self, text: str, kind: Kind = Kind.TEXT) -> Answer | Ask:
        """Something said while linking; it has to be taken for an answer."""
        turn = self._turn(text, kind)
        assert self.link_skill().wants(turn)
        return self._done(turn, self.link_skill())

    def leaves_with(self, text: str) -> bool:
        """Whether this is not taken for an answer, so that it is understood for itself."""
        return not self.link_skill().wants(self._turn(text))

    def link_skill(self) -> LinkSkill:
        return LinkSkill(self.members, self.codes, self.terms)

    def carrier(self) -> SendLinkCode:
        return SendLinkCode(self.members, self.codes, self.sender, self.terms, self.clock)

    @property
    def received(self) -> str:
        """The code in the newest text message."""
        found = CODE.search(self.phone.sent[-1].text)
        assert found is not None
        return found.group()

    def everything_written(self) -> str:
        """Everything in the database, as text."""
        with self.database.engine.connect() as connection:
            tables = conversations.metadata.sorted_tables
            return "\n".join(repr(row) for table in tables for row in connection.execute(select(table)))

    def _turn(self, text: str, kind: Kind = Kind.TEXT) -> Turn:
        return turn_of(text, self.conversation(), self.clock.now(), kind=kind)

    def _done(self, turn: Turn, skill: PointsSkill | LinkSkill) -> Answer | Ask:
        decision = asyncio.run(skill.respond(turn))
        assert isinstance(decision, Answer | Ask)
        self._commit(turn, decision)
        return decision

    def _commit(self, turn: Turn, decision: Decision) -> None:
        assert isinstance(decision, Answer | Ask)
        slots = json.dumps({**decision.slots, "language": turn.language}, ensure_ascii=False)
        self.seeder.change(conversations, self.id, slots=slots)
        with self.database.engine.begin() as connection:
            for change in decision.changes:
                apply_change(connection, change, turn.conversation, self.clock.now())
        for effect in decision.effects if self.carries_out else ():
            assert effect.name == SEND_CODE
            asyncio.run(self.carrier().carry_out(effect, new_id(), turn.conversation))


@contextmanager
def set_up(folder: Path, clock: MovableClock) -> Iterator[Stage]:
    """A stage with a database and a demo member database of its own."""
    database = Database(f"sqlite:///{folder / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    members = SqlMemberDirectory(create_demo_members(folder / "members.sqlite", clock.now()), 2.0, clock.now)
    yield Stage(database, members, clock)
    members.close()
    database.close()

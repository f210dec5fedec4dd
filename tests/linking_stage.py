"""One customer who asks for points on a real record, with real members and a phone that remembers its messages."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ground import MovableClock
from seeding import Ground
from sqlalchemy import select

from bot import config
from bot.decisions import Answer, Ask, Decision, Turn, Understanding
from bot.files import read_page
from bot.intents.linking import SEND_CODE, LinkSkill, Terms
from bot.intents.one_time_code import OneTimeCodes
from bot.intents.points import PointsSkill
from bot.knowledge.editions import Edition, Thresholds
from bot.knowledge.phrases import read_phrases
from bot.language import language_of
from bot.members.demo import demo_members
from bot.members.linking import SendLinkCode
from bot.members.senders import RecordingSender
from bot.members.sql import SqlMemberDirectory
from bot.messages import Conversation, Heard, Kind
from bot.ports import CodeSender, MemberDirectory
from bot.stores.record.changes import apply
from bot.stores.record.codes import RecordCodes
from bot.stores.record.database import Database
from bot.stores.record.rows import CONVERSATION, conversation_of
from bot.stores.record.tables import conversations, metadata
from bot.wording import new_id

PHRASES = Path(__file__).parent.parent / "knowledge_base" / "phrases.yaml"
SECRET = "a secret for tests only"
CODE = re.compile(r"\d{6}")


def shipped_words(_: int = 1) -> Edition:
    """An edition with the phrases that ship with Yingda."""
    phrases, mistakes = read_phrases(read_page(PHRASES))
    assert not mistakes, mistakes
    return Edition(1, {}, phrases, Thresholds(0.9, 0.5))


def turn_of(text: str, conversation: Conversation, now: float, language: str = "", kind: Kind = Kind.TEXT) -> Turn:
    """A message just read from the record, about to be answered."""
    heard = Heard(new_id(), conversation.id, 1, new_id(), kind, text, now)
    spoken = language or language_of(text, str(conversation.slots.get("language", "zh")))
    return Turn(heard, conversation, Understanding(), spoken, 1, now)


class Stage:
    """Everything is read from the record for each turn, and every skill is made anew: as after a restart."""

    def __init__(self, database: Database, members: MemberDirectory, clock: MovableClock) -> None:
        self.database = database
        self.members = members
        self.clock = clock
        self.ground = Ground(database)
        self.codes = RecordCodes(database)
        self.phone = RecordingSender()
        self.sender: CodeSender = self.phone
        self.terms = Terms(OneTimeCodes(SECRET), config.Linking())
        self.carries_out = True
        self.id = self.ground.conversation(self.ground.customer())

    def conversation(self) -> Conversation:
        with self.database.engine.connect() as connection:
            return conversation_of(connection.execute(CONVERSATION.where(conversations.c.id == self.id)).one())

    def asks_for_points(self, text: str = "查积分") -> Answer | Ask:
        return self._done(self._turn(text), PointsSkill(self.members, shipped_words))

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
        return LinkSkill(self.members, self.codes, shipped_words, self.terms)

    def carrier(self) -> SendLinkCode:
        return SendLinkCode(self.members, self.codes, self.sender, shipped_words, self.terms, self.clock)

    @property
    def received(self) -> str:
        """The code in the newest text message."""
        found = CODE.search(self.phone.sent[-1].text)
        assert found is not None
        return found.group()

    def everything_written(self) -> str:
        """All that the record holds, as text."""
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
        self.ground.change(conversations, self.id, slots=slots)
        with self.database.engine.begin() as connection:
            for change in decision.changes:
                apply(connection, change, turn.conversation, self.clock.now())
        for effect in decision.effects if self.carries_out else ():
            assert effect.name == SEND_CODE
            asyncio.run(self.carrier().carry_out(effect, new_id(), turn.conversation))


@contextmanager
def set_up(folder: Path, clock: MovableClock) -> Iterator[Stage]:
    """A stage on a record and a demo member database of its own."""
    database = Database(f"sqlite:///{folder / 'record.sqlite'}", clock.now)
    metadata.create_all(database.engine)
    members = SqlMemberDirectory(demo_members(folder / "members.sqlite", clock.now()), 2.0, clock.now)
    yield Stage(database, members, clock)
    members.close()
    database.close()

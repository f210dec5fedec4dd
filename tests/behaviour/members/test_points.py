"""What members hear about their points, and who hears nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, update
from support.member_linking import shipped_words, turn_of

from bot.domain.decisions import Answer, Ask, Decision
from bot.domain.messages import Audience, Conversation, Identity
from bot.errors import MemberSystemFailed
from bot.intents.skills import PointsSkill
from bot.members.demo import create_demo_members
from bot.members.sql import SqlMemberDirectory, members, point_movements
from bot.ports.nlu import Skill

WORDS = shipped_words()
NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC).timestamp()
LIN = Identity("i1", "c1", "tea", "openid", member_id="m01", verified_until=NOW + 1)
TALK = Conversation("v1", "tea", "wechat", LIN)


@dataclass
class Counter:
    """A member database, and the skill that reads it."""

    url: str
    skill: PointsSkill

    def hears(self, text: str, talk: Conversation = TALK, now: float = NOW) -> Decision:
        return asyncio.run(self.skill.respond(turn_of(text, talk, now)))

    def answers(self, text: str, talk: Conversation = TALK) -> list[str]:
        told = self.hears(text, talk)
        assert isinstance(told, Answer)
        assert told.audience is Audience.PRIVATE
        return told.text.split("\n")

    def writes(self, statement) -> None:  # type: ignore[no-untyped-def]
        engine = create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(statement)
        engine.dispose()


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    url = create_demo_members(tmp_path / "members.sqlite", NOW)
    directory = SqlMemberDirectory(url, 2.0, lambda: NOW)
    yield Counter(url, PointsSkill(directory))
    directory.close()


def is_(member: str) -> Conversation:
    return replace(TALK, identity=replace(LIN, member_id=member))


def test_a_member_hears_balance_tier_what_lapses_and_the_last_three_movements(counter: Counter) -> None:
    assert counter.answers("查积分") == [
        WORDS.phrase("points.balance", "zh", points=1000, tier="春芽"),
        WORDS.phrase("points.expiring", "zh", points=120, date="3月31日"),
        WORDS.phrase("points.movements", "zh"),
        WORDS.phrase("points.movement", "zh", date="3月7日", what="写评价", points=60),
        WORDS.phrase("points.movement", "zh", date="2月26日", what="白毫银针 50 克", points=180),
        WORDS.phrase("points.movement", "zh", date="1月29日", what="兑换六味茶样", points=-300),
    ]


def test_the_english_points_answer_is_english_throughout(counter: Counter) -> None:
    assert counter.answers("my points please", is_("m05")) == [
        WORDS.phrase("points.balance", "en", points=1640, tier="Spring"),
        WORDS.phrase("points.expiring", "en", points=240, date="6 April"),
        WORDS.phrase("points.movements", "en"),
        WORDS.phrase("points.movement", "en", date="21 February", what="Cold-brew tea bags, 20", points=240),
        WORDS.phrase("points.movement", "en", date="8 January", what="Birthday gift", points=200),
        WORDS.phrase("points.movement", "en", date="11 October 2025", what="Return", points=-320),
    ]


def test_a_member_without_expiring_points_is_told_so(counter: Counter) -> None:
    counter.writes(update(point_movements).values(expires_at=None))
    assert counter.answers("查积分")[1] == WORDS.phrase("points.none_expiring", "zh")


def test_a_member_without_movements_is_told_so(counter: Counter) -> None:
    counter.writes(insert(members).values(id="m13", number="YS100013", name="新", phone="1", tier="sprout"))
    assert counter.answers("查积分", is_("m13")) == [
        WORDS.phrase("points.balance", "zh", points=0, tier="新芽"),
        WORDS.phrase("points.none_expiring", "zh"),
        WORDS.phrase("points.no_movements", "zh"),
    ]


def test_a_tier_without_an_editors_name_has_the_member_systems_name(counter: Counter) -> None:
    counter.writes(update(members).values(tier="金卡"))
    assert counter.answers("查积分")[0] == WORDS.phrase("points.balance", "zh", points=1000, tier="金卡")


@pytest.mark.parametrize("identity", [replace(LIN, member_id=None), replace(LIN, verified_until=NOW)])
def test_an_unverified_customer_is_asked_to_link_first(counter: Counter, identity: Identity) -> None:
    asked = counter.hears("查积分", replace(TALK, identity=identity))
    assert isinstance(asked, Ask)
    assert asked.text == WORDS.phrase("link.needed", "zh") + "\n" + WORDS.phrase("link.ask_member", "zh")
    assert (asked.slots["skill"], asked.slots["step"], asked.slots["then"]) == ("link", "member", "points")
    assert asked.audience is Audience.PRIVATE


def test_in_a_public_thread_points_are_told_privately(counter: Counter) -> None:
    told = counter.hears("my points", replace(TALK, thread="1790", channel="twitter"))
    assert isinstance(told, Answer)
    assert told.audience is Audience.PRIVATE


def test_an_unreachable_member_system_is_a_failure(counter: Counter, tmp_path: Path) -> None:
    empty = SqlMemberDirectory(f"sqlite:///{tmp_path / 'empty.sqlite'}", 1.0)
    skill: Skill = PointsSkill(empty)
    with pytest.raises(MemberSystemFailed):
        asyncio.run(skill.respond(turn_of("查积分", TALK, NOW)))
    empty.close()


def test_a_member_who_left_is_handed_off_and_not_told_zero(counter: Counter) -> None:
    with pytest.raises(MemberSystemFailed, match="unknown_member"):
        counter.hears("查积分", is_("m99"))

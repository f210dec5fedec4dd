"""A member hears their points, and nobody else does: promise P7."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select
from support.services import MovableClock
from support.shop import OPEN_MONDAY, Shop, deployment_in

from bot.domain.messages import Author, Reason
from bot.stores.sql.database import Database
from bot.stores.sql.schema import events, identities

PROOFS = select(identities.c.verified_until)
MEMBER, STRANGER = "13800000001", "13911112222"


def code_sent(shop: Shop) -> str:
    found = re.search(r"\d{6}", shop.texts.sent[-1].text)
    assert found is not None
    return found.group()


def test_a_member_proves_who_they_are_and_hears_their_points_at_once(shop: Shop) -> None:
    assert shop.hears("alice", "我有多少积分") is not None
    shop.hears("alice", MEMBER)
    assert shop.texts.sent[-1].phone == MEMBER
    reply = shop.hears("alice", code_sent(shop))
    assert reply is not None
    assert re.search(r"[\d,]+", reply)
    again = shop.hears("alice", "我有多少积分")
    assert again is not None
    assert "验证码" not in again


def test_consent_and_its_withdrawal_are_recorded_with_their_edition(shop: Shop) -> None:
    shop.hears("alice", "我有多少积分")
    assert "同意" in str(shop.hears("alice", MEMBER))
    shop.hears("alice", code_sent(shop))
    shop.hears("alice", "解绑")
    assert "验证码" in str(shop.hears("alice", "我有多少积分"))
    consents = select(events.c.type, events.c.actor, events.c.edition).where(
        events.c.type.in_(("verified", "unlinked"))
    )
    recorded = shop.run(
        shop.database.read(lambda connection: connection.execute(consents.order_by(events.c.seq)).all())
    )
    assert [tuple(one) for one in recorded] == [("verified", "customer", 1), ("unlinked", "customer", 1)]


def test_a_restart_in_the_middle_of_linking_loses_nothing(shop: Shop) -> None:
    shop.hears("alice", "我有多少积分")
    shop.restart()
    shop.hears("alice", MEMBER)
    shop.restart()
    reply = shop.hears("alice", code_sent(shop))
    assert reply is not None
    assert "积分" in reply


def test_an_unknown_member_hears_the_same_words_and_no_text_message_goes_out(shop: Shop) -> None:
    shop.hears("alice", "我有多少积分")
    shop.hears("mallory", "我有多少积分")
    assert shop.hears("alice", MEMBER) == shop.hears("mallory", STRANGER)
    assert [message.phone for message in shop.texts.sent] == [MEMBER]
    assert shop.hears("alice", "000000") == shop.hears("mallory", "000000")


def test_linking_ends_after_three_wrong_codes_and_the_right_one_is_refused_then(shop: Shop) -> None:
    shop.hears("alice", "我有多少积分")
    shop.hears("alice", MEMBER)
    for _ in range(3):
        shop.hears("alice", "000000")
    shop.hears("alice", code_sent(shop))
    proofs = shop.run(shop.database.read(lambda connection: connection.execute(PROOFS).scalars().all()))
    assert proofs == [0.0]


def test_the_points_of_a_verified_member_are_never_said_in_a_public_thread(shop: Shop) -> None:
    shop.hears("alice", "我有多少积分", "square")
    shop.hears("alice", MEMBER, "square")
    private = shop.hears("alice", code_sent(shop), "square")
    assert private is not None
    public = shop.hears("alice", "我有多少积分", "square", thread="post-1")
    assert public is not None
    assert not re.search(r"\d", public)
    assert [(message.thread, bool(re.search(r"\d{2,}", message.text))) for message in shop.square.sent] == [("", True)]


def test_an_unverified_customer_is_never_asked_for_numbers_in_public(shop: Shop) -> None:
    public = shop.hears("bob", "我有多少积分", "square", thread="post-1")
    assert public is not None
    assert "会员号" not in public
    assert all(message.thread == "" for message in shop.square.sent)


def test_verifying_one_identity_does_not_verify_another(shop: Shop) -> None:
    """Verification is per identity: the same person on another account proves it again."""
    shop.hears("alice", "我有多少积分")
    shop.hears("alice", MEMBER)
    shop.hears("alice", code_sent(shop))
    elsewhere = shop.hears("alice", "我有多少积分", "square")
    assert elsewhere is not None
    assert "会员号" in elsewhere or "手机" in elsewhere


def test_a_verification_ends_after_its_days(shop: Shop) -> None:
    shop.hears("alice", "我有多少积分")
    shop.hears("alice", MEMBER)
    shop.hears("alice", code_sent(shop))
    shop.clock.move(181 * 86_400)
    reply = shop.hears("alice", "我有多少积分")
    assert reply is not None
    assert "会员号" in reply or "手机" in reply


def test_a_member_system_that_fails_hands_off(shop: Shop) -> None:
    shop.hears("alice", "我有多少积分")
    shop.hears("alice", MEMBER)
    shop.hears("alice", code_sent(shop))
    shop.yingda.members.close()
    assert shop.hears("alice", "我有多少积分") is not None
    case = shop.case(shop.waiting()[0].id)
    assert case.line.reason.value == "failed"
    assert [line.author for line in case.said][-1] is Author.SYSTEM


@pytest.mark.parametrize("asked", ["我有多少积分", "绑定会员"])
def test_without_a_member_database_points_and_linking_are_handed_off(
    tmp_path: Path, shipped_edition: tuple[str, bytes], asked: str
) -> None:
    clock = MovableClock(OPEN_MONDAY)
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    shop = Shop(deployment_in(tmp_path, members={"kind": "none"}), database, clock, shipped_edition)
    try:
        assert shop.hears("alice", asked) is not None
        assert [line.reason for line in shop.waiting()] == [Reason.ALWAYS]
        assert not (tmp_path / "var" / "members.sqlite").exists()
    finally:
        shop.close()

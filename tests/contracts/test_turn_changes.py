"""What a turn changes about a customer, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select
from support.conversations import Seeder
from support.services import MovableClock

from bot.domain.decisions import Change
from bot.domain.messages import Conversation, Kind, Media, OutboxState
from bot.errors import Stale
from bot.stores.sql.customers import masked
from bot.stores.sql.database import Database
from bot.stores.sql.mapping import CONVERSATION, conversation_of
from bot.stores.sql.schema import cases, codes, conversations, customers, identities, messages, metadata, outbox, traces
from bot.stores.sql.turn_effects import apply_change
from bot.text import new_id

MAIL = "lin@example.com"


@dataclass
class Turns:
    """Conversations of several people, and turns that change something about them."""

    database: Database
    clock: MovableClock
    seeder: Seeder

    def conversation(self, id_: str) -> Conversation:
        with self.database.engine.connect() as connection:
            return conversation_of(connection.execute(CONVERSATION.where(conversations.c.id == id_)).one())

    def change(self, id_: str, name: str, /, **arguments: Any) -> None:
        conversation = self.conversation(id_)
        with self.database.engine.begin() as connection:
            apply_change(connection, Change(name, arguments), conversation, self.clock.now())

    def code(self, id_: str, member: str | None = "m1") -> str:
        code = new_id()
        row = {"id": code, "identity_id": self.conversation(id_).identity.id, "member_id": member, "hash": "h"}
        with self.database.engine.begin() as connection:
            connection.execute(insert(codes).values(**row, at=self.clock.now(), until=self.clock.now() + 300))
        return code

    def verify(self, id_: str, member: str = "m1") -> None:
        until = self.clock.now() + 1000
        self.change(id_, "verify_identity", code_id=self.code(id_, member), member_id=member, until=until)

    def customer_of(self, id_: str) -> str:
        return self.conversation(id_).identity.customer_id

    def everything(self) -> str:
        with self.database.engine.connect() as connection:
            tables = metadata.sorted_tables
            return "\n".join(str(tuple(row)) for table in tables for row in connection.execute(select(table)))

    def somebody(self, **where: str) -> str:
        return self.seeder.conversation(self.seeder.customer("小林"), **where)


@pytest.fixture
def turns(database: Database, clock: MovableClock) -> Turns:
    return Turns(database, clock, Seeder(database))


def test_a_wrong_try_is_counted(turns: Turns) -> None:
    talk = turns.somebody()
    code = turns.code(talk)
    turns.change(talk, "count_attempt", code_id=code)
    turns.change(talk, "count_attempt", code_id=code)
    assert turns.seeder.row(codes, code).attempts == 2


def test_a_verified_identity_is_its_member_until_the_verification_ends(turns: Turns) -> None:
    talk = turns.somebody()
    turns.verify(talk)
    identity = turns.conversation(talk).identity
    assert (identity.member_id, identity.verified_until) == ("m1", turns.clock.now() + 1000)
    assert turns.seeder.row(customers, identity.customer_id).member_id == "m1"


def test_a_verified_identity_has_its_members_name_until_it_is_unlinked(turns: Turns) -> None:
    talk = turns.seeder.conversation(turns.seeder.customer(""))
    turns.change(talk, "verify_identity", code_id=turns.code(talk), member_id="m1", until=2e9, name="林晓")
    customer = turns.customer_of(talk)
    assert turns.seeder.row(customers, customer).name == "林晓"
    turns.change(talk, "unlink")
    assert turns.seeder.row(customers, customer).name == ""


def test_a_code_verifies_once(turns: Turns) -> None:
    talk = turns.somebody()
    proof = {"code_id": turns.code(talk), "member_id": "m1", "until": 2e9}
    turns.change(talk, "verify_identity", **proof)
    turns.change(talk, "unlink")
    with pytest.raises(Stale):
        turns.change(talk, "verify_identity", **proof)
    assert turns.conversation(talk).identity.member_id is None


def test_two_identities_of_one_member_become_one_customer(turns: Turns) -> None:
    on_wechat, on_x = turns.somebody(), turns.somebody(account="brand-x", channel="twitter")
    turns.verify(on_wechat)
    old = turns.customer_of(on_x)
    turns.verify(on_x)
    assert turns.customer_of(on_x) == turns.customer_of(on_wechat)
    assert turns.seeder.rows(identities, customer_id=old) == []
    assert turns.seeder.row(customers, old).name == ""


def test_merging_customers_moves_their_cases_and_the_current_one(turns: Turns) -> None:
    on_wechat, on_x = turns.somebody(), turns.somebody(account="brand-x", channel="twitter")
    turns.verify(on_wechat)
    case, old = turns.seeder.case(on_x), turns.customer_of(on_x)
    turns.seeder.change(customers, old, case_id=case)
    turns.verify(on_x)
    assert turns.seeder.row(cases, case).customer_id == turns.customer_of(on_wechat)
    assert turns.seeder.row(customers, old).case_id is None
    assert turns.conversation(on_wechat).customer_case == case


def test_after_merging_customers_the_members_current_case_stays_current(turns: Turns) -> None:
    on_wechat, on_x = turns.somebody(), turns.somebody(account="brand-x", channel="twitter")
    turns.verify(on_wechat)
    held, other = turns.seeder.case(on_wechat), turns.seeder.case(on_x)
    turns.seeder.change(customers, turns.customer_of(on_wechat), case_id=held)
    turns.seeder.change(customers, turns.customer_of(on_x), case_id=other)
    turns.verify(on_x)
    assert turns.conversation(on_x).customer_case == held
    assert turns.seeder.row(cases, other).customer_id == turns.customer_of(on_wechat)


def test_verifying_again_changes_no_customer(turns: Turns) -> None:
    talk = turns.somebody()
    turns.verify(talk)
    before = turns.customer_of(talk)
    turns.verify(talk)
    assert turns.customer_of(talk) == before
    assert len(turns.seeder.rows(customers)) == 1


def test_an_identity_verified_as_another_member_leaves_the_shared_customer(turns: Turns) -> None:
    one, other = turns.somebody(), turns.somebody(account="brand-x", channel="twitter")
    turns.verify(one)
    turns.verify(other)
    turns.verify(other, "m2")
    assert turns.customer_of(one) != turns.customer_of(other)
    assert turns.seeder.row(customers, turns.customer_of(one)).member_id == "m1"
    assert turns.seeder.row(customers, turns.customer_of(other)).member_id == "m2"


def test_two_identities_verified_concurrently_become_one_customer(turns: Turns) -> None:
    talks = [turns.somebody(account=f"brand-{number}") for number in range(4)]
    proofs = [threading.Thread(target=turns.verify, args=(talk,)) for talk in talks]
    for proof in proofs:
        proof.start()
    for proof in proofs:
        proof.join()
    assert len({turns.customer_of(talk) for talk in talks}) == 1


def test_unlinking_the_only_identity_removes_the_member(turns: Turns) -> None:
    talk = turns.somebody()
    turns.verify(talk)
    turns.change(talk, "unlink")
    identity = turns.conversation(talk).identity
    assert (identity.member_id, identity.verified_until) == (None, 0.0)
    assert turns.seeder.row(customers, identity.customer_id).member_id is None


def test_an_identity_unlinked_from_others_is_a_customer_of_its_own(turns: Turns) -> None:
    one, other = turns.somebody(), turns.somebody(account="brand-x", channel="twitter")
    turns.verify(one)
    turns.verify(other)
    turns.change(other, "unlink")
    assert turns.customer_of(other) != turns.customer_of(one)
    assert turns.seeder.row(customers, turns.customer_of(one)).member_id == "m1"


def test_an_unknown_change_raises_an_error(turns: Turns) -> None:
    with pytest.raises(KeyError):
        turns.change(turns.somebody(), "no such change")


@dataclass
class Left:
    """Somebody who said things, was answered, had a case, and left."""

    talk: str
    public: str
    handle: str
    case: str


def leave(turns: Turns, mode: str) -> Left:
    seeder, customer = turns.seeder, turns.seeder.customer("林晓")
    talk = seeder.conversation(customer)
    identity = turns.conversation(talk).identity
    public = seeder.conversation(seeder.customer(), thread="1790555")
    seeder.change(conversations, public, identity_id=identity.id)
    said = seeder.hears(talk, f"我的手机 13800000001，邮箱 {MAIL}，订单 YT2026")
    seeder.understood(talk, said, ("points", 0.9))
    seeder.hears(talk, "", Kind.IMAGE, Media("media-id-77", title="收据"))
    seeder.change(messages, said, data=json.dumps({"latitude": "31.2"}), dedup_key=f"{identity.handle}-171")
    seeder.answers(talk, "您的订单 YT2026 今天到", "delivery", OutboxState.SENT)
    seeder.answers(talk, "还有 3 件", "delivery", OutboxState.PENDING)
    seeder.hears(public, "@brand 我的订单 YT2026 呢")
    seeder.change(conversations, talk, slots=json.dumps({"skill": "link", "member": "13800000001"}), waiting=1)
    turns.verify(talk)
    case = seeder.case(talk)
    seeder.change(customers, customer, case_id=case)
    turns.change(talk, "forget", mode=mode)
    return Left(talk, public, identity.handle, case)


@pytest.mark.parametrize("mode", ["erase", "anonymise"])
def test_nothing_known_about_a_customer_is_left_after_unfollowing(turns: Turns, mode: str) -> None:
    left = leave(turns, mode)
    written = turns.everything()
    for known in (left.handle, "13800000001", MAIL, "林晓", "media-id-77", "31.2", "YT2026", "1790555", "收据"):
        assert known not in written
    identity = turns.conversation(left.talk).identity
    assert identity.member_id is None
    assert turns.seeder.row(identities, identity.id).gone_at == turns.clock.now()


def test_erasing_leaves_no_text(turns: Turns) -> None:
    left = leave(turns, "erase")
    for table in (messages, outbox):
        assert {row.text for row in turns.seeder.rows(table)} == {""}
    assert turns.seeder.rows(traces) == []
    assert len(turns.seeder.rows(messages, conversation_id=left.talk)) == 4


def test_anonymising_keeps_texts_without_numbers(turns: Turns) -> None:
    left = leave(turns, "anonymise")
    texts = [
        row.text for row in sorted(turns.seeder.rows(messages, conversation_id=left.talk), key=lambda row: row.seq)
    ]
    assert texts == ["我的手机 •••••••••••，邮箱 •@•，订单 YT••••", "", "您的订单 YT•••• 今天到", "还有 • 件"]
    assert [row.text for row in turns.seeder.rows(messages, conversation_id=left.public)] == [
        "@brand 我的订单 YT•••• 呢"
    ]
    assert len(turns.seeder.rows(traces)) == 1


@pytest.mark.parametrize("mode", ["erase", "anonymise"])
def test_nothing_more_is_sent_to_a_customer_who_unfollowed(turns: Turns, mode: str) -> None:
    left = leave(turns, mode)
    states = {row.state for row in turns.seeder.rows(outbox, conversation_id=left.talk)}
    assert states == {"sent", "cancelled"}
    assert {(row.identity_id, row.hash) for row in turns.seeder.rows(codes)} == {("", "")}


@pytest.mark.parametrize("mode", ["erase", "anonymise"])
def test_the_case_ends_as_withdrawn_and_the_conversations_are_closed(turns: Turns, mode: str) -> None:
    left = leave(turns, mode)
    case = turns.seeder.row(cases, left.case)
    assert (case.state, case.ended_at, case.waiting_since) == ("withdrawn", turns.clock.now(), 0.0)
    talk, public = turns.seeder.row(conversations, left.talk), turns.seeder.row(conversations, left.public)
    assert (talk.owner, talk.case_id, talk.slots, talk.waiting) == ("closed", None, "{}", 0)
    assert (public.owner, bool(public.thread)) == ("closed", True)
    assert (talk.version, public.version) == (0, 1)
    assert turns.seeder.rows(customers, case_id=left.case) == []


def test_a_message_still_to_be_handled_is_still_found_after_unfollowing(turns: Turns) -> None:
    left = leave(turns, "erase")
    received = [row for row in turns.seeder.rows(messages, conversation_id=left.talk) if row.author == "customer"]
    assert all(row.dedup_key == row.id for row in received)


def test_a_customer_who_follows_again_is_a_new_customer(turns: Turns) -> None:
    left = leave(turns, "erase")
    assert turns.seeder.rows(identities, handle=left.handle) == []


def test_the_other_identity_of_the_same_customer_keeps_everything(turns: Turns) -> None:
    leaves, stays = turns.somebody(), turns.somebody(account="brand-x", channel="twitter")
    turns.verify(stays)
    turns.verify(leaves)
    turns.seeder.hears(stays, "我的订单 42 呢")
    turns.change(leaves, "forget", mode="erase")
    assert [row.text for row in turns.seeder.rows(messages, conversation_id=stays)] == ["我的订单 42 呢"]
    assert turns.conversation(stays).identity.member_id == "m1"
    assert turns.seeder.row(customers, turns.customer_of(stays)).name == "小林"
    assert turns.customer_of(leaves) != turns.customer_of(stays)


def test_a_case_that_another_identity_joined_goes_on_with_that_one(turns: Turns) -> None:
    leaves, stays = turns.somebody(), turns.somebody(account="brand-x", channel="twitter")
    turns.verify(stays)
    turns.verify(leaves)
    case = turns.seeder.case(leaves)
    turns.seeder.joins(stays, case)
    turns.change(leaves, "forget", mode="erase")
    kept = turns.seeder.row(cases, case)
    assert (kept.state, kept.conversation_id, kept.customer_id) == ("waiting", stays, turns.customer_of(stays))


def test_unfollowing_and_following_again_gives_no_more_codes_for_a_member(turns: Turns) -> None:
    talk = turns.somebody()
    turns.code(talk)
    turns.change(talk, "forget", mode="erase")
    assert [row.member_id for row in turns.seeder.rows(codes)] == ["m1"]


@given(st.text())
def test_masked_text_holds_no_digit_and_is_as_long_as_it_needs_to_be(text: str) -> None:
    assert not re.search(r"\d", masked(text))
    assert masked(masked(text)) == masked(text)
    if not re.search(r"[\d@]", text):
        assert masked(text) == text

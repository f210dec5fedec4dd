"""Between “a code is on its way” and the phone: once, to the right phone, or a failure that says what next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.member_linking import Stage, set_up, shipped_words
from support.services import MovableClock

from bot.domain.decisions import Effect
from bot.domain.messages import DAY
from bot.errors import DeliveryFailed
from bot.intents.skills.account_linking import CODE_PLACE, SEND_CODE
from bot.members.sql import SqlMemberDirectory
from bot.stores.sql.schema import codes, identities


@pytest.fixture
def stage(clock: MovableClock, tmp_path: Path) -> Iterator[Stage]:
    with set_up(tmp_path, clock) as built:
        yield built


def sms(language: str) -> str:
    """The text of a message as a turn leaves it, without its code."""
    return shipped_words().phrase("sms.code", language, code=CODE_PLACE, minutes=5)


def asked_for(number: str) -> Effect:
    return Effect(SEND_CODE, {"key": number, "text": sms("zh")})


def carry_out(stage: Stage, number: str = "YS100001", key: str = "row-1") -> None:
    asyncio.run(stage.carrier().carry_out(asked_for(number), key, stage.conversation()))


def failure(stage: Stage, number: str = "YS100001", key: str = "row-1") -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        carry_out(stage, number, key)
    return failed.value


class LosingSender:
    """A gateway that loses its connection so many times before it sends."""

    def __init__(self, stage: Stage, losses: int) -> None:
        self._phone = stage.phone
        self._losses = losses

    async def send(self, phone: str, text: str, key: str) -> None:
        self._losses -= 1
        if self._losses >= 0:
            raise DeliveryFailed("ReadTimeout", retry_after=2.0)
        await self._phone.send(phone, text, key)


def test_a_repeat_sends_the_same_code_and_stores_one(stage: Stage) -> None:
    carry_out(stage)
    first = stage.received
    carry_out(stage)
    assert [message.key for message in stage.phone.sent] == ["row-1"]
    assert first == stage.received
    assert len(stage.seeder.rows(codes)) == 1


def test_a_stored_code_that_was_not_sent_is_sent_by_the_next_try(stage: Stage) -> None:
    stage.sender = LosingSender(stage, losses=1)
    assert failure(stage).retry_after == 2.0
    assert stage.phone.sent == []
    carry_out(stage)
    assert [message.phone for message in stage.phone.sent] == ["13800000001"]
    assert stage.terms.codes.make("row-1") == stage.received


def test_the_last_code_of_the_day_survives_a_repeat(stage: Stage) -> None:
    for number in range(4):
        carry_out(stage, key=f"row-{number}")
        stage.clock.move(1)
    stage.sender = LosingSender(stage, losses=1)
    assert failure(stage, key="row-9").retry_after == 2.0
    carry_out(stage, key="row-9")
    assert stage.phone.sent[-1].key == "row-9"


def test_a_code_that_expired_before_it_could_be_sent_is_given_up(stage: Stage) -> None:
    stage.sender = LosingSender(stage, losses=1)
    failure(stage)
    stage.clock.move(5 * 60)
    given_up = failure(stage)
    assert (given_up.code, given_up.permanent) == ("code_expired", True)
    assert stage.phone.sent == []


def test_for_an_unknown_member_a_code_is_stored_and_not_sent(stage: Stage) -> None:
    carry_out(stage, "YS999999")
    carry_out(stage, "YS999999")
    assert stage.phone.sent == []
    assert [(row.id, row.member_id) for row in stage.seeder.rows(codes)] == [("row-1", None)]


def test_an_identity_gets_five_codes_a_day(stage: Stage) -> None:
    for number in range(5):
        carry_out(stage, f"YS10000{number + 1}", key=f"row-{number}")
    refused = failure(stage, key="row-9")
    assert (refused.code, refused.permanent) == ("codes_per_day", True)
    stage.clock.move(DAY + 1)
    carry_out(stage, key="row-10")
    assert len(stage.phone.sent) == 6


def test_a_phone_gets_five_codes_a_day_over_all_identities_and_the_sixth_looks_the_same(stage: Stage) -> None:
    for number in range(6):
        stage.id = stage.seeder.conversation(stage.seeder.customer())
        carry_out(stage, key=f"row-{number}")
    assert [message.key for message in stage.phone.sent] == [f"row-{number}" for number in range(5)]
    assert [row.member_id for row in stage.seeder.rows(codes)] == ["m01"] * 5 + [None]


def test_a_late_repeat_of_an_older_code_does_not_replace_a_newer_one(stage: Stage) -> None:
    carry_out(stage, key="row-1")
    stage.clock.move(1)
    carry_out(stage, key="row-2")
    carry_out(stage, key="row-1")
    assert [message.key for message in stage.phone.sent] == ["row-1", "row-2"]
    newest = asyncio.run(stage.codes.current(stage.conversation().identity.id))
    assert newest is not None
    assert newest.id == "row-2"


def test_sending_is_retried_while_the_member_system_is_unreachable(stage: Stage, tmp_path: Path) -> None:
    without_tables = SqlMemberDirectory(f"sqlite:///{tmp_path / 'empty.sqlite'}", 1.0)
    stage.members = without_tables
    failed = failure(stage)
    assert (failed.code, failed.retry_after, failed.permanent) == ("member_system", 5.0, False)
    assert stage.seeder.rows(codes) == []
    without_tables.close()


def test_the_text_message_is_in_the_conversations_language(stage: Stage) -> None:
    effect = Effect(SEND_CODE, {"key": "YS100011", "text": sms("en")})
    asyncio.run(stage.carrier().carry_out(effect, "row-1", stage.conversation()))
    assert stage.phone.sent[0].text == shipped_words().phrase("sms.code", "en", code=stage.received, minutes=5)


def test_codes_that_strangers_request_do_not_count_against_the_member(stage: Stage) -> None:
    """The member has proved before who they are; the proof has run out since."""
    own = stage.id
    for number in range(6):
        stage.id = stage.seeder.conversation(stage.seeder.customer("somebody"), "brand-x", "twitter")
        carry_out(stage, key=f"row-{number}")
    assert [message.key for message in stage.phone.sent] == [f"row-{number}" for number in range(5)]
    stage.id = own
    identity = stage.conversation().identity.id
    stage.seeder.change(identities, identity, member_id=member_of(stage), verified_until=0.0)
    carry_out(stage, key="row-own")
    assert stage.phone.sent[-1].key == "row-own"


def member_of(stage: Stage) -> str:
    """The id of the member whose number everybody gives here."""
    (found,) = {row.member_id for row in stage.seeder.rows(codes) if row.member_id}
    return str(found)

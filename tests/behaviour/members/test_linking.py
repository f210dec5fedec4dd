"""What a customer experiences who proves to be a member."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.member_linking import Stage, set_up, shipped_words
from support.services import MovableClock

from bot.domain.decisions import Ask
from bot.domain.members import MemberKey
from bot.domain.messages import DAY, Audience
from bot.intents.skills.account_linking import OneTimeCodes, code_in, is_number, member_key
from bot.members.demo import MEMBERS
from bot.stores.sql.schema import codes, identities

WORDS = shipped_words()


@pytest.fixture
def stage(clock: MovableClock, tmp_path: Path) -> Iterator[Stage]:
    with set_up(tmp_path, clock) as built:
        yield built


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_a_member_types_number_and_code_and_hears_the_points_at_once(stage: Stage) -> None:
    asked = stage.asks_for_points()
    assert asked.text == WORDS.phrase("link.needed", "zh") + "\n" + WORDS.phrase("link.ask_member", "zh")
    assert stage.types("YS100001").text == WORDS.phrase("link.code_sent", "zh")
    assert [message.phone for message in stage.phone.sent] == ["13800000001"]
    told = stage.types(stage.received)
    assert told.text.startswith(WORDS.phrase("link.done", "zh", name="林晓"))
    assert WORDS.phrase("points.balance", "zh", points=1000, tier="春芽") in told.text
    assert told.audience is Audience.PRIVATE
    identity = stage.conversation().identity
    assert (identity.member_id, identity.verified_until) == ("m01", stage.clock.now() + 180 * DAY)


def test_a_member_is_asked_for_a_code_again_only_after_the_proof_expires(stage: Stage) -> None:
    stage.asks_for_points()
    stage.types("13800000001")
    stage.types(stage.received)
    assert "1,000" in stage.asks_for_points().text
    stage.clock.move(180 * DAY)
    assert WORDS.phrase("link.ask_member", "zh") in stage.asks_for_points().text


def test_the_code_goes_to_the_phone_on_record_whatever_was_typed(stage: Stage) -> None:
    stage.asks_to_link()
    stage.types("会员号：ＹＳ１００００３")
    stage.types("+86 138-0000-0008")
    assert [message.phone for message in stage.phone.sent] == ["13800000003", "13800000008"]


def test_linking_alone_tells_no_points(stage: Stage) -> None:
    stage.asks_to_link()
    stage.types("YS100011")
    told = stage.types(f"验证码 {stage.received}")
    assert told.text == WORDS.phrase("link.done", "zh", name="Grace Miller")
    assert stage.asks_to_link().text == WORDS.phrase("link.already", "zh", name="Grace Miller")


def test_english_is_answered_in_english_though_numbers_have_no_language(stage: Stage) -> None:
    stage.asks_for_points("how many points do I have")
    assert stage.types("YS100011").text == WORDS.phrase("link.code_sent", "en")
    assert stage.phone.sent[-1].text.startswith("[Yunshan Tea]")
    told = stage.types(stage.received)
    assert WORDS.phrase("points.balance", "en", points=1840, tier="Spring") in told.text


def test_an_unknown_member_hears_the_same_words_at_every_step(stage: Stage) -> None:
    def said(number: str) -> list[str]:
        heard = [stage.asks_for_points().text, stage.types(number).text]
        return [*heard, *(stage.types(guess).text for guess in ("000000", "111111", "222222"))]

    known, unknown = said("YS100005"), said("YS999999")
    assert known == unknown
    assert [message.phone for message in stage.phone.sent] == ["13800000005"]


def test_the_code_of_an_unknown_member_proves_nothing_even_when_guessed(stage: Stage) -> None:
    stage.asks_to_link()
    stage.types("YS999999")
    kept = stage.seeder.rows(codes)[-1]
    guessed = stage.terms.codes.make(kept.id)
    assert stage.types(guessed).text == WORDS.phrase("link.wrong_code", "zh", left=2)
    assert stage.conversation().identity.member_id is None


def test_the_third_wrong_code_ends_the_linking_and_the_right_one_is_refused(stage: Stage) -> None:
    stage.asks_to_link()
    stage.types("YS100001")
    bad = wrong(stage.received)
    assert stage.types(bad).text == WORDS.phrase("link.wrong_code", "zh", left=2)
    assert stage.types(bad).text == WORDS.phrase("link.wrong_code", "zh", left=1)
    assert stage.types(bad).text == WORDS.phrase("link.too_many", "zh")
    assert stage.leaves_with(stage.received)
    assert [row.attempts for row in stage.seeder.rows(codes)] == [3]
    assert stage.seeder.row(identities, stage.conversation().identity.id).member_id is None


def test_an_ended_code_stays_invalid_when_linking_starts_again(stage: Stage) -> None:
    stage.asks_to_link()
    stage.types("YS100001")
    for _ in range(3):
        stage.types(wrong(stage.received))
    stage.asks_to_link()
    stage.carries_out = False
    stage.types("YS100001")
    assert stage.types(stage.received).text == WORDS.phrase("link.too_many", "zh")


def test_a_code_that_has_expired_is_renewed_at_once(stage: Stage) -> None:
    stage.asks_for_points()
    stage.types("YS100001")
    first = stage.received
    stage.clock.move(5 * 60)
    assert stage.types(first).text == WORDS.phrase("link.renewed", "zh")
    assert stage.received != first
    assert "1,000" in stage.types(stage.received).text


def test_only_the_newest_code_counts(stage: Stage) -> None:
    stage.asks_to_link()
    stage.types("YS100001")
    first = stage.received
    stage.clock.move(1)
    stage.types("重发")
    assert stage.types(first).text == WORDS.phrase("link.wrong_code", "zh", left=2)
    assert stage.types(stage.received).text == WORDS.phrase("link.done", "zh", name="林晓")
    assert stage.conversation().slots == {"language": "zh"}


def test_after_five_codes_a_day_there_are_no_more(stage: Stage) -> None:
    stage.asks_to_link()
    for _ in range(5):
        assert isinstance(stage.types("YS100001"), Ask)
        stage.clock.move(1)
    assert stage.types("YS100001").text == WORDS.phrase("link.codes_spent", "zh")
    assert len(stage.phone.sent) == 5
    stage.clock.move(DAY)
    stage.asks_to_link()
    assert stage.types("YS100001").text == WORDS.phrase("link.code_sent", "zh")


def test_the_code_is_nowhere_in_the_database(stage: Stage) -> None:
    stage.asks_for_points()
    stage.types("13800000001")
    written = stage.everything_written()
    assert "13800000001" in written  # what the customer typed is kept for the next step ...
    assert stage.received not in written  # ... what we sent is not


@pytest.mark.parametrize("text", ["解绑", "帮我解除会员的绑定", "Unlink", "please disconnect my membership"])
def test_withdrawing_consent_unlinks_the_member(stage: Stage, text: str) -> None:
    stage.asks_to_link()
    stage.types("YS100011")
    stage.types(stage.received)
    assert stage.conversation().identity.member_id is not None
    said = {WORDS.phrase("link.unlinked", language) for language in ("zh", "en")}
    assert stage.asks_to_link(text).text in said
    assert stage.conversation().identity.member_id is None
    assert stage.asks_for_points().text.startswith(WORDS.phrase("link.needed", "zh"))


def test_a_customer_who_was_never_linked_is_told_so(stage: Stage) -> None:
    assert stage.asks_to_link("解绑").text == WORDS.phrase("link.cancelled", "zh")


@pytest.mark.parametrize("text", ["取消", "算了！", "Cancel.", " ＱＵＩＴ "])
def test_cancel_ends_the_linking(stage: Stage, text: str) -> None:
    stage.asks_to_link()
    assert stage.types(text).text in {WORDS.phrase("link.cancelled", language) for language in ("zh", "en")}
    assert "skill" not in stage.conversation().slots
    assert stage.leaves_with("YS100001")


@pytest.mark.parametrize(
    "text", ["你们几点开门？", "绿茶怎么泡", "where is my order?", "iPhone 15 可以付款吗", "人工", "好"]
)
def test_a_question_during_linking_is_understood_as_a_question(stage: Stage, text: str) -> None:
    stage.asks_to_link()
    assert stage.leaves_with(text)
    stage.types("YS100001")
    assert stage.leaves_with(text)


@pytest.mark.parametrize("text", ["123", "YS１２", "1380000000113800000001"])
def test_a_number_that_cannot_be_one_is_asked_for_again(stage: Stage, text: str) -> None:
    stage.asks_to_link()
    assert stage.types(text).text == WORDS.phrase("link.ask_again", "zh")
    assert stage.types("YS100001").text == WORDS.phrase("link.code_sent", "zh")


def test_digits_that_are_no_code_do_not_count_as_a_try(stage: Stage) -> None:
    stage.asks_to_link()
    stage.types("YS100001")
    assert stage.types("12").text == WORDS.phrase("link.ask_code", "zh")
    assert stage.seeder.rows(codes)[0].attempts == 0


def test_after_half_an_hour_a_number_is_no_longer_an_answer(stage: Stage) -> None:
    stage.asks_to_link()
    stage.clock.move(1800)
    assert stage.leaves_with("13800000001")


def test_no_customer_is_asked_for_numbers_in_public(stage: Stage) -> None:
    stage.id = stage.seeder.conversation(stage.seeder.customer(), "brand-x", "twitter", thread="1790")
    for told in (stage.asks_for_points(), stage.asks_to_link()):
        assert told.text == WORDS.phrase("link.in_private", "zh")
        assert told.audience is Audience.PRIVATE
        assert "skill" not in stage.conversation().slots
    assert stage.leaves_with("13800000001")


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("13800000001", "13800000001"),
        ("１３８０００００００１", "13800000001"),
        ("+86 138 0000 0001", "13800000001"),
        ("0086-138-0000-0001", "13800000001"),
        ("8613800000001", "13800000001"),
        ("（+86）138.0000.0001。", "13800000001"),
        ("我的手机号是13800000001", "13800000001"),
        ("My phone number is 138 0000 0001", "13800000001"),
        ("ys100001", "YS100001"),
        ("会员卡号：YS-100 001", "YS100001"),
        ("IS100001", "IS100001"),
        ("NO100001", "NO100001"),
        ("+44 7700 900123", "+447700900123"),
        ("0044 (7700) 900-123", "+447700900123"),
    ],
)
def test_numbers_are_read_however_they_are_written(typed: str, key: str) -> None:
    assert member_key(typed) == MemberKey(key)


@pytest.mark.parametrize(
    "typed", ["", "。", "你好", "是", "my number is", "A", "+", "１２３", "13800000001 和 13800000002"]
)
def test_a_text_without_a_number_gives_no_member_key(typed: str) -> None:
    assert member_key(typed) is None


SPACED = st.text(alphabet=" -\u3000.()－（）", max_size=2)
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.lists(SPACED, min_size=11, max_size=11), st.booleans())
def test_a_mainland_phone_number_is_the_same_in_every_notation(phone: str, gaps: list[str], wide: bool) -> None:
    dressed = "".join(digit + gap for digit, gap in zip(phone, gaps, strict=True))
    for typed in (dressed, f"+86{dressed}", f"手机 {dressed}"):
        assert member_key(typed.translate(WIDE) if wide else typed) == MemberKey(phone)


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_exception_and_a_key_reads_as_itself(text: str) -> None:
    found = member_key(text)
    if found is not None:
        assert member_key(found.value) == found
        assert is_number(text)
    code = code_in(text)
    assert code is None or (len(code) == 6 and code.isdigit())


@given(st.sampled_from(MEMBERS), st.booleans())
def test_every_demo_member_can_be_named_by_number_and_by_phone(member: object, lower: bool) -> None:
    number, phone = member.number, member.phone  # type: ignore[attr-defined]
    assert member_key(number.lower() if lower else number) == MemberKey(number)
    assert member_key(phone) == MemberKey(phone)


def test_codes_are_spread_over_all_six_digits_and_differ_by_secret() -> None:
    one, other = OneTimeCodes("a" * 16), OneTimeCodes("b" * 16)
    made = {one.make(str(key)) for key in range(500)}
    assert len(made) > 490
    assert {len(code) for code in made} == {6}
    assert {code[0] for code in made} == set("0123456789")
    assert one.make("k") == one.make("k") != other.make("k")
    assert one.matches(one.make("k"), "k", one.hash("k", one.make("k")))
    assert not one.matches(one.make("k"), "k", other.hash("k", one.make("k")))
    assert not one.matches(one.make("k"), "k2", one.hash("k", one.make("k")))

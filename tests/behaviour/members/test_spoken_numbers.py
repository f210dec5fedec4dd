"""Codes and numbers as they are spoken, pasted and decorated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.member_linking import Stage, set_up, shipped_words, turn_of
from support.services import MovableClock

from bot.domain.members import MemberKey
from bot.domain.messages import Kind
from bot.intents.skills.account_linking import code_in, is_number, member_key, progress

WORDS = shipped_words()
CODES = (
    *(
        "一二三四五六",
        "一二三四五六。",
        "幺二三四五六",
        "我的验证码是一二三四五六",
        "驗證碼是一二三四五六",
        "嗯一二三四五六啊",
        "壹贰叁肆伍陆",
    ),
    *("one two three four five six", "One, two, three, four, five, six.", "1 2 3 4 5 6", "123 456"),
    *("１２３４５６", "١٢٣٤٥٦", "1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣", "验证码 123456 谢谢", "123456 please"),
    *(f"{mark}123{mark}456{mark}" for mark in "\u202d\u202c\u200b\ufe0d\u2060\ufeff\u00ad\u200f"),
)
PHONES = (
    *(
        "13 8 0000 0001",
        "一三八零零零零零零零一",
        "幺三八 〇〇〇〇 〇〇〇幺",
        "手機號 13800000001 謝謝",
        "\u202d+86 13800000001\u202c",
    ),
    *("138\ufe0d00000001", "138\u200b0000\u00ad0001", "加八六一三八零零零零零零零一", "我的号码是138零零零零零零零一"),
    "one three eight double oh double oh double oh oh one",
)


@pytest.fixture
def stage(clock: MovableClock, tmp_path: Path) -> Iterator[Stage]:
    with set_up(tmp_path, clock) as built:
        yield built


@pytest.mark.parametrize("said", CODES)
def test_spoken_and_pasted_codes_are_read(said: str) -> None:
    assert code_in(said) == "123456"


def test_double_and_triple_digits_are_read() -> None:
    assert code_in("double five triple oh 7") == "550007"


@pytest.mark.parametrize("said", PHONES)
def test_spoken_and_pasted_phone_numbers_are_read(said: str) -> None:
    assert member_key(said) == MemberKey("13800000001")


@pytest.mark.parametrize("said", ["十二三十四五十六", "twelve thirty four fifty six", "一百二十三", "一二三"])
def test_a_number_in_an_unsupported_form_counts_as_an_attempt(said: str) -> None:
    assert is_number(said)
    assert code_in(said) is None


@pytest.mark.parametrize(
    "said", ["怎么退货", "千万别", "为什么", "一共多少钱", "订单12345678在哪里", "how much", "我要第一个", "十"]
)
def test_a_sentence_with_a_figure_is_no_number(said: str) -> None:
    assert not is_number(said)


def test_a_customer_who_speaks_number_and_code_hears_the_points(stage: Stage) -> None:
    stage.asks_for_points()
    assert stage.types("一三八零零零零零零零一", Kind.VOICE).text == WORDS.phrase("link.code_sent", "zh")
    spoken = stage.received.translate(str.maketrans("0123456789", "零幺二三四五六七八九"))
    assert WORDS.phrase("link.done", "zh", name="林晓") in stage.types(f"验证码是{spoken}", Kind.VOICE).text


@pytest.mark.parametrize("heard", ["", "\u200b", "十二三十四五十六"])
def test_a_spoken_code_that_is_not_recognised_is_asked_for_in_writing(stage: Stage, heard: str) -> None:
    stage.asks_for_points()
    stage.types("13800000001")
    assert stage.types(heard, Kind.VOICE).text == WORDS.phrase("link.ask_code", "zh")
    assert WORDS.phrase("link.done", "zh", name="林晓") in stage.types(f"\u202d{stage.received}\u202c").text


@pytest.mark.parametrize(
    "said", ["取 消", "取消！", "算了，谢谢", "請取消", "ＣＡＮＣＥＬ", "Never mind, thanks", "c\u200bancel"]
)
def test_giving_up_is_understood_in_any_notation(stage: Stage, said: str) -> None:
    stage.asks_for_points()
    stage.types(said)
    assert progress(turn_of("1", stage.conversation(), stage.clock.now())) is None


@pytest.mark.parametrize("said", ["沒收到驗證碼", "重發", "没收到。", "resend please"])
def test_asking_for_another_code_is_understood_in_any_notation(stage: Stage, said: str) -> None:
    stage.asks_for_points()
    stage.types("13800000001")
    stage.types(said)
    assert len(stage.phone.sent) == 2


@pytest.mark.parametrize("said", ["解除綁定", "ＵＮＬＩＮＫ", "解\u200b绑"])
def test_withdrawing_consent_is_understood_in_any_notation(stage: Stage, said: str) -> None:
    stage.asks_for_points()
    stage.types("13800000001")
    stage.types(stage.received)
    stage.asks_to_link(said)
    assert stage.conversation().identity.member_id is None

"""Nods, lone numbers and pieces of a question, as they are told from whole questions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import cpu_within

from bot.intents.fragments import is_nod, is_number, is_piece

NODS = ("嗯", "👍", "👍👍👍", "...", "。", "?", "？？", "1", "OK👌", "好的～", "🙏🙏", "哈哈😂", "\u200b嗯", "①")
NO_NODS = ("👎", "😡", "💩", "🙄", "怎么退货", "20261130", "坏了👎", "嗯😡", "茶")
NUMBERS = ("123", "20261130", "SF1234567890", "sf 1234 5678", "１２３４５６", "138-0000-0001", "YS100001", "一二三四五")
NO_NUMBERS = ("1", "12", "订单123", "123块钱", "abc", "", "order 20261130 please", "100元", "9:30 开门")
PIECES = ("上周买的龙井", "红色的盒子", "我妈妈的生日", "the tin from last week", "black tea, two of them", "发票")
NO_PIECES = (
    *(
        "怎么退货",
        "能退吗",
        "我要退款",
        "坏了",
        "杯子碎了",
        "太差了！",
        "帮我查一下",
        "上周买的龙井和红茶还有礼盒一共三罐",
    ),
    *("how long", "it is broken", "I want a refund", "a gift for my mum and dad", "stop!"),
)


@pytest.mark.parametrize(
    ("tells", "yes", "no"),
    [(is_nod, NODS, NO_NODS), (is_number, NUMBERS, NO_NUMBERS), (is_piece, PIECES, NO_PIECES)],
    ids=["nod", "number", "piece"],
)
def test_short_texts_are_told_apart(tells: object, yes: tuple[str, ...], no: tuple[str, ...]) -> None:
    assert callable(tells)
    assert [text for text in yes if not tells(text)] == []
    assert [text for text in no if tells(text)] == []


@given(st.one_of(st.text(max_size=3_000), st.text("0123456789 ABCabc", max_size=3_000)))
def test_any_text_is_told_apart_quickly(text: str) -> None:
    for tells in (is_nod, is_number, is_piece):
        tells("嗯")
        with cpu_within(0.005):
            tells(text)

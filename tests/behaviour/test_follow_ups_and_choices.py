"""What a customer means by few words, by words that could mean two things, and by words that nobody should answer."""

from __future__ import annotations

import pytest
from support.shop import Shop

from bot.domain.messages import DAY, Reason

FEE, ABROAD, HOW_LONG = "delivery-fee", "overseas-delivery", "delivery-time"


def answer(shop: Shop, entry: str, language: str) -> str:
    said = shop.yingda.editions.current().answer(entry, language, "fake", shop.clock.now())
    assert said is not None
    return said


@pytest.mark.parametrize(
    ("asked", "leaning", "meant", "language"),
    [("运费多少？", "那日本呢？", ABROAD, "zh"), ("how much is delivery?", "and how long?", HOW_LONG, "en")],
)
def test_a_follow_up_is_understood_with_what_was_answered_last(
    shop: Shop, asked: str, leaning: str, meant: str, language: str
) -> None:
    assert shop.hears("alice", asked) == answer(shop, FEE, language)
    assert shop.hears("alice", leaning) == answer(shop, meant, language)
    assert answer(shop, meant, language) not in str(shop.hears("bob", leaning)), "alone it says too little"


def test_a_follow_up_to_a_follow_up_refers_to_the_last_answer_only(shop: Shop) -> None:
    shop.hears("alice", "怎么赚积分")
    assert shop.hears("alice", "那抵钱呢？") == answer(shop, "points-spend", "zh")
    shop.hears("alice", "怎么退货？")
    assert answer(shop, "points-spend", "zh") not in str(shop.hears("alice", "那抵钱呢？"))


def test_a_follow_up_after_a_handoff_does_not_refer_to_the_answer_before_it(shop: Shop) -> None:
    shop.hears("alice", "运费多少？")
    shop.hears("alice", "转人工")
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.run(shop.cases.resolve(case.id, anna))
    shop.clock.move(2 * DAY)
    assert answer(shop, ABROAD, "zh") not in str(shop.hears("alice", "那日本呢？"))


def test_a_follow_up_about_what_the_brand_does_not_have_is_never_answered(shop: Shop) -> None:
    answers = {answer(shop, entry, "zh") for entry in ("points-spend", "points-earn", "gift-card", "member-tiers")}
    shop.hears("alice", "怎么赚积分")
    assert shop.hears("alice", "那金卡呢？") not in answers


@pytest.mark.parametrize(
    ("text", "entries", "language"),
    [
        ("公司报账要票，抬头和税号我发给谁", ["invoice-request", "invoice-correct"], "zh"),
        ("two orders same address, can they travel in one box?", ["order-add-items", "order-change-address"], "en"),
    ],
)
def test_a_text_that_may_mean_two_entries_is_asked_back_and_a_number_picks_one(
    shop: Shop, text: str, entries: list[str], language: str
) -> None:
    edition = shop.yingda.editions.current()
    asked = shop.hears("alice", text) or ""
    offered = sorted(entries, key=lambda one: asked.index(edition.title(one, language)))
    choices = "\n".join(f"{number}. {edition.title(one, language)}" for number, one in enumerate(offered, 1))
    assert asked == edition.phrase("ask.did_you_mean", language, choices=choices)
    assert shop.waiting() == []
    assert shop.hears("alice", "2") == edition.answer(offered[1], language, "fake", shop.clock.now())


@pytest.mark.parametrize(
    "text", ["你好，帮我鉴定一下家里的老茶饼是不是真的", "Is Pu-erh a good investment, will it gain value?"]
)
def test_a_text_that_editors_put_out_of_scope_is_handed_off(shop: Shop, text: str) -> None:
    shop.hears("alice", text)
    (case,) = shop.waiting()
    assert case.reason == Reason.UNSURE

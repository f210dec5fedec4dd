"""Where the bot is not sure, it asks which was meant, once; and any way of choosing chooses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.shop import Shop
from support.talks import (
    ODD,
    OFFERED,
    RETURNS,
    UNSURE,
    answer,
    decided,
    open_cases,
    phrase,
)
from support.twitter_shop import XShop, x_shop

from bot.channels.twitter.weighted_length import WEIGHTED
from bot.domain.messages import Reason
from bot.knowledge.editions import Edition
from bot.text import measure

SINGLE, MEANT = "我的订单", "order-tracking"  # only one entry is likely enough
MANY = "快递"


def edition(shop: Shop) -> Edition:
    return shop.yingda.editions.current()


def question(shop: Shop, *entries: str, language: str = "zh") -> str:
    titles = (f"{number}. {edition(shop).title(entry, language)}" for number, entry in enumerate(entries, 1))
    return phrase(shop, "ask.did_you_mean", language, choices="\n".join(titles))


def test_at_most_three_entries_are_offered_the_likeliest_first(shop: Shop) -> None:
    said = str(shop.hears("alice", MANY))
    trace = decided(shop, "alice")
    assert len(trace["choices"]) == 3
    assert said == question(shop, *trace["choices"])
    likeliest = [one["intent"] for one in trace["candidates"] if one["intent"] in trace["choices"]]
    assert trace["choices"][: len(likeliest)] == likeliest


def test_a_single_entry_is_offered_and_yes_chooses_it(shop: Shop) -> None:
    assert shop.hears("alice", SINGLE) == question(shop, MEANT)
    assert decided(shop, "alice")["candidates"][0]["confidence"] > 0.5
    assert shop.hears("alice", "好的") == answer(shop, MEANT)


def test_yes_a_number_a_title_or_words_of_it_choose(shop: Shop) -> None:
    first = ("1", "是", "是的", "对", "yes", "第一个", "1.", "①", "one", "选1", "开发票", "開發票")
    second = ("2", "2 谢谢", "第二个", "second", "发票开错了", "开错了", "２")
    for picks, entry in ((first, OFFERED[0]), (second, OFFERED[1])):
        for pick in picks:
            assert shop.hears(pick, UNSURE) == question(shop, *OFFERED)
            assert shop.hears(pick, pick) == answer(shop, entry), pick
            assert decided(shop, pick)["picked"], pick
    assert shop.waiting() == []


def test_none_of_these_goes_on_to_a_person_who_sees_what_was_offered(shop: Shop) -> None:
    for number, refusal in enumerate(("都不是", "不是", "以上都不是", "none of these", "neither", "其他问题"), 1):
        shop.hears(refusal, UNSURE)
        offered = decided(shop, refusal)["choices"]
        assert shop.hears(refusal, refusal) is not None
        assert len(shop.waiting()) == number, refusal
        (case,) = open_cases(shop, refusal)
        view = shop.case(case)
        assert (view.line.reason, view.detail) == (Reason.UNSURE, "none_of_these")
        assert [list(one.trace.choices) for one in view.traces if one.trace.choices] == [offered, offered]


def test_who_is_not_understood_again_is_not_asked_again(shop: Shop) -> None:
    shop.hears("alice", UNSURE)
    shop.hears("alice", "two orders same address, can they travel in one box?")
    assert [line.reason for line in shop.waiting()] == [Reason.UNSURE]


def test_another_question_after_the_offer_is_answered_and_ends_it(shop: Shop) -> None:
    shop.hears("alice", UNSURE)
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")
    assert shop.hears("alice", "2") is None, "nothing is offered any more"


def test_never_mind_after_the_offer_is_heard(shop: Shop) -> None:
    shop.hears("alice", UNSURE)
    assert shop.hears("alice", "算了") == phrase(shop, "talk.fine")
    assert shop.waiting() == []


def test_of_two_questions_the_sure_one_is_answered_and_the_other_goes_to_a_person(shop: Shop) -> None:
    said = str(shop.hears("alice", f"怎么开发票？{ODD}？"))
    assert said.startswith(answer(shop, "invoice-request"))
    assert [line.reason for line in shop.waiting()] == [Reason.UNSURE]


@pytest.fixture
def on_x(database_url: str, tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[XShop]:
    with x_shop(tmp_path, database_url, shipped_edition) as opened:
        yield opened


def test_choices_fit_into_a_post_on_x(on_x: XShop) -> None:
    mia = on_x.platform.person("mia_drinks_tea", "Mia")
    for text in (MANY, UNSURE, "my order"):
        post = on_x.mentions(mia, text)
        (said,) = on_x.replies(post)
        assert said.count(". ") >= 1
        assert measure(said, WEIGHTED) <= 280
        on_x.clock.move(3_600)


def test_praise_in_public_is_left_alone(on_x: XShop) -> None:
    mia = on_x.platform.person("mia_drinks_tea", "Mia")
    for text in ("so happy with my new cup", "太喜欢了，包装好美，爱了爱了", "今天收到了，超级开心"):
        assert on_x.replies(on_x.mentions(mia, text)) == []
    assert on_x.waiting() == []

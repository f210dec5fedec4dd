"""A customer asks us to erase what we keep: asked once, done on yes within ten minutes, on every account of theirs."""

from __future__ import annotations

from support.shop import Shop
from support.talks import (
    PERSON,
    RETURNS,
    answer,
    event_types,
    everything_kept,
    handed_to,
    is_known,
    linked,
    open_case,
    phrase,
    said_by_machine,
)

from bot.domain.cases import CaseState

ASKS, SECRET = "请删除我的所有数据", "我家门牌是云栖路九十九号，怎么退货？"
MINUTES = 60.0


def confirms(shop: Shop, customer: str, yes: str = "是", account: str = "tea") -> None:
    """They say yes, and the confirmation has time to leave."""
    assert shop.hears(customer, yes, account) == phrase(shop, "rights.erased", "en" if yes == "yes" else "zh")
    shop.clock.move(5)
    shop.sweep()


def test_erasing_is_asked_once_and_done_on_yes(shop: Shop) -> None:
    shop.hears("alice", SECRET)
    assert shop.hears("alice", ASKS) == phrase(shop, "rights.erase")
    assert "云栖路" in everything_kept(shop)
    confirms(shop, "alice")
    assert "云栖路" not in everything_kept(shop)
    assert not is_known(shop, "alice")
    assert event_types(shop).count("erased") == 1
    shop.clock.move(3_600)
    shop.sweep()
    assert shop.sent_to("alice") == []
    assert shop.hears("alice", "你好") == answer(shop, "hello"), "they are new to us"


def test_question_and_confirmation_are_said_by_the_system(shop: Shop) -> None:
    shop.hears("alice", ASKS)
    shop.hears("alice", "是")
    assert said_by_machine(shop, "alice") == [
        ("system", phrase(shop, "rights.erase")),
        ("system", phrase(shop, "rights.erased")),
    ]


def test_every_identity_of_the_customer_is_gone_and_others_stay(shop: Shop) -> None:
    linked(shop, "alice", 1, "tea")
    linked(shop, "alice-at-square", 1, "square")
    linked(shop, "bob", 2, "tea")
    shop.hears("alice-at-square", SECRET, "square")
    shop.hears("bob", RETURNS)
    shop.hears("alice", ASKS)
    confirms(shop, "alice", "确认")
    assert [is_known(shop, who) for who in ("alice", "alice-at-square", "bob")] == [False, False, True]
    assert "云栖路" not in everything_kept(shop)


def test_an_open_case_ends_with_its_words(shop: Shop) -> None:
    shop.hears("alice", SECRET)
    shop.hears("alice", PERSON)
    waiting = open_case(shop, "alice")
    shop.hears("alice", ASKS)
    confirms(shop, "alice")
    assert shop.case(waiting).line.state is CaseState.WITHDRAWN
    assert shop.waiting() == []
    assert "云栖路" not in everything_kept(shop)


def test_also_while_an_agent_has_the_case(shop: Shop) -> None:
    case = handed_to(shop, "alice", shop.agent("anna"))
    shop.hears("alice", SECRET)
    assert shop.hears("alice", ASKS) == phrase(shop, "rights.erase")
    confirms(shop, "alice")
    assert shop.case(case).line.state is CaseState.WITHDRAWN
    assert not is_known(shop, "alice")
    assert "云栖路" not in everything_kept(shop)
    assert "erased" in [event.type for event in shop.case(case).events]


def test_also_after_a_case_was_resolved(shop: Shop) -> None:
    anna = shop.agent("anna")
    shop.run(shop.cases.resolve(handed_to(shop, "alice", anna), anna))
    shop.sweep()
    shop.hears("alice", ASKS)
    confirms(shop, "alice")
    assert not is_known(shop, "alice")


def test_in_a_public_thread_it_is_asked_and_done_too(shop: Shop) -> None:
    shop.hears("alice", "delete my data", "square", thread="post-1")
    shop.hears("alice", "yes", "square", thread="post-1")
    shop.clock.move(5)
    shop.sweep()
    assert not is_known(shop, "alice")


def test_on_an_account_that_cannot_send_too(shop: Shop) -> None:
    assert shop.hears("alice", ASKS, "counter") == phrase(shop, "rights.erase")
    confirms(shop, "alice", account="counter")
    assert not is_known(shop, "alice")


def test_on_no_nothing_is_erased(shop: Shop) -> None:
    shop.hears("alice", SECRET)
    shop.hears("alice", ASKS)
    assert shop.hears("alice", "不是") == phrase(shop, "rights.kept")
    shop.hears("alice", "是")
    shop.clock.move(5)
    shop.sweep()
    assert "云栖路" in everything_kept(shop)
    assert is_known(shop, "alice")


def test_a_yes_counts_for_ten_minutes_and_no_longer(shop: Shop) -> None:
    for customer, pause in (("alice", 10 * MINUTES - 1), ("bob", 10 * MINUTES)):
        shop.hears(customer, ASKS)
        shop.clock.move(pause)
        shop.hears(customer, "是")
        shop.clock.move(5)
        shop.sweep()
    assert (is_known(shop, "alice"), is_known(shop, "bob")) == (False, True)
    assert shop.hears("bob", ASKS) == phrase(shop, "rights.erase"), "bob is asked again"


def test_something_else_in_between_neither_erases_nor_loses_the_question(shop: Shop) -> None:
    shop.hears("alice", ASKS)
    assert shop.hears("alice", RETURNS) == answer(shop, "return-goods")
    shop.clock.move(5)
    shop.sweep()
    assert is_known(shop, "alice")


def test_who_writes_before_the_confirmation_has_left_is_erased_all_the_same(shop: Shop) -> None:
    shop.hears("alice", ASKS)
    shop.hears("alice", "是")
    assert shop.hears("alice", SECRET) is None
    assert not is_known(shop, "alice")
    assert "云栖路" not in everything_kept(shop)


def test_how_to_erase_is_a_question_and_no_order(shop: Shop) -> None:
    for text in ("怎么删除我的收货地址", "删除订单", "how do I delete an address?"):
        assert shop.hears(text, text) != phrase(shop, "rights.erase")
        shop.hears(text, "是")
    shop.clock.move(5)
    shop.sweep()
    assert "erased" not in event_types(shop)


def test_a_yes_to_something_else_erases_nothing(shop: Shop) -> None:
    shop.hears("alice", "公司报账要票，抬头和税号我发给谁")
    assert shop.hears("alice", "是") == answer(shop, "invoice-request")
    shop.clock.move(5)
    shop.sweep()
    assert is_known(shop, "alice")

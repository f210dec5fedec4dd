"""The case of an angry customer is urgent: it is taken before the ordinary ones that wait longer."""

from __future__ import annotations

from support.shop import Shop

from bot.desk.queue import queue_position
from bot.domain.cases import CaseSearch
from bot.domain.messages import Reason


def test_an_angry_customer_is_first_in_the_queue_and_shown_as_urgent(shop: Shop) -> None:
    for customer in ("alice", "bob"):
        shop.hears(customer, "转人工")
        shop.clock.move(60)
    told = shop.hears("carol", "气死我了，等了半个月没人管")
    lines = shop.waiting()
    assert [line.reason for line in lines] == [Reason.ANGER, Reason.ASKED, Reason.ASKED]
    assert [line.priority > 0 for line in lines] == [True, False, False]
    assert queue_position(lines, lines[0].id) == 1
    assert told is not None
    assert "第 1 位" in told
    urgent = shop.run(shop.board.search_open([CaseSearch("紧急", urgent=True)], 10))
    assert [line.id for line in urgent] == [lines[0].id]


def test_two_angry_customers_are_taken_in_the_order_in_which_they_came(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    for customer in ("bob", "carol"):
        shop.clock.move(60)
        told = shop.hears(customer, "我要投诉")
    assert told is not None
    assert "第 2 位" in told
    assert [line.reason for line in shop.waiting()] == [Reason.ANGER, Reason.ANGER, Reason.ASKED]

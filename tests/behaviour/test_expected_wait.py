"""What customers hear about the wait: as it really was lately, once more if it proves wrong, and nothing in public."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from support.shop import Shop

from bot.domain.messages import Author, OutboxState

ASKS = "转人工"
TEN_MINUTES = timedelta(minutes=10).total_seconds()


def numbers(said: str | None) -> list[int]:
    """The place and the minutes that were said."""
    return [int(number) for number in re.findall(r"\d+", said or "")]


def answered_after(shop: Shop, customer: str, seconds: float) -> None:
    """Somebody asks for a person, who answers after some time and resolves the case."""
    shop.hears(customer, ASKS)
    case, anna = shop.waiting()[-1], shop.agent("anna")
    shop.clock.move(seconds)
    shop.claims(anna, case.id)
    shop.replies(anna, case.id, "您好，我是安娜")
    shop.run(shop.cases.resolve(case.id, anna))


def told(shop: Shop, case: str) -> list[str]:
    return [line.text for line in shop.case(case).said if line.author is Author.SYSTEM]


def test_the_wait_is_what_customers_really_waited_in_the_last_hour(shop: Shop) -> None:
    assert numbers(shop.hears("zoe", ASKS)) == [1, 4]  # desk.minutes_per_case: nobody has been answered yet
    shop.run(shop.cases.resolve(shop.waiting()[0].id, shop.agent("anna")))
    for customer in ("alice", "bob", "carol"):
        answered_after(shop, customer, TEN_MINUTES)
    assert numbers(shop.hears("dora", ASKS)) == [1, 10]
    assert numbers(shop.hears("emil", ASKS)) == [2, 20]


def test_an_hour_later_the_configured_minutes_count_again(shop: Shop) -> None:
    for customer in ("alice", "bob", "carol"):
        answered_after(shop, customer, TEN_MINUTES)
    shop.clock.move(3_600)
    assert numbers(shop.hears("dora", ASKS)) == [1, 4]


def test_a_customer_who_writes_while_waiting_hears_their_own_place(shop: Shop) -> None:
    shop.hears("alice", ASKS)
    shop.clock.move(1)
    shop.hears("bob", ASKS)
    assert numbers(shop.hears("alice", "有人吗")) == [1]
    assert numbers(shop.hears("bob", "有人吗")) == [2]


def test_a_wait_that_proves_wrong_is_corrected_once(shop: Shop) -> None:
    shop.hears("alice", ASKS)
    shop.hears("bob", ASKS)
    shop.clock.move(4 * 60 - 1)
    shop.sweep()
    assert shop.sent_to("alice") == []
    shop.clock.move(1)
    shop.sweep()
    (correction,) = shop.sent_to("alice")
    assert numbers(correction) == [1, 4]
    assert shop.sent_to("bob") == []
    shop.clock.move(3_600)
    shop.sweep()
    shop.sweep()
    assert shop.sent_to("alice") == [correction]
    assert [numbers(text) for text in shop.sent_to("bob")] == [[2, 8]]


def test_a_customer_hears_the_correction_in_their_language(shop: Shop) -> None:
    shop.hears("alice", "I want to talk to a person")
    shop.clock.move(4 * 60)
    shop.sweep()
    (correction,) = shop.sent_to("alice")
    assert "number 1 in line" in correction


def test_two_processes_that_sweep_at_once_correct_a_wait_once(shop: Shop) -> None:
    shop.hears("alice", ASKS)
    shop.clock.move(4 * 60)
    other = shop.assembled()
    shop.run(other.editions.refresh())
    shop.run(other.sweeper.sweep())
    shop.sweep()
    assert len(shop.sent_to("alice")) == 1
    shop.run(other.close())


def test_nobody_hears_of_the_wait_after_an_agent_has_taken_the_case(shop: Shop) -> None:
    shop.hears("alice", ASKS)
    case, anna = shop.waiting()[0].id, shop.agent("anna")
    shop.claims(anna, case)
    shop.clock.move(TEN_MINUTES)
    shop.sweep()
    shop.replies(anna, case, "您好，我是安娜")
    shop.run(shop.cases.release(case, anna))
    shop.clock.move(TEN_MINUTES)
    shop.sweep()
    assert shop.sent_to("alice") == ["您好，我是安娜"]


def test_an_agent_who_took_the_case_and_was_silent_does_not_end_the_promise(shop: Shop) -> None:
    shop.hears("alice", ASKS)
    case = shop.waiting()[0].id
    shop.claims(shop.agent("anna"), case)
    shop.clock.move(16 * 60)
    shop.sweep()
    assert len(shop.sent_to("alice")) == 1


def test_while_the_desk_is_closed_no_wait_is_corrected(shop: Shop) -> None:
    shop.clock.move(9 * 3_600 - 60)  # a minute before the desk closes
    shop.hears("alice", ASKS)
    shop.clock.move(3_600)
    shop.sweep()
    assert shop.sent_to("alice") == []
    shop.clock.move(11 * 3_600 + 4 * 60)  # three minutes after it opened, four of open time after the promise
    shop.sweep()
    assert len(shop.sent_to("alice")) == 1


def test_a_customer_who_opted_out_hears_no_correction(shop: Shop) -> None:
    shop.hears("alice", ASKS)
    shop.hears("alice", "退订")
    shop.clock.move(TEN_MINUTES)
    shop.sweep()
    assert shop.sent_to("alice") == []


def test_an_account_that_cannot_send_says_the_correction_with_its_next_response(shop: Shop) -> None:
    shop.hears("alice", ASKS, "counter")
    shop.clock.move(TEN_MINUTES)
    shop.sweep()
    (waits,) = [row for row in shop.case(shop.waiting()[0].id).outgoing if row.state is OutboxState.WAITING]
    assert waits.text in (shop.hears("alice", "有人吗", "counter") or "")


@pytest.mark.parametrize("hour", [12, 22])
def test_in_public_neither_place_nor_wait_is_ever_said(shop: Shop, hour: int) -> None:
    shop.clock.move((hour - 12) * 3_600)
    shop.hears("zoe", ASKS)
    shop.hears("alice", ASKS, "square", thread="post-1")
    case = next(line.id for line in shop.waiting() if line.public)
    assert shop.hears("alice", "有人吗", "square", thread="post-1") is None
    shop.clock.move(TEN_MINUTES)
    shop.sweep()
    (opening,) = told(shop, case)
    assert "位" not in opening
    assert "分钟" not in opening
    assert ("09:00" in opening) == (hour == 22)

"""What has been kept for long enough goes by itself, while everybody goes on writing."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from support.shop import Shop

from bot.domain.messages import DAY
from bot.stores.sql.schema import cases, conversations, messages, receipts, traces


def kept(shop: Shop) -> tuple[int, ...]:
    """How many messages, traces and receipts the database holds."""
    with shop.database.engine.connect() as connection:
        counted = (select(func.count()).select_from(table) for table in (messages, traces, receipts))
        return tuple(connection.execute(query).scalar_one() for query in counted)


def test_messages_from_two_years_ago_are_purged_and_the_customer_is_answered_as_before(shop: Shop) -> None:
    answer = shop.hears("小林", "怎么退货？")
    assert kept(shop) == (2, 1, 1)
    shop.clock.move(181 * DAY)
    shop.sweep()
    assert kept(shop) == (2, 0, 0)
    shop.clock.move(550 * DAY)
    shop.sweep()
    shop.sweep()
    assert kept(shop) == (0, 0, 0)
    assert shop.hears("小林", "怎么退货？") == answer
    assert kept(shop) == (2, 1, 1)


@pytest.mark.parametrize("days", [200, 2_000])
def test_an_agent_reads_the_whole_conversation_however_old_it_is(shop: Shop, days: int) -> None:
    shop.hears("老王", "怎么退货？")
    shop.hears("老王", "人工")
    shop.hears("小林", "怎么退货？")
    before = [said.text for said in shop.case(shop.waiting()[0].id).said]
    shop.clock.move(days * DAY)
    for _ in range(4):
        shop.sweep()
    after = [said.text for said in shop.case(shop.waiting()[0].id).said]
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1  # the customer heard once that it takes longer
    agent, (line,) = shop.agent("lin"), shop.waiting()
    shop.claims(agent, line.id)
    shop.run(shop.cases.resolve(line.id, agent))
    with shop.database.engine.connect() as connection:
        assert connection.execute(select(cases.c.state)).scalar_one() == "resolved"
        assert set(connection.execute(select(conversations.c.case_id)).scalars()) == {None}


def test_a_purge_is_not_begun_again_for_hours_once_nothing_is_due(shop: Shop) -> None:
    shop.hears("小林", "怎么退货？")
    shop.clock.move(40 * DAY)
    shop.sweep()
    shop.sweep()
    assert kept(shop)[2] == 0
    with shop.database.engine.begin() as connection:
        old = {"account": "tea", "dedup_key": "old", "message_id": "m", "conversation_id": "c", "at": 1.0}
        connection.execute(receipts.insert(), [old])
    shop.sweep()
    assert kept(shop)[2] == 1
    shop.clock.move(7 * 3_600)
    shop.sweep()
    assert kept(shop)[2] == 0

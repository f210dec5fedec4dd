"""What is put off fills no log: one line a minute for each account and reason, with how many there were."""

from __future__ import annotations

import logging

import pytest

from bot.delivery import PostponedLog


def test_a_postponed_message_is_logged_once_a_minute_with_the_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = PostponedLog()
    with caplog.at_level(logging.WARNING, "bot.delivery"):
        for second in range(121):
            for _ in range(10):
                told.add("brand", "twitter:quota", float(second))
    assert [record.getMessage() for record in caplog.records] == [
        "messages on brand: put off 1 times (twitter:quota)",
        "messages on brand: put off 600 times (twitter:quota)",
        "messages on brand: put off 600 times (twitter:quota)",
    ]


def test_postponed_messages_are_logged_by_account_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    told = PostponedLog()
    with caplog.at_level(logging.WARNING, "bot.delivery"):
        told.add("brand", "twitter:quota", 0.0)
        told.add("brand", "twitter:clock +312", 1.0)
        told.add("brand", "twitter:clock +313", 2.0)
        told.add("other", "twitter:quota", 3.0)
    assert len(caplog.records) == 3

"""What is put off fills no log: one line a minute for each account and reason, with how many there were."""

from __future__ import annotations

import logging

import pytest

from bot.delivery import PutOffLog


def test_what_is_put_off_again_and_again_has_one_line_a_minute_with_its_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = PutOffLog()
    with caplog.at_level(logging.WARNING, "bot.delivery"):
        for second in range(121):
            for _ in range(10):
                told.put_off("brand", "twitter:quota", float(second))
    assert [record.getMessage() for record in caplog.records] == [
        "messages on brand: put off 1 times (twitter:quota)",
        "messages on brand: put off 600 times (twitter:quota)",
        "messages on brand: put off 600 times (twitter:quota)",
    ]


def test_each_account_and_each_reason_has_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    told = PutOffLog()
    with caplog.at_level(logging.WARNING, "bot.delivery"):
        told.put_off("brand", "twitter:quota", 0.0)
        told.put_off("brand", "twitter:clock +312", 1.0)
        told.put_off("brand", "twitter:clock +313", 2.0)
        told.put_off("other", "twitter:quota", 3.0)
    assert len(caplog.records) == 3

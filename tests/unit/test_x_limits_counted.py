"""What X's limits allow at best, counted by hand."""

from __future__ import annotations

import pytest
from contest.allowed import DAY, QUARTER, Rate, soonest


@pytest.mark.parametrize(
    ("count", "rate", "last"),
    [
        (15, Rate(15, 1_440), 0.0),
        (16, Rate(15, 1_440), QUARTER),
        (1_440, Rate(15, 1_440), 95 * QUARTER),
        (1_441, Rate(15, 1_440), DAY),
        (300, Rate(100, 150), DAY + QUARTER),
        (801, Rate(4, each=100), 2 * QUARTER),
    ],
)
def test_waiting_messages_are_sent_as_fast_as_the_windows_allow(count: int, rate: Rate, last: float) -> None:
    went = soonest([(0.0, count)], rate)
    assert went[-1][0] == last
    assert sum(many for _, many in went) == count


def test_nothing_is_sent_before_it_arrives_and_a_window_begins_with_its_first_request() -> None:
    assert soonest([(10.0, 1), (500.0, 2)], Rate(2)) == [(10.0, 1), (500.0, 1), (910.0, 1)]

"""An hour in which X is down, slow, wrong and well again from one minute to the next, and people write all the while.

Afterwards everybody has been answered once, or a person decides.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, Select, select
from support.twitter_shop import APP, XShop, x_shop

from bot.domain.messages import OutboxState
from bot.simulators.twitter import Faults
from bot.simulators.twitter.state import Post
from bot.stores.sql.schema import messages, outbox, receipts

pytestmark = pytest.mark.faults
ASKED = (
    "怎么退货？",
    "多久能送到？",
    "怎么开发票？",
    "how do I return something?",
    "can I pay in instalments on mars?",
)
WEATHERS = {
    "down": Faults(down=True),
    "html": Faults(html=3),
    "slow": Faults(slow=0.5),
    "cut off": Faults(truncate=2),
    "lost": Faults(drop=1),
    "wrong": Faults(error=2),
    "limited": Faults(limited=1, no_reset=True, no_headers=True),
    "broke": Faults(broke=True),
    "late": Faults(lag=50, short=5),
    "well": Faults(),
}
DECIDED = {OutboxState.SENT.value, OutboxState.IN_DOUBT.value, OutboxState.FAILED.value}


class Hour:
    """What people do in it, and what must have come of it."""

    def __init__(self, shop: XShop, seed: int) -> None:
        self.shop, self.chance = shop, random.Random(seed)
        self.posts: list[Post] = []
        self.wrote: Counter[str] = Counter()

    def passes(self, names: list[str]) -> None:
        for minute in range(60):
            faults = WEATHERS[self.chance.choice(names)]
            self.shop.platform.set_faults(faults)
            someone = self.shop.platform.person(f"person{minute}")
            if minute % 3:
                text = f"@{APP.username} {self.chance.choice(ASKED)}"
                self.posts.append(self.shop.platform.create_post(someone.id, text))
            else:
                self.shop.platform.send_direct_message(someone.id, self.chance.choice(ASKED))
                self.wrote[someone.id] += 1
            self.shop.clock.move(60)
            self.shop.looks()
        self.shop.platform.set_faults(Faults())
        for _ in range(12):
            self.shop.clock.move(901)
            self.shop.sweep()
            self.shop.looks()

    def rows(self, what: Select[Any]) -> list[Row[Any]]:
        return list(self.shop.run(self.shop.database.read(lambda one: one.execute(what).all())))

    def everything_was_heard(self) -> None:
        received = select(messages.c.dedup_key).join(receipts, receipts.c.message_id == messages.c.id)
        keys = {row.dedup_key for row in self.rows(received)}
        assert {f"post:{post.id}" for post in self.posts} <= keys
        assert sum(key.startswith("message:") for key in keys) == sum(self.wrote.values())

    def nobody_was_told_twice(self) -> None:
        assert [post.text for post in self.posts if len(self.shop.replies(post)) > 1] == []
        for whom, times in self.wrote.items():
            said = [one for one in self.shop.platform.conversation_with(whom) if one.sender_id == APP.user_id]
            assert len(said) <= times

    def everybody_is_answered_or_before_a_person(self) -> None:
        said = select(outbox.c.state, outbox.c.answers, messages.c.dedup_key)
        said = said.join(messages, messages.c.id == outbox.c.answers)
        outcomes: dict[str, set[str]] = {}
        for row in self.rows(said):
            outcomes.setdefault(row.dedup_key, set()).add(row.state)
        for post in self.posts:
            states = outcomes[f"post:{post.id}"] - {OutboxState.WAITING.value}
            assert states <= DECIDED, (post.text, states)
            assert states
            if states == {OutboxState.SENT.value}:
                assert len(self.shop.replies(post)) == 1
        assert sum(OutboxState.SENT.value in one for one in outcomes.values()) > len(outcomes) // 2


@pytest.mark.parametrize("names", [*([name] for name in WEATHERS if name not in ("well", "down")), list(WEATHERS)],
                         ids=lambda names: " ".join(names) if len(names) < 3 else "flapping")  # fmt: skip
def test_after_an_hour_of_outages_nothing_is_lost_and_nothing_sent_twice(
    tmp_path: Path, shipped_edition: tuple[str, bytes], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.twitter.http.READ_SECONDS", 0.2)
    with x_shop(tmp_path, f"sqlite:///{tmp_path / 'hour.sqlite'}", shipped_edition) as shop:
        hour = Hour(shop, seed=20_261_126)
        hour.passes(names)
        hour.everything_was_heard()
        hour.nobody_was_told_twice()
        hour.everybody_is_answered_or_before_a_person()

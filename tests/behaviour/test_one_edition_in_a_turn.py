"""A turn is of one edition: its words and the number that is recorded, whatever is published while it is decided."""

from __future__ import annotations

import json

from sqlalchemy import select
from support.shop import Shop

from bot.domain.decisions import Answer, Decision, Turn
from bot.domain.messages import Author
from bot.stores.sql.editions import SqlEditions
from bot.stores.sql.schema import messages

HOURS, OTHER_WORDS = "你们几点开门", "这是下一版的话"


class Overtaken:
    """A skill during whose work another edition becomes active."""

    intent, time_limit = "hours", 10.0

    def __init__(self) -> None:
        self.shop: Shop | None = None

    async def respond(self, turn: Turn) -> Decision:
        assert self.shop is not None
        store = SqlEditions(self.shop.database)
        content, model = await store.load(1)
        changed = json.loads(content)
        changed["phrases"]["hours.never"] = {"zh": OTHER_WORDS, "en": OTHER_WORDS}
        await store.publish(json.dumps(changed), model, "tests", 1)
        await self.shop.yingda.editions.refresh()
        return Answer(turn.edition.phrase("hours.never", turn.language))


def test_a_skill_speaks_in_the_words_of_the_edition_that_is_recorded(shop: Shop) -> None:
    skill = Overtaken()
    shop.skills["hours"] = skill
    shop.restart()
    skill.shop = shop
    before = shop.yingda.editions.current()
    assert shop.hears("alice", HOURS) == before.phrase("hours.never", "zh")
    assert shop.yingda.editions.current().number == 2
    said = shop.run(shop.database.read(lambda one: one.execute(select(messages)).all()))
    assert [row.edition for row in said if row.author == Author.BOT.value] == [before.number]


class Slotted:
    """A skill that leaves its name in the slot although it never asks anything."""

    intent, time_limit = "hours", 1.0

    async def respond(self, turn: Turn) -> Decision:
        return Answer(f"always, {turn.language}", slots={"skill": self.intent})


def test_a_skill_that_never_asks_is_never_resumed(shop: Shop) -> None:
    shop.skills["hours"] = Slotted()
    shop.restart()
    usual = shop.hears("bob", "怎么退货？")
    assert shop.hears("alice", HOURS) == "always, zh"
    assert shop.hears("alice", "怎么退货？") == usual
    assert shop.waiting() == []

"""`yingda kb`: the editions that there are, and back to an earlier one while customers write."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from support.knowledge_base_files import Editor
from support.shop import Shop
from support.small_knowledge_base import kiosk
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.cli.editions import active_edition
from bot.config import load
from bot.domain.messages import Inbound, Kind
from bot.pending import PendingResponse
from bot.publishing import MODELS_KEPT
from bot.stores.sql.database import Database
from bot.stores.sql.editions import SqlEditions
from bot.stores.sql.schema import editions, messages
from bot.text import new_id


class Desk:
    """An editor's terminal."""

    def __init__(self, folder: Path) -> None:
        self.editor: Editor
        self.editor, self.config = kiosk(folder)

    def runs(self, *verb: str) -> Result:
        return CliRunner().invoke(app, [*verb, "--config", str(self.config)])

    def history(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.runs("kb", "history", "--json").stdout)
        return told

    def answer(self, entry: str) -> str | None:
        """What the live edition answers."""
        edition = active_edition(load(self.config))
        return edition.answer(entry, "en", "wechat", 0) if edition else None

    def record(self) -> Database:
        return Database(load(self.config).config.database_url)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Two editions: we open at nine, we open at eight."""
    desk = Desk(tmp_path)
    assert desk.runs("train").exit_code == 0
    desk.editor.changes("We open at nine.", "We open at eight.", "kiosk.yaml")
    assert desk.runs("train").exit_code == 0
    return desk


def test_an_earlier_edition_becomes_live_again_and_the_history_names_who_did_it(desk: Desk) -> None:
    assert desk.answer("opening") == "We open at eight."
    back = desk.runs("kb", "rollback", "1", "--by", "mei")
    assert back.exit_code == 0
    assert "edition 1 is live again, in place of edition 2\n" in back.stdout
    assert desk.answer("opening") == "We open at nine."
    told = desk.history()
    assert told["active"] == 1
    assert [one["number"] for one in told["editions"]] == [2, 1]
    assert [(one["by"], one["replaced"]) for one in told["editions"][1]["activations"]] == [
        ("yingda train", 0),
        ("mei", 2),
    ]
    lines = desk.runs("kb", "history").stdout.splitlines()
    assert [line[:7].split() for line in lines] == [["2"], ["*", "1"], []]
    assert "live again, in place of 2, by mei" in lines[2]


def test_an_edition_trained_after_going_back_has_a_new_number(desk: Desk) -> None:
    assert desk.runs("kb", "rollback", "1").exit_code == 0
    assert "edition 3 is live" in desk.runs("train").stdout
    assert desk.history()["active"] == 3
    assert desk.runs("kb", "rollback", "3").stdout.startswith("edition 3 is live already")


@pytest.mark.parametrize("number", ["3", "99"])
def test_a_missing_edition_is_refused_and_the_live_one_stays(desk: Desk, number: str) -> None:
    refused = desk.runs("kb", "rollback", number)
    assert refused.exit_code == 1
    assert f"there is no edition {number} to go back to" in refused.stderr
    assert desk.history()["active"] == 2


@pytest.mark.parametrize(
    ("broken", "told"),
    [({"model": b""}, "no edition 1 to go back to"), ({"model": b"not a model"}, "edition 1 cannot be loaded")],
)
def test_an_edition_that_cannot_be_loaded_is_refused_before_it_is_live(
    desk: Desk, broken: dict[str, bytes], told: str
) -> None:
    database = desk.record()
    with database.engine.begin() as connection:
        connection.execute(update(editions).where(editions.c.number == 1).values(broken))
    database.close()
    refused = desk.runs("kb", "rollback", "1")
    assert (refused.exit_code, told in refused.stderr) == (1, True)
    assert desk.history()["active"] == 2


def test_before_the_first_edition_the_history_says_what_to_do(tmp_path: Path) -> None:
    assert "yingda train" in Desk(tmp_path).runs("kb", "history").stdout


def test_every_edition_that_the_history_offers_can_be_gone_back_to(desk: Desk) -> None:
    database = desk.record()

    async def publish_many() -> None:
        store = SqlEditions(database)
        content, model = await store.load(2)
        for number in range(2, MODELS_KEPT + 5):
            await store.publish(content, model, "night", number)

    asyncio.run(publish_many())
    assert desk.runs("kb", "rollback", "3").exit_code == 0
    assert desk.runs("train", "--full").exit_code == 0  # lets the models of old editions go
    offered = [one["number"] for one in desk.history()["editions"]]
    assert len(offered) == MODELS_KEPT + 1
    with database.engine.connect() as connection:
        kept = connection.execute(select(editions.c.number).where(editions.c.model != b"")).scalars().all()
    database.close()
    assert sorted(kept) == sorted(offered)
    assert desk.runs("kb", "rollback", str(offered[-1])).exit_code == 0
    assert desk.runs("kb", "rollback", str(offered[-1] - 1)).exit_code == 1


SECOND = "（二）"


def second(content: str) -> str:
    """The same edition with other words in every answer."""
    edition = json.loads(content)
    for entry in edition["entries"]:
        for said in entry.get("answers", {}).values():
            for channel, wordings in said.items():
                some = wordings if isinstance(wordings, list) else [wordings]
                said[channel] = [SECOND + wording for wording in some]
    return json.dumps(edition, ensure_ascii=False)


def test_while_editions_change_under_load_nothing_is_lost_and_each_answer_is_of_one_edition(shop: Shop) -> None:
    record, other = SqlEditions(shop.database), shop.assembled()
    answered: list[str] = []

    done = asyncio.Event()

    async def changes() -> None:
        """Back and forth; both processes take up what is live while they answer."""
        for time in range(6):
            await record.activate(1 + time % 2, "mei", 2 - time % 2)
            await asyncio.gather(shop.yingda.editions.refresh(), other.editions.refresh())
        done.set()

    async def customer(number: int) -> None:
        journey = (shop.yingda, other)[number % 2].journey
        while not done.is_set():
            inbound = Inbound("tea", f"customer-{number}", new_id(), Kind.TEXT, "怎么退货？")
            offer = PendingResponse(lambda reply: reply.text.encode(), asyncio.get_running_loop().time() + 30)
            reply = await journey.handle(inbound, offer)
            assert isinstance(reply, bytes)
            answered.append(reply.decode())

    async def story() -> None:
        content, model = await record.load(1)
        assert await record.publish(second(content), model, "mei", 1) == 2
        await asyncio.gather(shop.yingda.editions.refresh(), other.editions.refresh())
        await asyncio.gather(changes(), *(customer(number) for number in range(8)))
        for yingda in (shop.yingda, other):
            await yingda.journey.finish(10)

    shop.run(story())
    bots = select(messages.c.text, messages.c.edition).where(messages.c.author == "bot")
    with shop.database.engine.connect() as connection:
        said = connection.execute(bots).all()
        asked = connection.execute(select(messages.c.id).where(messages.c.author == "customer")).all()
    assert len(answered) == len(said) == len(asked) > 20
    assert {edition for _, edition in said} == {1, 2}
    assert all(text.startswith(SECOND) is (edition == 2) for text, edition in said)

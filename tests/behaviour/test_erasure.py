"""An erased customer is nowhere any more: in no column of any table, and in no byte of the files that Yingda keeps.

What platforms send again is still recognised.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, select, text, update
from support.running_product import eventually
from support.shop import Shop

from bot.domain.messages import Inbound, Kind, Media, OutboxState
from bot.domain.turns import Delivered
from bot.stores.sql.customers import erase_customer, find_customers
from bot.stores.sql.database import TRUNCATE_EVERY, Database, mark_erased
from bot.stores.sql.outbox import SqlOutbox
from bot.stores.sql.schema import conversations, customers, identities, metadata, outbox, receipts

OPENID, X_ID, X_NAME, UNIONID = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M", "2244994945", "lin_drinks_tea", "o6_unionOfLin"
NAME, PHONE, MAIL, PICTURE = "林晓雨的名字", "13800000001", "lin@brand.example", "media-id-of-a-picture"
SAID = "我家门牌是云栖路九十九号"
LONG = "".join(f"第{number}句只有我会这样说。" for number in range(300))
FACTS = {"screen_name": X_NAME, "author_id": X_ID, "unionid": UNIONID}
THEIRS = (OPENID, X_ID, X_NAME, UNIONID, NAME, PHONE, MAIL, PICTURE, SAID, "第7句只有我会这样说", "云栖路")


def lives(shop: Shop) -> None:
    """One customer everywhere: in private, in a case, with a picture, linked as a member, in public; among others."""
    for number in range(24):
        shop.hears(f"somebody-{number}", f"第{number}位顾客：怎么退货？" * (1 + number % 9))
    _proves_membership(shop)
    _talks_with_a_person(shop)
    _speaks_in_public(shop)
    for number in range(24, 32):
        shop.hears(f"somebody-{number}", "几点开门？" * 40)
    theirs = select(identities).where(identities.c.handle.in_((OPENID, X_ID))).subquery()
    talks = select(conversations.c.id).join(theirs, theirs.c.id == conversations.c.identity_id)

    def known(connection: Connection) -> None:
        """What the platform calls our messages to them, and the member system themselves."""
        connection.execute(update(outbox).where(outbox.c.conversation_id.in_(talks)).values(platform_id=OPENID))
        connection.execute(update(customers).where(customers.c.id.in_(select(theirs.c.customer_id))).values(name=NAME))

    shop.run(shop.database.write(known))


def _proves_membership(shop: Shop) -> None:
    shop.hears(OPENID, "我有多少积分", key=f"{OPENID}|1790000000|1")
    shop.hears(OPENID, PHONE)
    code = re.search(r"\d{6}", shop.texts.sent[-1].text)
    assert code is not None
    shop.hears(OPENID, code.group())


def _talks_with_a_person(shop: Shop) -> None:
    shop.hears(OPENID, LONG)
    shop.hears(OPENID, f"{SAID}，电话 {PHONE}，邮箱 {MAIL}，怎么退货？")
    sends(shop, Inbound("tea", OPENID, f"{OPENID}:p", Kind.IMAGE, "", Media(PICTURE, "jpg"), data=FACTS))
    (line,) = shop.waiting()
    agent = shop.agent("anna")
    shop.claims(agent, line.id)
    shop.replies(agent, line.id, f"您好{NAME}，{SAID}对吗？")


def _speaks_in_public(shop: Shop) -> None:
    shop.hears(X_ID, f"@YunshanTea {SAID}", account="square", thread="1799990000111")
    posted = Inbound("square", X_ID, f"post:{X_ID}", Kind.TEXT, SAID, thread="1799990000222", data=FACTS)
    sends(shop, posted)


def sends(shop: Shop, inbound: Inbound) -> None:
    shop.run(shop.answered(inbound))
    shop.deliver()


def written(database: Database) -> str:
    """Every value of every column of every table that there is."""
    with database.engine.connect() as connection:
        there = set(inspect(connection).get_table_names())
        assert there - {"alembic_version"} == set(metadata.tables)
        rows = (row for name in there for row in connection.execute(text(f'SELECT * FROM "{name}"')))
        return "\n".join(repr(tuple(row)) for row in rows)


def left_in_tables(database: Database) -> set[str]:
    told = written(database)
    return {word for word in THEIRS if word in told or json.dumps(word)[1:-1] in told}


def left_in_files(folder: Path) -> set[str]:
    """In any form in which we write: as it is, or escaped in JSON. The brand's own members are the brand's."""
    files = [path for path in folder.rglob("*") if path.is_file() and "members" not in path.name]
    assert any(path.suffix == ".sqlite" for path in files)
    bodies = [path.read_bytes() for path in files]
    forms = {word: {word.encode(), json.dumps(word)[1:-1].encode()} for word in THEIRS}
    return {word for word in THEIRS if any(form in body for form in forms[word] for body in bodies)}


def none_after_a_sweep(shop: Shop, folder: Path) -> bool:
    """A running product sweeps every second."""
    shop.sweep()
    return left_in_files(folder) == set()


def erases(shop: Shop) -> None:
    """As `yingda customer erase` does, for both of the customers who are this person."""

    def work(connection: Connection) -> None:
        for handle in (OPENID, X_ID):
            (known,) = find_customers(connection, handle)
            erase_customer(connection, known.id, time.time())

    shop.run(shop.database.write(work))


def unfollows(shop: Shop) -> None:
    for account, handle in (("tea", OPENID), ("square", X_ID)):
        shop.hears(handle, "", account=account, kind=Kind.UNFOLLOW, key=f"{handle}|1790000099|unsubscribe")


@pytest.mark.parametrize("leaves", [erases, unfollows])
def test_an_erased_customer_is_in_no_column_and_in_no_byte(
    shop: Shop, tmp_path: Path, leaves: Callable[[Shop], None]
) -> None:
    lives(shop)
    assert {OPENID, X_ID, PHONE, SAID, X_NAME} <= left_in_tables(shop.database)
    leaves(shop)
    assert left_in_tables(shop.database) == set()
    if shop.database.sqlite:
        eventually(lambda: none_after_a_sweep(shop, tmp_path), "no byte left in the files", 10)


def test_a_repeat_of_an_erased_customers_message_is_recognised(shop: Shop) -> None:
    key = f"{OPENID}|1790000000|77"
    shop.hears(OPENID, "怎么退货？", key=key)
    before = len(written(shop.database).splitlines())
    assert shop.hears(OPENID, "怎么退货？", key=key) is not None
    with shop.database.engine.connect() as connection:
        row = connection.execute(select(receipts)).one()
        assert row.attempt == 2
        assert OPENID not in str(tuple(row))
    assert len(written(shop.database).splitlines()) == before
    unfollows_once = {"kind": Kind.UNFOLLOW, "key": f"{OPENID}|1|unsubscribe"}
    for _ in range(2):
        shop.hears(OPENID, "", **unfollows_once)  # type: ignore[arg-type]
    with shop.database.engine.connect() as connection:
        handles = connection.execute(text("SELECT handle FROM identities")).scalars().all()
    assert len(handles) == 1
    assert handles[0].startswith("gone-")


def test_a_send_that_ends_after_its_customer_was_erased_stores_no_platform_id(shop: Shop) -> None:
    shop.hears("alice", "转人工")
    agent, (line,) = shop.agent("anna"), shop.waiting()
    shop.claims(agent, line.id)
    shop.replies(agent, line.id, "您好")
    with shop.database.engine.begin() as connection:
        sent = connection.execute(select(outbox.c.id).where(outbox.c.text == "您好")).scalar_one()
        connection.execute(update(outbox).where(outbox.c.id == sent).values(state="sending"))
    shop.hears("alice", "", kind=Kind.UNFOLLOW)
    late = Delivered(sent, OutboxState.SENT, platform_id="msgid-of-alice")
    shop.run(SqlOutbox(shop.database).settle([late]))
    assert "msgid-of-alice" not in written(shop.database)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Database]:
    """A database in a file, with a customer's name in it."""
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}")
    metadata.create_all(database.engine)
    database.write_here(lambda one: one.execute(customers.insert(), [{"id": "c", "name": NAME, "at": 1.0}]))
    yield database
    database.close()


def forget(connection: Connection) -> None:
    connection.execute(update(customers).values(name=""))
    mark_erased(connection)


def test_a_long_read_only_delays_emptying_the_log(kept: Database, tmp_path: Path) -> None:
    """A backup reads for minutes: the next write after its end empties the log."""
    reader = sqlite3.connect(tmp_path / "record.sqlite")
    reader.execute("BEGIN")
    assert reader.execute("SELECT name FROM customers").fetchall() == [(NAME,)]
    asyncio.run(kept.write(forget))
    time.sleep(0.2)
    assert left_in_files(tmp_path) == {NAME}
    reader.close()
    time.sleep(TRUNCATE_EVERY)
    asyncio.run(kept.write(lambda one: one.execute(select(conversations.c.id)).all()))
    eventually(lambda: left_in_files(tmp_path) == set(), "the log is emptied", 10)


def test_a_command_that_erases_leaves_nothing_in_the_log_of_a_running_product(kept: Database, tmp_path: Path) -> None:
    """Another process has the database open, so that closing it does not remove the log."""
    command = Database(kept.url)
    asyncio.run(command.write(forget))
    command.close()
    assert left_in_files(tmp_path) == set()

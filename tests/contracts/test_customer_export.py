"""Export and erasure of one customer, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import re
import shlex
import stat
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select
from support.conversations import Seeder
from support.paths import ROOT
from support.services import MovableClock
from support.shop import Shop
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.stores.sql.customers import erase_customer, export_customer, find_customers
from bot.stores.sql.database import Database
from bot.stores.sql.schema import audit, cases, conversations, customers, identities, metadata
from bot.text import new_id

HANDLE = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"
PHONE = "13800000001"


def everything(database: Database) -> str:
    with database.engine.connect() as connection:
        tables = metadata.sorted_tables
        return "\n".join(repr(tuple(row)) for table in tables for row in connection.execute(select(table)))


@pytest.fixture
def seeder(database: Database) -> Seeder:
    return Seeder(database)


@pytest.fixture
def lin(seeder: Seeder) -> str:
    """The id of a customer with two identities, a case and a note about them. A second customer stays."""
    customer = seeder.customer("林晓")
    talk = seeder.conversation(customer, verified_as="M1")
    seeder.change(identities, seeder.row(conversations, talk).identity_id, handle=HANDLE)
    seeder.hears(talk, f"我的手机是 {PHONE}")
    seeder.case(talk)
    elsewhere = seeder.conversation(customer, "brand-x", "twitter")
    seeder.answers(elsewhere, "林小姐您好", "small.hello")
    seeder.change(customers, customer, member_id="M1")
    other = seeder.conversation(seeder.customer("Tom"))
    seeder.hears(other, "Where is my order?")
    return customer


def test_a_customer_is_found_by_any_of_their_names(database: Database, seeder: Seeder, lin: str) -> None:
    (case,) = seeder.rows(cases)
    with database.engine.connect() as connection:
        for who in (HANDLE, "M1", lin, case.id):
            (found,) = find_customers(connection, who)
            assert (found.id, found.name, ("brand-wechat", HANDLE) in found.handles) == (lin, "林晓", True)
        assert find_customers(connection, "nobody") == []


def test_an_export_holds_everything_about_the_customer_and_nothing_about_others(
    database: Database, lin: str, clock: MovableClock
) -> None:
    with database.engine.begin() as connection:
        held = export_customer(connection, lin, clock.now())
    told = json.dumps(held, ensure_ascii=False)
    assert PHONE in told
    assert "林小姐您好" in told
    assert "Where is my order?" not in told
    assert len(held["identities"]) == len(held["conversations"]) == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", held["messages"][0]["at"])


@pytest.mark.parametrize("anonymise", [False, True])
def test_an_erased_customer_is_erased_on_every_account(
    database: Database, seeder: Seeder, lin: str, clock: MovableClock, anonymise: bool
) -> None:
    with database.engine.begin() as connection:
        assert erase_customer(connection, lin, clock.now(), anonymise=anonymise) == 2
    left = everything(database)
    for gone in (PHONE, HANDLE, "林晓", "'M1'"):
        assert gone not in left
    assert ("我的手机是" in left) is anonymise
    assert "Where is my order?" in left
    assert [row.state for row in seeder.rows(cases)] == ["withdrawn"]
    (deed,) = seeder.rows(audit)
    assert (deed.staff_id, deed.action, deed.object) == ("console", "anonymised" if anonymise else "erased", lin)


def test_a_message_pending_at_the_erasure_is_not_answered(shop: Shop) -> None:
    from bot.domain.messages import Inbound, Kind

    shop.accepted_and_died(Inbound("tea", "alice", new_id(), Kind.TEXT, "怎么退货？"))
    (alice,) = shop.run(shop.database.read(lambda connection: find_customers(connection, "alice")))
    shop.run(shop.database.write(lambda connection: erase_customer(connection, alice.id, shop.clock.now())))
    shop.clock.move(21)
    shop.sweep()
    assert shop.tea.sent == []
    assert shop.hears("alice", "怎么退货？") is not None


@pytest.fixture
def config(tmp_path: Path, shop: Shop) -> Path:
    path = tmp_path / "console.yaml"
    accounts = [{"name": "tea", "channel": "fake"}]
    settings = {"mode": "demo", "secret": "demo-secret-for-tests", "database": shop.database.url, "accounts": accounts}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def test_the_commands_on_the_page_export_and_erase(
    config: Path, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.hears(HANDLE, f"我的手机是 {PHONE}")
    page = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    export, forget = (shlex.split(line)[1:] for line in re.findall(r"^\.venv/bin/yingda customer .+$", page, re.M))
    monkeypatch.setenv("YINGDA_CONFIG", "")
    monkeypatch.chdir(tmp_path)
    told = run(config, *export)
    assert told.exit_code == 0, told.output
    assert stat.S_IMODE((tmp_path / export[-1]).stat().st_mode) == 0o600
    assert PHONE in (tmp_path / export[-1]).read_text(encoding="utf-8")
    assert run(config, *export).exit_code == 78  # never over a file that is there
    assert "nothing was erased" in run(config, *forget[:-1]).output
    assert PHONE in everything(shop.database)
    assert "✓ erased" in run(config, *forget).output
    assert PHONE not in everything(shop.database)
    assert run(config, *forget).exit_code == 1  # no customer has that name any more

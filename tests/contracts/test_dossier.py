"""What is held about a customer is told whole and forgotten whole, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
import shlex
import stat
from pathlib import Path

import pytest
import yaml
from ground import MovableClock
from seeding import Ground
from shop import ROOT, Shop
from sqlalchemy import select
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.stores.record.database import Database
from bot.stores.record.dossier import dossier, erase, find
from bot.stores.record.tables import audit, cases, conversations, customers, identities, metadata
from bot.wording import new_id

HANDLE = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"
PHONE = "13800000001"


def everything(database: Database) -> str:
    with database.engine.connect() as connection:
        tables = metadata.sorted_tables
        return "\n".join(repr(tuple(row)) for table in tables for row in connection.execute(select(table)))


@pytest.fixture
def ground(database: Database) -> Ground:
    return Ground(database)


@pytest.fixture
def lin(ground: Ground) -> str:
    """Somebody with two accounts, a case, and a colleague's note on them; and somebody else, who stays. Their id."""
    customer = ground.customer("林晓")
    talk = ground.conversation(customer, verified_as="M1")
    ground.change(identities, ground.row(conversations, talk).identity_id, handle=HANDLE)
    ground.hears(talk, f"我的手机是 {PHONE}")
    ground.case(talk)
    elsewhere = ground.conversation(customer, "brand-x", "twitter")
    ground.answers(elsewhere, "林小姐您好", "small.hello")
    ground.change(customers, customer, member_id="M1")
    other = ground.conversation(ground.customer("Tom"))
    ground.hears(other, "Where is my order?")
    return customer


def test_a_customer_is_found_by_any_of_their_names(database: Database, ground: Ground, lin: str) -> None:
    (case,) = ground.rows(cases)
    with database.engine.connect() as connection:
        for who in (HANDLE, "M1", lin, case.id):
            (found,) = find(connection, who)
            assert (found.id, found.name, ("brand-wechat", HANDLE) in found.handles) == (lin, "林晓", True)
        assert find(connection, "nobody") == []


def test_everything_about_them_is_told_and_nothing_of_others(database: Database, lin: str, clock: MovableClock) -> None:
    with database.engine.begin() as connection:
        held = dossier(connection, lin, clock.now())
    told = json.dumps(held, ensure_ascii=False)
    assert PHONE in told
    assert "林小姐您好" in told
    assert "Where is my order?" not in told
    assert len(held["identities"]) == len(held["conversations"]) == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", held["messages"][0]["at"])


@pytest.mark.parametrize("anonymise", [False, True])
def test_who_asks_to_be_forgotten_is_forgotten_on_every_account(
    database: Database, ground: Ground, lin: str, clock: MovableClock, anonymise: bool
) -> None:
    with database.engine.begin() as connection:
        assert erase(connection, lin, clock.now(), anonymise=anonymise) == 2
    left = everything(database)
    for gone in (PHONE, HANDLE, "林晓", "'M1'"):
        assert gone not in left
    assert ("我的手机是" in left) is anonymise
    assert "Where is my order?" in left
    assert [row.state for row in ground.rows(cases)] == ["withdrawn"]
    (deed,) = ground.rows(audit)
    assert (deed.staff_id, deed.action, deed.object) == ("console", "anonymised" if anonymise else "erased", lin)


def test_a_message_that_still_waited_is_answered_to_nobody(shop: Shop) -> None:
    from bot.messages import Inbound, Kind

    async def accepted() -> None:
        await shop.yingda.journey._record.intake.accept([Inbound("tea", "alice", new_id(), Kind.TEXT, "怎么退货？")])

    shop.run(accepted())
    (alice,) = shop.run(shop.database.read(lambda connection: find(connection, "alice")))
    shop.run(shop.database.write(lambda connection: erase(connection, alice.id, shop.clock.now())))
    shop.clock.move(21)
    shop.sweep()
    assert shop.tea.sent == []
    assert shop.hears("alice", "怎么退货？") is not None


@pytest.fixture
def config(tmp_path: Path, shop: Shop) -> Path:
    path = tmp_path / "console.yaml"
    accounts = [{"name": "tea", "channel": "rehearsal"}]
    settings = {"mode": "demo", "secret": "demo-secret-for-tests", "record": shop.database.url, "accounts": accounts}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def test_the_commands_of_the_page_export_and_erase(
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
    assert "✓ forgotten" in run(config, *forget).output
    assert PHONE not in everything(shop.database)
    assert run(config, *forget).exit_code == 1  # nobody of that name any more

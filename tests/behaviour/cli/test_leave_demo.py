"""Live mode never starts on what demo mode wrote, and `yingda leave-demo` takes it out: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from support.shop import Shop, deployment_in
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.app.site import DEMO_LOGIN, DEMO_STAFF
from bot.app.storage import Storage
from bot.cli.doctor import probes
from bot.cli.leave_demo import refuse_other_mode
from bot.cli.run import prepare
from bot.config import Deployment
from bot.doctor import checks
from bot.domain.cases import Role
from bot.errors import SettingError
from bot.ports.findings import Finding, Grade
from bot.stores.sql.demo_data import demo_leftovers
from bot.stores.sql.schema import customers, metadata, staff
from bot.stores.sql.staff import SqlStaff

PASSWORD = DEMO_LOGIN[1]


def live_on(shop: Shop, folder: Path) -> Deployment:
    """A live deployment on the same database and `var`."""
    return deployment_in(
        folder,
        mode="live",
        secret="a-secret-of-ones-own-0123",
        accounts=[],
        members={"kind": "none"},
        database=database_url_of(shop),
        listen={"port": 0},
    )


def demo_on(shop: Shop, folder: Path) -> Deployment:
    return deployment_in(folder, database=database_url_of(shop))


def database_url_of(shop: Shop) -> str:
    return shop.database.url


@pytest.fixture
def after_a_demo(shop: Shop, tmp_path: Path) -> Shop:
    """A database after a run in demo mode, in which somebody wrote and an agent of one's own was added."""
    prepare(demo_on(shop, tmp_path))
    shop.run(shop.staff.add("mei", "小梅", Role.AGENT, "correct horse battery"))
    shop.run(shop.staff.add("boss", "老板", Role.ADMIN, PASSWORD))
    assert shop.run(shop.staff.log_in("demo", PASSWORD))
    shop.hears("小林", "转人工")
    return shop


def leave_demo(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["leave-demo", *words, "--config", str(folder / "config.yaml")])


def rows(shop: Shop, table: Any) -> int:
    return int(shop.run(shop.database.read(lambda c: c.execute(select(func.count()).select_from(table)).scalar_one())))


def check_mode(ready: Deployment) -> None:
    with Storage(ready) as storage:
        refuse_other_mode(ready, storage)


def refused(ready: Deployment) -> str:
    with pytest.raises(SettingError) as found:
        check_mode(ready)
    (problem,) = found.value.problems
    assert problem.key == "mode"
    assert problem.line > 0
    return f"{problem.message}; {problem.hint}"


def test_live_mode_does_not_start_on_a_database_that_ran_in_demo_mode(after_a_demo: Shop, tmp_path: Path) -> None:
    told = refused(live_on(after_a_demo, tmp_path))
    assert "3 logins with the demo's password, 1 customers and 1 cases" in told
    assert "yingda leave-demo --customers" in told
    done = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "config.yaml")])
    assert done.exit_code == 78
    assert "ran in demo mode" in done.stderr


def test_a_database_of_an_old_version_is_recognised_as_a_demo_by_its_public_logins(shop: Shop, tmp_path: Path) -> None:
    for login in DEMO_STAFF:
        shop.run(shop.staff.add(login, login, Role.ADMIN, PASSWORD))
    assert "2 logins with the demo's password" in refused(live_on(shop, tmp_path))


def test_a_demo_login_with_another_password_does_not_count_as_demo_data(shop: Shop, tmp_path: Path) -> None:
    shop.run(shop.staff.add("demo", "Demo Person", Role.ADMIN, "a password of one's own"))
    check_mode(live_on(shop, tmp_path))
    assert shop.run(shop.staff.log_in("demo", "a password of one's own"))


def test_demo_mode_does_not_start_on_a_live_database(shop: Shop, tmp_path: Path) -> None:
    check_mode(live_on(shop, tmp_path))
    assert "anyone could log in with the demo's public logins" in refused(demo_on(shop, tmp_path))
    assert rows(shop, staff) == 0


def test_the_doctor_fails_a_live_deployment_on_a_demo_database(after_a_demo: Shop, tmp_path: Path) -> None:
    look = probes(live_on(after_a_demo, tmp_path)).demo
    assert look is not None

    async def found() -> list[Finding]:
        return checks.demo_data(*await look())

    findings = asyncio.run(found())
    assert [finding.grade for finding in findings] == [Grade.FAIL, Grade.FAIL]
    assert "ran in demo mode: 3 logins" in findings[0].what.text("en")
    assert "is the demo brand's" in findings[1].what.text("en")
    assert probes(demo_on(after_a_demo, tmp_path)).demo is None


def test_leave_demo_removes_everything_public_or_invented(after_a_demo: Shop, tmp_path: Path) -> None:
    ready = live_on(after_a_demo, tmp_path)
    (tmp_path / "var" / "members.sqlite").write_bytes(b"")
    done = leave_demo(tmp_path, "--customers", "--yes")
    assert done.exit_code == 0, done.output
    left = after_a_demo.run(after_a_demo.database.read(lambda c: demo_leftovers(c, DEMO_STAFF, PASSWORD)))
    assert not left
    check_mode(ready)
    for login in ("demo", "demo2", "boss"):
        assert after_a_demo.run(after_a_demo.staff.log_in(login, PASSWORD)) is None
    assert after_a_demo.run(after_a_demo.staff.log_in("mei", "correct horse battery"))
    kept = {"staff", "audit", "editions", "parts", "edition_parts", "vectors", "active_edition", "modes", "sessions"}
    assert [
        table.name for table in metadata.sorted_tables if table.name not in kept and rows(after_a_demo, table)
    ] == []
    assert not (tmp_path / "var" / "members.sqlite").exists()
    assert list((tmp_path / "var").glob("demo-*.jsonl.gz"))


def test_leave_demo_keeps_customers_without_the_option(after_a_demo: Shop, tmp_path: Path) -> None:
    live_on(after_a_demo, tmp_path)
    done = leave_demo(tmp_path, "--yes")
    assert done.exit_code == 0, done.output
    assert rows(after_a_demo, customers) == 1
    assert after_a_demo.run(after_a_demo.staff.log_in("demo2", PASSWORD)) is None


def test_leave_demo_without_yes_changes_nothing(after_a_demo: Shop, tmp_path: Path) -> None:
    live_on(after_a_demo, tmp_path)
    told = json.loads(leave_demo(tmp_path, "--json").output)
    assert (told["logins"], told["customers"], told["cases"]) == (["boss", "demo", "demo2"], 1, 1)
    assert (told["edition_of_the_demo"], told["done"]) == (True, False)
    assert "nothing was removed" in leave_demo(tmp_path).output
    assert after_a_demo.run(after_a_demo.staff.log_in("demo", PASSWORD))


def test_leave_demo_ends_every_session(after_a_demo: Shop, tmp_path: Path) -> None:
    token, _ = after_a_demo.run(after_a_demo.staff.log_in("demo", PASSWORD)) or pytest.fail("no session")
    live_on(after_a_demo, tmp_path)
    assert leave_demo(tmp_path, "--yes").exit_code == 0
    assert after_a_demo.run(SqlStaff(after_a_demo.database, 12).find_session(token)) is None

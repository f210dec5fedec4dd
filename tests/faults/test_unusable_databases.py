"""A PostgreSQL that cannot be the database is refused by all commands, with the statement that corrects it."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.postgres_cluster import Cluster, cluster
from support.shop import deployment_in
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.errors import SettingError, Unavailable
from bot.process.sockets import free_port
from bot.stores.sql.database import Database
from bot.stores.sql.migrate import migrate, refuse_unfit
from bot.yaml_files import SourceFile

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
PAGE = SourceFile(Path("config.yaml"), None, {})
PASSWORD = "the-right-password"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A server with a user `app` who has a password and no rights, and databases that are no good."""
    folder = Path(tempfile.gettempdir()) / f"yingda-unfit-{uuid.uuid4().hex[:8]}"
    with cluster(folder) as made:
        with psycopg.connect(made.url, autocommit=True) as connection:
            for statement in (
                f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'",
                "CREATE ROLE other LOGIN",
                "CREATE DATABASE bare TEMPLATE template0 ENCODING 'UTF8'",
                "CREATE DATABASE kept TEMPLATE template0 ENCODING 'UTF8'",
                "CREATE DATABASE older TEMPLATE template0 ENCODING 'UTF8'",
                "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'",
                "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'",
                "CREATE DATABASE frozen TEMPLATE template0 ENCODING 'UTF8'",
                "ALTER DATABASE frozen SET default_transaction_read_only = on",
                "CREATE DATABASE closed TEMPLATE template0 ENCODING 'UTF8'",
                "REVOKE CONNECT ON DATABASE closed FROM public",
                "CREATE DATABASE \"Ours-too\" TEMPLATE template0 ENCODING 'UTF8'",
            ):
                connection.execute(statement.encode())
        _ask_for_passwords(made)
        yield made


def _ask_for_passwords(made: Cluster) -> None:
    """Of `app` only; and nobody comes in as `nowhere`."""
    rules = "host all app 127.0.0.1/32 scram-sha-256\nhost all postgres,other,ghost 127.0.0.1/32 trust\n"
    (made.folder / "data" / "pg_hba.conf").write_text(rules, encoding="utf-8")
    with psycopg.connect(made.url, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")


def at(server: Cluster, base: str, user: str = "postgres", password: str = "") -> str:
    return f"postgresql://{user}{':' + password if password else ''}@127.0.0.1:{server.port}/{base}"


def refused(url: str) -> str:
    database = Database(url)
    try:
        with pytest.raises(SettingError) as told:
            refuse_unfit(database.engine, PAGE)
    finally:
        database.close()
    (problem,) = told.value.problems
    for sentence in (problem.message, problem.hint):
        assert sentence.text("zh") != str(sentence)
        assert PASSWORD not in str(sentence)
    return f"{problem.message} → {problem.hint}"


def run(folder: Path, url: str, *words: str) -> Result:
    deployment_in(folder, database=url, listen={"port": 0}, simulator={"port": 0})
    return CliRunner().invoke(app, [*words, "--config", str(folder / "config.yaml")])


def test_a_missing_grant_is_reported_with_the_statement_that_grants_it(server: Cluster) -> None:
    """Since PostgreSQL 15 nobody but its owner makes tables in the schema public."""
    url = at(server, "bare", "app", PASSWORD)
    told = refused(url)
    assert "user app may not make tables in the schema public" in told
    grant = told.partition("as the database's owner: ")[2]
    assert grant == "GRANT USAGE, CREATE ON SCHEMA public TO app;"
    with psycopg.connect(at(server, "bare"), autocommit=True) as connection:
        connection.execute(grant.encode())
    database = Database(url)
    refuse_unfit(database.engine, PAGE)
    migrate(database.engine)
    refuse_unfit(database.engine, PAGE)
    database.close()


def test_missing_rights_on_another_owners_tables_are_reported_with_the_statement(server: Cluster) -> None:
    owner = Database(at(server, "kept"))
    migrate(owner.engine)
    owner.close()
    url = at(server, "kept", "app", PASSWORD)
    told = refused(url)
    assert "user app may not read and write the table" in told
    with psycopg.connect(at(server, "kept"), autocommit=True) as connection:
        connection.execute(told.partition("as the tables' owner: ")[2].encode())
    database = Database(url)
    refuse_unfit(database.engine, PAGE)
    database.close()


def test_an_upgrade_of_another_owners_tables_is_refused_before_it_begins(server: Cluster) -> None:
    owner = Database(at(server, "older"))
    migrate(owner.engine)
    owner.close()
    with psycopg.connect(at(server, "older"), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO other; GRANT ALL ON SCHEMA public TO other")
    assert "belong to user postgres → let it: GRANT postgres TO other;" in refused(at(server, "older", "other"))


@pytest.mark.parametrize(
    ("base", "user", "password", "words"),
    [
        ("ascii", "postgres", "", "encoded as SQL_ASCII"),
        ("latin", "postgres", "", "encoded as LATIN1"),
        ("frozen", "postgres", "", "this database is read-only → let it be written to: ALTER DATABASE frozen SET"),
        ("nowhere", "postgres", "", "no database nowhere"),
        ("bare", "app", "wrong", "refuses the user or the password"),
        ("bare", "ghost", "", "refuses the user or the password"),
        ("bare", "stranger", "", "pg_hba.conf"),
        ("closed", "app", PASSWORD, "GRANT CONNECT"),
        ("bare?sslmode=require", "postgres", "", "sslmode"),
        ("bare?sslmode=verify-full&sslrootcert=/no/such/ca.pem", "postgres", "", "sslrootcert"),
        ("bare?no_such_option=1", "postgres", "", "follows the ?"),
        ("bare?options=-csearch_path%3Dnowhere", "postgres", "", "CREATE SCHEMA AUTHORIZATION postgres;"),
    ],
)
def test_settings_of_the_server_to_correct_are_reported_with_the_correction(
    server: Cluster, base: str, user: str, password: str, words: str
) -> None:
    assert words in refused(at(server, base, user, password))


@pytest.mark.parametrize(
    "verb", [("run",), ("train",), ("say", "你好"), ("purge",), ("backup", "today.gz"), ("user", "list")]
)
def test_every_command_reports_an_unusable_database_and_ends_with_78(
    server: Cluster, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    ran = run(tmp_path, at(server, "Ours-too", "app", PASSWORD), *verb)
    assert ran.exit_code == 78, ran.output
    assert "GRANT USAGE, CREATE ON SCHEMA public TO app;" in ran.stderr
    assert "config.yaml" in ran.stderr
    assert "Traceback" not in ran.output
    assert PASSWORD not in ran.output


def test_doctor_reports_an_unusable_database(server: Cluster, tmp_path: Path) -> None:
    for base, words in (("Ours-too", "GRANT USAGE, CREATE"), ("ascii", "SQL_ASCII"), ("nowhere", "no database")):
        looked = run(tmp_path, at(server, base, "app", PASSWORD), "doctor", "--language", "en")
        assert words in looked.stdout
        assert looked.exit_code == 1


def test_an_unreachable_server_is_not_reported_as_a_wrong_setting(server: Cluster, tmp_path: Path) -> None:
    gone = f"postgresql://postgres@127.0.0.1:{free_port()}/bare"
    database = Database(gone)
    with pytest.raises(Unavailable):
        refuse_unfit(database.engine, PAGE)
    database.close()
    ran = run(tmp_path, gone, "train")
    assert "Traceback" not in ran.output
    assert "cannot be reached" in ran.stderr


def test_a_standby_is_told_apart_from_a_primary(server: Cluster) -> None:
    copy = Cluster(server.folder.with_name(server.folder.name + "-standby"))
    server.stop("fast")
    try:
        shutil.copytree(server.folder, copy.folder, copy_function=shutil.copy2)
        (copy.folder / "data" / "standby.signal").touch()
        for path in (copy.folder, *copy.folder.rglob("*")) if os.geteuid() == 0 else ():
            shutil.chown(path, "nobody")
    finally:
        server.start()
    copy.start()
    try:
        assert "read-only standby" in refused(at(copy, "kept"))
    finally:
        copy.stop()
        shutil.rmtree(copy.folder, ignore_errors=True)

"""A Redis with a password of any signs, with TLS by an authority of one's own; and why one does not serve us."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from support.certificates import made, served
from support.paths import ROOT
from support.redis_server import behind_tls, redis_server

from bot.config.settings import redis_address
from bot.doctor import Grade, checks
from bot.process.sockets import free_port
from bot.stores.redis.client import RedisClient

PASSWORD = "p#a/s?s%[@:w&ö rd"
# As docs/production.md gives it.
OWN_USER = f"user yingda on >{'y' * 16} ~yingda:* &yingda:* +@all -@dangerous"
CLIENT = f"user limited on >{'x' * 16} ~other:* +@all"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that wants a password, and has a user who may not touch our keys."""
    with redis_server(f'requirepass "{PASSWORD}"', CLIENT, OWN_USER) as there:
        yield there


def trouble(url: str) -> str:
    """Why the server at an address does not serve us, as the doctor asks."""

    async def story() -> str:
        async with RedisClient(redis_address(url)) as client:
            return await client.problem(5.0)

    return asyncio.run(story())


@pytest.mark.process
def test_a_password_with_percent_encoded_characters_works(port: int) -> None:
    assert trouble(f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0") == ""


@pytest.mark.process
def test_a_user_with_the_documented_rights_can_do_everything(port: int) -> None:
    url = f"redis://yingda:{'y' * 16}@127.0.0.1:{port}/0"
    assert "~yingda:* &yingda:* +@all -@dangerous" in (ROOT / "docs" / "production.md").read_text(encoding="utf-8")

    async def story() -> str:
        async with RedisClient(url) as client:
            heard = client.subscribe("desk")
            await anext(heard)
            await client.publish("desk", "ring")
            assert await client.hold("sweeper", 5)
            await client.put("token", "t", 9e9)
            assert (await client.get("token")) is not None
            await client.drop("token", "t")
            assert await client.allow("login", 1, 3)
            return next(filter(None, [await anext(heard), await anext(heard)]))

    assert asyncio.run(story()) == "ring"
    assert trouble(url) == ""


@pytest.mark.process
def test_a_private_authority_works_if_its_certificate_is_configured(port: int, tmp_path: Path) -> None:
    root = made("A root", None, authority=True)
    (tmp_path / "ca.pem").write_bytes(root.pem())
    password = quote(PASSWORD, safe="")
    with behind_tls(port, served(tmp_path, made("localhost", root))) as tls_port:
        address = f"rediss://:{password}@localhost:{tls_port}/0"
        assert trouble(f"{address}?ssl_ca_certs={tmp_path / 'ca.pem'}") == ""
        assert trouble(address) == "certificate"
        assert (
            trouble(f"rediss://:{password}@127.0.0.1:{tls_port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}") == "certificate"
        )


@pytest.mark.process
def test_password_rights_and_silence_are_told_apart(port: int) -> None:
    assert trouble(f"redis://:wrong@127.0.0.1:{port}") == "password"
    assert trouble(f"redis://127.0.0.1:{port}") == "password"
    assert trouble(f"redis://limited:{'x' * 16}@127.0.0.1:{port}") == "rights"
    assert trouble(f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}") == "unreachable"  # it waits for more
    assert trouble(f"redis://127.0.0.1:{free_port()}") == "unreachable"


@pytest.mark.process
def test_a_replica_is_told_apart_from_a_master() -> None:
    with redis_server() as master, redis_server(f"replicaof 127.0.0.1 {master}") as replica:
        assert trouble(f"redis://127.0.0.1:{replica}") in {"replica", "loading"}
        assert trouble(f"redis://127.0.0.1:{master}") == ""


@pytest.mark.process
def test_the_log_says_why_redis_is_lost_and_no_password(port: int, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with RedisClient(f"redis://:not-the-password@127.0.0.1:{port}") as client:
            assert not await client.reachable()

    with caplog.at_level(logging.WARNING, "bot.stores.redis"):
        asyncio.run(story())
    assert "Redis cannot be used (it refuses the user or the password); continuing without live updates" in caplog.text
    assert "not-the-password" not in caplog.text


def test_the_doctor_names_the_correction_for_each_cause() -> None:
    mends = {
        code: checks.redis(code, "redis://host").hint.text("en") for code in ("password", "certificate", "unreachable")
    }
    assert "%23" in mends["password"]
    assert "ssl_ca_certs" in mends["certificate"]
    assert "port" in mends["unreachable"]
    assert "rediss://" in mends["unreachable"]
    assert checks.redis("", "redis://host").grade is Grade.OK

"""The doctor at the public address: certificates as platforms see them, the token, refused requests, web chat."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from support.certificates import NOW, Authority, made, served
from support.wechat_api import Answer, tencent

from bot.channels.webchat import WebChatSettings
from bot.channels.webchat import doctor as webchat
from bot.channels.wechat import WeChatChannel
from bot.channels.wechat import doctor as wechat
from bot.channels.wechat.settings import WHERE, WeChatSettings
from bot.doctor import Finding, Grade, public_address
from bot.ports.findings import AccountView, HttpReply
from bot.simulators.wechat.app import running
from bot.simulators.wechat.platform import Platform
from bot.simulators.wechat.state import Faults, SimulatedAccount
from bot.telemetry import counters_in
from bot.web import webhooks
from bot.web.webchat.widget import script

KEYS = {"app_id": "wx1", "app_secret": "s3cret", "token": "t0ken", "encoding_aes_key": "", "mode": "plain"}


ROOT_CA = made("A root", None, authority=True)
BETWEEN = made("An intermediate", ROOT_CA, authority=True)


async def shown(folder: Path, *chain: Authority) -> public_address.TlsResult:
    """What the doctor sees where a server shows this chain."""
    here = served(folder, *chain)
    trust = ssl.create_default_context(cadata=ROOT_CA.pem().decode())
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=here)
    async with server:
        return await public_address.try_tls("localhost", server.sockets[0].getsockname()[1], trust)


@pytest.mark.parametrize(
    ("chain", "grade", "words"),
    [
        ([made("localhost", BETWEEN), BETWEEN], "ok", "valid for 99 days"),
        ([made("localhost", BETWEEN, (-80, 9)), BETWEEN], "warn", "expires in 8 days"),
        ([made("localhost", BETWEEN)], "fail", "fullchain.pem"),
        ([made("localhost", BETWEEN, (-80, -1)), BETWEEN], "fail", "renew it"),
        ([made("localhost", BETWEEN, (1, 90)), BETWEEN], "fail", "this machine's clock"),
        ([made("www.brand.example", BETWEEN), BETWEEN], "fail", "names this host"),
        ([made("localhost", None)], "fail", "an authority that platforms trust"),
    ],
)
def test_a_certificate_is_checked_as_platforms_do(
    tmp_path: Path, chain: list[Authority], grade: str, words: str
) -> None:
    finding = public_address.certificate("localhost", asyncio.run(shown(tmp_path, *chain)), NOW.timestamp())
    assert finding.grade == grade
    assert words in finding.what.text("en") + finding.hint.text("en")
    assert_in_both_languages(finding)


def test_an_address_without_tls_is_reported() -> None:
    async def story() -> public_address.TlsResult:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            return await public_address.try_tls("localhost", server.sockets[0].getsockname()[1])

    finding = public_address.certificate("localhost", asyncio.run(story()), NOW.timestamp())
    assert finding.grade is Grade.FAIL
    assert "makes no TLS connection" in finding.what.text("en")


def webhook(**keys: str) -> httpx.AsyncClient:
    """The public address, with our own webhook behind it."""
    channel = WeChatChannel("demo", settings(**keys), None)
    app = webhooks.Webhooks(cast(Any, None), {"demo": webhooks.Route("wechat", channel)}, 4.3, cast(Any, None))
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url="https://bot.brand.example")


def settings(**keys: str) -> WeChatSettings:
    return WeChatSettings.model_validate(KEYS | keys)


def seen(there: httpx.AsyncClient, name: str = "demo") -> AccountView:
    """An account at a public address, as its channel's checks see it."""
    return AccountView(
        name, "https://bot.brand.example/", partial(public_address.ask, there), lambda _url: False, time.time
    )


def verified(there: httpx.AsyncClient, name: str = "demo") -> Finding:
    async def story() -> Finding:
        async with there:
            return await wechat.handshake(seen(there, name), settings())

    return asyncio.run(story())


def test_the_public_address_gets_the_request_that_wechat_sends_on_saving_it() -> None:
    assert verified(webhook()).grade is Grade.OK


def test_another_token_behind_the_address_is_reported() -> None:
    finding = verified(webhook(token="an0ther"))
    assert finding.grade is Grade.FAIL
    assert "another token" in finding.hint.text("en")


def test_a_missing_account_is_reported() -> None:
    finding = verified(webhook(), name="dmeo")
    assert finding.grade is Grade.FAIL
    assert "HTTP 404" in finding.what.text("en")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (HttpReply(None, "ConnectError"), "firewall"),
        (HttpReply(502, "<html>"), "does not reach Yingda"),
        (HttpReply(301), "redirects"),
        (HttpReply(200, "<html>It works!</html>"), "another program"),
    ],
)
def test_another_program_at_the_public_address_is_reported(reply: HttpReply, words: str) -> None:
    finding = wechat.verified("demo", "https://bot.brand.example/wechat/demo", reply, "echo")
    assert finding.grade is Grade.FAIL
    assert words in finding.hint.text("en")
    assert_in_both_languages(finding)


def test_a_token_that_differs_shows_in_what_was_refused(tmp_path: Path) -> None:
    """Counted by a process that ran, read by the doctor afterwards."""
    counted = "from bot.telemetry import count; count('refused', 3, account='demo', code='signature')"
    subprocess.run(
        [sys.executable, "-c", counted], env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}, check=True, timeout=60
    )
    (finding,) = public_address.refusals(counters_in(tmp_path, "refused", "account", "code"), {"demo": wechat.REFUSALS})
    assert finding.grade is Grade.WARN
    assert "demo: 3 requests were refused since the last start" in finding.what.text("en")
    assert "the token there and in config.yaml must be identical" in finding.hint.text("en")
    assert counters_in(tmp_path / "never ran", "refused", "account", "code") == {}


def test_every_refusal_that_a_setting_can_correct_is_explained_in_both_languages() -> None:
    codes = ("signature", "stale", "tampered", "app_id", "account", "plain_push", "encrypted")
    found = public_address.refusals({("demo", code): 1.0 for code in (*codes, "method")}, {"demo": wechat.REFUSALS})
    assert len(found) == len(codes)
    for finding in found:
        assert_in_both_languages(finding)


@pytest.mark.parametrize(
    ("origins", "address", "grade", "words"),
    [
        ([], "", "ok", "/chat/shop"),
        (["https://www.brand.example"], "https://chat.brand.example", "ok", "www.brand.example"),
        (["https://www.brand.example"], "http://chat.brand.example", "fail", "cannot load"),
        (["*"], "", "warn", "any site"),
        (["http://www.brand.example"], "", "warn", "not encrypted"),
        (["http://localhost:3000"], "", "ok", "localhost"),
    ],
)
def test_the_finding_says_which_sites_may_embed_web_chat(
    origins: list[str], address: str, grade: str, words: str
) -> None:
    finding = webchat.embedding("shop", WebChatSettings.model_validate({"origins": origins}), address)
    assert finding.grade == grade
    assert words in finding.what.text("en")
    assert_in_both_languages(finding)


def test_a_widget_that_cannot_be_loaded_is_reported() -> None:
    async def story() -> Finding:
        async with webhook() as there:
            return await webchat.widget(seen(there))

    finding = asyncio.run(story())
    assert finding.grade is Grade.FAIL
    assert "404" in finding.what.text("en")


def looked_for(app: Any) -> Finding:
    """What the doctor says of the widget at an address behind which `app` answers."""

    async def story() -> Finding:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as there:
            return await webchat.widget(seen(there))

    return asyncio.run(story())


def test_the_widget_as_it_is_served_can_be_loaded() -> None:
    finding = looked_for(Starlette(routes=[Route("/webchat/widget.js", script)]))
    assert finding.grade is Grade.OK
    assert_in_both_languages(finding)


@pytest.mark.parametrize("before", [0, 100_000, 1_000_000])
def test_doctor_reads_only_as_much_of_an_answer_as_it_needs(before: int) -> None:
    assert looked_for(PlainTextResponse("x" * before + "yingda-chat")).grade is Grade.OK
    assert looked_for(PlainTextResponse("x" * before)).grade is Grade.FAIL


def test_an_endless_answer_is_not_read_for_ever() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()

    async def story() -> HttpReply:
        async with await asyncio.start_server(endless, "127.0.0.1", 0) as server, httpx.AsyncClient() as http:
            return await public_address.ask(http, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    reply = asyncio.run(story())
    assert (reply.status, len(reply.body)) == (200, public_address.LONGEST)


def test_an_address_missing_from_wechats_list_is_reported_as_wechat_saw_it() -> None:
    """40164 comes where the token is fetched."""
    with tencent() as platform:
        message = "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 65f0"
        platform.tokens.append(Answer({"errcode": 40164, "errmsg": message}))
        entrance, sent = asyncio.run(_asked(platform.url))
    finding = wechat.credentials("demo", settings(), entrance)
    assert sent is None
    assert "40164" in finding.what.text("en")
    assert finding.hint.text("en").endswith("WeChat saw: 203.0.113.9")


async def _asked(url: str) -> tuple[wechat.ApiAnswer, wechat.ApiAnswer | None]:
    async with httpx.AsyncClient(trust_env=False, headers={"user-agent": "yingda-doctor"}) as http:
        return await wechat.ask(settings(api_url=url), http)


ACCOUNT = SimulatedAccount(KEYS["app_id"], KEYS["app_secret"], KEYS["token"], "", "gh_demo", "plain")


async def on_platform(
    fault: Callable[[Platform], object],
) -> tuple[wechat.ApiAnswer, wechat.ApiAnswer | None, list[str]]:
    """What the doctor learns, and what its asking looks like behind the scenes."""
    async with Platform(ACCOUNT, "http://127.0.0.1:1/wechat/demo") as platform, running(platform) as url:
        fault(platform)
        entrance, sent = await _asked(url)
        return entrance, sent, [call.outcome for call in platform.calls]


def test_checking_whether_an_account_may_send_is_no_error_on_the_platform() -> None:
    _, sent, outcomes = asyncio.run(on_platform(lambda _: None))
    assert sent is not None
    assert wechat.sending("demo", sent).grade is Grade.OK
    assert outcomes == ["ok", "asked"]


@pytest.mark.parametrize(("faults", "grade", "words"), [
    ({"error": 48001, "error_times": 9}, "fail", "api: none"),
    ({"error": 45015, "error_times": 9}, "ok", "may send"),
    ({"error": 50002, "error_times": 9}, "fail", "restricted"),
    ({"down": True}, "fail", "check network"),
    ({"drop": 9}, "warn", "could not determine"),
])  # fmt: skip
def test_errors_of_the_platform_are_reported(faults: dict[str, Any], grade: str, words: str) -> None:
    entrance, sent, _ = asyncio.run(on_platform(lambda platform: platform.set_faults(Faults(**faults))))
    finding = wechat.sending("demo", sent) if sent else wechat.credentials("demo", settings(), entrance)
    assert finding.grade == grade
    assert words in finding.what.text("en") + finding.hint.text("en")
    assert_in_both_languages(finding)


def assert_in_both_languages(finding: Finding) -> None:
    for words in (finding.what, finding.hint) if finding.hint.text("en") else (finding.what,):
        assert any("一" <= sign <= "鿿" for sign in words.text("zh")), words
        assert not any("一" <= sign <= "鿿" for sign in words.text("en").replace(WHERE, "")), words

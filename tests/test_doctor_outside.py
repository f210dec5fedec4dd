"""The doctor at the public address: certificates as platforms see them, the token, refused requests, web chat."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from certificates import NOW, Authority, made, served
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from wechat_servers import Answer, tencent

from bot.channels.webchat import WebChatSettings
from bot.channels.webchat.widget import script
from bot.channels.wechat import WeChatChannel
from bot.channels.wechat.settings import WHERE, WeChatSettings
from bot.doctor import Finding, Grade, public, tls, wechat
from bot.doctor.public import Reply
from bot.simulators.wechat.account import SimulatedAccount
from bot.simulators.wechat.app import running
from bot.simulators.wechat.faults import Faults
from bot.simulators.wechat.platform import Platform
from bot.telemetry import counted_in
from bot.web.webhooks import Door, Webhooks

KEYS = {"app_id": "wx1", "app_secret": "s3cret", "token": "t0ken", "encoding_aes_key": "", "mode": "plain"}


ROOT_CA = made("A root", None, authority=True)
BETWEEN = made("An intermediate", ROOT_CA, authority=True)


async def shown(folder: Path, *chain: Authority) -> tls.Shown:
    """What the doctor sees where a server shows this chain."""
    here = served(folder, *chain)
    trust = ssl.create_default_context(cadata=ROOT_CA.pem().decode())
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=here)
    async with server:
        return await tls.look("localhost", server.sockets[0].getsockname()[1], trust)


@pytest.mark.parametrize(
    ("chain", "grade", "words"),
    [
        ([made("localhost", BETWEEN), BETWEEN], "ok", "good for 99 days"),
        ([made("localhost", BETWEEN, (-80, 9)), BETWEEN], "warn", "ends in 8 days"),
        ([made("localhost", BETWEEN)], "fail", "fullchain.pem"),
        ([made("localhost", BETWEEN, (-80, -1)), BETWEEN], "fail", "renew it"),
        ([made("localhost", BETWEEN, (1, 90)), BETWEEN], "fail", "this machine's clock"),
        ([made("www.brand.example", BETWEEN), BETWEEN], "fail", "names this host"),
        ([made("localhost", None)], "fail", "an authority that platforms trust"),
    ],
)
def test_a_certificate_is_judged_as_a_platform_does(
    tmp_path: Path, chain: list[Authority], grade: str, words: str
) -> None:
    finding = tls.certificate("localhost", asyncio.run(shown(tmp_path, *chain)), NOW.timestamp())
    assert finding.grade == grade
    assert words in finding.what.en + finding.mend.en
    assert_in_both_languages(finding)


def test_an_address_without_tls_is_said_plainly() -> None:
    async def story() -> tls.Shown:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            return await tls.look("localhost", server.sockets[0].getsockname()[1])

    finding = tls.certificate("localhost", asyncio.run(story()), NOW.timestamp())
    assert finding.grade is Grade.FAIL
    assert "makes no TLS connection" in finding.what.en


def webhook(**keys: str) -> httpx.AsyncClient:
    """The public address, with our own webhook behind it."""
    channel = WeChatChannel("demo", settings(**keys), None)
    app = Webhooks(cast(Any, None), {"demo": Door("wechat", channel)}, 4.3)
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url="https://bot.brand.example")


def settings(**keys: str) -> WeChatSettings:
    return WeChatSettings.model_validate(KEYS | keys)


def verified(there: httpx.AsyncClient, name: str = "demo") -> Finding:
    async def story() -> Finding:
        async with there:
            return await public.handshake(there, "https://bot.brand.example/", name, settings(), time.time())

    return asyncio.run(story())


def test_the_public_address_is_asked_what_wechat_asks_when_it_is_saved() -> None:
    assert verified(webhook()).grade is Grade.OK


def test_another_token_behind_the_address_is_found() -> None:
    finding = verified(webhook(token="an0ther"))
    assert finding.grade is Grade.FAIL
    assert "another token" in finding.mend.en


def test_an_account_that_is_not_there_is_found() -> None:
    finding = verified(webhook(), name="dmeo")
    assert finding.grade is Grade.FAIL
    assert "HTTP 404" in finding.what.en


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(None, "ConnectError"), "firewall"),
        (Reply(502, "<html>"), "does not reach Yingda"),
        (Reply(301), "redirects"),
        (Reply(200, "<html>It works!</html>"), "another program"),
    ],
)
def test_whatever_else_answers_there_is_named(reply: Reply, words: str) -> None:
    finding = public.verified("demo", "https://bot.brand.example/wechat/demo", reply, "echo")
    assert finding.grade is Grade.FAIL
    assert words in finding.mend.en
    assert_in_both_languages(finding)


def test_a_token_that_differs_shows_in_what_was_refused(tmp_path: Path) -> None:
    """Counted by a process that ran, read by the doctor afterwards."""
    counted = "from bot.telemetry import count; count('refused', 3, account='demo', code='signature')"
    subprocess.run(
        [sys.executable, "-c", counted], env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}, check=True, timeout=60
    )
    (finding,) = public.refusals(counted_in(tmp_path, "refused"))
    assert finding.grade is Grade.WARN
    assert "demo: 3 requests were refused since the last start" in finding.what.en
    assert "the token there and in config.yaml must be the same" in finding.mend.en
    assert counted_in(tmp_path / "never ran", "refused") == {}


def test_every_refusal_that_a_setting_can_mend_is_worded_in_both_languages() -> None:
    codes = ("signature", "stale", "tampered", "app_id", "account", "plain_push", "encrypted")
    found = public.refusals({("demo", code): 1.0 for code in (*codes, "method")})
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
def test_web_chat_is_asked_who_may_show_it(origins: list[str], address: str, grade: str, words: str) -> None:
    finding = public.webchat("shop", WebChatSettings.model_validate({"origins": origins}), address)
    assert finding.grade == grade
    assert words in finding.what.en
    assert_in_both_languages(finding)


def test_a_widget_that_cannot_be_loaded_is_found() -> None:
    async def story() -> Finding:
        async with webhook() as there:
            return await public.widget(there, "https://bot.brand.example")

    finding = asyncio.run(story())
    assert finding.grade is Grade.FAIL
    assert "404" in finding.what.en


def looked_for(app: Any) -> Finding:
    """What the doctor says of the widget at an address behind which `app` answers."""

    async def story() -> Finding:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as there:
            return await public.widget(there, "https://bot.brand.example")

    return asyncio.run(story())


def test_the_widget_as_it_is_served_can_be_loaded() -> None:
    finding = looked_for(Starlette(routes=[Route("/webchat/widget.js", script)]))
    assert finding.grade is Grade.OK
    assert_in_both_languages(finding)


@pytest.mark.parametrize("before", [0, 100_000, 1_000_000])
def test_the_doctor_reads_an_answer_as_far_as_it_needs(before: int) -> None:
    assert looked_for(PlainTextResponse("x" * before + "yingda-chat")).grade is Grade.OK
    assert looked_for(PlainTextResponse("x" * before)).grade is Grade.FAIL


def test_an_answer_without_an_end_is_not_read_for_ever() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()

    async def story() -> public.Reply:
        async with await asyncio.start_server(endless, "127.0.0.1", 0) as server, httpx.AsyncClient() as http:
            return await public.ask(http, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    reply = asyncio.run(story())
    assert (reply.status, len(reply.body)) == (200, public.LONGEST)


def test_an_address_that_wechat_does_not_know_is_told_with_what_wechat_saw() -> None:
    """40164 comes where the token is fetched."""
    with tencent() as platform:
        message = "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 65f0"
        platform.tokens.append(Answer({"errcode": 40164, "errmsg": message}))
        entrance, sent = asyncio.run(_asked(platform.url))
    finding = wechat.credentials("demo", settings(), entrance)
    assert sent is None
    assert "40164" in finding.what.en
    assert finding.mend.en.endswith("WeChat saw: 203.0.113.9")


async def _asked(url: str) -> tuple[wechat.Answered, wechat.Answered | None]:
    async with httpx.AsyncClient(trust_env=False, headers={"user-agent": "yingda-doctor"}) as http:
        return await wechat.ask(settings(api_url=url), http)


ACCOUNT = SimulatedAccount(KEYS["app_id"], KEYS["app_secret"], KEYS["token"], "", "gh_demo", "plain")


async def on_platform(fault: Callable[[Platform], object]) -> tuple[wechat.Answered, wechat.Answered | None, list[str]]:
    """What the doctor learns, and what its asking looks like behind the scenes."""
    async with Platform(ACCOUNT, "http://127.0.0.1:1/wechat/demo") as platform, running(platform) as url:
        fault(platform)
        entrance, sent = await _asked(url)
        return entrance, sent, [call.outcome for call in platform.calls]


def test_asking_whether_an_account_may_send_shows_no_fault_behind_the_scenes() -> None:
    _, sent, outcomes = asyncio.run(on_platform(lambda _: None))
    assert sent is not None
    assert wechat.sending("demo", sent).grade is Grade.OK
    assert outcomes == ["ok", "asked"]


@pytest.mark.parametrize(("faults", "grade", "words"), [
    ({"error": 48001, "error_times": 9}, "fail", "api: none"),
    ({"error": 45015, "error_times": 9}, "ok", "may send"),
    ({"error": 50002, "error_times": 9}, "fail", "restricted"),
    ({"down": True}, "fail", "check network"),
    ({"drop": 9}, "warn", "could not be found out"),
])  # fmt: skip
def test_what_goes_wrong_on_the_platform_is_told(faults: dict[str, Any], grade: str, words: str) -> None:
    entrance, sent, _ = asyncio.run(on_platform(lambda platform: platform.set_faults(Faults(**faults))))
    finding = wechat.sending("demo", sent) if sent else wechat.credentials("demo", settings(), entrance)
    assert finding.grade == grade
    assert words in finding.what.en + finding.mend.en
    assert_in_both_languages(finding)


def assert_in_both_languages(finding: Finding) -> None:
    for words in (finding.what, finding.mend) if finding.mend.en else (finding.what,):
        assert any("一" <= sign <= "鿿" for sign in words.zh), words
        assert not any("一" <= sign <= "鿿" for sign in words.en.replace(WHERE, "")), words

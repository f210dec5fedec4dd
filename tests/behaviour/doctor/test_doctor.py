"""The doctor says in plain words, in both languages, what is wrong and how to mend it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from support.paths import ROOT

from bot.app.channels import demo_values
from bot.channels.wechat import doctor as wechat
from bot.channels.wechat.doctor import ApiAnswer
from bot.channels.wechat.settings import WeChatSettings
from bot.config import Deployment, load
from bot.doctor import DoctorDeps, Finding, Grade, as_lines, checks, examine, worst_grade
from bot.domain.messages import Instant
from bot.errors import ConfigProblem, SettingError, Unavailable
from bot.i18n import message
from bot.ports.findings import compare_clocks
from bot.process.sockets import free_port
from bot.simulators import twitter
from bot.simulators.twitter.app import AppKeys, simulated_app
from bot.simulators.wechat.app import running
from bot.simulators.wechat.platform import Platform
from bot.simulators.wechat.state import SimulatedAccount
from bot.stores.redis.connection import CAUSES
from bot.text import http_date

SHIPPED = ROOT / "config.yaml"
NOW = 1_790_000_000.0
PLATFORM = message("doctor.clock.of_platform", name="WeChat")
SIMULATED = SimulatedAccount(
    app_id="wx0000demo00000000",
    app_secret="demo-app-secret",
    token="demoToken",
    encoding_aes_key="demoKeyOfTheSimulatorNeverForARealAccount00",
    original_id="gh_demo",
)


def settings_with(**changes: Any) -> WeChatSettings:
    base = {
        "app_id": SIMULATED.app_id,
        "app_secret": SIMULATED.app_secret,
        "token": SIMULATED.token,
        "encoding_aes_key": SIMULATED.encoding_aes_key,
    }
    return WeChatSettings.model_validate({**base, **changes})


def live(tmp_path: Path, **environment: str) -> Deployment:
    """The shipped file in live mode."""
    path = tmp_path / "config.yaml"
    text = SHIPPED.read_text(encoding="utf-8").replace("mode: demo", "mode: live")
    for before, after in environment.items():
        text = text.replace(f"${{{before}:-", f"{after} # ${{")
    path.write_text(text, encoding="utf-8")
    return load(path)


async def probing(account: SimulatedAccount, **changes: Any) -> tuple[ApiAnswer, ApiAnswer | None]:
    async with (
        Platform(account, "http://127.0.0.1:1/wechat/demo") as platform,
        running(platform) as url,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        return await wechat.ask(settings_with(api_url=url, **changes), http)


def test_good_credentials_and_the_permission_to_send_are_reported() -> None:
    entrance, sent = asyncio.run(probing(SIMULATED))
    assert wechat.credentials("tea", settings_with(), entrance).grade is Grade.OK
    assert sent is not None
    assert sent.code == 40003
    assert wechat.sending("tea", sent).grade is Grade.OK


@pytest.mark.parametrize(
    ("changes", "code", "word"), [({"app_id": "wxother"}, 40013, "app_id"), ({"app_secret": "x"}, 40125, "app_secret")]
)
def test_wrong_credentials_are_reported(changes: dict[str, str], code: int, word: str) -> None:
    entrance, sent = asyncio.run(probing(SIMULATED, **changes))
    finding = wechat.credentials("tea", settings_with(), entrance)
    assert sent is None
    assert finding.grade is Grade.FAIL
    assert str(code) in finding.what.text("en")
    assert word in finding.hint.text("en")
    assert word in finding.hint.text("zh")


def test_an_account_that_may_not_send_is_advised_to_set_api_none() -> None:
    entrance, sent = asyncio.run(probing(replace(SIMULATED, permission=False)))
    assert wechat.credentials("tea", settings_with(), entrance).grade is Grade.OK
    assert sent is not None
    finding = wechat.sending("tea", sent)
    assert finding.grade is Grade.FAIL
    assert "48001" in finding.what.text("en")
    assert "api: none" in finding.hint.text("en")
    assert "api: none" in finding.hint.text("zh")


def test_an_address_missing_from_the_allow_list_is_shown_so_that_it_can_be_copied() -> None:
    message = "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 65f0"
    finding = wechat.credentials("tea", settings_with(), ApiAnswer(40164, message))
    assert finding.grade is Grade.FAIL
    assert finding.hint.text("en").endswith("WeChat saw: 203.0.113.9")
    assert "203.0.113.9" in finding.hint.text("zh")


def test_an_unreachable_platform_and_one_with_invalid_answers_are_reported() -> None:
    port = free_port()

    async def unreachable() -> ApiAnswer:
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await wechat.ask(settings_with(api_url=f"http://127.0.0.1:{port}"), http))[0]

    async def nonsense() -> ApiAnswer:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(Starlette())) as http:
            return (await wechat.ask(settings_with(api_url="http://platform.test"), http))[0]

    for answer in (asyncio.run(unreachable()), asyncio.run(nonsense()), ApiAnswer(0)):
        finding = wechat.credentials("tea", settings_with(), answer)
        assert finding.grade is Grade.FAIL
        assert "check network" in finding.hint.text("en")


def test_secrets_are_never_printed() -> None:
    entrance, _ = asyncio.run(probing(SIMULATED, app_secret="swordfish"))
    finding = wechat.credentials("tea", settings_with(app_secret="swordfish"), entrance)
    assert "swordfish" not in as_lines([finding], "en") + as_lines([finding], "zh")


@pytest.mark.parametrize(
    ("skew", "grade"), [(0, "ok"), (-20, "ok"), (45, "warn"), (-299, "warn"), (300, "fail"), (-3600, "fail")]
)
def test_a_clock_that_is_five_minutes_wrong_is_a_failure(skew: float, grade: str) -> None:
    finding = compare_clocks(NOW + skew, NOW, PLATFORM)
    assert finding.grade == grade
    if grade != "ok":
        assert f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} WeChat's platform" in finding.what.text("en")


def test_a_clock_that_cannot_be_compared_is_a_warning() -> None:
    assert compare_clocks(NOW, http_date("yesterday, about noon"), PLATFORM).grade is Grade.WARN
    assert http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777.0


@given(st.text(max_size=60))
def test_any_date_header_and_any_address_is_checked_without_an_exception(text: str) -> None:
    assert isinstance(http_date(text), float | None)
    for address in (text, f"https://{text}", f"http://[{text}"):
        assert checks.public_address(address).what.text("en")


@pytest.mark.parametrize(
    ("url", "grade"),
    [
        ("https://bot.example.com", "ok"),
        ("https://bot.example.com:443/", "ok"),
        ("http://bot.example.com", "warn"),
        ("http://bot.example.com:80/x", "warn"),
        ("https://bot.example.com:8443", "fail"),
        ("http://bot.example.com:8080", "fail"),
        ("https://bot.example.com:http", "fail"),
        ("ftp://bot.example.com", "fail"),
        ("bot.example.com", "fail"),
        ("https://localhost", "fail"),
        ("https://bot", "fail"),
        ("https://192.168.1.10", "fail"),
        ("https://[::1]", "fail"),
        ("https://127.0.0.1:443", "fail"),
    ],
)
def test_wechat_calls_only_public_addresses_on_80_and_443(url: str, grade: str) -> None:
    assert checks.public_address(url).grade == grade


def test_live_mode_names_all_demo_secrets_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(SHIPPED.read_text(encoding="utf-8").replace("mode: demo", "mode: live"))
    found = asyncio.run(examine(lambda: load(tmp_path / "config.yaml", demo_values), lambda _: well(), ""))
    assert {finding.grade for finding in found} == {Grade.FAIL}
    keys = ("app_id", "app_secret", "token", "encoding_aes_key")
    x_keys = ("user_id", "consumer_key", "consumer_secret", "access_token", "access_token_secret")
    named = [finding.what.text("en").split(": ")[1] for finding in found]
    assert named == [
        "secret",
        *(f"accounts.0.{key}" for key in keys),
        *(f"accounts.2.{key}" for key in x_keys),
        "members.kind",
    ]
    assert "export WECHAT_TOKEN=..." in found[3].hint.text("en")


def test_live_mode_with_any_other_demo_setting_fails(tmp_path: Path) -> None:
    own = {
        "YINGDA_SECRET": "5e0dbd1a7a2b4c0f9a3f",
        "WECHAT_APP_ID": "wx1",
        "WECHAT_APP_SECRET": "s",
        "WECHAT_TOKEN": "t0k",
        "X_USER_ID": "'7'",
        "YINGDA_MEMBERS_KIND": "none",
    }
    x_keys = dict.fromkeys(("X_CONSUMER_KEY", "X_CONSUMER_SECRET", "X_ACCESS_TOKEN", "X_ACCESS_TOKEN_SECRET"), "own")
    deployment = live(tmp_path, **own, WECHAT_AES_KEY="k" * 43, **x_keys)
    found = checks.demo_leftovers(deployment.config)
    assert {finding.grade for finding in found} == {Grade.FAIL}
    of_x = {"accounts.brand-x.api_url", "accounts.brand-x.privacy_policy"}
    assert {finding.what.text("en").split()[0] for finding in found} == {"accounts.demo.api_url", *of_x}
    assert [finding.grade for finding in checks.members(deployment.config)] == [Grade.OK]


def test_demo_mode_is_reported_and_live_mode_with_real_secrets_passes(tmp_path: Path) -> None:
    assert [finding.grade for finding in checks.demo_leftovers(load(SHIPPED).config)] == [Grade.WARN]
    path = tmp_path / "config.yaml"
    path.write_text(
        f"secret: {'k' * 32}\nmembers: {{kind: sql, url: 'postgresql://members'}}\n"
        "accounts:\n  - {name: tea, channel: wechat, app_id: wx1, token: t0ken, api: none, mode: plain,"
        " api_url: 'http://way-out.example.com:8081'}\n"
    )
    assert [finding.grade for finding in checks.demo_leftovers(load(path).config)] == [Grade.OK]


def test_every_finding_is_worded_in_both_languages() -> None:
    findings: list[Finding] = [
        checks.database(None),
        checks.database(False),
        checks.database(True),
        checks.redis("unreachable", "embedded"),
        *(checks.redis(code, "redis://x") for code in CAUSES),
        checks.redis("", "embedded"),
        checks.knowledge(0),
        checks.knowledge(24),
        checks.edition(0),
        checks.edition(3),
        compare_clocks(NOW, NOW + 400, PLATFORM),
        checks.public_address("https://localhost"),
        wechat.credentials("tea", settings_with(), ApiAnswer(40125)),
        wechat.sending("tea", ApiAnswer(48001)),
    ]
    for finding in findings:
        for words in (finding.what, finding.hint) if finding.grade is not Grade.OK else (finding.what,):
            assert any("一" <= sign <= "鿿" for sign in words.text("zh")), words
            assert words.text("en").isascii(), words
    assert worst_grade(findings) is Grade.FAIL
    assert worst_grade([]) is Grade.OK
    assert "✗ the database cannot be reached\n    → check the address" in as_lines(findings, "en")


def test_doctor_goes_on_after_a_failure_and_reports_all(tmp_path: Path) -> None:
    def probes(_: Deployment) -> DoctorDeps:
        return DoctorDeps(lambda: NOW, no_database, no_redis, no_entries)

    async def no_database() -> tuple[bool, Instant, int]:
        raise Unavailable("OperationalError")

    async def no_redis() -> str:
        return "unreachable"

    def no_entries() -> int:
        raise SettingError(ConfigProblem.of("knowledge_base/tea.yaml", 7, "answers.zh", "knowledge.no_phrase"))

    path = tmp_path / "config.yaml"
    account = "{name: tea, channel: wechat, app_id: wx1, token: t0ken, mode: secure}"
    path.write_text(f"secret: {'k' * 32}\nmembers: {{kind: sql, url: 'mysql://m'}}\naccounts:\n  - {account}\n")
    said = as_lines(asyncio.run(examine(lambda: load(path), probes, "http://localhost:8080")), "en")
    for words in (
        "✓ the configuration is good",
        "✗ the database cannot be reached",
        "! the embedded Redis is not running",
        "✗ knowledge_base/tea.yaml:7: answers.zh: is missing\n    → write it",
        "✗ WeChat does not call http://localhost:8080",
        f"✗ {path}:4: accounts.0.mode",
    ):
        assert words in said
    assert "Traceback" not in said


def test_a_configuration_that_does_not_load_is_the_only_finding(tmp_path: Path) -> None:
    def probes(_: Deployment) -> DoctorDeps:
        raise AssertionError("there is nothing to probe")

    (found,) = asyncio.run(examine(lambda: load(tmp_path / "config.yaml"), probes, ""))
    assert found.grade is Grade.FAIL
    assert "is not there" in found.what.text("en")


def test_a_healthy_demo_has_nothing_but_the_demo_warning(tmp_path: Path) -> None:
    async def story() -> list[Finding]:
        async with Platform(SIMULATED, "http://127.0.0.1:1/wechat/demo") as platform, running(platform) as url:
            path = tmp_path / "config.yaml"
            text = SHIPPED.read_text(encoding="utf-8").replace("${WECHAT_API_URL:-http://127.0.0.1:8081}", url)
            async with twitter.Platform(simulated_app(AppKeys())) as timeline, twitter.running(timeline) as x:
                path.write_text(text.replace("${X_API_URL:-http://127.0.0.1:8081/x}", x), encoding="utf-8")
                return await examine(lambda: load(path), lambda _: well(), "")

    found = asyncio.run(story())
    assert [finding for finding in found if finding.grade is not Grade.OK] == checks.demo_leftovers(
        load(SHIPPED).config
    )
    assert len(found) >= 9


def well() -> DoctorDeps:
    import time

    async def database() -> tuple[bool, Instant, int]:
        return True, time.time(), 3

    return DoctorDeps(time.time, database, answer(""), lambda: 24, python=(3, 12, 6))


def answer(value: str) -> Callable[[], Awaitable[str]]:
    async def say() -> str:
        return value

    return say


@pytest.mark.parametrize(
    ("wanted", "served", "grade", "said"),
    [
        ("yingda-1", "yingda-1", Grade.OK, "answers with yingda-1"),
        ("yingda-2", "yingda-1", Grade.WARN, "serves yingda-1, and this edition needs yingda-2"),
        ("yingda-1", None, Grade.WARN, "does not answer"),
        ("", "yingda-1", Grade.WARN, "e semantic answers meanwhile"),
    ],
)
def test_a_model_that_rasa_does_not_serve_is_reported(wanted: str, served: str | None, grade: Grade, said: str) -> None:
    found = checks.rasa(wanted, served)
    assert (found.grade, said in found.what.text("en")) == (grade, True)
    assert grade is Grade.OK or (found.hint.text("zh") and found.hint.text("en"))

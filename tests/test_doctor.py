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

from bot.channels.wechat.settings import WeChatSettings
from bot.commands.simulate import AppKeys, simulated_app
from bot.config import Deployment, load
from bot.doctor import Finding, Grade, Probes, Words, checks, examine, storage, told, wechat, worst
from bot.doctor.wechat import Answered
from bot.errors import Mistake, SettingError, Unavailable
from bot.messages import Instant
from bot.services.loopback import free_port
from bot.simulators import twitter
from bot.simulators.wechat.account import SimulatedAccount
from bot.simulators.wechat.app import running
from bot.simulators.wechat.platform import Platform
from bot.stores.nerve.trouble import CAUSES
from bot.wording import http_date

SHIPPED = Path(__file__).parent.parent / "config.yaml"
NOW = 1_790_000_000.0
PLATFORM = Words("微信", "WeChat")
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


async def probing(account: SimulatedAccount, **changes: Any) -> tuple[Answered, Answered | None]:
    async with (
        Platform(account, "http://127.0.0.1:1/wechat/demo") as platform,
        running(platform) as url,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        return await wechat.ask(settings_with(api_url=url, **changes), http)


def test_good_credentials_and_the_right_to_send_are_seen() -> None:
    entrance, sent = asyncio.run(probing(SIMULATED))
    assert wechat.credentials("tea", settings_with(), entrance).grade is Grade.OK
    assert sent is not None
    assert sent.code == 40003
    assert wechat.sending("tea", sent).grade is Grade.OK


@pytest.mark.parametrize(
    ("changes", "code", "word"), [({"app_id": "wxother"}, 40013, "app_id"), ({"app_secret": "x"}, 40125, "app_secret")]
)
def test_wrong_credentials_are_named(changes: dict[str, str], code: int, word: str) -> None:
    entrance, sent = asyncio.run(probing(SIMULATED, **changes))
    finding = wechat.credentials("tea", settings_with(), entrance)
    assert sent is None
    assert finding.grade is Grade.FAIL
    assert str(code) in finding.what.en
    assert word in finding.mend.en
    assert word in finding.mend.zh


def test_an_account_that_may_not_send_is_told_to_set_api_none() -> None:
    entrance, sent = asyncio.run(probing(replace(SIMULATED, permission=False)))
    assert wechat.credentials("tea", settings_with(), entrance).grade is Grade.OK
    assert sent is not None
    finding = wechat.sending("tea", sent)
    assert finding.grade is Grade.FAIL
    assert "48001" in finding.what.en
    assert "api: none" in finding.mend.en
    assert "api: none" in finding.mend.zh


def test_an_address_missing_from_the_allow_list_is_shown_so_that_it_can_be_copied() -> None:
    message = "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 65f0"
    finding = wechat.credentials("tea", settings_with(), Answered(40164, message))
    assert finding.grade is Grade.FAIL
    assert finding.mend.en.endswith("WeChat saw: 203.0.113.9")
    assert "203.0.113.9" in finding.mend.zh


def test_a_platform_that_cannot_be_reached_and_one_that_talks_nonsense_are_said_plainly() -> None:
    port = free_port()

    async def unreachable() -> Answered:
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await wechat.ask(settings_with(api_url=f"http://127.0.0.1:{port}"), http))[0]

    async def nonsense() -> Answered:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(Starlette())) as http:
            return (await wechat.ask(settings_with(api_url="http://platform.test"), http))[0]

    for answer in (asyncio.run(unreachable()), asyncio.run(nonsense()), Answered(0)):
        finding = wechat.credentials("tea", settings_with(), answer)
        assert finding.grade is Grade.FAIL
        assert "check network" in finding.mend.en


def test_secrets_are_never_told() -> None:
    entrance, _ = asyncio.run(probing(SIMULATED, app_secret="swordfish"))
    finding = wechat.credentials("tea", settings_with(app_secret="swordfish"), entrance)
    assert "swordfish" not in told([finding], "en") + told([finding], "zh")


@pytest.mark.parametrize(
    ("skew", "grade"), [(0, "ok"), (-20, "ok"), (45, "warn"), (-299, "warn"), (300, "fail"), (-3600, "fail")]
)
def test_a_clock_five_minutes_off_fails_because_wechat_would_be_refused(skew: float, grade: str) -> None:
    finding = checks.clock(NOW + skew, NOW, PLATFORM)
    assert finding.grade == grade
    if grade != "ok":
        assert f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} WeChat" in finding.what.en


def test_a_clock_that_cannot_be_compared_is_a_warning() -> None:
    assert checks.clock(NOW, http_date("yesterday, about noon"), PLATFORM).grade is Grade.WARN
    assert http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777.0


@given(st.text(max_size=60))
def test_any_date_header_and_any_address_is_judged_without_a_fault(text: str) -> None:
    assert isinstance(http_date(text), float | None)
    for address in (text, f"https://{text}", f"http://[{text}"):
        assert checks.public_address(address).what.en


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
    found = asyncio.run(examine(lambda: load(tmp_path / "config.yaml"), lambda _: well(), ""))
    assert {finding.grade for finding in found} == {Grade.FAIL}
    keys = ("app_id", "app_secret", "token", "encoding_aes_key")
    x_keys = ("user_id", "consumer_key", "consumer_secret", "access_token", "access_token_secret")
    named = [finding.what.en.split(": ")[1] for finding in found]
    assert named == ["secret", *(f"accounts.0.{key}" for key in keys), *(f"accounts.2.{key}" for key in x_keys)]
    assert "export WECHAT_TOKEN=..." in found[3].mend.en


def test_live_mode_with_anything_else_of_the_demo_fails(tmp_path: Path) -> None:
    own = {
        "YINGDA_SECRET": "5e0dbd1a7a2b4c0f9a3f",
        "WECHAT_APP_ID": "wx1",
        "WECHAT_APP_SECRET": "s",
        "WECHAT_TOKEN": "t0k",
        "X_USER_ID": "'7'",
    }
    x_keys = dict.fromkeys(("X_CONSUMER_KEY", "X_CONSUMER_SECRET", "X_ACCESS_TOKEN", "X_ACCESS_TOKEN_SECRET"), "own")
    deployment = live(tmp_path, **own, WECHAT_AES_KEY="k" * 43, **x_keys)
    found = checks.demo_leftovers(deployment.config)
    assert {finding.grade for finding in found} == {Grade.FAIL}
    of_x = {"accounts.brand-x.api_url", "accounts.brand-x.privacy_policy"}
    assert {finding.what.en.split()[0] for finding in found} == {"accounts.demo.api_url", "members.kind", *of_x}


def test_demo_mode_is_said_and_live_mode_with_real_secrets_is_well(tmp_path: Path) -> None:
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
        checks.record(None),
        checks.record(False),
        checks.record(True),
        storage.nerve("unreachable", "embedded"),
        *(storage.nerve(code, "redis://x") for code in CAUSES),
        storage.nerve("", "embedded"),
        checks.knowledge(0),
        checks.knowledge(24),
        checks.edition(0),
        checks.edition(3),
        checks.clock(NOW, NOW + 400, PLATFORM),
        checks.public_address("https://localhost"),
        wechat.credentials("tea", settings_with(), Answered(40125)),
        wechat.sending("tea", Answered(48001)),
    ]
    for finding in findings:
        for words in (finding.what, finding.mend) if finding.grade is not Grade.OK else (finding.what,):
            assert any("一" <= sign <= "鿿" for sign in words.zh), words
            assert words.en.isascii(), words
    assert worst(findings) is Grade.FAIL
    assert worst([]) is Grade.OK
    assert "✗ the record cannot be reached\n    → check the address" in told(findings, "en")


def test_the_examination_goes_on_after_what_is_wrong_and_names_it_all(tmp_path: Path) -> None:
    def probes(_: Deployment) -> Probes:
        return Probes(lambda: NOW, no_record, no_nerve, no_entries)

    async def no_record() -> tuple[bool, Instant, int]:
        raise Unavailable("OperationalError")

    async def no_nerve() -> str:
        return "unreachable"

    def no_entries() -> int:
        raise SettingError(Mistake("knowledge_base/tea.yaml", 7, "answers.zh", "is missing", "write it"))

    path = tmp_path / "config.yaml"
    account = "{name: tea, channel: wechat, app_id: wx1, token: t0ken, mode: secure}"
    path.write_text(f"secret: {'k' * 32}\nmembers: {{kind: sql, url: 'mysql://m'}}\naccounts:\n  - {account}\n")
    said = told(asyncio.run(examine(lambda: load(path), probes, "http://localhost:8080")), "en")
    for words in (
        "✓ the configuration is good",
        "✗ the record cannot be reached",
        "! the embedded nerve is not running",
        "✗ knowledge_base/tea.yaml:7: answers.zh: is missing\n    → write it",
        "✗ WeChat does not call http://localhost:8080",
        f"✗ {path}:4: accounts.0.mode",
    ):
        assert words in said
    assert "Traceback" not in said


def test_a_configuration_that_does_not_load_is_all_that_is_told(tmp_path: Path) -> None:
    def probes(_: Deployment) -> Probes:
        raise AssertionError("there is nothing to probe")

    (found,) = asyncio.run(examine(lambda: load(tmp_path / "config.yaml"), probes, ""))
    assert found.grade is Grade.FAIL
    assert "is not there" in found.what.en


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


def well() -> Probes:
    import time

    async def record() -> tuple[bool, Instant, int]:
        return True, time.time(), 3

    return Probes(time.time, record, answer(""), lambda: 24, python=(3, 12, 6))


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
        ("", "yingda-1", Grade.WARN, "has not learned this edition"),
    ],
)
def test_an_engine_beside_yingda_is_looked_at(wanted: str, served: str | None, grade: Grade, said: str) -> None:
    found = checks.rasa(wanted, served)
    assert (found.grade, said in found.what.en) == (grade, True)
    assert grade is Grade.OK or (found.mend.zh and found.mend.en)

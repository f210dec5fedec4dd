"""docs/connect-wechat.md: its account works as written, and the doctor says what the page says it does."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree

import httpx
import pytest
import yaml
from support.paths import ROOT
from support.services import MovableClock
from support.shop import OPEN_MONDAY, Shop, deployment_in
from support.webhook_requests import platforms
from support.wechat_api import Answer, tencent
from support.wechat_webhook import ACCOUNT
from wechatpy.crypto import WeChatCrypto
from wechatpy.parser import parse_message

from bot.channels.wechat import doctor as wechat
from bot.channels.wechat.settings import WeChatSettings
from bot.config import load
from bot.doctor import Finding, as_lines, checks
from bot.ports.findings import HttpReply
from bot.simulators.wechat import actions
from bot.simulators.wechat.envelopes import Envelopes
from bot.stores.sql.database import Database

pytestmark = pytest.mark.process

PAGE = (ROOT / "docs/connect-wechat.md").read_text(encoding="utf-8")
WRITTEN = re.findall(r"```yaml\n# config.yaml\n((?:.|\n)*?)```", PAGE)[0]
ADDRESS = "https://bot.brand.example/wechat/tea"
REPLIES = (HttpReply(200, "echo"), HttpReply(None, "ConnectError"), HttpReply(403))
GIVEN = {
    "YINGDA_SECRET": "a secret of sixteen or more",
    "WECHAT_APP_ID": ACCOUNT.app_id,
    "WECHAT_APP_SECRET": ACCOUNT.app_secret,
    "WECHAT_TOKEN": ACCOUNT.token,
    "WECHAT_AES_KEY": ACCOUNT.encoding_aes_key,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def shop(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[Shop]:
    """The page's account, and nothing else."""
    clock = MovableClock(OPEN_MONDAY)
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}", clock.now)
    deployment = deployment_in(tmp_path, accounts=yaml.safe_load(WRITTEN)["accounts"])
    opened = Shop(deployment, database, clock, shipped_edition, own_channels=True)
    yield opened
    opened.close()


def read(response: httpx.Response, nonce: str) -> str:
    """What the customer sees of an encrypted reply; wechatpy verifies and decrypts it."""
    crypto = WeChatCrypto(ACCOUNT.token, ACCOUNT.encoding_aes_key, ACCOUNT.app_id)
    envelope = ElementTree.fromstring(response.text)
    signature, stamp = (envelope.findtext(name) for name in ("MsgSignature", "TimeStamp"))
    return str(parse_message(crypto.decrypt_message(response.content, signature, stamp, nonce)).content)


def test_the_account_on_the_page_answers_its_first_message(shop: Shop) -> None:
    push = Envelopes(ACCOUNT).seal("oAlice", actions.text("怎么开发票？"), 7, time.time())
    response = platforms(shop).post(f"/wechat/tea?{urlencode(push.query)}", push.body)
    assert response.status_code == 200
    assert "发票" in read(response, push.query["nonce"])


def test_the_variables_on_the_page_are_those_of_its_file() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(re.findall(r"\$\{([A-Z_]+)\}", WRITTEN)) == sorted(GIVEN)


def test_doctors_output_quoted_on_the_page_is_real(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(WRITTEN, encoding="utf-8")
    ready = load(path)
    settings: WeChatSettings = ready.account(0, WeChatSettings)
    refusals = [Answer({"errcode": code, "errmsg": "invalid ip 203.0.113.9"}) for code in (40164, 89503, 40013, 40125)]
    said = [
        *checks.demo_leftovers(ready.config),
        *asyncio.run(credentials_and_sending(settings, refusals)),
        *(wechat.verified("tea", ADDRESS, reply, "echo") for reply in REPLIES),
    ]
    quoted = re.findall(r"^\| `([✓✗].+?)` \|", PAGE, re.MULTILINE)
    assert len(quoted) > 8
    assert [words for words in quoted if words not in as_lines(said, "en")] == []
    assert "WeChat saw: 203.0.113.9" in as_lines(said, "en")


def test_doctors_command_on_the_page_reports_a_missing_address_and_goes_on(tmp_path: Path) -> None:
    command = re.findall(r"^\.venv/bin/yingda (doctor --public .+)$", PAGE, re.MULTILINE)[0]
    path = tmp_path / "config.yaml"
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with tencent() as platform:
        platform.sends.append(Answer({"errcode": 40003}))
        path.write_text(f"{WRITTEN}    api_url: {platform.url}\n", encoding="utf-8")
        ran = subprocess.run(
            [sys.executable, "-m", "bot", *command.split()],
            env=environment | {"YINGDA_CONFIG": str(path), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert ran.returncode == 1, ran.stderr
    assert f"✗ tea: {ADDRESS} does not answer" in ran.stdout
    assert "✓ tea: may send customer-service messages" in ran.stdout


async def credentials_and_sending(settings: WeChatSettings, refusals: list[Answer]) -> list[Finding]:
    """What is found while the platform refuses the credentials in turn, then sending, then nothing."""
    found = []
    with tencent() as platform:
        platform.tokens = deque(refusals)
        platform.sends = deque([Answer({"errcode": 48001}), Answer({"errcode": 40003})])
        here = settings.model_copy(update={"api_url": platform.url})
        async with httpx.AsyncClient(trust_env=False) as http:
            for _ in range(len(refusals) + 2):
                entrance, sent = await wechat.ask(here, http)
                found.append(wechat.credentials("tea", here, entrance))
                found += [wechat.sending("tea", sent)] if sent else []
    return found

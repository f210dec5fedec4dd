"""What the doctor says of senders that are refused as such, and of plain mode."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bot.channels.wechat.doctor import plain_mode
from bot.config import Deployment, load
from bot.doctor import DoctorDeps, Finding, Grade, as_lines, examine
from bot.domain.accounts import SendingStatus
from bot.domain.messages import Instant
from bot.errors import Unavailable

NOW = 1_790_000_000.0
ACCOUNTS = """
accounts:
  - {name: tea, channel: wechat, app_id: wx1, token: t0ken, api: none, mode: MODE, encoding_aes_key: KEY}
"""


def examined(folder: Path, standings: Mapping[str, SendingStatus] | None, mode: str = "safe") -> list[Finding]:
    path = folder / "config.yaml"
    accounts = ACCOUNTS.replace("MODE", mode).replace("KEY", "k" * 42 + "A")
    path.write_text(f"secret: {'k' * 32}\nmembers: {{kind: sql, url: 'postgresql://m'}}{accounts}", encoding="utf-8")

    async def database() -> tuple[bool, Instant, int]:
        return True, NOW, 1

    async def redis() -> str:
        return ""

    async def fares(names: Sequence[str]) -> Mapping[str, SendingStatus]:
        if standings is None:
            raise Unavailable
        return {name: standings.get(name, SendingStatus()) for name in names}

    def probes(_: Deployment) -> DoctorDeps:
        return DoctorDeps(lambda: NOW, database, redis, lambda: 24, statuses=fares)

    return asyncio.run(examine(lambda: load(path), probes, ""))


@pytest.mark.parametrize(
    ("name", "code", "mend"),
    [
        ("tea", "wechat:50002", "restricted"),
        ("tea", "wechat:40164", "IP whitelist"),
        ("tea", "twitter:locked", "unlock"),
        ("tea", "twitter:clock +412", "412 s ahead"),
        ("sms", "sms:402", "Buy more"),
    ],
)
def test_a_refused_sender_is_reported_with_the_correction(tmp_path: Path, name: str, code: str, mend: str) -> None:
    found = examined(tmp_path, {name: SendingStatus(halted=code, halted_at=NOW - 60)})
    (halted,) = [one for one in found if "nothing is sent" in one.what.text("en") and one.grade is Grade.FAIL]
    assert halted.what.text("en").startswith(f"{name}: ")
    assert mend in halted.hint.text("en")
    assert any("一" <= sign <= "鿿" for sign in halted.hint.text("zh"))


def test_senders_are_not_mentioned_if_healthy_or_if_the_database_is_unreachable(tmp_path: Path) -> None:
    nobody: dict[str, SendingStatus] = {}
    for standings in (nobody, None):
        assert "nothing is sent" not in as_lines(examined(tmp_path, standings), "en")


def test_plain_mode_is_warned_of_and_safe_mode_is_not(tmp_path: Path) -> None:
    (warned,) = [one for one in examined(tmp_path, {}, "plain") if "plain mode" in one.what.text("en")]
    assert warned == plain_mode("tea")
    assert warned.grade is Grade.WARN
    assert "mode: safe" in warned.hint.text("en")
    assert "明文" in warned.what.text("zh")
    assert not [one for one in examined(tmp_path, {}) if "plain mode" in one.what.text("en")]

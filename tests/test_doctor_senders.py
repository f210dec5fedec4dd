"""What the doctor says of senders that are refused as such, and of plain mode."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bot.allowance import Standing
from bot.config import Deployment, load
from bot.doctor import Finding, Grade, Probes, checks, examine, told
from bot.errors import Unavailable
from bot.messages import Instant

NOW = 1_790_000_000.0
ACCOUNTS = """
accounts:
  - {name: tea, channel: wechat, app_id: wx1, token: t0ken, api: none, mode: MODE, encoding_aes_key: KEY}
"""


def examined(folder: Path, standings: Mapping[str, Standing] | None, mode: str = "safe") -> list[Finding]:
    path = folder / "config.yaml"
    accounts = ACCOUNTS.replace("MODE", mode).replace("KEY", "k" * 42 + "A")
    path.write_text(f"secret: {'k' * 32}\nmembers: {{kind: sql, url: 'postgresql://m'}}{accounts}", encoding="utf-8")

    async def record() -> tuple[bool, Instant, int]:
        return True, NOW, 1

    async def nerve() -> str:
        return ""

    async def fares(names: Sequence[str]) -> Mapping[str, Standing]:
        if standings is None:
            raise Unavailable
        return {name: standings.get(name, Standing()) for name in names}

    def probes(_: Deployment) -> Probes:
        return Probes(lambda: NOW, record, nerve, lambda: 24, standings=fares)

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
def test_a_sender_that_is_refused_is_named_with_the_mend(tmp_path: Path, name: str, code: str, mend: str) -> None:
    found = examined(tmp_path, {name: Standing(halted=code, halted_at=NOW - 60)})
    (halted,) = [one for one in found if "nothing is sent" in one.what.en and one.grade is Grade.FAIL]
    assert halted.what.en.startswith(f"{name}: ")
    assert mend in halted.mend.en
    assert any("一" <= sign <= "鿿" for sign in halted.mend.zh)


def test_where_all_is_well_or_the_record_is_away_nothing_is_said_of_senders(tmp_path: Path) -> None:
    nobody: dict[str, Standing] = {}
    for standings in (nobody, None):
        assert "nothing is sent" not in told(examined(tmp_path, standings), "en")


def test_plain_mode_is_warned_of_and_safe_mode_is_not(tmp_path: Path) -> None:
    (warned,) = [one for one in examined(tmp_path, {}, "plain") if "plain mode" in one.what.en]
    assert warned == checks.plain_mode("tea")
    assert warned.grade is Grade.WARN
    assert "mode: safe" in warned.mend.en
    assert "明文" in warned.what.zh
    assert not [one for one in examined(tmp_path, {}) if "plain mode" in one.what.en]

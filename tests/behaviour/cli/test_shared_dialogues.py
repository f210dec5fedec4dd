"""Conversations as customers have them come to what they should, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path

from support.dialogue_trials import trials_in
from support.paths import PAYLOADS


def test_every_dialogue_holds(database_url: str, tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    trials = trials_in(tmp_path, shipped_edition, database=database_url)
    ran = trials.talks(str(PAYLOADS / "dialogues" / "dialogues.yaml"), "--json")
    assert [_wrong(one) for one in json.loads(ran.stdout)["dialogues"] if not one["holds"]] == []


def _wrong(dialogue: dict[str, object]) -> object:
    return dialogue["name"], [turn for turn in dialogue["turns"] if turn["failed"]]  # type: ignore[attr-defined]

"""Acknowledgements of written responses survive the process that wrote them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.errors import Unavailable
from bot.pending import AckRecorder
from bot.stores.ack_log import FileAckLog

pytestmark = pytest.mark.process

_KILLED = """
import os, signal, sys
from pathlib import Path
from bot.stores.ack_log import FileAckLog

notes = FileAckLog(Path(sys.argv[1]))
for word in sys.argv[2:]:
    notes.rewrite([]) if word == "-" else notes.append(word)
os.kill(os.getpid(), signal.SIGKILL)
"""


class Record:
    def __init__(self) -> None:
        self.known: list[str] = []
        self.away = False

    async def write(self, ids: Sequence[str]) -> None:
        if self.away:
            raise Unavailable
        self.known += ids


def killed_after(folder: Path, *words: str) -> None:
    """Run a process that keeps these ids and is killed. '-': the database has stored the ones before."""
    subprocess.run([sys.executable, "-c", _KILLED, str(folder), *words], check=False)


def test_ids_of_a_killed_process_are_taken_over_once(tmp_path: Path) -> None:
    record = Record()
    killed_after(tmp_path, "a", "b", "-", "c", "d")
    killed_after(tmp_path, "e")
    asyncio.run(FileAckLog(tmp_path).take_over(record.write))
    asyncio.run(FileAckLog(tmp_path).take_over(record.write))
    assert sorted(record.known) == ["c", "d", "e"]
    assert list(tmp_path.iterdir()) == []


def test_ids_of_a_living_process_are_not_taken_over(tmp_path: Path) -> None:
    record, living = Record(), FileAckLog(tmp_path)
    living.append("a")
    asyncio.run(FileAckLog(tmp_path).take_over(record.write))
    assert record.known == []
    living.close()
    asyncio.run(FileAckLog(tmp_path).take_over(record.write))
    assert record.known == ["a"]


def test_ids_that_could_not_be_stored_are_taken_over_again(tmp_path: Path) -> None:
    record = Record()
    killed_after(tmp_path, "a")
    record.away = True
    with pytest.raises(Unavailable):
        asyncio.run(FileAckLog(tmp_path).take_over(record.write))
    record.away = False
    asyncio.run(FileAckLog(tmp_path).take_over(record.write))
    assert record.known == ["a"]


def test_a_folder_that_cannot_be_written_loses_no_acknowledgement(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("a file where the folder would be")
    record = Record()
    notes = FileAckLog(tmp_path / "notes")

    async def answered() -> None:
        written = AckRecorder(record.write, notes)
        written.record("a")
        await written.flush()

    asyncio.run(answered())
    assert record.known == ["a"]

"""What was written to a platform's connection is known after the process that wrote it was killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.errors import Unavailable
from bot.offers import Written
from bot.stores.notes import FileNotes

_KILLED = """
import os, signal, sys
from pathlib import Path
from bot.stores.notes import FileNotes
notes = FileNotes(Path(sys.argv[1]))
for word in sys.argv[2:]:
    notes.only([]) if word == "-" else notes.keep(word)
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
    """A process that noted these, - for what the record knows by then, and was killed."""
    subprocess.run([sys.executable, "-c", _KILLED, str(folder), *words], check=False)


def test_what_a_killed_process_had_written_is_taken_over_once(tmp_path: Path) -> None:
    record = Record()
    killed_after(tmp_path, "a", "b", "-", "c", "d")
    killed_after(tmp_path, "e")
    asyncio.run(FileNotes(tmp_path).take_over(record.write))
    asyncio.run(FileNotes(tmp_path).take_over(record.write))
    assert sorted(record.known) == ["c", "d", "e"]
    assert list(tmp_path.iterdir()) == []


def test_what_a_living_process_has_written_is_its_own(tmp_path: Path) -> None:
    record, living = Record(), FileNotes(tmp_path)
    living.keep("a")
    asyncio.run(FileNotes(tmp_path).take_over(record.write))
    assert record.known == []
    living.close()
    asyncio.run(FileNotes(tmp_path).take_over(record.write))
    assert record.known == ["a"]


def test_what_the_record_could_not_take_is_offered_to_it_again(tmp_path: Path) -> None:
    record = Record()
    killed_after(tmp_path, "a")
    record.away = True
    with pytest.raises(Unavailable):
        asyncio.run(FileNotes(tmp_path).take_over(record.write))
    record.away = False
    asyncio.run(FileNotes(tmp_path).take_over(record.write))
    assert record.known == ["a"]


def test_a_folder_that_cannot_be_written_costs_a_note_and_no_answer(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("a file where the folder would be")
    record = Record()
    notes = FileNotes(tmp_path / "notes")

    async def answered() -> None:
        written = Written(record.write, notes)
        written.note("a")
        await written.flush()

    asyncio.run(answered())
    assert record.known == ["a"]

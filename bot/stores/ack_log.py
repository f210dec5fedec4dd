"""The message ids whose responses were written to a platform's connection, in one file per process.

They are kept here until the database has them, so that a killed process does not leave its replies "in doubt". Another
process of the machine takes over the files of ended processes. The files hold our own message ids, nothing else.
"""

from __future__ import annotations

import fcntl
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import BinaryIO

log = logging.getLogger(__name__)
_PATTERN = "*.written"


class FileAckLog:
    """What bot.pending.AckRecorder keeps its ids in. folder: shared by the processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1  # the descriptor; opened by the first id

    def append(self, message_id: str) -> None:
        try:
            # No fsync: the write survives the process; after a power cut the reply is "in doubt".
            os.write(self._open_file(), f"{message_id}\n".encode())
        except OSError as failed:
            log.debug(
                "cannot note that a response was written (%s); if this process is killed now, the desk lists the reply",
                failed.strerror,
            )

    def rewrite(self, message_ids: Sequence[str]) -> None:
        if self._file >= 0:
            os.ftruncate(self._file, 0)
        for message_id in message_ids:
            self.append(message_id)

    async def take_over(self, write: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        for path in self._folder.glob(_PATTERN):
            with path.open("rb") as left:
                if not _lock_if_abandoned(left):
                    continue
                if ids := left.read().decode(errors="replace").split():
                    await write(ids)
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the file's lock; another process takes over what is left in it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open_file(self) -> int:
        if self._file < 0:
            self._folder.mkdir(parents=True, exist_ok=True)
            new = self._folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
            file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Renamed only now: under its final name an unlocked file would be taken over.
            new.rename(new.with_suffix(".written"))
            self._file = file
        return self._file


def _lock_if_abandoned(file: BinaryIO) -> bool:
    """Lock the file if its process has ended; False if that still holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Which replies were written to a platform's connection, where a killed process leaves them: in a file of its own.

Nothing waits for a disk: what the system was told survives the process. A lock tells whose process is gone; what it
left is read by whoever looks next on this machine. Ids of our own making stand in it, and nothing else.
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
_OURS = "*.written"


class FileNotes:
    """offers.Notes in a folder that this machine's processes share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1

    def keep(self, message_id: str) -> None:
        try:
            os.write(self._opened(), f"{message_id}\n".encode())
        except OSError as failed:
            log.debug(
                "a written response is not noted (%s); if this process is killed now, the desk lists it",
                failed.strerror,
            )

    def only(self, message_ids: Sequence[str]) -> None:
        if self._file >= 0:
            os.ftruncate(self._file, 0)
        for message_id in message_ids:
            self.keep(message_id)

    async def take_over(self, write: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        for path in self._folder.glob(_OURS):
            with path.open("rb") as left:
                if not _free(left):
                    continue
                if ids := left.read().decode(errors="replace").split():
                    await write(ids)
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """What stands there still is somebody else's to take over."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _opened(self) -> int:
        """Locked before it has the name that others look for."""
        if self._file < 0:
            self._folder.mkdir(parents=True, exist_ok=True)
            new = self._folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
            file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(new.with_suffix(".written"))
            self._file = file
        return self._file


def _free(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

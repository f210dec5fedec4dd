"""Between a process and whoever keeps it alive: one line, on which it is called to work, and says that it can.

    keeper  ── called ──>  process    at once, or, to one that is kept in reserve, when another has died
    keeper  <── ready ───  process    it has loaded everything that answering needs

The line's number stands in the environment. A process that nobody keeps is called from the beginning.
"""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress

LINE = "YINGDA_LINE"


class Standby:
    """The process's end."""

    def __init__(self) -> None:
        number = os.environ.pop(LINE, "")
        self._line = socket.socket(fileno=int(number)) if number else None

    @property
    def called(self) -> bool:
        """Whether there is work now."""
        return self._line is None or bool(select.select([self._line], [], [], 0)[0])

    def ready(self) -> None:
        """Tell that everything is loaded; once is enough."""
        if self._line is not None:
            with suppress(OSError):
                self._line.send(b"r")

    def wait(self) -> None:
        """Return when called. Ends the process if whoever would call is gone."""
        if self._line is not None and not self._line.recv(1):
            raise SystemExit(0)


class Line:
    """The keeper's end. `theirs`: the number that the process inherits, and that stands in its environment."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self.theirs = self._theirs.fileno()

    def fileno(self) -> int:
        return self._ours.fileno()

    def handed_over(self) -> None:
        """The process has its end; ours of it is closed, so that its death is heard."""
        self._theirs.close()

    def call(self) -> None:
        """There is work for the process."""
        with suppress(OSError):
            self._ours.send(b"c")

    def heard(self) -> bool:
        """What there was to hear: True if the process can work, False if it is gone."""
        try:
            return bool(self._ours.recv(1))
        except OSError:
            return False

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()

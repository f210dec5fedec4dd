"""The pipe between the supervisor and a worker: over it a worker reports readiness and is activated.

    supervisor ── activate ──> worker    at once; a standby worker only when another worker has died
    supervisor <── ready ───── worker    it has loaded everything that answering needs

The worker inherits its end as a file descriptor whose number is in the environment. A process without that variable,
such as one started by hand, is active from the start.
"""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress

STANDBY_FD = "YINGDA_STANDBY_FD"  # environment variable with the number of the worker's file descriptor


class Standby:
    """The worker's end of the pipe."""

    def __init__(self) -> None:
        number = os.environ.pop(STANDBY_FD, "")
        self._socket = socket.socket(fileno=int(number)) if number else None

    @property
    def activated(self) -> bool:
        """Whether the worker should serve now."""
        return self._socket is None or bool(select.select([self._socket], [], [], 0)[0])

    def ready(self) -> None:
        """Report that everything is loaded. Repeating it does no harm."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.send(b"r")

    def wait(self) -> None:
        """Block until activated. Raises SystemExit if the supervisor has died."""
        if self._socket is not None and not self._socket.recv(1):
            raise SystemExit(0)


class StandbyPipe:
    """The supervisor's end of the pipe."""

    def __init__(self) -> None:
        self._ours, self._child = socket.socketpair()
        self._ours.setblocking(False)
        self.child_fd = self._child.fileno()

    def fileno(self) -> int:
        return self._ours.fileno()

    def close_child_end(self) -> None:
        """Close our copy of the worker's end once the worker has inherited it: else its death gives no end of file."""
        self._child.close()

    def activate(self) -> None:
        with suppress(OSError):
            self._ours.send(b"a")

    def is_alive(self) -> bool:
        """Read what the worker sent: True if it reported readiness, False if it is gone."""
        try:
            return bool(self._ours.recv(1))
        except OSError:
            return False

    def close(self) -> None:
        self._ours.close()
        self._child.close()

"""Processes that end with the one that started them, even if that one is killed with -9.

Linux tells a process of its parent's death if it asks (prctl PR_SET_PDEATHSIG, man 2 prctl); the wish survives exec.
It is bound to the parent's *thread*: start such processes from the main thread only. Elsewhere they outlive a kill.
Run as a script, this file is the wrapper that asks and then becomes the command.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tethered(argv: Sequence[str]) -> list[str]:
    """The command `argv`, wrapped so that it is killed when this process ends."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv]


def _become(parent: int, argv: list[str]) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask
        sys.exit(1)
    os.execvp(argv[0], argv)  # noqa: S606 - the command comes from our own code


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])

"""Child processes that end with their parent, even if the parent is killed with -9.

On Linux, prctl(PR_SET_PDEATHSIG) makes the kernel send a signal when the parent dies; the setting survives exec
(man 2 PR_SET_PDEATHSIG). It follows the parent's *thread*: start such processes from the main thread only. On other
systems the children outlive a killed parent. Run as a script, this file makes that call and then executes the command.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(argv: Sequence[str]) -> list[str]:
    """The command `argv`, wrapped so that it is killed when this process ends."""
    # -I -S: the wrapper needs no site-packages, and starts in a few milliseconds without them.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv]


def _execute(parent: int, argv: list[str]) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before prctl, so no signal will come
        sys.exit(1)
    os.execvp(argv[0], argv)  # noqa: S606 - the command comes from our own code


if __name__ == "__main__":
    _execute(int(sys.argv[1]), sys.argv[2:])

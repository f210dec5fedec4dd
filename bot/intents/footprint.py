"""How much memory this process has taken at the most, in megabytes, since somebody began to look."""

from __future__ import annotations

import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

_RESET_PEAK = "5"  # proc_pid_clear_refs(5): the peak is counted anew from what is resident now
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class Peak:
    """Looks from now on where the system lets us (Linux), else from the beginning of the process."""

    def __init__(self) -> None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")

    def megabytes(self) -> float:
        """The most that has been resident at once."""
        with suppress(OSError):
            found = _PEAK.search(Path("/proc/self/status").read_text(encoding="ascii", errors="replace"))
            if found:
                return int(found.group(1)) / 1024
        spent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return spent / (1024**2 if sys.platform == "darwin" else 1024)  # bytes there, kilobytes elsewhere

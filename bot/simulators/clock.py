"""The clock that a simulated platform goes by where nobody moves another one."""

from __future__ import annotations

import time


class SystemClock:
    def now(self) -> float:
        return time.time()

"""Limits for the time that code takes. The machine is shared, so the clock on the wall says little about the code."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cpu_within(seconds: float) -> Iterator[None]:
    """Fails if the block takes this much CPU time of its thread. As with timeit, garbage is not collected meanwhile: it
    may be that of thousands of tests before."""
    collects = gc.isenabled()
    gc.disable()
    began = time.thread_time()
    try:
        yield
        took = time.thread_time() - began
    finally:
        if collects:
            gc.enable()
    assert took < seconds

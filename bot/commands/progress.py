"""A bar on the terminal for whatever takes long; elsewhere a line now and then, and none for what is quick."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bot.commands.ground import err

BETWEEN_LINES = 60.0  # seconds

Show: TypeAlias = Callable[[str, float], None]
"""Is told the stage, and how much of it is done, 0 to 1."""


@contextmanager
def progress() -> Iterator[Show]:
    if not err.is_terminal:
        yield _Lines().show
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=err, transient=True)
    task = bar.add_task("", total=1.0)
    with bar:
        yield lambda stage, done: bar.update(task, description=stage, completed=done)


class _Lines:
    """For logs: what is being done, once a minute."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()

    def show(self, stage: str, done: float) -> None:
        if time.monotonic() - self._told_at >= BETWEEN_LINES:
            self._told_at = time.monotonic()
            err.print(f"{stage}, {done:.0%}", markup=False)

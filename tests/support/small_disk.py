"""A disk of a few megabytes, and how it gets full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.services import missing


@contextmanager
def small_disk(folder: Path, size: str = "4m") -> Iterator[Path]:
    """`folder` is a disk of its own."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        missing("a disk of a few megabytes", "only root may mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing more goes; the file, which may be removed again."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as written:
        try:
            while written.write(b"x" * 4096) == 4096:
                continue
        except OSError:
            return filling
    return filling

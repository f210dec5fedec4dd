"""Only the user that Yingda runs as may read what it keeps: conversations, password hashes, the socket of its Valkey.

New files are private by the umask that every command sets (bot/__main__.py). What an earlier version, another umask or
a copy left open is closed here, whenever a command begins.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bot.config import Deployment

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SQLITE = "sqlite:///"


def make_private(ready: Deployment) -> None:
    """Take group's and others' rights away from all that is kept; where the system forbids that, the doctor tells."""
    for path in still_open(ready):
        with suppress(OSError):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)


def still_open(ready: Deployment) -> list[Path]:
    """What is kept and others can read or change; what lies in a folder that they cannot enter counts as well."""
    return [path for path in _kept(ready) if _is_open(path)]


def readable_by_others(ready: Deployment) -> list[Path]:
    """The same, and the secrets beside the configuration: a file of people's, whose rights are theirs to change."""
    secrets = ready.page.path.with_name(".env")
    return [*still_open(ready), *([secrets] if _is_open(secrets) else [])]


def _kept(ready: Deployment) -> Iterator[Path]:
    """The folder `var` with all that is in it, and the record's files. A folder that is not for Yingda alone, like /tmp
    or the one that holds the configuration, is left as it is."""
    var = ready.config.var.resolve()
    shared = ready.page.path.resolve().is_relative_to(var) or (var.exists() and var.stat().st_mode & stat.S_ISVTX)
    if not shared:
        yield var
        yield from var.rglob("*")
    record = Path(ready.config.record_url.removeprefix(_SQLITE).partition("?")[0])
    if ready.config.record_url.startswith(_SQLITE):
        yield from (record.with_name(record.name + end) for end in ("", "-wal", "-shm"))


def _is_open(path: Path) -> bool:
    """False for a link, which has no rights of its own, and for what is gone meanwhile."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return not stat.S_ISLNK(mode) and bool(mode & _OTHERS)

"""What the system or the database refuses, as a mistake with its mend: a folder of somebody else's, a full disk.

A database's refusal comes with a code: SQLite's own name of an error, PostgreSQL's SQLSTATE, else the driver's name.
"""

from __future__ import annotations

import errno
import os

from bot.errors import Mistake, Unavailable

BUSY = "SQLITE_BUSY"
_RIGHTS = ("this user (uid {uid}) has no right to it", "run as its owner, or give it to this user: chown {uid}")
_READ_ONLY = ("is on a file system that cannot be written", "name a folder that can be written, or mount it writable")
_FULL = ("the disk is full", "free some space there; nothing else has to be done")
_SYSTEM = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: ("this user may not keep any more there", "free some space, or raise the quota"),
    errno.EFBIG: ("no file may become as large as that here", "raise the limit: ulimit -f"),
    errno.ENOENT: ("is not there", "make it, or name another"),
    errno.ENOTDIR: ("goes through something that is no folder", "name another"),
    errno.EISDIR: ("is a folder", "name a file"),
    errno.EMFILE: ("too many files are open", "raise the limit: ulimit -n"),
    errno.ENAMETOOLONG: ("the name is too long", "name a shorter one"),
}
_RECORD = {
    "SQLITE_FULL": _FULL,
    "53100": _FULL,
    "SQLITE_READONLY": ("can only be read", "give this user (uid {uid}) the right to write it and its folder"),
    "25006": ("can only be read: it is a standby, or read-only", "name the server that takes writes"),
    "SQLITE_CANTOPEN": ("cannot be opened", "give this user (uid {uid}) the right to write the folder it lies in"),
    "SQLITE_IOERR": ("the disk failed", "look at the disk it lies on: is it full, is it still mounted?"),
    BUSY: ("somebody else keeps it locked", "end what else uses this file"),
    "SQLITE_CORRUPT": ("is damaged", "restore a backup: yingda restore"),
    "SQLITE_NOTADB": ("is no database", "name another file, or move this one away"),
}
_REFUSES = ("refuses it ({code})", "look into the database's own log")
_GONE = frozenset({"", "no answer", "OperationalError", "InterfaceError"})  # nobody was there to give a code
_PASSING = ("08", "53", "57")  # SQLSTATE: the connection, want of resources, an administrator's doing
_AWAY = ("cannot be reached", "check the address, user and network of `record`, and whether the database runs")


def of_system(failed: OSError) -> Mistake:
    """What a call to the system was refused for."""
    wrong, mend = _SYSTEM.get(failed.errno or 0, (failed.strerror or type(failed).__name__, "mend that, and try again"))
    return _mistake(str(failed.filename or "files"), "file", wrong, mend)


def of_record(gone: Unavailable, place: str = "config.yaml") -> Mistake:
    """Why the record does not answer, or takes nothing."""
    code = gone.code
    unknown = _AWAY if code in _GONE or code.startswith(_PASSING) else _REFUSES
    wrong, mend = _RECORD.get(code) or _RECORD.get("_".join(code.split("_")[:2]), unknown)
    return _mistake(place, "record", wrong.replace("{code}", code), mend)


def passes(gone: Unavailable) -> bool:
    """Whether it may well answer in a moment, if nobody does anything."""
    return gone.code == BUSY or of_record(gone).wrong == _AWAY[0]


def _mistake(file: str, key: str, wrong: str, mend: str) -> Mistake:
    uid = os.getuid()
    return Mistake(file, 0, key, wrong.format(uid=uid), mend.format(uid=uid))

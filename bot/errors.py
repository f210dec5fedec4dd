"""The exceptions of Yingda, and explanations of what the operating system or the database refuses.

YingdaError
├── SettingError           a file or setting that a person must correct; prevents the start (file, line, key, hint)
├── RegressionFailed       an edition answers questions of tests.yaml wrongly and was not published
├── Refused                a request that is rejected (HTTP status, code for the counter)
├── DeliveryFailed         a send that failed (permanent? retry after? ambiguous? until heard?)
├── MemberSystemFailed     the member system does not answer; the journey hands off
├── EngineFailed           an engine does not answer; the journey hands off
│   └── EncoderFailed      an encoder does not answer; only texts equal to an example are answered
├── Stale                  the data that a change was based on has changed; read it again
│   └── AlreadyTaken       another agent has claimed the case first (who)
├── NotAllowed             this agent may not do that to this case (code)
└── Unavailable            the database is unreachable; nothing was accepted, try again

A database error has a code: SQLite's name of the error, PostgreSQL's SQLSTATE, else the driver's class name.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from bot.i18n import Message


class YingdaError(Exception):
    """Base of all exceptions that Yingda raises on purpose."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A problem in a file that a person writes: where it is, what is wrong, and how to correct it."""

    file: str
    line: int  # from 1; 0 if unknown
    key: str  # dotted path of the setting
    message: Message
    hint: Message

    @classmethod
    def of(cls, file: str | Path, line: int, key: str, code: str, /, **values: object) -> ConfigProblem:
        """The problem with the locale keys `code`.message and `code`.hint; both get the same values."""
        return cls(str(file), line, key, Message(f"{code}.message", values), Message(f"{code}.hint", values))

    def text(self, language: str) -> str:
        """Place, message and hint in 'zh' or 'en', on two lines."""
        return f"{self.where}: {self.message.text(language)}\n    → {self.hint.text(language)}"

    @property
    def where(self) -> str:
        """'file:line: key', without an unknown line."""
        return f"{self.file}:{self.line}: {self.key}" if self.line else f"{self.file}: {self.key}"

    def as_json(self) -> dict[str, str | int]:
        """For --json, in English."""
        place: dict[str, str | int] = {"file": self.file, "line": self.line, "key": self.key}
        return place | {"message": str(self.message), "hint": str(self.hint)}

    def __str__(self) -> str:
        return self.text("en")


class InvalidValue(ValueError):
    """Raised by validators of models; the locale keys are `code`.message and `code`.hint."""

    def __init__(self, code: str, /, **values: object) -> None:
        self.code = code
        self.values = values
        super().__init__(str(Message(f"{code}.message", values)))


class SettingError(YingdaError):
    """Configuration or content that a person must correct before Yingda can start."""

    def __init__(self, *problems: ConfigProblem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class RegressionFailed(YingdaError):
    """Questions of tests.yaml are answered wrongly or cannot be asked; nothing was published."""

    def __init__(self, *problems: ConfigProblem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class Refused(YingdaError):
    """A request to answer with HTTP `status` and to drop. code: a label for the counter, without any content."""

    def __init__(self, status: int, code: str) -> None:
        self.status = status
        self.code = code
        super().__init__(f"{status} {code}")


class DeliveryFailed(YingdaError):
    """A message that was not delivered, and what follows from that."""

    def __init__(
        self,
        code: str,  # the channel's prefix and the platform's code, shown on the desk
        *,
        permanent: bool = False,  # never try again
        retry_after: float | None = None,  # seconds until the next try
        ambiguous: bool = False,  # it may have arrived, so only a person may send it again
        # The platform accepts nothing until the customer writes. The bot's messages wait; an agent's fail.
        awaits_customer: bool = False,
        attempted: bool = True,  # False if it was only postponed, which does not count as an attempt
        halts_account: bool = False,  # the platform refuses the account: nothing is sent until that is corrected
    ) -> None:
        self.code = code
        self.permanent = permanent
        self.retry_after = retry_after
        self.ambiguous = ambiguous
        self.awaits_customer = awaits_customer
        self.attempted = attempted
        self.halts_account = halts_account
        super().__init__(code)


class MemberSystemFailed(YingdaError):
    """The member system did not answer, or its answer is unreadable."""


class EngineFailed(YingdaError):
    """An engine cannot classify any text at the moment."""


class EncoderFailed(EngineFailed):
    """An encoder returned no vectors.

    code: for logs and the doctor; contains no text of a customer and no API key. retry_after: seconds, if the service
    has stated them. permanent: a setting must be corrected first.
    """

    def __init__(self, code: str, *, retry_after: float | None = None, permanent: bool = False) -> None:
        self.code = code
        self.retry_after = retry_after
        self.permanent = permanent
        super().__init__(code)


class Stale(YingdaError):
    """The data that a change was based on has changed meanwhile; nothing was written."""


class AlreadyTaken(Stale):
    """Another agent has claimed the case. winner: their staff id. winner_name: their display name."""

    def __init__(self, winner: str, winner_name: str) -> None:
        self.winner = winner
        self.winner_name = winner_name
        super().__init__(f"already taken by {winner}")


class NotAllowed(YingdaError):
    """This agent may not do that. code: 'not_yours', 'ended', 'delivered', 'elsewhere', 'role' or 'said_lately'."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class Unavailable(YingdaError):
    """The database is unreachable; nothing was written. code: the database error, without any content."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        super().__init__(code)


BUSY = "SQLITE_BUSY"  # another process holds the write lock
_SYSTEM = {
    errno.EACCES: "problem.no_right",
    errno.EPERM: "problem.no_right",
    errno.EROFS: "problem.read_only_file_system",
    errno.ENOSPC: "problem.disk_full",
    errno.EDQUOT: "problem.quota_used_up",
    errno.EFBIG: "problem.file_too_large",
    errno.ENOENT: "problem.no_such_path",
    errno.ENOTDIR: "problem.through_no_folder",
    errno.EISDIR: "problem.is_a_folder",
    errno.EMFILE: "problem.too_many_open_files",
    errno.ENAMETOOLONG: "problem.name_too_long",
}
_DATABASE = {
    "SQLITE_FULL": "storage.disk_full",
    "53100": "storage.disk_full",
    "SQLITE_READONLY": "storage.read_only_file",
    "25006": "storage.read_only_server",
    "SQLITE_CANTOPEN": "storage.cannot_open",
    "SQLITE_IOERR": "storage.disk_failed",
    BUSY: "storage.locked",
    "SQLITE_CORRUPT": "storage.damaged",
    "SQLITE_NOTADB": "storage.not_a_database",
}
_GONE = frozenset({"", "no answer", "OperationalError", "InterfaceError"})  # no server answered: no error code
_PASSING = ("08", "53", "57")  # SQLSTATE classes: connection, insufficient resources, operator intervention
_AWAY = "storage.unreachable"


def problem_of_os_error(error: OSError) -> ConfigProblem:
    """Explain a failed system call."""
    code, reason = _SYSTEM.get(error.errno or 0, "problem.system_other"), error.strerror or type(error).__name__
    return ConfigProblem.of(str(error.filename or "files"), 0, "file", code, reason=reason, uid=os.getuid())


def problem_of_database(error: Unavailable, place: str = "config.yaml") -> ConfigProblem:
    """Explain why the database does not answer or cannot be written."""
    return ConfigProblem.of(place, 0, "database", _database_code(error.code), code=error.code, uid=os.getuid())


def is_temporary(error: Unavailable) -> bool:
    """Whether the database may work again soon without any action."""
    return error.code == BUSY or _database_code(error.code) == _AWAY


def _database_code(code: str) -> str:
    unknown = _AWAY if code in _GONE or code.startswith(_PASSING) else "storage.refused"
    # SQLite's extended names, such as SQLITE_IOERR_WRITE, begin with the primary one.
    return _DATABASE.get(code) or _DATABASE.get("_".join(code.split("_")[:2]), unknown)

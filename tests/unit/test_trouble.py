"""What the system and databases refuse is told with its cause and its mend, in both languages."""

from __future__ import annotations

import errno
import os

import pytest

from bot.errors import Unavailable, is_temporary, problem_of_database, problem_of_os_error


@pytest.mark.parametrize(
    "number",
    [
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EMFILE,
        errno.ENAMETOOLONG,
    ],
)
def test_a_refused_system_call_names_the_file_and_the_correction(number: int) -> None:
    problem = problem_of_os_error(OSError(number, os.strerror(number), "/srv/tea/var"))
    assert str(problem).startswith("/srv/tea/var: file: ")
    assert "{" not in str(problem)
    both = problem.text("zh").split("\n")
    assert all(any("一" <= sign <= "鿿" for sign in line) for line in both), both


@pytest.mark.parametrize(
    "code",
    [
        "SQLITE_FULL",
        "53100",
        "SQLITE_READONLY",
        "25006",
        "SQLITE_CANTOPEN",
        "SQLITE_IOERR",
        "SQLITE_BUSY",
        "SQLITE_CORRUPT",
        "SQLITE_NOTADB",
        "",
        "OperationalError",
        "57P03",
        "42P01",
        "SQLITE_ERROR",
    ],
)
def test_a_database_error_names_the_cause_and_the_correction(code: str) -> None:
    problem = problem_of_database(Unavailable(code))
    assert "{" not in str(problem)
    both = problem.text("zh").split("\n")
    assert all(any("一" <= sign <= "鿿" for sign in line) for line in both), both


def test_a_kind_of_error_is_known_by_the_beginning_of_its_name() -> None:
    assert str(problem_of_database(Unavailable("SQLITE_READONLY_DIRECTORY")).message) == "is read-only"
    assert str(problem_of_database(Unavailable("SQLITE_IOERR_WRITE")).message) == "the disk failed"


def test_an_unknown_error_is_not_called_unreachable() -> None:
    assert str(problem_of_database(Unavailable("42P01")).message) == "refuses it (42P01)"
    assert str(problem_of_os_error(OSError(errno.ELOOP, "Too many levels", "/a")).message) == "Too many levels"


def test_only_passing_errors_are_waited_for() -> None:
    waited = ["", "OperationalError", "57P03", "53300", "08006", "SQLITE_BUSY"]
    assert all(is_temporary(Unavailable(code)) for code in waited)
    assert not any(
        is_temporary(Unavailable(code)) for code in ("SQLITE_FULL", "53100", "SQLITE_CANTOPEN", "42P01", "25006")
    )

"""What the system and databases refuse is told with its cause and its mend, in both languages."""

from __future__ import annotations

import errno
import os

import pytest

from bot.chinese import told
from bot.errors import Unavailable
from bot.trouble import _RECORD, _SYSTEM, of_record, of_system, passes


@pytest.mark.parametrize("number", sorted(_SYSTEM))
def test_what_the_system_refuses_names_the_file_and_the_mend(number: int) -> None:
    mistake = of_system(OSError(number, os.strerror(number), "/srv/tea/var"))
    assert str(mistake).startswith("/srv/tea/var: file: ")
    assert "{" not in str(mistake)
    both = told(mistake, "zh").split("\n")
    assert all(any("一" <= sign <= "鿿" for sign in line) for line in both), both


@pytest.mark.parametrize("code", [*_RECORD, "", "OperationalError", "57P03", "42P01", "SQLITE_ERROR"])
def test_what_a_database_refuses_names_the_cause_and_the_mend(code: str) -> None:
    mistake = of_record(Unavailable(code))
    assert "{" not in str(mistake)
    both = told(mistake, "zh").split("\n")
    assert all(any("一" <= sign <= "鿿" for sign in line) for line in both), both


def test_a_kind_of_error_is_known_by_the_beginning_of_its_name() -> None:
    assert of_record(Unavailable("SQLITE_READONLY_DIRECTORY")).wrong == "can only be read"
    assert of_record(Unavailable("SQLITE_IOERR_WRITE")).wrong == "the disk failed"


def test_what_nobody_knows_is_not_said_to_be_far_away() -> None:
    assert of_record(Unavailable("42P01")).wrong == "refuses it (42P01)"
    assert of_system(OSError(errno.ELOOP, "Too many levels", "/a")).wrong == "Too many levels"


def test_only_what_may_come_back_by_itself_is_waited_for() -> None:
    waited = ["", "OperationalError", "57P03", "53300", "08006", "SQLITE_BUSY"]
    assert all(passes(Unavailable(code)) for code in waited)
    assert not any(passes(Unavailable(code)) for code in ("SQLITE_FULL", "53100", "SQLITE_CANTOPEN", "42P01", "25006"))

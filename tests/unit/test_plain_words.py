"""What commands print is said in words of the field, to be understood and to be searched for."""

from __future__ import annotations

import pytest

from bot.i18n import section

RIDDLES = (
    "nerve",
    "would buy",
    "of that rightly",
    "is away",
    "promise",
    "thrown away",
    "in doubt",
    "prove little",
    "surest",
)


@pytest.mark.parametrize("riddle", RIDDLES)
@pytest.mark.parametrize("spoken", ["cli", "doctor", "evaluation"])
def test_commands_print_no_private_vocabulary(spoken: str, riddle: str) -> None:
    assert {key: text for key, text in section(spoken, "en").items() if riddle in text.lower()} == {}

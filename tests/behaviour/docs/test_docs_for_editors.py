"""What is written for editors can be followed to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.docs_pages import FOR_EDITORS, prints_what_it_shows

pytestmark = pytest.mark.long


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", FOR_EDITORS)
def test_the_commands_of_a_page_print_what_is_shown(
    page: str, tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    prints_what_it_shows(page, tmp_path, shipped_edition)

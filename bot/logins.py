"""A login as it is kept, looked up and counted: however somebody writes it, it is one login."""

from __future__ import annotations

import unicodedata

from bot.folding import visible

LONGEST = 60
_MOST_READ = 200  # signs of what a stranger typed


def plain_login(typed: str) -> str:
    """Without width, case, spaces around it and signs that nobody sees (NFKC, casefold; Unicode TR 31, 5.3)."""
    text = typed[:_MOST_READ]
    for _ in range(3):  # what folding uncovers is folded too
        text = unicodedata.normalize("NFKC", _shown(text).casefold())
    return " ".join(_shown(text).split())[:LONGEST].strip()


def _shown(text: str) -> str:
    return "".join(
        sign for sign in visible(text) if sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cs", "Cn")
    )

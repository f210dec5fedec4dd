"""A login as it is kept, looked up and counted: however somebody writes it, it is one login."""

from __future__ import annotations

import unicodedata

LONGEST = 60
_MOST_READ = 200  # signs of what a stranger typed
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")  # letters and marks that show nothing
_SELECTORS = ((0xFE00, 0xFE0F), (0x180B, 0x180F), (0xE0100, 0xE01EF))


def plain_login(typed: str) -> str:
    """Without width, case, spaces around it and signs that nobody sees (NFKC, casefold; Unicode TR 31, 5.3)."""
    text = typed[:_MOST_READ]
    for _ in range(3):  # what folding uncovers is folded too
        text = unicodedata.normalize("NFKC", "".join(filter(_seen, text)).casefold())
    return " ".join("".join(filter(_seen, text)).split())[:LONGEST].strip()


def _seen(sign: str) -> bool:
    if sign.isspace():
        return True
    selects = any(first <= ord(sign) <= last for first, last in _SELECTORS)
    return not selects and sign not in _INVISIBLE and unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Cn")

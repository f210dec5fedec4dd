"""Being told to stop: the same few words on every channel, in whatever dress, and nothing else.

X's rules want common phrases noticed and obeyed at once (docs.x.com developer-guidelines, "Replies & Mentions").
"""

from __future__ import annotations

import re
import unicodedata

_WORDS = frozenset(
    {"停止", "退订", "停", "别再发了", "不要再发了", "别发了", "停止发送", "取消订阅", "回t退订", "td"}
    | {"stop", "stop it", "please stop", "stop all", "unsubscribe", "opt out", "optout", "stop messaging me"}
)
_HANDLES = re.compile(r"@\w+")
_EDGES = re.compile(r"^[\s\W_]+|[\s\W_]+$")


def wants_silence(text: str) -> bool:
    """Whether somebody says no more than that they want to hear nothing."""
    plain = unicodedata.normalize("NFKC", text[:200]).casefold()
    return _EDGES.sub("", re.sub(r"\s+", " ", _HANDLES.sub(" ", plain))).replace("-", " ") in _WORDS

"""How X counts a post: two for a Chinese character or an emoji, 23 for an address (twitter-text, config v3).

Counted by twitter-text-parser. Its version 3.0 reads its list of emoji by pkg_resources, which setuptools gave up in
version 82; that one function is lent to it while it is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import Any


def weigh(text: str) -> int:
    """The weighted length; a post has at most 280."""
    return int(_parser()(text).weightedLength)


@cache
def _parser() -> Callable[[str], Any]:
    with _resources_lent():
        from twitter_text import parse_tweet
    parser: Callable[[str], Any] = parse_tweet
    return parser


@contextmanager
def _resources_lent() -> Iterator[None]:
    lent = ModuleType("pkg_resources")
    lent.resource_string = _resource  # type: ignore[attr-defined]
    kept = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = lent
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]
        if kept is not None:
            sys.modules["pkg_resources"] = kept


def _resource(module: str, name: str) -> bytes:
    return files(module.rpartition(".")[0]).joinpath(name).read_bytes()

"""What commands print and processes log is said in words of the field, to be understood and to be searched for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from shop import ROOT

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
SAYING = {"print", "info", "warning", "error", "exception", "debug"}


def said(path: Path) -> Iterator[str]:
    """The literal words of each call that prints or logs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SAYING:
            for argument in node.args[:1]:
                parts = [part for part in ast.walk(argument) if isinstance(part, ast.Constant)]
                yield "".join(str(part.value) for part in parts)


def test_commands_and_logs_speak_plainly() -> None:
    seen = 0
    for path in (ROOT / "bot").rglob("*.py"):
        for words in said(path):
            seen += 1
            assert not [riddle for riddle in RIDDLES if riddle in words.lower()], f"{path}: {words}"
    assert seen > 60

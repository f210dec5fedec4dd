"""The shape of the code: sizes, names, comments and docstrings, as numbers that a review can hold against a limit.

    .venv/bin/python bench/shape.py            a table, and exit status 1 if a limit is exceeded
    .venv/bin/python bench/shape.py --list     also every file, function and name that counts against a limit
    .venv/bin/python bench/shape.py --sizes    only the length of files and functions; `make lint` asks for that

Counted is every Python file under bot/ but migrations. An importer is another module under bot/; a module that only
one other imports is probably a part of it.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANNERED = re.compile(
    r"\b(whoever|nobody|somebody|anew|of late|beside|stands|is told)\b", re.IGNORECASE
)  # words that a reader has to decode and cannot search for
SHORT = 4  # lines of a function that might as well be inlined where it is called


@dataclass(slots=True)
class Module:
    """A parsed file. name: dotted, without `.__init__`."""

    path: Path
    name: str
    text: str
    tree: ast.Module
    imported: set[str] = field(default_factory=set)

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())


def modules() -> list[Module]:
    """Everything that is counted, in order of names."""
    found = []
    for path in sorted((ROOT / "bot").rglob("*.py")):
        if "migrations" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found.append(Module(path, name, text, ast.parse(text)))
    names = {one.name for one in found}
    for one in found:
        for node in ast.walk(one.tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                whole = {f"{node.module}.{alias.name}" for alias in node.names} & names
                one.imported |= whole or ({node.module} & names)
            elif isinstance(node, ast.Import):
                one.imported |= {alias.name for alias in node.names} & names
    return found


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without decorators."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def one_importer(found: list[Module]) -> list[str]:
    importers: Counter[str] = Counter(name for one in found for name in one.imported)
    return [one.name for one in found if importers[one.name] == 1 and one.path.name != "__init__.py"]


def called_once(found: list[Module]) -> list[str]:
    """Short private functions of one module that one place refers to."""
    lost = []
    for one in found:
        used = Counter(node.id for node in ast.walk(one.tree) if isinstance(node, ast.Name))
        used += Counter(node.attr for node in ast.walk(one.tree) if isinstance(node, ast.Attribute))
        for node in functions(one):
            plain = not node.decorator_list and node.name.startswith("_") and not node.name.startswith("__")
            if plain and length(node) < SHORT and used[node.name] == 1:
                lost.append(f"{one.name}.{node.name}")
    return lost


def repeated_classes(found: list[Module]) -> list[str]:
    where: dict[str, list[str]] = defaultdict(list)
    for one in found:
        if "simulators" in one.path.parts:
            continue
        for node in one.tree.body:
            if isinstance(node, ast.ClassDef):
                where[node.name].append(one.name)
    return [f"{name}: {', '.join(places)}" for name, places in where.items() if len(places) > 1]


def comments(module: Module) -> int:
    """Lines with a comment, but for those that speak to a tool."""
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    found = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    return sum(not re.match(r"#\s*(noqa|type:|fmt:|pragma)", text) for text in found.values())


def docstrings(found: list[Module]) -> list[tuple[str, str]]:
    told = []
    for one in found:
        for node in ast.walk(one.tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    told.append((f"{one.name}.{getattr(node, 'name', '')}".rstrip("."), text))
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name what counts against a limit")
    parser.add_argument("--sizes", action="store_true", help="only the length of files and functions")
    asked = parser.parse_args()
    found = modules()
    lines = sum(one.lines for one in found)
    top = [one.name for one in found if one.path.parent == ROOT / "bot"]
    alone, short, repeated = one_importer(found), called_once(found), repeated_classes(found)
    told = docstrings(found)
    mannered = [f"{name}: {text.splitlines()[0]}" for name, text in told if MANNERED.search(text)]
    long_files = [f"{one.name}: {one.lines}" for one in found if one.lines > 400]
    long_functions = [
        f"{one.name}.{node.name}: {length(node)}" for one in found for node in functions(one) if length(node) > 50
    ]
    noted = 1000 * sum(map(comments, found)) / lines
    rows: list[tuple[str, float, str, float, list[str]]] = [
        ("files", len(found), "at most", 250, []),
        ("top-level modules", len(top), "at most", 18, top),
        ("modules with one importer, %", 100 * len(alone) / len(found), "at most", 20, alone),
        (f"functions called once, under {SHORT} lines", len(short), "at most", 60, short),
        ("class names used twice", len(repeated), "at most", 0, repeated),
        ("comment lines per 1,000 lines", noted, "at least", 20, []),
        ("docstrings in mannered words, %", 100 * len(mannered) / len(told), "at most", 2, mannered),
        ("files over 400 lines", len(long_files), "at most", 0, long_files),
        ("functions over 50 lines", len(long_functions), "at most", 0, long_functions),
        ("lines", lines, "at most", 34_000, []),
    ]
    exceeded = 0
    for name, value, side, limit, names in rows:
        if asked.sizes and name not in ("files over 400 lines", "functions over 50 lines"):
            continue
        good = value <= limit if side == "at most" else value >= limit
        exceeded += not good
        print(f"{'✓' if good else '✗'} {name:42} {value:10,.1f}   {side} {limit:,}")
        if (asked.list or asked.sizes) and not good:
            print("".join(f"      {one}\n" for one in names), end="")
    return int(exceeded > 0)


if __name__ == "__main__":
    sys.exit(main())

"""YAML files that people write, read so that a mistake can be shown where it stands."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from bot.errors import Mistake, SettingError

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Page:
    """A YAML file's content and the line (from 1) on which each key path stands, e.g. ('accounts', 0, 'token')."""

    path: Path
    content: Any
    lines: dict[tuple[str | int, ...], int]

    def line(self, *keys: str | int) -> int:
        """The line of the deepest part of `keys` that exists; 0 if nothing does."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 0)

    def mistake(self, keys: tuple[str | int, ...], wrong: str, mend: str) -> Mistake:
        return Mistake(str(self.path), self.line(*keys), ".".join(map(str, keys)), wrong, mend)


class _Plain(yaml.SafeLoader):
    """Leaves dates as they are written: a wrong one is then a mistake with a line, not a failure of the parser."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_page(path: Path) -> Page:
    """Parse one YAML file. Raises SettingError with file and line for anything that is not YAML, or a repeated key."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.load(text, Loader=_Plain)  # noqa: S506  # a SafeLoader that knows even less
        page = Page(path, content, {})
        _note_lines(node, (), page)
    except FileNotFoundError as missing:
        raise SettingError(Mistake(str(path), 0, path.name, "is not there", "create it, or name another")) from missing
    except UnicodeDecodeError as strange:
        raise SettingError(Mistake(str(path), 0, path.name, "is not UTF-8", "save it as UTF-8")) from strange
    except yaml.YAMLError as broken:
        raise SettingError(_syntax(path, broken)) from broken
    except (ValueError, RecursionError) as odd:  # a tag unlike its text, an alias of itself, a bottomless list
        plain = Mistake(str(path), 0, "YAML", "cannot be read", "write plain keys, lists and texts")
        raise SettingError(plain) from odd
    return page


def _syntax(path: Path, broken: yaml.YAMLError) -> Mistake:
    mark = getattr(broken, "problem_mark", None)
    problem = getattr(broken, "problem", None) or "is not YAML"
    return Mistake(
        str(path), mark.line + 1 if mark else 0, "YAML", problem, "check indentation, colons and quotes here"
    )


def _note_lines(node: yaml.Node | None, keys: tuple[str | int, ...], page: Page) -> None:
    if node is None:
        return
    page.lines.setdefault(keys, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = (*keys, key.value)
            if path in page.lines:
                page.lines[path] = key.start_mark.line + 1
                raise SettingError(page.mistake(path, "stands here a second time", "keep one of the two"))
            page.lines[path] = key.start_mark.line + 1
            _note_lines(value, path, page)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*keys, index), page)


def fill_in(page: Page, content: Any, keys: tuple[str | int, ...] = ()) -> Any:
    """`content` with every ${NAME} or ${NAME:-default} replaced from the environment. Raises SettingError."""
    if isinstance(content, dict):
        return {key: fill_in(page, value, (*keys, key)) for key, value in content.items()}
    if isinstance(content, list):
        return [fill_in(page, value, (*keys, index)) for index, value in enumerate(content)]
    return _VARIABLE.sub(lambda found: _variable(page, keys, found), content) if isinstance(content, str) else content


def _variable(page: Page, keys: tuple[str | int, ...], found: re.Match[str]) -> str:
    name, default = found.group(1), found.group(2)
    value = os.environ.get(name, default)
    if value is None:
        raise SettingError(page.mistake(keys, f"environment variable {name} is not set", f"export {name}=..."))
    return value


def mistakes_of(page: Page, problem: ValidationError, prefix: tuple[str | int, ...] = ()) -> list[Mistake]:
    """Pydantic's findings as mistakes a person can mend."""
    return [
        page.mistake((*prefix, *error["loc"]), _wrong(error["msg"]), _mend(error["type"], error.get("ctx", {})))
        for error in problem.errors()
    ]


def _wrong(words: str) -> str:
    """Our own validators' sentences stand for themselves."""
    return words.removeprefix("Value error, ")


def _mend(kind: str, context: dict[str, Any]) -> str:
    if kind == "missing":
        return "add this key"
    if kind == "extra_forbidden":
        return "there is no such key: remove it, or check its spelling"
    expected = context.get("expected")
    return f"write {expected}" if expected else "write a value of the right kind"


def validated(page: Page, model: type[BaseModel], content: Any) -> Any:
    """`content` as a `model`. Raises SettingError listing every mistake with its line."""
    try:
        return model.model_validate(content)
    except ValidationError as problem:
        raise SettingError(*mistakes_of(page, problem)) from problem

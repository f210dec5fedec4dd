"""Reads YAML files that people write, so that every problem is reported with its line and a hint."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ValidationError

from bot.errors import ConfigProblem, InvalidValue, SettingError
from bot.i18n import Message, catalogue, message
from bot.yaml_files.diagnostics import Misreading, explained, misreadings

_SIMILARITY = 0.75  # from which an unknown key is taken for a misspelt one
# Parts of pydantic's error types.
_BOUNDS = frozenset({"less_than", "less_than_equal", "greater_than", "greater_than_equal"})
_KINDS = frozenset({"int", "float", "bool", "date", "list", "string"})
_OF_ANOTHER_KIND = ("_type", "_parsing", "_from_float", "_inexact")
# Invisible characters that come along when a value is copied from a web page or document.
_UNSEEN_ONES = "\ufeff\u200b\u200c\u200d\u2060\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u00ad"
_UNSEEN = f"{_UNSEEN_ONES} \t\r\n\u00a0\u3000"
_QUOTES = frozenset("\"'`“”‘’＂")
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A parsed YAML file with the line of every value."""

    path: Path
    content: Any
    lines: dict[tuple[str | int, ...], int]  # from 1, by key path such as ('accounts', 0, 'token')
    text: str = ""
    as_texts: bool = False  # all values were read as strings

    def line(self, *keys: str | int) -> int:
        """The line of the longest existing prefix of `keys`; 0 if there is none."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 0)

    def problem(self, keys: tuple[str | int, ...], code: str, /, **values: object) -> ConfigProblem:
        """The problem of the value at `keys`; the locale keys are `code`.message and `code`.hint."""
        return ConfigProblem.of(self.path, self.line(*keys), _dotted(keys), code, **values)

    def misreadings(self) -> list[ConfigProblem]:
        """Valid YAML that probably means something other than intended."""
        return [self._problem_of(one) for one in _misreadings(self.text, as_texts=self.as_texts)]

    def cause(self, keys: tuple[str | int, ...]) -> ConfigProblem | None:
        """The misreading that explains problems of the value at `keys`, if there is one."""
        return next(
            (
                self._problem_of(one)
                for one in _misreadings(self.text, as_texts=self.as_texts)
                if one.explains and one.keys == keys
            ),
            None,
        )

    def _problem_of(self, one: Misreading) -> ConfigProblem:
        return ConfigProblem.of(self.path, one.line, _dotted(one.keys), one.what.key, **one.what.values)


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A value in a file: the file and the key path."""

    page: SourceFile
    keys: tuple[str | int, ...] = ()

    def problem(self, keys: tuple[str | int, ...], code: str, /, **values: object) -> ConfigProblem:
        """The problem of the value at `keys` below this one."""
        return self.page.problem((*self.keys, *keys), code, **values)

    @classmethod
    def nowhere(cls) -> SourceLocation:
        """A placeholder for checks whose problems are only counted."""
        return cls(SourceFile(Path(), None, {}))

    def line(self, *keys: str | int) -> int:
        return self.page.line(*self.keys, *keys)

    def at(self, *keys: str | int) -> str:
        """file:line"""
        return f"{self.page.path}:{self.line(*keys)}"


_PLAINLY = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Plain(yaml.SafeLoader):
    """Reads dates as strings, so that an invalid one is a problem with a line and not a parser error."""

    yaml_implicit_resolvers = _PLAINLY


_TEXTS = {
    first: kept
    for first, resolvers in _PLAINLY.items()
    if (kept := [one for one in resolvers if one[0] in {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}])
}


class _Quick(getattr(yaml, "CSafeLoader", _Plain)):  # type: ignore[misc]
    """The same with libyaml, eight times as fast: PyYAML needs a minute for 10,000 entries."""

    yaml_implicit_resolvers = _PLAINLY


class _PlainTexts(_Plain):
    """Reads every value as the string that is written: yes, 9:00, 1e3 and 012 are not converted."""

    yaml_implicit_resolvers = _TEXTS


class _QuickTexts(_Quick):
    yaml_implicit_resolvers = _TEXTS


def read_page(path: Path, *, as_texts: bool = False) -> SourceFile:
    """Parse one YAML file. Raises SettingError with file and line for invalid YAML and for a repeated key.

    as_texts: read all values as strings, also numbers and words such as yes.
    """
    try:
        written = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        text = written.decode()
        page = SourceFile(path, None, {}, text, as_texts)
        content = _parsed(text, page, (_QuickTexts, _PlainTexts) if as_texts else (_Quick, _Plain))
    except FileNotFoundError as missing:
        raise SettingError(ConfigProblem.of(path, 0, path.name, "problem.missing_file")) from missing
    except UnicodeDecodeError as strange:
        line = written[: strange.start].count(b"\n") + 1
        raise SettingError(ConfigProblem.of(path, line, path.name, "problem.not_utf8")) from strange
    except yaml.YAMLError as broken:
        found = explained(text, broken)
        problem = ConfigProblem.of(path, found.line, "YAML", found.what.key, **found.what.values)
        raise SettingError(problem) from broken
    except (ValueError, RecursionError) as odd:  # a tag that does not fit, a recursive alias, too deep nesting
        raise SettingError(ConfigProblem.of(path, 0, "YAML", "yaml.unreadable")) from odd
    return replace(page, content=content)


def _parsed(text: str, page: SourceFile, loaders: tuple[type[Any], type[Any]]) -> Any:
    """Parse `text` and note lines in `page`. If libyaml fails, PyYAML parses again: its errors are more precise."""
    quick, plain = loaders
    try:
        return _parsed_by(quick(text), page)
    except yaml.YAMLError:
        page.lines.clear()
        return _parsed_by(plain(text), page)


def _parsed_by(loader: Any, page: SourceFile) -> Any:
    """Lines are noted before construction, which copies merged keys (`<<`) into the mapping."""
    try:
        node = loader.get_single_node()
        _note_lines(node, (), page)
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


@lru_cache(maxsize=8)
def _misreadings(text: str, *, as_texts: bool) -> tuple[Misreading, ...]:
    loader = _QuickTexts(text) if as_texts else _Quick(text)
    try:
        return tuple(misreadings(loader.get_single_node(), text))
    except (yaml.YAMLError, ValueError, RecursionError):  # reported by `read_page`
        return ()
    finally:
        loader.dispose()


def _note_lines(node: yaml.Node | None, keys: tuple[str | int, ...], page: SourceFile) -> None:
    if node is None:
        return
    page.lines.setdefault(keys, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = (*keys, key.value if isinstance(key, yaml.ScalarNode) else "")
            if path in page.lines:
                page.lines[path] = key.start_mark.line + 1
                raise SettingError(page.problem(path, "yaml.duplicate_key"))
            page.lines[path] = key.start_mark.line + 1
            _note_lines(value, path, page)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*keys, index), page)


def misreadings_in(paths: Iterable[Path]) -> list[ConfigProblem]:
    """The misreadings in YAML files. Files that cannot be parsed are skipped: `read_page` reports them."""
    found: list[ConfigProblem] = []
    for path in paths:
        with suppress(SettingError):
            found += read_page(path).misreadings()
    return found


def substitute_variables(page: SourceFile, content: Any, keys: tuple[str | int, ...] = ()) -> Any:
    """`content` with every ${NAME} or ${NAME:-default} replaced from the environment. Raises SettingError."""
    if isinstance(content, dict):
        return {key: substitute_variables(page, value, (*keys, key)) for key, value in content.items()}
    if isinstance(content, list):
        return [substitute_variables(page, value, (*keys, index)) for index, value in enumerate(content)]
    return _VARIABLE.sub(lambda found: _variable(page, keys, found), content) if isinstance(content, str) else content


def variable_at(page: SourceFile, keys: tuple[str | int, ...]) -> str:
    """The environment variable that a value refers to; '' if it refers to none."""
    value = page.content
    for key in keys:
        value = value[key]
    found = _VARIABLE.search(value) if isinstance(value, str) else None
    return found.group(1) if found else ""


def _variable(page: SourceFile, keys: tuple[str | int, ...], found: re.Match[str]) -> str:
    name, default = found.group(1), found.group(2)
    value = os.environ.get(name)
    blemish = _misnamed(name) if value is None else _blemish(value)
    if blemish:
        raise SettingError(page.problem(keys, blemish, name=name))
    if value is None and default is None:
        raise SettingError(page.problem(keys, "config.variable.not_set", name=name))
    return default if value is None else value


def _misnamed(name: str) -> str:
    """A code if a variable's name differs from `name` only in invisible characters or an `export`; else ''."""
    alike = (one for one in os.environ if name in one and one.removeprefix("export ").strip(_UNSEEN) == name)
    return "config.variable.misnamed" if any(alike) else ""


def _blemish(value: str) -> str:
    """A code if a value has traces of copying or of a badly read .env file; else ''. Never reveals the value."""
    if "\r" in value:
        return "config.variable.carriage_return"
    if any(sign in _UNSEEN_ONES or "\ud800" <= sign <= "\udfff" for sign in value):
        return "config.variable.invisible"
    if value != value.strip():
        return "config.variable.padded"
    if not value.replace(" ", "a").isprintable():
        return "config.variable.several_lines"
    if value[:1] in _QUOTES or value[-1:] in _QUOTES:
        return "config.variable.quoted"
    return ""


def pattern(pattern: str, code: str) -> AfterValidator:
    """A pydantic validator: the whole text must match `pattern`. code: of the problem otherwise."""
    shape = re.compile(pattern)

    def check(text: str) -> str:
        if not shape.fullmatch(text):
            raise InvalidValue(code)
        return text

    return AfterValidator(check)


def problems_of(
    page: SourceFile, problem: ValidationError, prefix: tuple[str | int, ...] = (), model: type[BaseModel] | None = None
) -> list[ConfigProblem]:
    """Convert pydantic's errors. prefix: key path of the model in the file. model: its keys are suggested for
    misspelt ones."""
    return [_problem(page, error, prefix, model) for error in problem.errors()]


def _problem(
    page: SourceFile, error: Any, prefix: tuple[str | int, ...], model: type[BaseModel] | None
) -> ConfigProblem:
    """InvalidValue has its own code; pydantic's error types have texts under `pydantic` in the locale."""
    keys = (*prefix, *error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if cause := page.cause(keys):
        return cause
    if isinstance(own := context.get("error"), InvalidValue):
        return page.problem(keys, own.code, **own.values)
    known = f"pydantic.{kind}" in catalogue("en")
    wrong = Message(f"pydantic.{kind}", context) if known else message("pydantic.other", text=error["msg"])
    near = []
    if kind == "extra_forbidden" and model is not None:
        near = get_close_matches(str(error["loc"][-1]), sorted(_keys(model)), 1, _SIMILARITY)
    meant = message("pydantic.hint.meant", name=near[0]) if near else None
    return ConfigProblem(str(page.path), page.line(*keys), _dotted(keys), wrong, meant or _hint(kind, context))


@cache
def _keys(model: type[BaseModel]) -> frozenset[str]:
    """All keys of a model and its nested models."""
    return frozenset(_own_keys(model))


def _own_keys(kind: Any) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield name
            yield from _own_keys(field.annotation)
    for part in get_args(kind):
        yield from _own_keys(part)


def _hint(kind: str, context: dict[str, Any]) -> Message:
    wanted = kind.partition("_")[0].replace("tuple", "list") if kind.endswith(_OF_ANOTHER_KIND) else ""
    if kind in {"missing", "extra_forbidden", *_BOUNDS}:
        return Message(f"pydantic.hint.{kind}", context)
    if "expected" in context:
        return message("pydantic.hint.expected", expected=context["expected"])
    return Message(f"pydantic.hint.{wanted if wanted in _KINDS else 'other'}")


def _dotted(keys: tuple[str | int, ...]) -> str:
    return ".".join(map(str, keys))


def validated(page: SourceFile, model: type[BaseModel], content: Any) -> Any:
    """Validate `content` as a `model`. Raises SettingError with every problem and its line."""
    try:
        return model.model_validate(content)
    except ValidationError as problem:
        raise SettingError(*problems_of(page, problem, model=model)) from problem

"""YAML files that people write, read so that a mistake can be shown where it stands."""

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

from bot.errors import Mistake, SettingError
from bot.yaml_errors import explained
from bot.yaml_surprises import Surprise, surprises

_ALIKE = 0.75
_RIGHT_KIND = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "date": "a day like 2026-12-31",
    "list": "a list, [one, another]",
    "tuple": "a list, [one, another]",
    "string": "text; put quotes around a number or a yes/no",
}
_WITHIN = {
    "less_than": ("lt", "a number below {}"),
    "less_than_equal": ("le", "a number up to {}"),
    "greater_than": ("gt", "a number above {}"),
    "greater_than_equal": ("ge", "a number from {} on"),
}
_OF_ANOTHER_KIND = ("_type", "_parsing", "_from_float", "_inexact")
_UNSEEN_ONES = (
    "\ufeff\u200b\u200c\u200d\u2060\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u00ad"  # come along with copies
)
_UNSEEN = f"{_UNSEEN_ONES} \t\r\n\u00a0\u3000"
_QUOTES = frozenset("\"'`“”‘’＂")
_SAVE_PLAINLY = "type it anew, or save .env as UTF-8 without a byte order mark, and load it again"
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Page:
    """A YAML file's content and the line (from 1) on which each key path stands, e.g. ('accounts', 0, 'token')."""

    path: Path
    content: Any
    lines: dict[tuple[str | int, ...], int]
    text: str = ""
    as_texts: bool = False

    def line(self, *keys: str | int) -> int:
        """The line of the deepest part of `keys` that exists; 0 if nothing does."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 0)

    def mistake(self, keys: tuple[str | int, ...], wrong: str, mend: str) -> Mistake:
        return Mistake(str(self.path), self.line(*keys), ".".join(map(str, keys)), wrong, mend)

    def surprises(self) -> list[Mistake]:
        """What is valid here and means something else than it looks like."""
        return [self._surprise(one) for one in _surprises(self.text, as_texts=self.as_texts)]

    def cause(self, keys: tuple[str | int, ...]) -> Mistake | None:
        """The sign that made something else of the value at `keys`, if there is one to blame."""
        return next(
            (
                self._surprise(one)
                for one in _surprises(self.text, as_texts=self.as_texts)
                if one.explains and one.keys == keys
            ),
            None,
        )

    def _surprise(self, one: Surprise) -> Mistake:
        return Mistake(str(self.path), one.line, ".".join(map(str, one.keys)), one.wrong, one.mend)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written."""

    page: Page
    keys: tuple[str | int, ...] = ()

    def mistake(self, keys: tuple[str | int, ...], wrong: str, mend: str) -> Mistake:
        return self.page.mistake((*self.keys, *keys), wrong, mend)

    @classmethod
    def nowhere(cls) -> Place:
        """For those who only want to know whether anything is wrong."""
        return cls(Page(Path(), None, {}))

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
    """Leaves dates as they are written: a wrong one is then a mistake with a line, not a failure of the parser."""

    yaml_implicit_resolvers = _PLAINLY


_TEXTS = {
    first: kept
    for first, resolvers in _PLAINLY.items()
    if (kept := [one for one in resolvers if one[0] in {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}])
}


class _Quick(getattr(yaml, "CSafeLoader", _Plain)):  # type: ignore[misc]
    """The same by libyaml, in an eighth of the time: a base of 10,000 entries is a minute's work for the other."""

    yaml_implicit_resolvers = _PLAINLY


class _PlainTexts(_Plain):
    """Leaves every value as the text that is written: yes, 9:00, 1e3 and 012 are what they look like."""

    yaml_implicit_resolvers = _TEXTS


class _QuickTexts(_Quick):
    yaml_implicit_resolvers = _TEXTS


def read_page(path: Path, *, as_texts: bool = False) -> Page:
    """Parse one YAML file. Raises SettingError with file and line for anything that is not YAML, or a repeated key.

    as_texts: take numbers and words such as yes for the texts that are written, as later versions of YAML mostly do.
    """
    try:
        written = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        text = written.decode()
        page = Page(path, None, {}, text, as_texts)
        content = _parsed(text, page, (_QuickTexts, _PlainTexts) if as_texts else (_Quick, _Plain))
    except FileNotFoundError as missing:
        raise SettingError(Mistake(str(path), 0, path.name, "is not there", "create it, or name another")) from missing
    except UnicodeDecodeError as strange:
        line = written[: strange.start].count(b"\n") + 1
        raise SettingError(Mistake(str(path), line, path.name, "is not UTF-8", "save it as UTF-8")) from strange
    except yaml.YAMLError as broken:
        found = explained(text, broken)
        raise SettingError(Mistake(str(path), found.line, "YAML", found.wrong, found.mend)) from broken
    except (ValueError, RecursionError) as odd:  # a tag unlike its text, an alias of itself, a bottomless list
        plain = Mistake(str(path), 0, "YAML", "cannot be read", "write plain keys, lists and texts")
        raise SettingError(plain) from odd
    return replace(page, content=content)


def _parsed(text: str, page: Page, loaders: tuple[type[Any], type[Any]]) -> Any:
    """The text's content; its lines are noted in `page`. What libyaml refuses, PyYAML's own parser explains better."""
    quick, plain = loaders
    try:
        return _parsed_by(quick(text), page)
    except yaml.YAMLError:
        page.lines.clear()
        return _parsed_by(plain(text), page)


def _parsed_by(loader: Any, page: Page) -> Any:
    """Lines are noted before the content is made: that copies the keys which `<<` takes over among a mapping's own."""
    try:
        node = loader.get_single_node()
        _note_lines(node, (), page)
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


@lru_cache(maxsize=8)
def _surprises(text: str, *, as_texts: bool) -> tuple[Surprise, ...]:
    loader = _QuickTexts(text) if as_texts else _Quick(text)
    try:
        return tuple(surprises(loader.get_single_node(), text))
    except (yaml.YAMLError, ValueError, RecursionError):  # told as what it is by whoever reads the file
        return ()
    finally:
        loader.dispose()


def _note_lines(node: yaml.Node | None, keys: tuple[str | int, ...], page: Page) -> None:
    if node is None:
        return
    page.lines.setdefault(keys, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = (*keys, key.value if isinstance(key, yaml.ScalarNode) else "")
            if path in page.lines:
                page.lines[path] = key.start_mark.line + 1
                raise SettingError(page.mistake(path, "stands here a second time", "keep one of the two"))
            page.lines[path] = key.start_mark.line + 1
            _note_lines(value, path, page)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*keys, index), page)


def surprises_in(paths: Iterable[Path]) -> list[Mistake]:
    """What means something else than it looks like in YAML files; one that cannot be read is told by its reader."""
    found: list[Mistake] = []
    for path in paths:
        with suppress(SettingError):
            found += read_page(path).surprises()
    return found


def fill_in(page: Page, content: Any, keys: tuple[str | int, ...] = ()) -> Any:
    """`content` with every ${NAME} or ${NAME:-default} replaced from the environment. Raises SettingError."""
    if isinstance(content, dict):
        return {key: fill_in(page, value, (*keys, key)) for key, value in content.items()}
    if isinstance(content, list):
        return [fill_in(page, value, (*keys, index)) for index, value in enumerate(content)]
    return _VARIABLE.sub(lambda found: _variable(page, keys, found), content) if isinstance(content, str) else content


def variable_at(page: Page, keys: tuple[str | int, ...]) -> str:
    """The environment variable that a value is taken from; '' if it is written in the file itself."""
    value = page.content
    for key in keys:
        value = value[key]
    found = _VARIABLE.search(value) if isinstance(value, str) else None
    return found.group(1) if found else ""


def _variable(page: Page, keys: tuple[str | int, ...], found: re.Match[str]) -> str:
    name, default = found.group(1), found.group(2)
    value = os.environ.get(name)
    blemish = _misnamed(name) if value is None else _blemish(value)
    if blemish:
        told = f"environment variable {name} {blemish[0]}", blemish[1]
        raise SettingError(page.mistake(keys, *told))
    if value is None and default is None:
        raise SettingError(page.mistake(keys, f"environment variable {name} is not set", f"export {name}=..."))
    return default if value is None else value


def _misnamed(name: str) -> tuple[str, str] | None:
    """A variable whose name is this one but for signs that nobody sees: a byte order mark, spaces."""
    alike = (one for one in os.environ if name in one and one.removeprefix("export ").strip(_UNSEEN) == name)
    return ("is there under a name with unseen signs around it", _SAVE_PLAINLY) if any(alike) else None


def _blemish(value: str) -> tuple[str, str] | None:
    """What a copied or badly loaded value has that nobody meant, and how to mend it. Never says the value itself."""
    if "\r" in value:
        return "holds a carriage return, as files saved on Windows do", "save .env with LF line ends and load it again"
    if any(sign in _UNSEEN_ONES or "\ud800" <= sign <= "\udfff" for sign in value):
        return "holds a sign that nobody sees, or that is not UTF-8", _SAVE_PLAINLY
    if value != value.strip():
        return "begins or ends with a space or line break", "remove what is around it, and load it again"
    if not value.replace(" ", "a").isprintable():
        return "holds a tab, a line break or an odd space", "write it on one line, without them"
    if value[:1] in _QUOTES or value[-1:] in _QUOTES:
        return "has a quote at its beginning or end", "remove the quotes: docker --env-file and others keep them"
    return None


def like(pattern: str, wrong: str, mend: str) -> AfterValidator:
    """What a text is checked with that has to be like `pattern` from its first sign to its last."""
    shape = re.compile(pattern)

    def check(text: str) -> str:
        if not shape.fullmatch(text):
            raise ValueError(f"{wrong}; {mend}")
        return text

    return AfterValidator(check)


def mistakes_of(
    page: Page, problem: ValidationError, prefix: tuple[str | int, ...] = (), model: type[BaseModel] | None = None
) -> list[Mistake]:
    """Pydantic's findings as mistakes a person can mend. model: whose keys a misspelt one may have meant."""
    return [_mistake(page, error, prefix, model) for error in problem.errors()]


def _mistake(page: Page, error: Any, prefix: tuple[str | int, ...], model: type[BaseModel] | None) -> Mistake:
    """Our own validators' sentences stand for themselves: what is wrong; how to mend it."""
    if cause := page.cause((*prefix, *error["loc"])):
        return cause
    wrong, _, mend = error["msg"].removeprefix("Value error, ").partition("; ")
    if error["type"] == "extra_forbidden" and model is not None:
        mend = _meant(str(error["loc"][-1]), model)
    return page.mistake((*prefix, *error["loc"]), wrong, mend or _mend(error["type"], error.get("ctx", {})))


def _meant(key: str, model: type[BaseModel]) -> str:
    near = get_close_matches(key, sorted(_keys(model)), 1, _ALIKE)
    return f"write {near[0]}, if that was meant; else remove it" if near else ""


@cache
def _keys(model: type[BaseModel]) -> frozenset[str]:
    """All keys that a file of this model knows, at whatever depth."""
    return frozenset(_own_keys(model))


def _own_keys(kind: Any) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield name
            yield from _own_keys(field.annotation)
    for part in get_args(kind):
        yield from _own_keys(part)


def _mend(kind: str, context: dict[str, Any]) -> str:
    if kind == "missing":
        return "add this key"
    if kind == "extra_forbidden":
        return "there is no such key: remove it, or check its spelling"
    if kind in _WITHIN:
        bound, words = _WITHIN[kind]
        return f"write {words.format(context[bound])}"
    wanted = _RIGHT_KIND.get(kind.partition("_")[0], "") if kind.endswith(_OF_ANOTHER_KIND) else ""
    expected = context.get("expected") or wanted
    return f"write {expected}" if expected else "write a value of the right kind"


def validated(page: Page, model: type[BaseModel], content: Any) -> Any:
    """`content` as a `model`. Raises SettingError listing every mistake with its line."""
    try:
        return model.model_validate(content)
    except ValidationError as problem:
        raise SettingError(*mistakes_of(page, problem, model=model)) from problem

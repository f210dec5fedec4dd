"""The product's own modules, imported: what they define, without reading their source."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterator
from enum import Enum
from types import ModuleType
from typing import Any


def modules(package: str = "bot", leave_out: Collection[str] = ()) -> Iterator[ModuleType]:
    """`package` and every module below it. leave_out: full names of what is neither imported nor entered."""
    module = importlib.import_module(package)
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
        name = f"{package}.{found.name}"
        if name not in leave_out:
            yield from modules(name, leave_out)


def functions_of(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public functions that `module` itself defines, also behind decorators, by their names; no coroutines."""
    for name, one in vars(module).items():
        function = inspect.unwrap(one) if callable(one) else None
        if not inspect.isfunction(function) or inspect.iscoroutinefunction(function) or name.startswith("_"):
            continue
        if (function.__module__, function.__qualname__) == (module.__name__, name):
            yield name, one


def names_of(module: ModuleType) -> set[str]:
    """What `module` defines at its top, what its classes have, and the values of its enums."""
    classes = [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__]
    values = {str(value.value) for one in classes if issubclass(one, Enum) for value in one}
    return values.union(vars(module), *(dir(one) for one in classes))

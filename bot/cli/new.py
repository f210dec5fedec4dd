"""`yingda new`: create the folder of a new deployment.

It gets the shipped config.yaml, and from the demo brand's knowledge base the phrases and the entries that every brand
needs (skills, greetings, anger). Where their words are the demo brand's own, those of fresh.yaml take their place.
Editors write the answers of their brand.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from bot.cli.common import out, reporting_errors, say
from bot.config import DEMO_BRAND
from bot.errors import ConfigProblem, SettingError
from bot.i18n import translate

# in a checkout the shipped files are at its root; a wheel installs them below share
CHECKOUT, INSTALLED = Path(__file__).parents[2], Path(sys.prefix) / "share" / "yingda"
SHIPPED = CHECKOUT if (CHECKOUT / "knowledge_base").is_dir() else INSTALLED
FRESH = Path(__file__).with_name("fresh.yaml")
GENERAL_KEYS = frozenset({"skill", "signal", "small_talk"})  # an entry with one of them says nothing about a brand
ENTRY_START = re.compile(r"^(?=  - id: )", re.MULTILINE)
COMMENT = re.compile(r"^#.*\n", re.MULTILINE)
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")  # ${NAME} in config.yaml
Folder = Annotated[Path, typer.Argument(help="A folder that is not there yet, or empty. 新建或空的目录")]
Brand = Annotated[str, typer.Option(help="What the bot calls your brand. 品牌名")]


def command(folder: Folder, brand: Brand = "My Brand") -> None:
    """Make a fresh deployment: config.yaml, a small knowledge base, secrets. 新建一套部署"""
    with reporting_errors():
        config = fresh_config(brand)
        base = list(fresh_base(brand))
        _create_empty(folder)
        for name, text in (("config.yaml", config), (".env", env_of(config)), (".gitignore", ".env\nvar/\n")):
            _write(folder / name, text, private=name == ".env")
        for name, text in base:
            _write(folder / "knowledge_base" / name, text)
    say("cli.new.done", folder=folder)
    # absolute, since the printed commands change the folder
    program = "yingda" if shutil.which("yingda") else Path(sys.argv[0]).absolute()
    out.print(f"\n  cd {folder}\n  set -a; . ./.env; set +a\n  {program} run\n", markup=False)


def _create_empty(folder: Path) -> None:
    """Raises SettingError if the folder has content or cannot be created."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingError(ConfigProblem.of(folder, 0, "new", "problem.folder_not_empty"))
    try:
        (folder / "knowledge_base").mkdir(parents=True)
    except OSError as refused:
        problem = ConfigProblem.of(folder, 0, "new", "problem.folder_not_made", reason=refused.strerror)
        raise SettingError(problem) from refused


def _write(path: Path, text: str, *, private: bool = False) -> None:
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    with os.fdopen(made, "w", encoding="utf-8") as file:
        file.write(text)


def _with_brand(text: str, brand: str) -> str:
    """A shipped YAML file with `brand` in place of the demo brand.

    Raises SettingError for a name that changes how YAML reads the text, like one with a colon.
    """
    named = _replaced(text, brand)
    try:
        understood = yaml.safe_load(named) == _replaced_in(yaml.safe_load(text), brand)
    except yaml.YAMLError:
        understood = False
    if not understood or not brand.strip() or not brand.isprintable():
        raise SettingError(ConfigProblem.of("--brand", 0, "brand", "problem.brand_not_plain"))
    return named


def _replaced(text: str, brand: str) -> str:
    for name in DEMO_BRAND:
        text = text.replace(name, brand)
    return text


def _replaced_in(content: Any, brand: str) -> Any:
    if isinstance(content, dict):
        return {_replaced_in(key, brand): _replaced_in(value, brand) for key, value in content.items()}
    if isinstance(content, list):
        return [_replaced_in(value, brand) for value in content]
    return _replaced(content, brand) if isinstance(content, str) else content


def env_of(config: str) -> str:
    """The text of .env: a generated secret, and a commented line for each variable that config.yaml uses."""
    plain = "\n".join(line for line in config.splitlines() if not line.lstrip().startswith("#"))
    wanted = [name for name in dict.fromkeys(VARIABLE.findall(plain)) if name != "YINGDA_SECRET"]
    header = [translate("cli.new.env", language) for language in ("en", "zh")]
    return "\n".join([*header, f"YINGDA_SECRET={secrets.token_hex(32)}", *(f"#{name}=" for name in wanted), ""])


def fresh_config(brand: str) -> str:
    """The text of config.yaml."""
    shipped = (SHIPPED / "config.yaml").read_text(encoding="utf-8")
    return _with_brand(_reworded(shipped, fresh_words()["config"]), brand)


def fresh_base(brand: str) -> Iterator[tuple[str, str]]:
    """File names and texts of a knowledge base without a brand's own answers."""
    words = fresh_words()
    for topic in sorted((SHIPPED / "knowledge_base").glob("*.yaml")):
        text = topic.read_text(encoding="utf-8")
        if topic.name == "phrases.yaml":
            yield topic.name, _with_brand(_reworded(text, words["phrases"]), brand)
        elif topic.name != "tests.yaml" and (kept := _general_entries(text, words["entries"])):
            yield topic.name, _with_brand(_reworded(kept, _parts(words["topics"].get(topic.stem, ""))), brand)


def fresh_words() -> dict[str, dict[str, str]]:
    """fresh.yaml: by section and key, the text of the value."""
    return {section: _parts(text) for section, text in _parts(FRESH.read_text(encoding="utf-8")).items()}


def _general_entries(text: str, words: Mapping[str, str]) -> str:
    """A topic's file with only the entries that have one of GENERAL_KEYS, reworded; '' if there are none."""
    # split as text and not dumped from YAML, so that comments and layout stay
    head, *entries = ENTRY_START.split(text)
    read = ((entry, yaml.safe_load(entry)[0]) for entry in entries)
    kept = [_fresh_entry(entry, _parts(words.get(one["id"], ""))) for entry, one in read if GENERAL_KEYS & one.keys()]
    return head + "".join(kept).rstrip() + "\n" if kept else ""


def _fresh_entry(entry: str, words: dict[str, str]) -> str:
    left_out = yaml.safe_load(words.pop("leave_out", "")) or ()
    lines = _reworded(entry, words).splitlines(keepends=True)
    return "".join(line for line in lines if line.strip().removeprefix("- ") not in left_out)


def _parts(text: str) -> dict[str, str]:
    """The keys of a YAML mapping, each with the text of its value."""
    parts = re.split(r"^(?=[^\s#])", textwrap.dedent(COMMENT.sub("", text)), flags=re.MULTILINE)
    return {key: f"{value.rstrip()}\n" for key, _, value in (part.partition(":") for part in parts) if value}


def _reworded(text: str, words: Mapping[str, str]) -> str:
    """A YAML text in which these keys have other values, where they occur first."""
    for key, value in words.items():
        part = re.compile(rf"^( *){re.escape(key)}:.*\n(?:\n*\1 +.*\n)*", re.MULTILINE)
        if found := part.search(text):
            text = text[: found.start()] + textwrap.indent(f"{key}:{value}", found[1]) + text[found.end() :]
    return text

"""`yingda new`: the folder of a fresh deployment.

Everything in it comes from what is shipped: the commented config.yaml as it is, and of the demo brand's knowledge base
the phrases and those entries that any brand needs (what a skill does, greetings, anger). What the brand answers is for
its editors to write.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from bot.commands.ground import out, told_plainly
from bot.errors import Mistake, SettingError

CHECKOUT, INSTALLED = Path(__file__).parents[2], Path(sys.prefix) / "share" / "yingda"
SHIPPED = CHECKOUT if (CHECKOUT / "knowledge_base").is_dir() else INSTALLED
DEMO_BRAND = (
    "云杉茶官网 Yunshan Tea's site",
    "云杉茶 Yunshan Tea",
    "云杉茶官网",
    "云杉茶",
    "Yunshan Tea's site",
    "Yunshan Tea",
    "Yunshan",
)
EVERY_BRANDS = frozenset({"skill", "signal", "small_talk"})  # an entry with one of these keys holds no brand's content
_ENTRY = re.compile(r"^(?=  - id: )", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")
Folder = Annotated[Path, typer.Argument(help="A folder that is not there yet, or empty. 新建或空的目录")]
Brand = Annotated[str, typer.Option(help="What the bot calls your brand. 品牌名")]


def command(folder: Folder, brand: Brand = "My Brand") -> None:
    """Make a fresh deployment: config.yaml, a small knowledge base, secrets. 新建一套部署"""
    with told_plainly():
        config = _named((SHIPPED / "config.yaml").read_text(encoding="utf-8"), brand)
        base = list(fresh_base(brand))
        _refuse_a_lived_in(folder)
        for name, text in (("config.yaml", config), (".env", env_of(config)), (".gitignore", ".env\nvar/\n")):
            _write(folder / name, text, private=name == ".env")
        for name, text in base:
            _write(folder / "knowledge_base" / name, text)
    out.print(f"✓ {folder}: config.yaml, knowledge_base/, .env / 已新建", markup=False)
    out.print(f"\n  cd {folder}\n  set -a; . ./.env; set +a\n  {_yingda()} run\n", markup=False)


def _yingda() -> str:
    """How this command is called from any folder."""
    return "yingda" if shutil.which("yingda") else str(Path(sys.argv[0]).absolute())


def _refuse_a_lived_in(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        mend = "name a folder that is not there yet; nothing was written"
        raise SettingError(Mistake(str(folder), 0, "new", "is there already and not empty", mend))
    try:
        (folder / "knowledge_base").mkdir(parents=True)
    except OSError as refused:
        mend = "name another, or make its parent writable"
        raise SettingError(Mistake(str(folder), 0, "new", f"cannot be made ({refused.strerror})", mend)) from refused


def _write(path: Path, text: str, *, private: bool = False) -> None:
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    with os.fdopen(made, "w", encoding="utf-8") as file:
        file.write(text)


def _named(text: str, brand: str) -> str:
    """A shipped YAML file with the brand's name for the demo's. Raises SettingError where YAML would read the name, or
    what stands around it, as something else."""
    named = _replaced(text, brand)
    try:
        understood = yaml.safe_load(named) == _replaced_in(yaml.safe_load(text), brand)
    except yaml.YAMLError:
        understood = False
    if not understood or not brand.strip() or not brand.isprintable():
        mend = "take a plainer spelling here, and write the full one into the files afterwards, in quotes"
        raise SettingError(Mistake("--brand", 0, "brand", "has signs that YAML reads as something else", mend))
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
    """The environment that a config.yaml asks for: a secret made here, the rest to be filled in."""
    lines = [
        "# Secrets and addresses that config.yaml takes from the environment. Keep this file to yourself.",
        "# config.yaml 从环境变量读取的密钥与地址，请勿外传。",
        f"YINGDA_SECRET={secrets.token_hex(32)}",
    ]
    wanted = [name for name in dict.fromkeys(_VARIABLE.findall(_plain(config))) if name != "YINGDA_SECRET"]
    return "\n".join([*lines, *(f"#{name}=" for name in wanted), ""])


def _plain(config: str) -> str:
    return "\n".join(line for line in config.splitlines() if not line.lstrip().startswith("#"))


def fresh_base(brand: str) -> Iterator[tuple[str, str]]:
    """File names and texts of a knowledge base that says nothing about any brand yet."""
    for topic in sorted((SHIPPED / "knowledge_base").glob("*.yaml")):
        text = _named(topic.read_text(encoding="utf-8"), brand)
        if topic.name == "phrases.yaml":
            yield topic.name, text
        elif topic.name != "tests.yaml" and (kept := _every_brands(text)):
            yield topic.name, kept


def _every_brands(text: str) -> str:
    """A topic's file with only those entries; '' if it has none. Comments and layout stay."""
    head, *entries = _ENTRY.split(text)
    kept = [entry for entry in entries if EVERY_BRANDS & yaml.safe_load(entry)[0].keys()]
    return head + "".join(kept).rstrip() + "\n" if kept else ""

"""What every verb begins with: the configuration, and errors shown so that they can be mended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.chinese import told
from bot.commands.privacy import make_private
from bot.config import Deployment, load
from bot.errors import SettingError, Unavailable

out = Console(highlight=False, soft_wrap=True, emoji=False)  # tea.yaml:100: is a place, and no emoji
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
CANNOT_START = 78  # sysexits.h EX_CONFIG
CANNOT_LOOK = 2  # a verb that judges gives 0 for good and 1 for not; this is neither
ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="YINGDA_CONFIG", help="The configuration file. 配置文件")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs. 输出 JSON")]
DEFAULT = Path("config.yaml")


@contextmanager
def told_plainly(code: int = CANNOT_START) -> Iterator[None]:
    """A mistake in a setting or file is told with its mend, and ends the verb with `code`."""
    try:
        yield
    except SettingError as wrong:
        for mistake in wrong.mistakes:
            err.print(f"✗ {told(mistake, spoken())}", markup=False)
        raise typer.Exit(code) from wrong
    except Unavailable as gone:
        err.print(
            f"✗ the record cannot be reached ({gone}); is `record:` right and the database running? / "
            "连不上数据库：请检查 `record:` 以及数据库是否在运行",
            markup=False,
        )
        raise typer.Exit(1) from gone


def spoken() -> str:
    """The language of this terminal."""
    return "zh" if os.environ.get("LANG", "").lower().startswith("zh") else "en"


def deployment(path: Path) -> Deployment:
    """The deployment of a configuration file, whose data only we can read from now on; children read the same file.
    Raises SettingError."""
    os.environ["YINGDA_CONFIG"] = str(path.absolute())
    ready = load(path)
    make_private(ready)
    return ready


def deployment_with_channels(path: Path) -> Deployment:
    """The same, for whoever judges or starts all of it: every account's channel is one that there is. All channels'
    code is loaded for that, which training does without."""
    from bot.app import refuse_strange_channels

    ready = deployment(path)
    refuse_strange_channels(ready)
    return ready

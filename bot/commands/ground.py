"""What every verb begins with: the configuration, and errors shown so that they can be mended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.config import Deployment, load
from bot.errors import SettingError, Unavailable

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
CANNOT_START = 78  # sysexits.h EX_CONFIG
ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="YINGDA_CONFIG", help="The configuration file. 配置文件")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs. 输出 JSON")]
DEFAULT = Path("config.yaml")


@contextmanager
def told_plainly() -> Iterator[None]:
    """A mistake in a setting is told with its mend, and ends the verb."""
    try:
        yield
    except SettingError as wrong:
        for mistake in wrong.mistakes:
            err.print(f"✗ {mistake}", markup=False)
        raise typer.Exit(CANNOT_START) from wrong
    except Unavailable as gone:
        err.print(
            f"✗ the record cannot be reached ({gone}); is `record:` right and the database running?", markup=False
        )
        raise typer.Exit(1) from gone


def deployment(path: Path) -> Deployment:
    """The deployment of a configuration file; children read the same one."""
    os.environ["YINGDA_CONFIG"] = str(path.absolute())
    return load(path)

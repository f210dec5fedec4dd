"""What every verb begins with: the configuration, and errors shown so that they can be mended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from bot.chinese import told
from bot.commands.privacy import make_private
from bot.config import Deployment, load
from bot.errors import Mistake, SettingError, Unavailable
from bot.stores.record.database import code_of
from bot.trouble import of_record, of_system

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
    """A mistake in a setting or file is told with its mend, and ends the verb with `code`; so is whatever the system or
    the database refuses. Around every verb (bot.__main__), and within those that have a code of their own."""
    try:
        yield
    except SettingError as wrong:
        _tell(*wrong.mistakes)
        raise typer.Exit(code) from wrong
    except (Unavailable, DBAPIError) as gone:
        _tell(of_record(gone if isinstance(gone, Unavailable) else Unavailable(code_of(gone))))
        raise typer.Exit(1) from gone
    except BrokenPipeError:
        raise  # whoever read what we print has read enough
    except OSError as refused:
        _tell(of_system(refused))
        raise typer.Exit(code) from refused


def _tell(*mistakes: Mistake) -> None:
    for mistake in mistakes:
        err.print(f"✗ {told(mistake, spoken())}", markup=False)


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

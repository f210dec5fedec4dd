"""What all commands share: the deployment, printing in the terminal's language, errors shown with a remedy, progress.

Progress of long work is on stderr: a bar on a terminal, elsewhere (in logs) a line per minute. Files with secrets or
customers' data are readable by their owner only.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import DBAPIError

from bot.app.channels import demo_values, refuse_unknown_channels
from bot.app.storage import Storage, code_of, open_storage
from bot.config import Deployment, load
from bot.errors import ConfigProblem, SettingError, Unavailable, problem_of_database, problem_of_os_error
from bot.i18n import translate

_OTHERS = stat.S_IRWXG | stat.S_IRWXO  # all rights of the group and of other users
_SQLITE = "sqlite:///"


def make_private(deployment: Deployment) -> None:
    """Remove the rights of group and others from all data files."""
    for path in open_to_others(deployment):
        with suppress(OSError):  # another user's file; `yingda doctor` reports it
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)


def open_to_others(deployment: Deployment) -> list[Path]:
    """The data files with rights for group or others, even inside a folder that these cannot enter."""
    return [path for path in _data_files(deployment) if _is_open(path)]


def readable_by_others(deployment: Deployment) -> list[Path]:
    """The same, with the .env file next to the configuration; its rights are for its owner to change."""
    secrets = deployment.page.path.with_name(".env")
    return [*open_to_others(deployment), *([secrets] if _is_open(secrets) else [])]


def _data_files(deployment: Deployment) -> Iterator[Path]:
    """The folder `var` with its content, and the files of an SQLite database."""
    var = deployment.config.var.resolve()
    # a folder with the configuration in it, or like /tmp (sticky bit), is not for Yingda alone
    shared = deployment.page.path.resolve().is_relative_to(var) or (var.exists() and var.stat().st_mode & stat.S_ISVTX)
    if not shared:
        yield var
        yield from var.rglob("*")
    database = Path(deployment.config.database_url.removeprefix(_SQLITE).partition("?")[0])
    if deployment.config.database_url.startswith(_SQLITE):
        yield from (database.with_name(database.name + end) for end in ("", "-wal", "-shm"))


def _is_open(path: Path) -> bool:
    """False for a link, which has no rights of its own, and for a file that was deleted meanwhile."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return not stat.S_ISLNK(mode) and bool(mode & _OTHERS)


# without emoji=False rich would print the place `tea.yaml:100:` as the emoji of that name
out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
# exit codes
CANNOT_START = 78  # EX_CONFIG of sysexits.h
CANNOT_JUDGE = 2  # for commands that end with 0 for good and 1 for bad
ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="YINGDA_CONFIG", help="The configuration file. 配置文件")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs. 输出 JSON")]
DEFAULT_CONFIG = Path("config.yaml")
DemoIds: TypeAlias = Callable[[str], tuple[str, ...]]


@contextmanager
def reporting_errors(code: int = CANNOT_START) -> Iterator[None]:
    """Print errors with their remedy and raise typer.Exit(code); an unreachable database always ends with 1.

    bot/__main__.py wraps every command in this; commands with another exit code use it themselves.
    """
    try:
        yield
    except SettingError as wrong:
        _print_problems(*wrong.problems)
        raise typer.Exit(code) from wrong
    except (Unavailable, DBAPIError) as gone:
        _print_problems(problem_of_database(gone if isinstance(gone, Unavailable) else Unavailable(code_of(gone))))
        raise typer.Exit(1) from gone
    except BrokenPipeError:
        raise  # as in `yingda audit | head`: the reader has closed the pipe, which is no error of the system
    except OSError as refused:
        _print_problems(problem_of_os_error(refused))
        raise typer.Exit(code) from refused


def _print_problems(*problems: ConfigProblem) -> None:
    for problem in problems:
        err.print(f"✗ {problem.text(terminal_language())}", markup=False)


def terminal_language(chosen: str = "") -> str:
    """The language that a command prints in, 'zh' or 'en'. chosen: the option --language; '' means that of LANG."""
    return "zh" if (chosen or os.environ.get("LANG", "")).lower().startswith("zh") else "en"


def say(key: str, **values: object) -> None:
    """Print a text of bot/locale on stdout, in the terminal's language."""
    out.print(translate(key, terminal_language(), **values), markup=False)


def say_error(key: str, **values: object) -> None:
    """Print a text of bot/locale on stderr: for warnings and failures, so that stdout holds results only."""
    err.print(translate(key, terminal_language(), **values), markup=False)


def load_deployment(path: Path, demo_ids: DemoIds = lambda _channel: ()) -> Deployment:
    """Load a configuration file and make the deployment's data private. Raises SettingError.

    demo_ids: gives the ids of the shipped configuration by channel, which live mode refuses.
    """
    # child processes find the same file
    os.environ["YINGDA_CONFIG"] = str(path.absolute())
    deployment = load(path, demo_ids)
    make_private(deployment)
    return deployment


def load_deployment_with_channels(path: Path) -> Deployment:
    """The same, and refuse accounts on unknown channels. Loads all channels, so training must not call it."""
    deployment = load_deployment(path, demo_values)
    refuse_unknown_channels(deployment)
    return deployment


@contextmanager
def open_deployment(config: Path) -> Iterator[tuple[Deployment, Storage]]:
    """The deployment and its migrated database for the body of a `with`; reports errors of the body as well."""
    with reporting_errors():
        deployment = load_deployment(config)
        with open_storage(deployment) as storage:
            yield deployment, storage


BETWEEN_LINES = 60.0  # seconds

# called with the name of the stage and the share of it that is done, 0 to 1
Show: TypeAlias = Callable[[str, float], None]


@contextmanager
def progress() -> Iterator[Show]:
    if not err.is_terminal:
        yield _ProgressLog().show
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=err, transient=True)
    task = bar.add_task("", total=1.0)
    with bar:
        yield lambda stage, done: bar.update(task, description=stage, completed=done)


class _ProgressLog:
    """Prints the stage every BETWEEN_LINES seconds; nothing for work that is done sooner."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()

    def show(self, stage: str, done: float) -> None:
        if time.monotonic() - self._printed_at >= BETWEEN_LINES:
            self._printed_at = time.monotonic()
            err.print(f"{stage}, {done:.0%}", markup=False)

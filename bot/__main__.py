"""The command line, `yingda`. `yingda --help` lists the commands; each is a module of bot/cli."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

# module in bot/cli and its function, or its Typer app for a group of commands; in the order of --help
COMMANDS = {
    "train": ("train", "command"),
    "run": ("run", "command"),
    "new": ("new", "command"),
    "say": ("say", "command"),
    "talk": ("talk", "command"),
    "check": ("check", "command"),
    "evaluate": ("evaluate", "command"),
    "doctor": ("doctor", "command"),
    "backup": ("backup", "backup"),
    "restore": ("backup", "restore"),
    "purge": ("purge", "command"),
    "leave-demo": ("leave_demo", "command"),
    "audit": ("audit", "command"),
    "kb": ("kb", "app"),
    "user": ("user", "app"),
    "customer": ("customer", "app"),
    "simulate": ("simulate", "app"),
    "rasa": ("rasa", "app"),
    "worker": ("run", "worker"),
    "simulator": ("simulate", "simulator"),
}
HIDDEN = {"worker", "simulator"}  # the processes that `run` starts

PRIVATE = 0o077  # umask: files that this process or its children create are readable by their user only
TRAIN_NICENESS = 5  # training uses all cores; answering goes first
TRAIN_GC_THRESHOLD = 200_000  # allocations between collections (Python's default: 700); training's objects stay alive


def program(arguments: Sequence[str]) -> typer.Typer:
    """The command that `arguments` names, or all of them if the first is no command (as for --help).

    Loading all takes a second, which an editor who trains and a customer who waits for a new worker would notice.
    """
    commands = typer.Typer(
        help="Yingda 应答: answers the people who write to a brand's official accounts.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        callback=lambda: None,  # without a callback, Typer takes an app with one command for that command itself
    )
    asked = [name for name in arguments[:1] if name in COMMANDS]
    for name in asked or COMMANDS:
        module, attribute = COMMANDS[name]
        command = getattr(import_module(f"bot.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            commands.add_typer(command, name=name)
        else:
            commands.command(name, hidden=name in HIDDEN)(command)
    return commands


if sys.argv[1:2] == ["train"]:
    gc.set_threshold(TRAIN_GC_THRESHOLD)
app = program(sys.argv[1:])


def main() -> None:
    os.umask(PRIVATE)
    if sys.argv[1:2] == ["train"]:
        os.nice(TRAIN_NICENESS)
    from bot.cli.common import reporting_errors

    try:
        with reporting_errors():
            app()
    except typer.Exit as end:
        sys.exit(end.exit_code)


if __name__ == "__main__":
    main()

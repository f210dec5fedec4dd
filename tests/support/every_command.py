"""Runs every command, one after the other, each in a process of its own that begins with all code loaded.

python every_command.py FOLDER [BUT ...]; prints what each command printed and its exit code, as JSON.
"""

from __future__ import annotations

import json
import os
import pkgutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer.main

import bot
from bot.__main__ import app, main

ONLY_SERVE = {"simulator", "simulate embeddings", "simulate wechat", "simulate twitter"}  # they keep nothing
PATIENCE = 40
GIVEN = {
    "folder": "new-folder",
    "file": "new-file",
    "text": "你好",
    "login": "mei",
    "password": "correct horse battery",
    "who": "lin",
    "fd": "99",
    "number": "1",
    "role": "agent",
    "redis": "unix:///nowhere",
}


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    """Every command with the arguments that it needs."""
    if hasattr(command, "commands"):
        for name, one in command.commands.items():
            yield from verbs(one, (*path, name))
    elif " ".join(path) not in ONLY_SERVE:
        words = list(path)
        for asked in command.params:
            if asked.required:
                words += (
                    [GIVEN[asked.name]] if asked.param_type_name == "argument" else [asked.opts[0], GIVEN[asked.name]]
                )
        yield " ".join(path), words


def tried(words: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryFile(dir="/dev/shm") as said:
        child = os.fork()
        if child == 0:
            signal.alarm(PATIENCE)
            for stream in (1, 2):
                os.dup2(said.fileno(), stream)
            sys.argv = ["yingda", *words]
            ended: object = 0
            try:
                main()
            except SystemExit as end:
                ended = end.code
            except BaseException:  # noqa: BLE001 - as the interpreter would end
                sys.excepthook(*sys.exc_info())
                ended = 1
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended if isinstance(ended, int) else 0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return {"code": status, "said": said.read().decode(errors="replace")}


def all_tried(folder: Path, but: list[str]) -> dict[str, dict[str, Any]]:
    for module in pkgutil.walk_packages(bot.__path__, "bot."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            import_module(module.name)
    os.chdir(folder)
    return {name: tried(words) for name, words in verbs(typer.main.get_command(app)) if name not in but}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(all_tried(Path(sys.argv[1]), sys.argv[2:])))

"""Rasa's own program with its token, which it takes by `--auth-token` alone: put there inside the process, so that the
list of processes, which every user of the machine reads, does not show it.

Run as a script by the Python of Rasa's environment, which knows nothing of ours: untold.py PROGRAM ARGUMENTS...
"""

from __future__ import annotations

import os
import runpy
import sys

TOKEN = "YINGDA_RASA_TOKEN"  # noqa: S105 - the variable's name


def _become(program: str, arguments: list[str]) -> None:
    sys.argv = [program, *arguments, "--auth-token", os.environ.pop(TOKEN)]
    sys.path[0] = os.path.dirname(program)  # noqa: PTH120 - as if the program had been called itself
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    _become(sys.argv[1], sys.argv[2:])

"""Starts Rasa with its token from an environment variable instead of the command line.

Rasa takes the token only as --auth-token, which every user of the machine could read in the process list. This script
adds the argument inside the process. It runs in Rasa's Python environment, so nothing of Yingda is imported here, and
Yingda does not import it: hidden_token.py VARIABLE PROGRAM ARGUMENTS...
"""

from __future__ import annotations

import os
import runpy
import sys

if __name__ == "__main__":
    variable, program, *arguments = sys.argv[1:]
    sys.argv = [program, *arguments, "--auth-token", os.environ.pop(variable)]
    sys.path[0] = os.path.dirname(program)  # noqa: PTH120 - as if the program had been called itself
    runpy.run_path(program, run_name="__main__")

"""The verbs: `yingda --help`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import typer

NOBODY_ELSE = 0o077  # whatever is written, by this process or one that it starts, only its user may read
_POLITE = 5  # training, which wants all cores, lets answering go first
_MUCH = 200_000  # objects made until garbage is looked for: training makes many that stay, and is over soon


def program(asked: Sequence[str]) -> typer.Typer:
    """All verbs; only `train` where that is asked for, since an editor waits and the others need a second to load, and
    only the one that `run` starts, since customers wait."""
    verbs = typer.Typer(
        help="Yingda 应答: answers the people who write to a brand's official accounts.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        callback=lambda: None,
    )
    match list(asked[:1]):
        case ["train"]:
            gc.set_threshold(_MUCH)
            _add_train(verbs)
        case ["worker"]:
            _add_worker(verbs)
        case ["simulator"]:
            _add_simulator(verbs)
        case _:
            _add_train(verbs)
            _add_the_others(verbs)
            _add_worker(verbs)
            _add_simulator(verbs)
    return verbs


def _add_train(verbs: typer.Typer) -> None:
    from bot.commands import train

    verbs.command("train")(train.command)


def _add_the_others(verbs: typer.Typer) -> None:
    from bot.commands import (
        audit,
        backup,
        check,
        customer,
        doctor,
        evaluate,
        kb,
        leave_demo,
        new,
        purge,
        rasa,
        run,
        say,
        simulate,
        user,
    )

    verbs.command("run")(run.command)
    verbs.command("new")(new.command)
    verbs.command("say")(say.command)
    verbs.command("check")(check.command)
    verbs.command("evaluate")(evaluate.command)
    verbs.command("doctor")(doctor.command)
    verbs.command("backup")(backup.backup)
    verbs.command("restore")(backup.restore)
    verbs.command("purge")(purge.command)
    verbs.command("leave-demo")(leave_demo.command)
    verbs.command("audit")(audit.command)
    verbs.add_typer(kb.app, name="kb")
    verbs.add_typer(user.app, name="user")
    verbs.add_typer(customer.app, name="customer")
    verbs.add_typer(simulate.app, name="simulate")
    verbs.add_typer(rasa.app, name="rasa")


def _add_worker(verbs: typer.Typer) -> None:
    from bot.commands import run

    verbs.command("worker", hidden=True)(run.worker)


def _add_simulator(verbs: typer.Typer) -> None:
    from bot.commands import simulate

    verbs.command("simulator", hidden=True)(simulate.simulator)


app = program(sys.argv[1:])


def main() -> None:
    os.umask(NOBODY_ELSE)
    if sys.argv[1:2] == ["train"]:
        os.nice(_POLITE)
    from bot.commands.ground import told_plainly

    try:
        with told_plainly():
            app()
    except typer.Exit as end:
        sys.exit(end.exit_code)


if __name__ == "__main__":
    main()

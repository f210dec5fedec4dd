"""The verbs: `yingda --help`."""

from __future__ import annotations

import typer

from bot.commands import check, doctor, run, say, simulate, train, user

app = typer.Typer(
    help="Yingda 应答: answers the people who write to a brand's official accounts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.command)
app.command("say")(say.command)
app.command("train")(train.command)
app.command("check")(check.command)
app.command("doctor")(doctor.command)
app.add_typer(user.app, name="user")
app.add_typer(simulate.app, name="simulate")
app.command("worker", hidden=True)(run.worker)
app.command("simulator", hidden=True)(simulate.simulator)


def main() -> None:
    app()


if __name__ == "__main__":
    main()

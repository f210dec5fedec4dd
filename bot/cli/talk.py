"""`yingda talk`: try conversations with the real journey, on a scratch database and a clock of its own.

Dialogues of a file are played and checked. Without a file, a person writes them at the terminal. Nothing is sent.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from bot.app.storage import open_storage
from bot.cli.common import DEFAULT_CONFIG, AsJson, ConfigPath, load_deployment, out, reporting_errors, say
from bot.cli.dialogues import Dialogue, ScriptedTurn, read_dialogues
from bot.cli.player import Outcome, PlayedDialogue, Player, playing
from bot.cli.rehearsal import train_first

File = Annotated[Path | None, typer.Argument(help="Dialogues; without a file, write yourself. 对话文件")]
Channel = Annotated[str, typer.Option(help="Where you write, without a file. 自己写时的渠道")]


def command(
    file: File = None, channel: Channel = "wechat", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Try whole conversations; nothing is sent or kept. 试演整段对话（不会发送，也不会保存）

    Ends with 1 if something that the file expects does not hold.
    """
    with reporting_errors(), _ended_like_ctrl_c():
        deployment = load_deployment(config)
        dialogues = read_dialogues(file) if file else None
        with open_storage(deployment) as storage:
            train_first(deployment, storage)
            with playing(deployment, storage) as (player, runner):
                if dialogues is None:
                    played = [_converse(player, runner, channel, quiet=as_json)]
                else:
                    played = [_played(player, runner, dialogue, quiet=as_json) for dialogue in dialogues]
    held = sum(one.holds for one in played)
    if as_json:
        found = {"held": held, "of": len(played), "dialogues": [one.as_json() for one in played]}
        out.print_json(json.dumps(found, ensure_ascii=False))
    elif file:
        say("cli.talk.held", held=held, of=len(played))
    if file and held < len(played):
        raise typer.Exit(1)


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Let what would end the process at once interrupt it, so that the scratch database is deleted."""
    endings = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT)) for number in endings]
    try:
        yield
    finally:
        for number, handler in zip(endings, before, strict=True):
            signal.signal(number, handler)


def _played(player: Player, runner: asyncio.Runner, dialogue: Dialogue, *, quiet: bool) -> PlayedDialogue:
    played = runner.run(player.play(dialogue))
    if not quiet:
        out.print(f"{'✓' if played.holds else '✗'} {played.name}", markup=False)
        for turn in played.turns:
            written = turn.turn.model_dump(exclude={"public", "expect"}, exclude_none=True)
            shown = ", ".join(f"{key}: {_as_written(value)}" for key, value in written.items())
            out.print(f"  {'✗' if turn.failed else '✓'} {shown}", markup=False)
            _show(turn, " " * 4)
    return played


def _show(came: Outcome, margin: str) -> None:
    """Print what came of a turn, what was said, and what was expected instead."""
    record, known = came.record, came.standing
    decided = [record.decision, "" if record.confidence is None else f"{record.confidence:.2f}"]
    facts = {
        "case": came.case if came.case != "none" else "",
        "priority": came.priority if known.priority > 0 else "",
        "linked": "true" if known.linked else "",
        "public": "true" if came.public else "",
        "language": came.language,
    }
    first = " ".join(filter(None, [*decided, ", ".join(record.choices or record.entries)]))
    line = " · ".join(filter(None, [first, *(f"{key}: {value}" for key, value in facts.items() if value)]))
    for text in filter(None, [line, *came.reply.splitlines()]):
        out.print(margin + text, markup=False)
    if came.impossible:
        say(f"cli.talk.impossible.{came.impossible}", margin=margin)
    expected = came.turn.expect.model_dump()
    for key in came.failed:
        if key in expected:
            say("cli.talk.expected", margin=margin, name=key, value=_as_written(expected[key]))


def _as_written(value: object) -> str:
    """A value of a dialogue as its file has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False).replace('"', "")


def _converse(player: Player, runner: asyncio.Runner, channel: str, *, quiet: bool) -> PlayedDialogue:
    """Play what a person writes, until the end of the input. Raises SettingError if no account is on the channel."""
    runner.run(player.begin(channel))
    at_terminal = sys.stdin.isatty()
    if at_terminal:
        say("cli.talk.help", channel=channel)
    turns: list[Outcome] = []
    while True:
        if at_terminal:
            out.print("> ", end="")
        line = sys.stdin.buffer.readline().decode(errors="replace")
        if not line:
            return PlayedDialogue("", turns)
        turn = _turn_of(line.strip())
        if turn is not None:
            turns.append(runner.run(player.take(turn)))
            if not quiet:
                _show(turns[-1], "")
        elif line.strip():
            say("cli.talk.help", channel=channel)


def _turn_of(line: str) -> ScriptedTurn | None:
    """The turn that a line means; None for an empty line and for a command that does not exist."""
    if not line.startswith("/"):
        return ScriptedTurn(say=line) if line else None
    name, _, value = line[1:].partition(" ")
    try:
        if name == "wait":
            return ScriptedTurn.model_validate({"wait": int(value)})
        return ScriptedTurn.model_validate({"code": True} if name == "code" else {"do": name})
    except (ValidationError, ValueError):
        return None

"""`yingda talk`: play dialogues through the real journey, on a scratch database and a clock of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.app.storage import open_storage, scratch_storage
from bot.cli.common import DEFAULT_CONFIG, AsJson, ConfigPath, load_deployment, out, reporting_errors, say
from bot.cli.dialogues import Dialogue, Turn, read_dialogues
from bot.cli.player import Outcome, ScratchClock, failures, playing, scratch_deployment
from bot.cli.train import publish
from bot.config import Deployment

File = Annotated[Path, typer.Argument(help="A file of dialogues. 对话文件")]


@dataclass(frozen=True, slots=True)
class PlayedTurn:
    turn: Turn
    came: Outcome
    failed: list[str]

    def as_json(self) -> dict[str, Any]:
        asked = self.turn.model_dump(include={"say", "kind", "code", "do", "wait", "public"}, exclude_none=True)
        came, record = self.came, self.came.record
        return asked | {
            "decision": record.decision,
            "confidence": record.confidence,
            "entry": "".join(came.served[:1]),
            "offers": list(record.choices),
            "reply": came.reply,
            "case": came.case,
            "priority": came.priority,
            "linked": came.standing.linked,
            "public": came.public,
            "language": came.language,
            "holds": not self.failed,
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class PlayedDialogue:
    name: str
    turns: list[PlayedTurn]

    @property
    def holds(self) -> bool:
        return not any(turn.failed for turn in self.turns)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "holds": self.holds, "turns": [turn.as_json() for turn in self.turns]}


def command(file: File, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Play the dialogues of a file and tell which hold; nothing is sent or kept. 试演对话文件，核对每一句"""
    logging.getLogger("bot.stores.redis").setLevel(logging.ERROR)  # it warns of NO_REDIS
    with reporting_errors():
        deployment, dialogues = load_deployment(config), read_dialogues(file)
        played = play(deployment, dialogues)
    held = sum(one.holds for one in played)
    if as_json:
        result = {"held": held, "of": len(played), "dialogues": [one.as_json() for one in played]}
        out.print_json(json.dumps(result, ensure_ascii=False))
    else:
        for one in played:
            out.print("✓" if one.holds else "✗", one.name, markup=False)
    if held < len(played):
        raise typer.Exit(1)


def play(deployment: Deployment, dialogues: list[Dialogue]) -> list[PlayedDialogue]:
    clock = ScratchClock()
    with tempfile.TemporaryDirectory() as folder, open_storage(deployment) as storage:
        if asyncio.run(storage.editions.active()) == 0:
            say("cli.say.training")
            publish(deployment, storage)
        staged = scratch_deployment(deployment, Path(folder))
        with scratch_storage(staged, Path(folder), clock.now) as scratch:
            asyncio.run(storage.copy_edition(scratch))

            async def all_of_it() -> list[PlayedDialogue]:
                played = []
                async with playing(staged, scratch, clock) as player:
                    for dialogue in dialogues:
                        await player.begin(dialogue.channel)
                        turns = []
                        for turn in dialogue.turns:
                            came = await player.play(turn)
                            turns.append(PlayedTurn(turn, came, failures(turn.expect, came)))
                        played.append(PlayedDialogue(dialogue.name, turns))
                return played

            return asyncio.run(all_of_it())

"""How follow-ups are understood: "那新疆呢" after the delivery time, "and how long does it take?" after the fee.

    python bench/follow_ups.py [--half PART] [--show] [FILE]

FILE: two questions each, as in the default file: what is asked first and the entry that answers it, the follow-up, and
the entries that answer it rightly (none: only a person can). `build` is the half that the rules were built on, `judge`
the half that they are judged by. Both questions go through the real pipeline, on a scratch database. Where
the bot does not answer the first one, an example of its entry is asked instead: what is measured is the second.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from bot.app.channels import CHANNELS
from bot.app.storage import open_storage
from bot.cli.common import load_deployment
from bot.cli.dialogues import Dialogue
from bot.cli.player import Outcome, PlayedDialogue, playing
from bot.cli.rehearsal import train_first
from bot.config import Deployment
from bot.intents.skills import SKILLS
from bot.knowledge.entries import Entry, load

ROOT = Path(__file__).parents[1]
FOLLOW_UPS = ROOT / "tests" / "payloads" / "dialogues" / "follow_ups.yaml"
_CHANNELS = {"zh": "wechat", "en": "webchat"}


def verdict(entry: str, right: list[str], second: Outcome) -> str:
    """'right', 'wrong' (a wrong topic is answered), 'beside' (the topic is right, and no answer of the base covers the
    question), 'asked' back, or 'person'."""
    record = second.record
    if record.decision == "handoff" and not set(second.served).isdisjoint(right):
        return "right"  # its answer is said, and a person takes over
    if record.decision == "answer" or (record.decision == "ask" and not record.choices):
        if not set(second.served).isdisjoint(right):
            return "right"
        return "wrong" if right or entry not in second.served else "beside"
    if not right:
        return "right"
    return "asked" if record.decision == "ask" else "person"


def follow_ups(content: dict[str, Any], half: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for part in [half] if half else content:
        for language, cases in content[part].items():
            for case in cases:
                yield part, language, case


def dialogue(language: str, first: str, second: str) -> Dialogue:
    turns = [{"say": first}, {"say": second}]
    return Dialogue.model_validate({"name": second, "channel": _CHANNELS[language], "turns": turns})


def example(entry: Entry, language: str) -> str:
    return (entry.examples.zh if language == "zh" else entry.examples.en)[0]


def play(deployment: Deployment, dialogues: list[Dialogue]) -> list[PlayedDialogue]:
    with open_storage(deployment) as storage:
        train_first(deployment, storage)
        with playing(deployment, storage) as (player, runner):
            return [runner.run(player.play(one)) for one in dialogues]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path, nargs="?", default=FOLLOW_UPS)
    parser.add_argument("--half", default="", help="only this part of the file")
    parser.add_argument("--show", action="store_true", help="print those that are not right")
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml")
    arguments = parser.parse_args()
    cases = list(follow_ups(yaml.safe_load(arguments.file.read_text(encoding="utf-8")), arguments.half))
    deployment = load_deployment(arguments.config)
    entries = load(Path(deployment.config.knowledge_base), SKILLS, CHANNELS).entries
    played = play(deployment, [dialogue(language, case["asked"], case["then"]) for _, language, case in cases])
    firsts = [one.turns[0] for one in played]
    wanted = [case["entry"] for _, _, case in cases]
    unanswered = [at for at, one in enumerate(firsts) if one.record.choices or one.record.entries != (wanted[at],)]
    examples = [example(entries[wanted[at]], cases[at][1]) for at in unanswered]
    again = [dialogue(cases[at][1], said, cases[at][2]["then"]) for at, said in zip(unanswered, examples, strict=True)]
    for at, one in zip(unanswered, play(deployment, again), strict=True):
        played[at] = one
    print(f"{len(unanswered)} of {len(cases)} first questions were asked in words of the knowledge base")
    counts: dict[tuple[str, str], Counter[str]] = {}
    for (part, language, case), one in zip(cases, played, strict=True):
        first, second = one.turns
        found = verdict(case["entry"], case["right"], second)
        counts.setdefault((part, language), Counter())[found] += 1
        if arguments.show and found != "right":
            record = second.record
            came = (record.decision, record.confidence, second.served, record.choices)
            print(found, "|", case["asked"], first.served, "|", case["then"], case["right"], *came)
    table = Table("half", "language", "follow-ups", "right", "wrong topic", "beside it", "asked back", "to a person")
    for (part, language), count in counts.items():
        shares = (f"{count[kind] / count.total():.1%}" for kind in ("right", "wrong", "beside", "asked", "person"))
        table.add_row(part, language, str(count.total()), *shares)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()

"""Reading the Markdown of Rasa 1: `## intent:greet` with its examples, responses to retrieval intents, and stories."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import Mistake, SettingError
from bot.knowledge.rasa.facts import Example, Fact, Follows, Reply, Spot

_HEADING = re.compile(r"^##\s*(?:(intent|synonym|regex|lookup)\s*:\s*)?(.*)$")
_SAYS = re.compile(r"^\s*\*\s*([^\s{]+)")
_ITEM = re.compile(r"^\s*[-*+]\s+(.*)$")
_ACTION = re.compile(r"^(utter_|respond_|action_|slot\{|form\{|[a-z_]+_form\b)")


@dataclass(slots=True)
class _Block:
    """A heading with what stands under it. kind: '' for a story or responses. strays: lines that are no items."""

    kind: str
    name: str
    spot: Spot
    says: list[str] = field(default_factory=list)
    items: list[tuple[str, Spot]] = field(default_factory=list)
    strays: list[tuple[str, Spot]] = field(default_factory=list)


def read_markdown(path: Path) -> Iterator[Fact]:
    """The facts of one file; any other Markdown has none. Raises SettingError if it is not UTF-8."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as strange:
        raise SettingError(Mistake(str(path), 0, path.name, "is not UTF-8", "save it as UTF-8")) from strange
    for block in _blocks(path, lines):
        if block.kind == "intent":
            yield from (Example(block.name, text, spot) for text, spot in block.items if text)
            for line, spot in block.strays:
                why = f"“{line}” is left out: its line begins with no dash"
                yield spot.lost(f"intent {block.name}", why, "let the line begin with a dash, below the others")
        elif block.kind:
            yield block.spot.dropped(f"{block.kind} {block.name}", f"a {block.kind} is dropped")
        elif block.says:
            yield from _answers(block)


def _blocks(path: Path, lines: Sequence[str]) -> Iterator[_Block]:
    block: _Block | None = None
    for number, line in enumerate(map(str.rstrip, lines), 1):
        heading = _HEADING.match(line)
        if heading:
            if block:
                yield block
            block = _Block(heading[1] or "", heading[2], Spot(path, number))
        elif block and not block.kind and (says := _SAYS.match(line)):
            block.says.append(says[1])
        elif block and (item := _ITEM.match(line)):
            block.items.append((item[1], Spot(path, number)))
        elif block and line.strip() and not line.lstrip().startswith(("<!--", "#")):
            block.strays.append((line.strip(), Spot(path, number)))
    if block:
        yield block


def _answers(block: _Block) -> Iterator[Fact]:
    """Responses to a retrieval intent, or a story; of stories only those that answer one intent once are kept."""
    (first, *others), texts = block.says, block.items
    if "/" in first and not any(_ACTION.match(text) for text, _ in texts):
        yield from (Reply(f"utter_{first}", text, spot) for text, spot in texts)
    elif not others and len(texts) == 1 and texts[0][0].startswith("utter_"):
        yield Follows(first, texts[0][0], block.spot)
    elif not (not others and len(texts) == 1 and texts[0][0].startswith("respond_")):
        why = "is dropped: it does more than answer one question"
        yield block.spot.dropped(f"story {block.name}", why, "hand such conversations to a person, or write a skill")

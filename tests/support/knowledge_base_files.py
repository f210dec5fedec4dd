"""An editor's desk for tests: writes a small knowledge base by hand and has it read."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from support.paths import ROOT

from bot.app.channels import CHANNELS
from bot.errors import ConfigProblem
from bot.knowledge.entries import Base, read

SHIPPED = ROOT / "knowledge_base"
SKILLS = ("points", "link", "person", "hours")

TOPIC = """\
topic: {zh: 配送, en: Delivery}
owner: orders
entries:
  - id: delivery-fee
    title: {zh: 运费, en: Delivery fee}
    examples:
      zh: [包邮吗]
      en: [is delivery free]
    answers:
      zh: 满 99 元包邮。
      en: Free from ¥99.
"""


@dataclass(frozen=True)
class Editor:
    """Writes into `folder`, which starts with the phrases that ship."""

    folder: Path

    def __post_init__(self) -> None:
        shutil.copy(SHIPPED / "phrases.yaml", self.folder)

    def writes(self, content: str, name: str = "delivery.yaml") -> Editor:
        (self.folder / name).write_text(content, encoding="utf-8")
        return self

    def changes(self, old: str, new: str, name: str = "delivery.yaml") -> Editor:
        """The small topic with one passage written differently."""
        content = TOPIC if name == "delivery.yaml" else (self.folder / name).read_text(encoding="utf-8")
        assert old in content
        return self.writes(content.replace(old, new, 1), name)

    def base(self) -> Base:
        base, problems = read(self.folder, SKILLS, CHANNELS)
        assert problems == []
        return base

    def problems(self) -> list[ConfigProblem]:
        return read(self.folder, SKILLS, CHANNELS)[1]

    def problem(self) -> ConfigProblem:
        """The only problem there is."""
        (problem,) = self.problems()
        return problem

    def line_of(self, text: str, name: str = "delivery.yaml") -> int:
        """The first line, from 1, on which `text` stands."""
        lines = (self.folder / name).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

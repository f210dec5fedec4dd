"""The questions of tests.yaml, asked of what is about to be published: a wrong answer keeps it from being published."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.commands.readers import patient_encoder
from bot.config import Deployment
from bot.errors import Mistake, RegressionFailed
from bot.intents.examining import reactions
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.writing import Written
from bot.knowledge import regression
from bot.knowledge.checks import Severity
from bot.knowledge.editions import Edition
from bot.knowledge.entries import Base
from bot.knowledge.regression import Case, Judged, Verdict
from bot.ports import Parts

SAID = {
    Verdict.RIGHT: "right 答对",
    Verdict.ASKED: "asked back 反问",
    Verdict.HANDED_OFF: "to a person 转人工",
    Verdict.WRONG: "wrong 答错",
}


class Gate:
    """Asks the questions of an edition that is not published yet. The rule: each wrong answer, and each question that
    cannot be asked, keeps it from being published; asking back and handing over to a person do not.

    despite: publish all the same. failed, verdicts: what came of it.
    """

    def __init__(self, ready: Deployment, parts: Parts, *, despite: bool) -> None:
        self._ready, self._parts, self._despite = ready, parts, despite
        self.failed: tuple[Mistake, ...] = ()
        self.verdicts: Counter[Verdict] = Counter()

    def __call__(self, base: Base, edition: Edition, written: Written) -> None:
        """Raises RegressionFailed."""
        cases, mistakes = regression.load_unplaced(Path(self._ready.config.knowledge_base), base)
        judged = self._judged(cases, edition, written) if cases else []
        self.verdicts = Counter(one.verdict for one in judged)
        wrong = [one.mistake for one in regression.findings(judged) if one.severity is Severity.ERROR]
        self.failed = (*mistakes, *wrong)
        if self.failed and not self._despite:
            raise RegressionFailed(*self.failed)

    def _judged(self, cases: Sequence[Case], edition: Edition, written: Written) -> list[Judged]:
        def fetch(names: Sequence[str]) -> Mapping[str, bytes]:
            """Parts that are new are not kept yet."""
            kept = [name for name in names if name not in written.parts]
            fresh = {name: written.parts[name] for name in names if name in written.parts}
            return {**fresh, **(self._parts.fetch(kept) if kept else {})}

        engine = SemanticEngine(fetch=fetch, encoder=patient_encoder(self._ready.config.intents.encoder))
        engine.take_up(edition.number, written.model)
        asked = [case.ask for case in cases]
        return regression.judge(cases, list(reactions(asked, engine, edition, time.time())))

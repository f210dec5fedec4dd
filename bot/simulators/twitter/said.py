"""What the brand has posted lately, so that the same text is refused. How long X remembers is not established."""

from __future__ import annotations

from bot.ports import Clock

REMEMBERED = 36 * 3600.0


class Said:
    """Texts with the time and the post they went out in, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._texts: dict[str, tuple[float, int]] = {}

    def lately(self, text: str) -> bool:
        oldest = self._clock.now() - REMEMBERED
        while self._texts and next(iter(self._texts.values()))[0] < oldest:
            del self._texts[next(iter(self._texts))]
        return text.strip() in self._texts

    def say(self, text: str, post_id: int) -> None:
        self._texts.pop(text.strip(), None)
        self._texts[text.strip()] = (self._clock.now(), post_id)

    def unsay(self, post_id: int) -> None:
        """A text that was taken back may be posted again."""
        self._texts = {text: (at, one) for text, (at, one) in self._texts.items() if one != post_id}

"""What followers write: the shipped knowledge base's questions in other words, all different or Zipf-repeated."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot.app.channels import CHANNELS
from bot.intents.skills import SKILLS
from bot.knowledge.entries import load

Mix = Literal["different", "zipf"]
POOL = 1_000
_BEFORE = {
    "zh": ("昨天买的，", "上周的单，", "我想知道", "这边", "朋友问", "再问下，", "现在", "想了解", "第一次买，", "那"),
    "en": ("so ", "and ", "ok, ", "also, ", "one more thing: ", "my friend asks: ", "just wondering, ", "for a gift, "),
}
_AFTER = {
    "zh": ("", "呢", "，急", "，怎么办", "，在线等", "来着"),
    "en": ("", " asap", " today", " then", " btw", " if possible"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One thing a follower does: writes `text`, or begins to follow (None)."""

    openid: str
    text: str | None


def questions(knowledge_base: Path) -> list[tuple[str, str]]:
    """(language, example) of every entry with an answer; not what at once leads to a person or into a dialogue."""
    entries = load(knowledge_base, SKILLS, CHANNELS).entries.values()
    plain = [entry for entry in entries if entry.answers and not entry.skill and entry.handoff == "never"]
    asked = [entry for entry in plain if not entry.signal and not entry.small_talk]
    return [
        (language, example)
        for entry in asked
        for language, examples in (("zh", entry.examples.zh), ("en", entry.examples.en))
        for example in examples
    ]


def different(asked: Sequence[tuple[str, str]], chance: random.Random) -> Iterator[str]:
    """Every text only once, none of them an example, one in ten with an order number; tens of thousands, as short as
    customers are: 12 characters in Chinese, 40 in English, about 10 tokens."""
    dressed = [
        f"{before}{example}{after}"
        for language, example in asked
        for before, after in itertools.product(_BEFORE[language], _AFTER[language])
    ]
    chance.shuffle(dressed)
    for text in dressed:
        yield f"{text} {chance.randrange(10**11, 10**12)}" if chance.random() < 0.1 else text


def zipf(asked: Sequence[tuple[str, str]], fresh: Iterator[str], chance: random.Random) -> Iterator[str]:
    """A pool of 1,000 texts, half as an editor expected them and half in other words; rank r as often as 1/r."""
    own = [example for _, example in chance.sample(list(asked), POOL // 2)]
    pool = own + list(itertools.islice(fresh, POOL - len(own)))
    chance.shuffle(pool)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, POOL + 1)))
    while True:
        yield from chance.choices(pool, cum_weights=weights, k=1_000)


class Crowds:
    """Makes the followers of one run after the other, new to everybody, and what they write: never the same twice, but
    for what Zipf repeats within a run. The same seed always writes the same."""

    def __init__(self, knowledge_base: Path, seed: int) -> None:
        self._chance = random.Random(seed)
        self._asked = questions(knowledge_base)
        self._fresh = different(self._asked, self._chance)
        self._made = 0

    def next(self, mix: Mix, count: int) -> Crowd:
        """`count` messages by a third as many followers."""
        self._made += 1
        texts = self._fresh if mix == "different" else zipf(self._asked, self._fresh, self._chance)
        size = max(1, count // 3)
        name = f"{self._made:04d}x"
        handles = [f"o{name}{number:0{27 - len(name)}d}" for number in range(size)]
        written = tuple(Said(self._chance.choice(handles), text) for text in itertools.islice(texts, count))
        return Crowd(name, mix, tuple(Said(handle, None) for handle in handles), written)


@dataclass(frozen=True, slots=True)
class Crowd:
    """`follows` comes first: WeChat lets only followers write."""

    name: str
    mix: Mix
    follows: tuple[Said, ...]
    written: tuple[Said, ...]

"""The filtered stream: rules, and whoever is connected hears each new post that matches one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.simulators.live import Live
from bot.simulators.twitter.people import People
from bot.simulators.twitter.posts import Post
from bot.simulators.twitter.queries import Matches, reader

MOST_RULES = 1000


@dataclass(frozen=True, slots=True)
class StreamRule:
    id: str
    value: str
    tag: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        """As X lists it: without a tag if it has none."""
        return {"id": self.id, "value": self.value} | ({"tag": self.tag} if self.tag else {})

    @property
    def matching(self) -> dict[str, Any]:
        """As it stands beside a post that matches."""
        return {"id": self.id} | ({"tag": self.tag} if self.tag else {})


class Listeners:
    """The rules by id, and the stream of what they match: (post, rules)."""

    def __init__(self, people: People) -> None:
        self.stream = Live()
        self.rules: dict[str, StreamRule] = {}
        self._people = people
        self._readers: dict[str, Matches] = {}

    def add(self, rule: StreamRule) -> None:
        """Raises Unreadable."""
        self._readers[rule.id] = reader(rule.value, self._people)
        self.rules[rule.id] = rule

    def remove(self, rule_id: str) -> bool:
        self._readers.pop(rule_id, None)
        return self.rules.pop(rule_id, None) is not None

    def with_value(self, value: str) -> StreamRule | None:
        return next((one for one in self.rules.values() if one.value == value), None)

    def hear(self, post: Post) -> None:
        matched = [self.rules[rule_id] for rule_id, matches in self._readers.items() if matches(post)]
        if matched:
            self.stream.tell("post", (post, matched))

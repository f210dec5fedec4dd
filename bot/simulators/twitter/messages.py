"""Direct messages between the brand and people, bounded like the posts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 100_000


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """A private message. visible_at: from when lists show it."""

    id: int
    sender_id: str
    recipient_id: str
    text: str
    created_at: float
    visible_at: float

    @property
    def conversation(self) -> str:
        return conversation_of(self.sender_id, self.recipient_id)

    def with_whom(self, one: str) -> str:
        return self.recipient_id if self.sender_id == one else self.sender_id


def conversation_of(one: str, other: str) -> str:
    """The id of the talk between two people: the smaller user id first."""
    first, second = sorted((one, other), key=int)
    return f"{first}-{second}"


class Messages:
    """All direct messages in order of their ids. The oldest go when it is full."""

    def __init__(self, most: int = MOST) -> None:
        self._all: deque[DirectMessage] = deque(maxlen=most)
        self._talks: dict[str, deque[DirectMessage]] = {}

    def add(self, message: DirectMessage) -> None:
        if len(self._all) == self._all.maxlen:
            self._talks[self._all[0].conversation].popleft()
        self._all.append(message)
        self._talks.setdefault(message.conversation, deque()).append(message)

    def everything(self, now: float) -> Iterator[DirectMessage]:
        """Newest first."""
        return (one for one in reversed(self._all) if one.visible_at <= now)

    def between(self, conversation: str, now: float) -> Iterator[DirectMessage]:
        """Newest first."""
        return (one for one in reversed(self._talks.get(conversation, ())) if one.visible_at <= now)

    def written(self, sender: str, recipient: str) -> bool:
        """Whether one has ever written to the other."""
        talk = self._talks.get(conversation_of(sender, recipient), ())
        return any(one.sender_id == sender for one in talk)

"""What customers read on channels where we keep their mailbox."""

from __future__ import annotations

from dataclasses import dataclass

from bot.messages import Author, Instant, Owner


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a private conversation as its customer reads it. key: the dedup key, of the customer's own lines."""

    seq: int
    author: Author
    text: str
    at: Instant
    key: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """What a customer has to read, in order, and who has the conversation. thinking: a message of theirs is not handled
    yet. more: there are further lines than these."""

    lines: tuple[Line, ...] = ()
    owner: Owner = Owner.BOT
    thinking: bool = False
    more: bool = False

"""Conversations, messages, turns and editions as tests need them: fields that a test does not name have defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.domain.decisions import Trace, Understanding
from bot.domain.messages import Conversation, Identity, Kind, Limits, Owner, StoredMessage
from bot.domain.turns import ClaimedMessage, Event, Reply, TurnCommit
from bot.errors import InvalidValue
from bot.i18n import translate
from bot.intents.turn import DialogueTurn
from bot.knowledge.content import Bilingual
from bot.knowledge.editions import Edition, Thresholds
from bot.knowledge.entries import Entry

NOW = 1_790_000_000.0


def conversation(channel: str = "wechat", account: str = "tea", handle: str = "alice", **fields: Any) -> Conversation:
    """A customer's conversation. fields: of Conversation; `identity` replaces the one made from account and handle."""
    identity = fields.pop("identity", None) or Identity("i1", "c1", account, handle)
    return Conversation("v1", account, channel, identity, **fields)


def message(text: str = "hello", kind: Kind = Kind.TEXT, at: float = NOW, **fields: Any) -> StoredMessage:
    """A customer's message as the database holds it."""
    return replace(StoredMessage("m1", "v1", 1, "key-1", kind, text, at), **fields)


def turn(
    text: str = "hello",
    talk: Conversation | None = None,
    language: str = "zh",
    edition: Edition | None = None,
    now: float = NOW,
) -> DialogueTurn:
    """A text message about to be decided, of which nothing is understood, on a channel that may send by itself."""
    known = edition or Edition(1, {}, {}, Thresholds(0.9, 0.5))
    talk = talk or conversation()
    return DialogueTurn(message(text, at=now), talk, Understanding(), language, known, now, Limits(2_000))


def edition(
    phrases: Mapping[str, Bilingual] | None = None,
    entries: Mapping[str, Entry] | None = None,
    thresholds: Thresholds | None = None,
    number: int = 1,
) -> Edition:
    """An edition of these phrases and entries that answers from 0.9 and asks from 0.5."""
    return Edition(number, entries or {}, phrases or {}, thresholds or Thresholds(0.9, 0.5))


def answering(work: ClaimedMessage, *texts: str, **fields: Any) -> TurnCommit:
    """The bot answers `work` with these texts, else with "hello". fields: of TurnCommit."""
    commit = TurnCommit(
        work.conversation,
        work.message,
        owner=Owner.BOT,
        by_bot=True,
        trace=Trace(1, "en", (), "Answer"),
        replies=tuple(map(Reply, texts or ("hello",))),
        events=(Event("answered", "bot", 1),),
    )
    return replace(commit, **fields)


def hint_of(error: Mapping[str, Any]) -> str:
    """What to do about one of pydantic's errors, where a validator of ours says so."""
    refused = error.get("ctx", {}).get("error")
    return translate(f"{refused.code}.hint", "en", **refused.values) if isinstance(refused, InvalidValue) else ""

"""What the API lets one do: post, reply, quote, delete, write direct messages; and what X refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.simulators.twitter.asking import Answer, Ask, checked_id
from bot.simulators.twitter.credits import MESSAGE, POST, POST_WITH_LINK, SUMMONED_REPLY
from bot.simulators.twitter.messages import DirectMessage
from bot.simulators.twitter.people import Person
from bot.simulators.twitter.platform import Platform, UnknownPost
from bot.simulators.twitter.posts import Draft, Post
from bot.simulators.twitter.problems import (
    duplicate,
    forbidden,
    invalid,
    invisible,
    messages_closed,
    missing,
    not_summoned,
    too_long,
)
from bot.simulators.twitter.shapes import shown_text
from bot.simulators.twitter.texts import LONGEST_MESSAGE, LONGEST_POST, weigh

_REPLY = ("in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata")


async def post(platform: Platform, ask: Ask) -> Answer:
    """POST /2/tweets, within the weighted length, once per text, and replies only to whoever asked for one."""
    draft = _draft(platform, ask)
    if platform.said.lately(draft.text):
        raise duplicate()
    try:
        made = platform.publish(draft)
    except UnknownPost as gone:
        raise invisible() from gone
    platform.said.say(draft.text, made.id)
    platform.purse.pay(POST_WITH_LINK if made.links else SUMMONED_REPLY if draft.reply_to else POST)
    history = [str(one) for one in made.history]
    return Answer({"data": {"id": str(made.id), "text": shown_text(made), "edit_history_tweet_ids": history}}, 201)


def _draft(platform: Platform, ask: Ask) -> Draft:
    ask.shaped("text", "reply", "quote_tweet_id", "reply_settings", "for_super_followers_only", "nullcast")
    text = ask.text()
    if not text.strip():
        raise invalid("text", text, "$.text: is missing but it is required")
    if weigh(text) > LONGEST_POST:
        raise too_long()
    reply_to, exclude = _reply(platform, ask)
    return Draft(ask.me, text, reply_to, _quoted(platform, ask), exclude=exclude, late=platform.faults.now.lag)


def _reply(platform: Platform, ask: Ask) -> tuple[int | None, tuple[str, ...]]:
    """What is replied to, and whose handles are left out."""
    asked = ask.body.get("reply")
    if asked is None:
        return None, ()
    if not isinstance(asked, dict) or not asked.keys() <= set(_REPLY):
        raise invalid("reply", asked, "$.reply: is not defined in the schema")
    parent = platform.timeline.get(int(checked_id("in_reply_to_tweet_id", asked.get("in_reply_to_tweet_id"))))
    _may_reply(platform, platform.people.get(ask.me), parent)
    return (parent.id if parent else None), _handles(platform, asked)


def _handles(platform: Platform, asked: Mapping[str, Any]) -> tuple[str, ...]:
    ids = asked.get("exclude_reply_user_ids", [])
    if not isinstance(ids, list):
        raise invalid("exclude_reply_user_ids", ids, "$.reply.exclude_reply_user_ids: must be an array")
    found = [platform.people.find(checked_id("exclude_reply_user_ids", one)) for one in ids]
    return tuple(person.username for person in found if person)


def _may_reply(platform: Platform, me: Person, parent: Post | None) -> None:
    """Since 2026-02-23, on self-serve tiers: only to who mentions us or quotes us. To oneself is taken for allowed."""
    if parent is None or platform.people.get(parent.author_id).protected:
        raise invisible()
    if platform.people.blocks(parent.author_id, me.id):
        raise invisible()
    quoted = platform.timeline.get(parent.quotes)
    summoned = me.id in parent.mentioned_ids or (quoted is not None and quoted.author_id == me.id)
    if not summoned and parent.author_id != me.id:
        raise not_summoned()


def _quoted(platform: Platform, ask: Ask) -> int | None:
    quoted = ask.body.get("quote_tweet_id")
    if quoted is None:
        return None
    found = platform.timeline.get(int(checked_id("quote_tweet_id", quoted)))
    if found is None:
        raise invalid("quote_tweet_id", quoted, "$.quote_tweet_id: does not exist")
    return found.id


async def delete_post(platform: Platform, ask: Ask) -> Answer:
    """One's own; what is gone already counts as deleted."""
    post_id = int(checked_id("id", ask.path["id"]))
    found = platform.timeline.get(post_id)
    if found is not None and found.author_id != ask.me:
        raise forbidden("You are not authorized to delete this Tweet.")
    if found is not None:
        platform.deletes(post_id)
        platform.said.unsay(post_id)
    return Answer({"data": {"deleted": True}})


async def write_to(platform: Platform, ask: Ask) -> Answer:
    """POST /2/dm_conversations/with/:participant_id/messages."""
    return _write(platform, ask, checked_id("participant_id", ask.path["participant_id"]))


async def write_in(platform: Platform, ask: Ask) -> Answer:
    """POST /2/dm_conversations/:dm_conversation_id/messages, of two people."""
    both = ask.path["dm_conversation_id"].split("-")
    if ask.me not in both or len(both) != 2:
        raise forbidden("You are not permitted to perform this action.")
    return _write(platform, ask, next(one for one in both if one != ask.me))


def _write(platform: Platform, ask: Ask, recipient_id: str) -> Answer:
    ask.shaped("text", "attachments")
    text, recipient = ask.text(), platform.people.find(recipient_id)
    if not 1 <= len(text) <= LONGEST_MESSAGE:
        raise invalid("text", len(text), f"$.text: must be between 1 and {LONGEST_MESSAGE} characters")
    if recipient is None:
        raise missing("user", "participant_id", recipient_id)
    _may_write(platform, platform.people.get(ask.me), recipient)
    sent: DirectMessage = platform.writes(ask.me, text, recipient.id)
    platform.purse.pay(MESSAGE)
    return Answer({"data": {"dm_conversation_id": sent.conversation, "dm_event_id": str(sent.id)}}, 201)


def _may_write(platform: Platform, me: Person, recipient: Person) -> None:
    """To those who take messages from anyone, and those who have written first; never to those who block us."""
    open_door = recipient.messages_open or platform.mail.written(recipient.id, me.id)
    if platform.people.blocks(recipient.id, me.id) or not open_door:
        raise messages_closed()

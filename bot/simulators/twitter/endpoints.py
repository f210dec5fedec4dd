"""API endpoints that read and write accounts, posts, blocks and direct messages.

Each takes the platform and the request, and raises Refusal for what X would refuse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, TypeVar

from starlette.responses import Response

from bot.simulators.twitter import limits, refusals
from bot.simulators.twitter.platform import Platform, UnknownPost
from bot.simulators.twitter.queries import LONGEST_QUERY, QueryError, parse_query
from bot.simulators.twitter.requests import ApiRequest, checked_id, success, token_for
from bot.simulators.twitter.responses import Wanted, included, message_object, person_object, post_object
from bot.simulators.twitter.state import DirectMessage, Draft, Person, Post, conversation_of
from bot.simulators.twitter.texts import LONGEST_MESSAGE, LONGEST_POST, weighted_length

T = TypeVar("T", Post, DirectMessage)
MAX_MENTIONS = 800  # only the newest can be read (docs.x.com timelines/integrate, "Volume limits")
MAX_POSTS = 3200  # of one author, by the same page
WEEK = 7 * 86_400.0  # seconds; recent search goes back so far
MONTH = 30 * 86_400.0  # seconds; lists of direct messages go back so far
_KINDS = frozenset({"MessageCreate", "ParticipantsJoin", "ParticipantsLeave"})


async def me(platform: Platform, request: ApiRequest) -> Response:
    wanted = Wanted.of(request)
    platform.credits.pay_for_reading([request.me], limits.USER_READ)
    return success(data=person_object(platform.people.get(request.me), wanted.person))


async def people(platform: Platform, request: ApiRequest) -> Response:
    ids = request.ids("ids")
    return _people(platform, request, "id", "ids", {one: platform.people.find(one) for one in ids})


async def people_by_name(platform: Platform, request: ApiRequest) -> Response:
    names = request.query.get("usernames", "").split(",")
    return _people(platform, request, "username", "usernames", {one: platform.people.named(one) for one in names})


def _people(
    platform: Platform, request: ApiRequest, by: str, parameter: str, found: Mapping[str, Person | None]
) -> Response:
    wanted = Wanted.of(request)
    known = [person for person in found.values() if person]
    platform.credits.pay_for_reading((one.id for one in known), limits.USER_READ)
    errors = [refusals.not_found("user", parameter, one, by) for one, person in found.items() if person is None]
    return success(data=[person_object(one, wanted.person) for one in known], errors=errors)


async def blocking(platform: Platform, request: ApiRequest) -> Response:
    if request.path["id"] != request.me:
        raise refusals.not_permitted()
    wanted = Wanted.of(request)
    size, start = request.number("max_results", 1, 1000, 100), request.before() or 0
    blocked = platform.people.blocked_by(request.me)
    data = [person_object(one, wanted.person) for one in blocked[start : start + size]]
    more = {"next_token": token_for(start + size)} if len(blocked) > start + size else {}
    return success(data=data, meta={"result_count": len(data)} | more)


async def lookup(platform: Platform, request: ApiRequest) -> Response:
    """Posts by id; those that do not exist are listed under `errors`."""
    wanted = Wanted.of(request)
    posts = {one: platform.timeline.get(int(one)) for one in request.ids("ids")}
    found = [post for post in posts.values() if post]
    platform.credits.pay_for_reading((str(post.id) for post in found), limits.POST_READ)
    errors = [refusals.not_found("tweet", "ids", one) for one, post in posts.items() if post is None]
    data = [post_object(post, platform.people, wanted.post) for post in found]
    return success(data=data, errors=errors, includes=included(found, platform.people, platform.timeline, wanted))


async def one_post(platform: Platform, request: ApiRequest) -> Response:
    wanted, post_id = Wanted.of(request), checked_id("id", request.path["id"])
    post = platform.timeline.get(int(post_id))
    if post is None:
        return success(errors=[refusals.not_found("tweet", "id", post_id)])
    platform.credits.pay_for_reading([post_id], limits.POST_READ)
    data = post_object(post, platform.people, wanted.post)
    return success(data=data, includes=included([post], platform.people, platform.timeline, wanted))


async def mentions(platform: Platform, request: ApiRequest) -> Response:
    """Mentions by others, newest first. Replies before which X has put the handle are mentions as well."""
    person_id = _known(platform, request)
    listed = platform.timeline.newest(f"mentions/{person_id}", platform.clock.now())
    own = (post for post in islice(listed, MAX_MENTIONS) if post.author_id != person_id)
    return _posts(platform, request, own, (5, 100, 10))


async def posts_of(platform: Platform, request: ApiRequest) -> Response:
    listed = platform.timeline.newest(f"by/{_known(platform, request)}", platform.clock.now())
    return _posts(platform, request, islice(listed, MAX_POSTS), (5, 100, 10))


async def search(platform: Platform, request: ApiRequest) -> Response:
    """Posts of the last seven days that match a query."""
    query = request.query.get("query", "")
    if not 1 <= len(query) <= LONGEST_QUERY:
        raise refusals.invalid("query", query, f"The `query` must be between 1 and {LONGEST_QUERY} characters")
    try:
        matches = parse_query(query, platform.people)
    except QueryError as unreadable:
        raise refusals.invalid(
            "query", query, f"There were errors processing your request: it {unreadable}"
        ) from unreadable
    now = platform.clock.now()
    listed = platform.timeline.newest(now=now)
    recent = (post for post in listed if post.created_at > now - WEEK and matches(post))
    return _posts(platform, request, recent, (10, 100, 10))


def _known(platform: Platform, request: ApiRequest) -> str:
    person = platform.people.find(checked_id("id", request.path["id"]))
    if person is None:
        raise refusals.missing("user", "id", request.path["id"])
    return person.id


def _posts(platform: Platform, request: ApiRequest, listed: Iterable[Post], sizes: tuple[int, int, int]) -> Response:
    wanted = Wanted.of(request)
    since, until = request.time("start_time", 0.0), request.time("end_time", math.inf)
    timely = (post for post in listed if since <= post.created_at < until)
    page, more = _page(platform, request, timely, request.number("max_results", *sizes))
    owned = request.path.get("id") == platform.brand.id
    platform.credits.pay_for_reading((str(post.id) for post in page), limits.OWNED_READ if owned else limits.POST_READ)
    meta: dict[str, Any] = {"result_count": len(page)}
    if page:
        meta |= {"newest_id": str(page[0].id), "oldest_id": str(page[-1].id)}
    data = [post_object(post, platform.people, wanted.post) for post in page]
    objects = included(page, platform.people, platform.timeline, wanted)
    return success(data=data, includes=objects, meta=meta | more)


async def messages(platform: Platform, request: ApiRequest) -> Response:
    """Direct messages sent and received in the last 30 days, newest first. X has no since_id here."""
    listed = platform.direct_messages.newest(now=platform.clock.now())
    return _messages(platform, request, (one for one in listed if request.me in (one.sender_id, one.recipient_id)))


async def messages_with(platform: Platform, request: ApiRequest) -> Response:
    conversation = conversation_of(request.me, checked_id("participant_id", request.path["participant_id"]))
    return _messages(platform, request, platform.direct_messages.newest(conversation, platform.clock.now()))


async def messages_of(platform: Platform, request: ApiRequest) -> Response:
    conversation = request.path["id"]
    if request.me not in conversation.split("-"):
        raise refusals.not_permitted()
    return _messages(platform, request, platform.direct_messages.newest(conversation, platform.clock.now()))


def _messages(platform: Platform, request: ApiRequest, listed: Iterable[DirectMessage]) -> Response:
    wanted = Wanted.of(request, messages=True)
    oldest = platform.clock.now() - MONTH
    kinds = request.names("event_types", _KINDS) or _KINDS
    recent = (one for one in listed if one.created_at > oldest and "MessageCreate" in kinds)
    page, more = _page(platform, request, recent, request.number("max_results", 1, 100, 100))
    platform.credits.pay_for_reading((str(one.id) for one in page), limits.MESSAGE_READ)
    data = [message_object(one, wanted.message) for one in page]
    senders = dict.fromkeys(one.sender_id for one in page) if "sender_id" in wanted.expansions else {}
    users = [person_object(platform.people.get(one), wanted.person) for one in senders]
    includes = {"users": users} if users else {}
    return success(data=data, includes=includes, meta={"result_count": len(page)} | more)


def _page(platform: Platform, request: ApiRequest, listed: Iterable[T], size: int) -> tuple[list[T], dict[str, str]]:
    """At most `size` things within the request's token and ids, and `next_token` for `meta` if there are more."""
    before, since, until = request.before(), request.id("since_id"), request.id("until_id")
    if short := platform.faults.now.short:
        size = min(size, short)
    found: list[T] = []
    for one in listed:
        if since is not None and one.id <= since:
            break
        if (before is None or one.id < before) and (until is None or one.id < until):
            found.append(one)
        if len(found) > size:
            return found[:size], {"next_token": token_for(found[size - 1].id)}
    return found, {}


_REPLY = ("in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata")


async def post(platform: Platform, request: ApiRequest) -> Response:
    """POST /2/tweets. Refuses texts that are too long, repeated texts, and replies that were not asked for."""
    draft = _draft(platform, request)
    if platform.recent_texts.contains(draft.text):
        raise refusals.duplicate()
    try:
        made = platform.publish(draft)
    except UnknownPost as gone:
        raise refusals.parent_not_visible() from gone
    platform.recent_texts.add(draft.text, made.id)
    usual = limits.SUMMONED_REPLY if draft.reply_to else limits.POST
    platform.credits.pay(limits.POST_WITH_LINK if made.links else usual)
    return success(201, data=post_object(made, platform.people, ()))


def _draft(platform: Platform, request: ApiRequest) -> Draft:
    request.shaped("text", "reply", "quote_tweet_id", "reply_settings", "for_super_followers_only", "nullcast")
    text = request.text()
    if not text.strip():
        raise refusals.invalid("text", text, "$.text: is missing but it is required")
    if weighted_length(text) > LONGEST_POST:
        raise refusals.too_long()
    reply_to, exclude = _reply(platform, request)
    return Draft(request.me, text, reply_to, _quoted(platform, request), exclude=exclude)


def _reply(platform: Platform, request: ApiRequest) -> tuple[int | None, tuple[str, ...]]:
    """The id of the parent, and the handles that X must not put before the reply."""
    asked = request.body.get("reply")
    if asked is None:
        return None, ()
    if not isinstance(asked, dict) or not asked.keys() <= set(_REPLY):
        raise refusals.invalid("reply", asked, "$.reply: is not defined in the schema")
    parent = platform.timeline.get(int(checked_id("in_reply_to_tweet_id", asked.get("in_reply_to_tweet_id"))))
    _check_reply(platform, platform.people.get(request.me), parent)
    ids = asked.get("exclude_reply_user_ids", [])
    if not isinstance(ids, list):
        raise refusals.invalid("exclude_reply_user_ids", ids, "$.reply.exclude_reply_user_ids: must be an array")
    people = [platform.people.find(checked_id("exclude_reply_user_ids", one)) for one in ids]
    return (parent.id if parent else None), tuple(person.username for person in people if person)


def _check_reply(platform: Platform, me: Person, parent: Post | None) -> None:
    """Raises Refusal unless the parent's author mentions or quotes the account.

    Rule of self-serve tiers since 2026-02-23. Replies to one's own posts are taken for allowed.
    """
    if parent is None or platform.people.blocks(parent.author_id, me.id):
        raise refusals.parent_not_visible()
    quoted = platform.timeline.get(parent.quotes)
    engaged = me.id in parent.mentioned_ids or (quoted is not None and quoted.author_id == me.id)
    if not engaged and parent.author_id != me.id:
        raise refusals.not_summoned()


def _quoted(platform: Platform, request: ApiRequest) -> int | None:
    quoted = request.body.get("quote_tweet_id")
    if quoted is None:
        return None
    found = platform.timeline.get(int(checked_id("quote_tweet_id", quoted)))
    if found is None:
        raise refusals.invalid("quote_tweet_id", quoted, "$.quote_tweet_id: does not exist")
    return found.id


async def delete_post(platform: Platform, request: ApiRequest) -> Response:
    """Delete one's own post. A post that does not exist counts as deleted."""
    post_id = int(checked_id("id", request.path["id"]))
    found = platform.timeline.get(post_id)
    if found is not None and found.author_id != request.me:
        raise refusals.forbidden("You are not authorized to delete this Tweet.")
    if found is not None:
        platform.delete_post(post_id)
        platform.recent_texts.forget(post_id)
    return success(data={"deleted": True})


async def write_to(platform: Platform, request: ApiRequest) -> Response:
    """POST /2/dm_conversations/with/:participant_id/messages."""
    return _write(platform, request, checked_id("participant_id", request.path["participant_id"]))


async def write_in(platform: Platform, request: ApiRequest) -> Response:
    """POST /2/dm_conversations/:dm_conversation_id/messages, of two people."""
    both = request.path["dm_conversation_id"].split("-")
    if request.me not in both or len(both) != 2:
        raise refusals.not_permitted()
    return _write(platform, request, next(one for one in both if one != request.me))


def _write(platform: Platform, request: ApiRequest, recipient_id: str) -> Response:
    request.shaped("text", "attachments")
    text, recipient = request.text(), platform.people.find(recipient_id)
    if not 1 <= len(text) <= LONGEST_MESSAGE:
        raise refusals.invalid("text", len(text), f"$.text: must be between 1 and {LONGEST_MESSAGE} characters")
    if recipient is None:
        raise refusals.missing("user", "participant_id", recipient_id)
    _check_recipient(platform, platform.people.get(request.me), recipient)
    sent = platform.send_direct_message(request.me, text, recipient.id)
    platform.credits.pay(limits.MESSAGE)
    return success(201, data={"dm_conversation_id": sent.conversation, "dm_event_id": str(sent.id)})


def _check_recipient(platform: Platform, me: Person, recipient: Person) -> None:
    """Raises Refusal if the recipient blocks the account, or neither has written first nor takes messages from all."""
    talk = platform.direct_messages.newest(conversation_of(recipient.id, me.id))
    is_open = recipient.messages_open or any(one.sender_id == recipient.id for one in talk)
    if platform.people.blocks(recipient.id, me.id) or not is_open:
        raise refusals.messages_closed()

"""What the API lets one read: accounts, posts, mentions, search results, blocks, direct messages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from bot.simulators.twitter.asking import Answer, Ask, checked_id, token_for
from bot.simulators.twitter.credits import MESSAGE_READ, OWNED_READ, POST_READ, USER_READ
from bot.simulators.twitter.messages import DirectMessage, conversation_of
from bot.simulators.twitter.people import Person
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.posts import Post
from bot.simulators.twitter.problems import forbidden, invalid, missing, not_found
from bot.simulators.twitter.queries import LONGEST_QUERY, Unreadable, reader
from bot.simulators.twitter.shapes import (
    MESSAGE_EXPANSIONS,
    Wanted,
    included,
    message_object,
    person_object,
    post_object,
)

T = TypeVar("T", Post, DirectMessage)
REACH = 800  # the newest mentions that can be reached (docs.x.com timelines/integrate, "Volume limits")
WEEK = 7 * 86_400.0
MONTH = 30 * 86_400.0
_KINDS = frozenset({"MessageCreate", "ParticipantsJoin", "ParticipantsLeave"})


async def me(platform: Platform, ask: Ask) -> Answer:
    wanted = Wanted.of(ask)
    platform.purse.pay_for_reading([ask.me], USER_READ)
    return Answer({"data": person_object(platform.people.get(ask.me), wanted.person)})


async def people(platform: Platform, ask: Ask) -> Answer:
    ids = ask.ids("ids")
    return _people(platform, ask, "id", "ids", {one: platform.people.find(one) for one in ids})


async def people_by_name(platform: Platform, ask: Ask) -> Answer:
    names = ask.query.get("usernames", "").split(",")
    return _people(platform, ask, "username", "usernames", {one: platform.people.named(one) for one in names})


def _people(platform: Platform, ask: Ask, by: str, parameter: str, found: Mapping[str, Person | None]) -> Answer:
    wanted = Wanted.of(ask)
    known = [person for person in found.values() if person]
    platform.purse.pay_for_reading((one.id for one in known), USER_READ)
    errors = [
        not_found("user", parameter, one) | {"detail": f"Could not find user with {by}: [{one}]."}
        for one, person in found.items()
        if person is None
    ]
    return _found([person_object(one, wanted.person) for one in known], errors)


async def blocking(platform: Platform, ask: Ask) -> Answer:
    if ask.path["id"] != ask.me:
        raise forbidden("You are not permitted to perform this action.")
    wanted = Wanted.of(ask)
    size, start = ask.number("max_results", 1, 1000, 100), ask.before() or 0
    blocked = platform.people.blocked_by(ask.me)
    meta = {"result_count": len(blocked[start : start + size])}
    more = {"next_token": token_for(start + size)} if len(blocked) > start + size else {}
    data = [person_object(one, wanted.person) for one in blocked[start : start + size]]
    return Answer(_with_data(data) | {"meta": meta | more})


async def lookup(platform: Platform, ask: Ask) -> Answer:
    """Posts by id; those that are gone stand among the errors."""
    wanted = Wanted.of(ask)
    posts = {one: _visible(platform, one) for one in ask.ids("ids")}
    found = [post for post in posts.values() if post]
    platform.purse.pay_for_reading((str(post.id) for post in found), POST_READ)
    errors = [not_found("tweet", "ids", one) for one, post in posts.items() if post is None]
    answer = dict(_found([post_object(post, platform.people, wanted.post) for post in found], errors).body)
    return Answer(answer | _including(platform, found, wanted))


async def one_post(platform: Platform, ask: Ask) -> Answer:
    wanted, post_id = Wanted.of(ask), checked_id("id", ask.path["id"])
    post = _visible(platform, post_id)
    if post is None:
        return Answer({"errors": [not_found("tweet", "id", post_id)]})
    platform.purse.pay_for_reading([post_id], POST_READ)
    return Answer({"data": post_object(post, platform.people, wanted.post)} | _including(platform, [post], wanted))


def _visible(platform: Platform, post_id: str) -> Post | None:
    post = platform.timeline.get(int(post_id))
    hidden = post is not None and platform.people.get(post.author_id).protected
    return None if hidden else post


async def mentions(platform: Platform, ask: Ask) -> Answer:
    """The newest first, of the newest 800 only; replies that X puts handles before are mentions as well."""
    person_id = _known(platform, ask)
    listed = platform.timeline.mentioning(person_id, platform.clock.now())
    own = (post for post in islice(_readable(platform, listed), REACH) if post.author_id != person_id)
    return _posts(platform, ask, own, (5, 100, 10))


async def posts_of(platform: Platform, ask: Ask) -> Answer:
    listed = platform.timeline.by(_known(platform, ask), platform.clock.now())
    return _posts(platform, ask, islice(_readable(platform, listed), 3200), (5, 100, 10))


async def search(platform: Platform, ask: Ask) -> Answer:
    """The last seven days."""
    query = ask.query.get("query", "")
    if not 1 <= len(query) <= LONGEST_QUERY:
        raise invalid("query", query, f"The `query` must be between 1 and {LONGEST_QUERY} characters")
    try:
        matches = reader(query, platform.people)
    except Unreadable as unreadable:
        raise invalid("query", query, f"There were errors processing your request: it {unreadable}") from unreadable
    now = platform.clock.now()
    listed = _readable(platform, platform.timeline.everything(now))
    recent = (post for post in listed if post.created_at > now - WEEK and matches(post))
    return _posts(platform, ask, recent, (10, 100, 10))


def _known(platform: Platform, ask: Ask) -> str:
    person = platform.people.find(checked_id("id", ask.path["id"]))
    if person is None:
        raise missing("user", "id", ask.path["id"])
    return person.id


def _readable(platform: Platform, listed: Iterable[Post]) -> Iterator[Post]:
    """Without those of protected accounts."""
    return (post for post in listed if not platform.people.get(post.author_id).protected)


def _posts(platform: Platform, ask: Ask, listed: Iterable[Post], sizes: tuple[int, int, int]) -> Answer:
    wanted = Wanted.of(ask)
    since, until = ask.time("start_time", 0.0), ask.time("end_time", math.inf)
    timely = (post for post in listed if since <= post.created_at < until)
    page, more = _page(platform, ask, timely, ask.number("max_results", *sizes))
    owned = ask.path.get("id") == platform.brand.id
    platform.purse.pay_for_reading((str(post.id) for post in page), OWNED_READ if owned else POST_READ)
    meta: dict[str, Any] = {"result_count": len(page)}
    if page:
        meta |= {"newest_id": str(page[0].id), "oldest_id": str(page[-1].id)}
    data = [post_object(post, platform.people, wanted.post) for post in page]
    return Answer(_with_data(data) | _including(platform, page, wanted) | {"meta": meta | more})


async def messages(platform: Platform, ask: Ask) -> Answer:
    """Everything sent and received in the last 30 days, newest first; there is no since_id."""
    listed = platform.mail.everything(platform.clock.now())
    return _messages(platform, ask, (one for one in listed if ask.me in (one.sender_id, one.recipient_id)))


async def messages_with(platform: Platform, ask: Ask) -> Answer:
    talk = conversation_of(ask.me, checked_id("participant_id", ask.path["participant_id"]))
    return _messages(platform, ask, platform.mail.between(talk, platform.clock.now()))


async def messages_of(platform: Platform, ask: Ask) -> Answer:
    talk = ask.path["id"]
    if ask.me not in talk.split("-"):
        raise forbidden("You are not permitted to perform this action.")
    return _messages(platform, ask, platform.mail.between(talk, platform.clock.now()))


def _messages(platform: Platform, ask: Ask, listed: Iterable[DirectMessage]) -> Answer:
    wanted = Wanted.of(ask, MESSAGE_EXPANSIONS)
    oldest = platform.clock.now() - MONTH
    kinds = ask.names("event_types", _KINDS) or _KINDS
    recent = (one for one in listed if one.created_at > oldest and "MessageCreate" in kinds)
    page, more = _page(platform, ask, recent, ask.number("max_results", 1, 100, 100))
    platform.purse.pay_for_reading((str(one.id) for one in page), MESSAGE_READ)
    data = [message_object(one, wanted.message) for one in page]
    senders = dict.fromkeys(one.sender_id for one in page) if "sender_id" in wanted.expansions else {}
    users = [person_object(platform.people.get(one), wanted.person) for one in senders]
    includes = {"includes": {"users": users}} if users else {}
    return Answer(_with_data(data) | includes | {"meta": {"result_count": len(page)} | more})


def _page(platform: Platform, ask: Ask, listed: Iterable[T], size: int) -> tuple[list[T], dict[str, str]]:
    """At most `size` below the token and above since_id; short pages if that fault is on. `more` goes into `meta`."""
    before, since, until = ask.before(), ask.id("since_id"), ask.id("until_id")
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


def _found(data: list[dict[str, Any]], errors: list[dict[str, Any]]) -> Answer:
    return Answer(_with_data(data) | ({"errors": errors} if errors else {}))


def _with_data(data: list[dict[str, Any]]) -> dict[str, Any]:
    """Without `data` if there is none: so does X."""
    return {"data": data} if data else {}


def _including(platform: Platform, found: list[Post], wanted: Wanted) -> dict[str, Any]:
    objects = included(found, platform.people, platform.timeline, wanted)
    return {"includes": objects} if objects else {}

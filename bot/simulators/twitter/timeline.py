"""The JSON endpoints behind the timeline page, which tests and benches may use as well."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.simulators.live import News
from bot.simulators.twitter.api import Simulated
from bot.simulators.twitter.faults import Faults
from bot.simulators.twitter.messages import DirectMessage
from bot.simulators.twitter.people import Person, UnknownPerson
from bot.simulators.twitter.platform import Platform, UnknownPost
from bot.simulators.twitter.posts import Post
from bot.simulators.twitter.problems import OF_THE_ACCOUNT

timeline = APIRouter()
_SHOWN = 200
_HANDLE = r"^[A-Za-z0-9_]{1,15}$"
_ID = r"^[0-9]{1,19}$"


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewPerson(Asked):
    username: str = Field(pattern=_HANDLE)
    name: str = Field("", max_length=50)
    messages_open: bool = False


class NewPost(Asked):
    """by: the author's id. reply_to, quotes: ids of posts, '' for none."""

    by: str = Field(pattern=_ID)
    text: str = Field(min_length=1, max_length=25_000, pattern=r"\S")
    reply_to: str = Field("", pattern=r"^[0-9]{0,19}$")
    quotes: str = Field("", pattern=r"^[0-9]{0,19}$")


class NewText(Asked):
    text: str = Field(min_length=1, max_length=25_000, pattern=r"\S")


class NewMessage(Asked):
    text: str = Field(min_length=1, max_length=10_000, pattern=r"\S")


class Block(Asked):
    """Whether somebody blocks the brand."""

    on: bool


class NewFaults(Asked):
    only: str = Field("", max_length=80)
    down: bool = False
    html: int = Field(0, ge=0)
    slow: float = Field(0.0, ge=0, le=60)
    truncate: int = Field(0, ge=0)
    drop: int = Field(0, ge=0)
    error: int = Field(0, ge=0)
    limited: int = Field(0, ge=0)
    no_reset: bool = False
    no_headers: bool = False
    broke: bool = False
    refuse: str = Field("", pattern=f"^({'|'.join(OF_THE_ACCOUNT)})?$")
    lag: float = Field(0.0, ge=0, le=86_400)
    short: int = Field(0, ge=0, le=100)
    duplicate: int = Field(0, ge=0)
    swap: int = Field(0, ge=0)
    deaf: bool = False


@timeline.get("/api/state")
async def state(platform: Simulated) -> dict[str, Any]:
    """Everything the page shows but the direct messages."""
    newest = islice(platform.timeline.everything(float("inf")), _SHOWN)
    people = [one for one in platform.people.all() if one.id != platform.brand.id]
    return {
        "now": platform.clock.now(),
        "brand": describe(platform.brand, platform),
        "people": [describe(one, platform) for one in people[-_SHOWN:]],
        "posts": [describe(post, platform) for post in list(newest)[::-1]],
        "calls": [asdict(call) for call in platform.tally.calls],
        "webhooks": [asdict(one) for one in platform.hooks.webhooks.values()],
        "faults": asdict(platform.faults.now),
    }


@timeline.post("/api/people", status_code=201)
async def add_person(asked: NewPerson, platform: Simulated) -> dict[str, Any]:
    someone = platform.person(asked.username, asked.name.strip(), messages_open=asked.messages_open)
    return describe(someone, platform)


@timeline.get("/api/people/{person_id}/messages")
async def talk(person_id: str, platform: Simulated) -> list[dict[str, Any]]:
    """The newest messages between somebody and the brand, oldest first."""
    return [describe(one, platform) for one in platform.talk(_person(platform, person_id).id)[-_SHOWN:]]


@timeline.post("/api/people/{person_id}/messages", status_code=201)
async def write(person_id: str, asked: NewMessage, platform: Simulated) -> dict[str, Any]:
    return describe(platform.writes(_person(platform, person_id).id, asked.text), platform)


@timeline.put("/api/people/{person_id}/block")
async def block(person_id: str, asked: Block, platform: Simulated) -> dict[str, Any]:
    someone = _person(platform, person_id)
    platform.people.block(someone.id, platform.brand.id, asked.on)
    platform.live.tell("person", someone)
    return describe(someone, platform)


@timeline.post("/api/posts", status_code=201)
async def post(asked: NewPost, platform: Simulated) -> dict[str, Any]:
    author = _person(platform, asked.by)
    try:
        made = platform.posts(author.id, asked.text, reply_to=_id(asked.reply_to), quotes=_id(asked.quotes))
    except UnknownPost as unknown:
        raise HTTPException(404, "there is no such post") from unknown
    return describe(made, platform)


@timeline.put("/api/posts/{post_id}")
async def edit(post_id: int, asked: NewText, platform: Simulated) -> dict[str, Any]:
    return describe(platform.edits(_post(platform, post_id).id, asked.text), platform)


@timeline.delete("/api/posts/{post_id}", status_code=204)
async def delete(post_id: int, platform: Simulated) -> None:
    platform.deletes(_post(platform, post_id).id)


@timeline.put("/api/faults")
async def set_faults(asked: NewFaults, platform: Simulated) -> dict[str, Any]:
    platform.set_faults(Faults(**asked.model_dump()))
    return asdict(platform.faults.now)


@timeline.get("/api/live")
async def live(platform: Simulated) -> EventSourceResponse:
    """Server-sent events: post, gone, message, person, call, faults as JSON, and missed (ask for the state again)."""
    return EventSourceResponse(_news(platform), ping=15)


def describe(thing: Any, platform: Platform) -> dict[str, Any]:
    """A post, message, person or anything else that is told, as the page needs it; ids are text."""
    if isinstance(thing, Post):
        return _post_shown(thing, platform)
    if isinstance(thing, DirectMessage):
        with_whom = thing.with_whom(platform.brand.id)
        return {
            "id": str(thing.id),
            "with": with_whom,
            "mine": thing.sender_id == with_whom,
            "text": thing.text,
            "at": thing.created_at,
        }
    if isinstance(thing, Person):
        return asdict(thing) | {"blocks": platform.people.blocks(thing.id, platform.brand.id)}
    return thing if isinstance(thing, dict) else asdict(thing)


def _post_shown(post: Post, platform: Platform) -> dict[str, Any]:
    author, quoted = platform.people.get(post.author_id), platform.timeline.get(post.quotes)
    return {
        "id": str(post.id),
        "by": author.id,
        "name": author.name,
        "username": author.username,
        "text": post.text,
        "opens_at": post.opens_at,
        "at": post.created_at,
        "thread": str(post.conversation_id),
        "reply_to": str(post.reply_to or ""),
        "quotes": {"name": platform.people.get(quoted.author_id).name, "text": quoted.text} if quoted else None,
        "edited": len(post.history) > 1,
        "links": [{"start": one.start, "end": one.end, "address": one.word} for one in post.links],
        "mentions": [{"start": one.start, "end": one.end} for one in post.mentions],
    }


async def _news(platform: Platform) -> AsyncIterator[ServerSentEvent]:
    async for news in platform.live.watch():
        yield ServerSentEvent(_worded(news, platform), event=news.topic)


def _worded(news: News, platform: Platform) -> str:
    about = None if news.about is None else describe(news.about, platform)
    return json.dumps(about, ensure_ascii=False)


def _person(platform: Platform, person_id: str) -> Person:
    try:
        return platform.people.get(person_id)
    except UnknownPerson as unknown:
        raise HTTPException(404, "nobody here has this id") from unknown


def _post(platform: Platform, post_id: int) -> Post:
    try:
        return platform.post(post_id)
    except UnknownPost as unknown:
        raise HTTPException(404, "there is no such post") from unknown


def _id(text: str) -> int | None:
    return int(text) if text else None

"""The simulator of X as a web application: the timeline page, its JSON endpoints, and the API that accounts call."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.responses import HTMLResponse

from bot.i18n import message
from bot.simulators.page import chosen_language, page_templates, render_page
from bot.simulators.server import ChannelSimulator, RequestBody, Simulator, build_app, serving
from bot.simulators.twitter.api import Simulated, xapi
from bot.simulators.twitter.limits import Call
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.state import QUESTIONS, DirectMessage, Person, Post, SimulatedApp
from bot.simulators.twitter.webhooks import Subscription, Webhook

_PAGE = Path(__file__).parent / "page"
_TEMPLATES = page_templates(_PAGE)
ACCOUNT_EVENTS = ("post.mention.create", "post.reply.create", "post.quote.create", "dm.received")
CHALLENGE_PAUSE = 1.0  # seconds between challenges; the brand's server may still be starting

timeline = APIRouter()  # the timeline page and its JSON endpoints, which tests and benches use as well
_NEWEST = 200  # posts, people and messages that the page shows at most


class NewPerson(RequestBody):
    username: str = Field(pattern=r"^[A-Za-z0-9_]{1,15}$")
    name: str = Field("", max_length=50)
    messages_open: bool = False


class NewText(RequestBody):
    text: str = Field(min_length=1, max_length=25_000, pattern=r"\S")


class NewPost(NewText):
    by: str = Field(pattern=r"^[0-9]{1,19}$")  # the author's id
    reply_to: str = Field("", pattern=r"^[0-9]{0,19}$")  # id of a post; '' for none, as in `quotes`
    quotes: str = Field("", pattern=r"^[0-9]{0,19}$")


class NewMessage(RequestBody):
    text: str = Field(min_length=1, max_length=10_000, pattern=r"\S")


class Block(RequestBody):
    on: bool  # whether the person blocks the brand


@timeline.get("/api/state")
async def state(platform: Simulated) -> dict[str, Any]:
    """What the page shows, without the direct messages."""
    newest = islice(platform.timeline.newest(), _NEWEST)
    people = [one for one in platform.people.all() if one.id != platform.brand.id]
    return {
        "now": platform.clock.now(),
        "brand": as_json(platform.brand, platform),
        "people": [as_json(one, platform) for one in people[-_NEWEST:]],
        "posts": [as_json(post, platform) for post in list(newest)[::-1]],
        "calls": [asdict(call) for call in platform.request_log.calls],
        "webhooks": [asdict(one) for one in platform.publisher.webhooks.values()],
        "faults": asdict(platform.faults.now),
    }


@timeline.post("/api/people", status_code=201)
async def add_person(asked: NewPerson, platform: Simulated) -> dict[str, Any]:
    someone = platform.person(asked.username, asked.name.strip(), messages_open=asked.messages_open)
    return as_json(someone, platform)


@timeline.get("/api/people/{person_id}/messages")
async def talk(person_id: str, platform: Simulated) -> list[dict[str, Any]]:
    """The newest messages between a person and the brand, oldest first."""
    return [as_json(one, platform) for one in platform.conversation_with(person_id)[-_NEWEST:]]


@timeline.post("/api/people/{person_id}/messages", status_code=201)
async def write(person_id: str, asked: NewMessage, platform: Simulated) -> dict[str, Any]:
    return as_json(platform.send_direct_message(person_id, asked.text), platform)


@timeline.put("/api/people/{person_id}/block")
async def block(person_id: str, asked: Block, platform: Simulated) -> dict[str, Any]:
    someone = platform.people.get(person_id)
    platform.people.block(someone.id, platform.brand.id, asked.on)
    platform.live.publish("person", someone)
    return as_json(someone, platform)


@timeline.post("/api/posts", status_code=201)
async def post(asked: NewPost, platform: Simulated) -> dict[str, Any]:
    reply_to, quotes = (int(one) if one else None for one in (asked.reply_to, asked.quotes))
    return as_json(platform.create_post(asked.by, asked.text, reply_to=reply_to, quotes=quotes), platform)


@timeline.put("/api/posts/{post_id}")
async def edit(post_id: int, asked: NewText, platform: Simulated) -> dict[str, Any]:
    return as_json(platform.edit_post(post_id, asked.text), platform)


@timeline.delete("/api/posts/{post_id}", status_code=204)
async def delete(post_id: int, platform: Simulated) -> None:
    platform.delete_post(post_id)


def as_json(thing: Any, platform: Platform) -> dict[str, Any]:
    """A post, message, person or other event for the page. Ids are text: a JavaScript number cannot hold them."""
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
        return asdict(thing) | {"protected": False, "blocks": platform.people.blocks(thing.id, platform.brand.id)}
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


# The faults that can be switched on at the page, with one box each.
FAULTS = ("down", "html", "slow", "limited", "no_reset", "broke", "truncate", "drop", "error", "lag", "duplicate",
          "swap", "deaf")  # fmt: skip


@timeline.get("/")
async def timeline_page(request: Request, platform: Simulated, lang: str = "") -> HTMLResponse:
    return HTMLResponse(render(platform, chosen_language(request, lang), request.app.state.neighbour))


def render(platform: Platform, language: str, neighbour: str = "") -> str:
    app = platform.app
    return render_page(
        _TEMPLATES,
        "timeline.html",
        "simulator.twitter",
        language,
        app=app,
        name=getattr(app, f"name_{language}"),
        questions=[question.text(language) for question in QUESTIONS],
        faults=FAULTS,
        neighbour=neighbour,
    )


def application(platform: Platform, neighbour: str = "") -> Simulator:
    """All routes: `/` the page, `/api` its endpoints, `/2` the API for the account's server."""
    app = build_app(platform, (xapi, timeline), _PAGE, neighbour, as_json)
    return Simulator(app, platform.close_streams, platform.allow_remote)


def running(platform: Platform, port: int = 0) -> AbstractAsyncContextManager[str]:
    """Serve within this event loop, for tests and benches. Yields the address, e.g. http://127.0.0.1:40123."""
    return serving(application(platform), port)


async def connect(platform: Platform, url: str) -> None:
    """Subscribe the webhook at `url` to the account's events, as soon as it answers X's challenge.

    A brand does this once with X's API or in its console.
    """
    while await platform.webhook_client.challenge(url) != "ok":  # noqa: ASYNC110 - another process, without an event
        await asyncio.sleep(CHALLENGE_PAUSE)
    now, user = platform.clock.now(), platform.app.user_id
    platform.note(Call(now, "crc", "GET webhook", "ok"))
    webhook = Webhook(str(platform.ids.next()), url, now)
    platform.publisher.webhooks[webhook.id] = webhook
    for kind in ACCOUNT_EVENTS:
        made = Subscription(str(platform.ids.next()), kind, user, now, webhook_id=webhook.id)
        platform.publisher.subscriptions[made.id] = made


DEMO_HANDLE, DEMO_NAME = "me", "我 Me"  # the person who uses the demo's page


class AppKeys(BaseModel):
    """The settings of an X account that its simulated platform needs; the channel validates the others."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    consumer_key: str = "demo-consumer-key"
    consumer_secret: SecretStr = SecretStr("demo-consumer-secret")
    access_token: SecretStr = SecretStr("1600000000000000001-demo-access-token")
    access_token_secret: SecretStr = SecretStr("demo-access-token-secret")
    bearer_token: SecretStr = SecretStr("demo-bearer-token")
    user_id: str = "1600000000000000001"
    username: str = "YunshanTea"


def simulated_app(keys: AppKeys) -> SimulatedApp:
    """X's side of an account, with the same keys."""
    values: dict[str, Any] = {name: one.get_secret_value() if isinstance(one, SecretStr) else one for name, one in keys}
    return SimulatedApp(**values)


SIMULATOR = ChannelSimulator(
    help="Act as X (Twitter): its API, and a page to post and write as several people. 模拟 X（推特）平台与时间线页面",
    welcome="cli.run.x",
    path="/x",
    platform=lambda keys, _timezone, _webhook: Platform(simulated_app(keys)),
    application=application,
    add_demo_user=lambda platform: platform.person(DEMO_HANDLE, DEMO_NAME),
    introduction=lambda platform, here, _webhook: message(
        "cli.simulate.twitter",
        here=here,
        username=platform.app.username,
        consumer_key=platform.app.consumer_key,
    ),
    keys=AppKeys,
    connect=connect,
)

"""The JSON endpoints behind the phone page, which tests and benches may use as well."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import JSONResponse, Response

from bot.simulators.wechat import utterances
from bot.simulators.wechat.api import Simulated
from bot.simulators.wechat.faults import Faults
from bot.simulators.wechat.people import Follower, NotFollowing, UnknownFollower
from bot.simulators.wechat.platform import Platform
from bot.simulators.wechat.quota import Quota
from bot.simulators.wechat.utterances import Utterance
from bot.streams import stream

phone = APIRouter()
Deed = Literal["text", "image", "voice", "video", "location", "link", "follow", "unfollow", "click", "event"]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewFollower(Asked):
    """follow: also push the event subscribe, without waiting for the webhook."""

    name: str = Field(min_length=1, max_length=40, pattern=r"\S")
    phone: str = Field("", pattern=r"^\+?[0-9 -]{0,20}$")
    follow: bool = False


class NewMessage(Asked):
    """What a follower does. wait: answer when the webhook has settled it (else at once, with 202)."""

    kind: Deed = "text"
    text: str = Field("", max_length=20_000)
    key: str = Field("", max_length=128)
    url: str = Field("", max_length=1024)
    latitude: float = 31.2286
    longitude: float = 121.4486
    wait: bool = True


class NewSms(Asked):
    phone: str = Field(min_length=1, max_length=40)
    text: str = Field(max_length=2_000)
    key: str = Field(min_length=1, max_length=200)


class NewFaults(Asked):
    slow: float = Field(0.0, ge=0, le=60)
    down: bool = False
    error: int = 0
    error_times: int = Field(0, ge=0)
    drop: int = Field(0, ge=0)
    duplicate: int = Field(0, ge=0)
    swap: int = Field(0, ge=0)
    refuse: int = 0


@phone.get("/api/state")
async def state(platform: Simulated) -> dict[str, Any]:
    """Everything the page shows but the chats."""
    return {
        "now": platform.clock.now(),
        "followers": [describe(one, platform) for one in platform.followers()],
        "sms": [asdict(sms) for sms in platform.sms.all()],
        "calls": [asdict(call) for call in platform.calls],
        "faults": asdict(platform.faults.now),
    }


@phone.get("/api/followers")
async def followers(platform: Simulated) -> list[dict[str, Any]]:
    return [describe(one, platform) for one in platform.followers()]


@phone.post("/api/followers", status_code=201)
async def add_follower(asked: NewFollower, platform: Simulated) -> dict[str, Any]:
    someone = platform.follower(asked.name.strip(), asked.phone, following=not asked.follow)
    if asked.follow and not someone.following:
        platform.push_later(someone.openid, utterances.follow())
    return describe(someone, platform)


@phone.get("/api/followers/{openid}")
async def follower(openid: str, platform: Simulated) -> dict[str, Any]:
    someone = _found(platform, openid)
    return describe(someone, platform) | {"lines": [asdict(line) for line in platform.chat(openid)]}


@phone.post("/api/followers/{openid}/messages")
async def message(openid: str, asked: NewMessage, platform: Simulated) -> Response:
    said = _DEEDS[asked.kind](asked)
    try:
        if asked.wait:
            return JSONResponse(asdict(await platform.push(openid, said)))
        platform.push_later(openid, said)
    except UnknownFollower as unknown:
        raise HTTPException(404, "nobody here has this openid") from unknown
    except NotFollowing as gone:
        raise HTTPException(409, "does not follow the account") from gone
    return JSONResponse({"accepted": True}, 202)


@phone.post("/sms")
async def take_sms(asked: NewSms, platform: Simulated) -> dict[str, Any]:
    """Where a sender of one-time codes hands in text messages; repeats of a key change nothing."""
    return {"accepted": True, "repeated": not platform.deliver_text(asked.phone, asked.text, asked.key)}


@phone.get("/api/sms")
async def all_sms(platform: Simulated) -> list[dict[str, Any]]:
    return [asdict(one) for one in platform.sms.all()]


@phone.put("/api/faults")
async def set_faults(asked: NewFaults, platform: Simulated) -> dict[str, Any]:
    platform.set_faults(Faults(**asked.model_dump()))
    return asdict(platform.faults.now)


@phone.post("/api/tokens/revoke", status_code=204)
async def revoke_tokens(platform: Simulated) -> None:
    platform.tokens.revoke()


@phone.post("/api/verify")
async def verify(platform: Simulated) -> dict[str, Any]:
    return asdict(await platform.verify_url())


@phone.get("/api/live")
async def live(platform: Simulated) -> EventSourceResponse:
    """Server-sent events: line, follower, typing, call, sms, faults as JSON, and missed (ask for the state again)."""
    return stream(_news(platform))


def describe(someone: Follower, platform: Platform) -> dict[str, Any]:
    """A follower with what the account may still send them now."""
    now = platform.clock.now()
    quota = someone.quota if someone.following else Quota()
    return {
        "openid": someone.openid,
        "name": someone.name,
        "phone": someone.phone,
        "following": someone.following,
        "quota": {"left": quota.left(now), "of": quota.of(now), "until": quota.until(now)},
        "typing_until": platform.typing_until(someone.openid),
    }


async def _news(platform: Platform) -> AsyncGenerator[ServerSentEvent, None]:
    async for news in platform.live.watch():
        about = describe(news.about, platform) if isinstance(news.about, Follower) else news.about
        data = about if isinstance(about, dict) or about is None else asdict(about)
        yield ServerSentEvent(json.dumps(data, ensure_ascii=False), event=news.topic)


def _found(platform: Platform, openid: str) -> Follower:
    try:
        return platform.find(openid)
    except UnknownFollower as unknown:
        raise HTTPException(404, "nobody here has this openid") from unknown


_DEEDS: dict[Deed, Callable[[NewMessage], Utterance]] = {
    "text": lambda asked: utterances.text(asked.text),
    "image": lambda asked: utterances.image(asked.url),
    "voice": lambda asked: utterances.voice(asked.text),
    "video": lambda _: utterances.video(),
    "location": lambda asked: utterances.location(asked.latitude, asked.longitude, asked.text),
    "link": lambda asked: utterances.link(asked.text, asked.url),
    "follow": lambda _: utterances.follow(),
    "unfollow": lambda _: utterances.unfollow(),
    "click": lambda asked: utterances.click(asked.key, asked.text),
    "event": lambda asked: utterances.event(asked.text, asked.key),
}

"""The platform's API for accounts: /cgi-bin/stable_token, /cgi-bin/message/custom/send and .../typing, with the faults.

Answers are HTTP 200 with errcode and errmsg, as WeChat's are; 503 only while the platform is "down".
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bot.simulators.wechat.custom_messages import ERRORS
from bot.simulators.wechat.platform import Call, Platform
from bot.simulators.wechat.tokens import TOO_OFTEN

tencent = APIRouter(prefix="/cgi-bin")
PROBING = "yingda-doctor"  # whose message to nobody only asks whether the account may send: no fault to show


class Dropped(Response):
    """Announces more bytes than it sends: the server cuts the connection, the caller can't know what happened."""

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"64")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


def simulated(request: Request) -> Platform:
    """The platform that this application serves."""
    platform: Platform = request.app.state.platform
    return platform


Simulated = Annotated[Platform, Depends(simulated)]


@tencent.post("/stable_token")
async def stable_token(request: Request, platform: Simulated) -> Response:
    began = time.monotonic()
    if unwell := await _unwell(platform):
        return unwell
    code, answer = _token(platform, await request.body())
    _note(platform, "stable_token", code, began)
    return JSONResponse(answer or _error(code))


@tencent.post("/message/custom/send")
async def send_custom_message(request: Request, platform: Simulated, access_token: str = "") -> Response:
    began = time.monotonic()
    if unwell := await _unwell(platform):
        return unwell
    code = platform.send_custom_message(access_token, await request.body())
    dropped = platform.faults.take("drop")
    asked_only = code == 40003 and request.headers.get("user-agent", "").startswith(PROBING)
    _note(platform, "custom/send", code, began, dropped, asked_only)
    return Dropped() if dropped else JSONResponse(_error(code))


@tencent.post("/message/custom/typing")
async def show_typing(request: Request, platform: Simulated, access_token: str = "") -> Response:
    began = time.monotonic()
    if unwell := await _unwell(platform):
        return unwell
    code = platform.show_typing(access_token, await request.body())
    _note(platform, "custom/typing", code, began)
    return JSONResponse(_error(code))


async def _unwell(platform: Platform) -> Response | None:
    await asyncio.sleep(platform.faults.now.slow)
    if refused := platform.faults.now.refuse:
        platform.note(Call(platform.clock.now(), "api", "refused", str(refused)))
        return JSONResponse(_error(refused))
    if not platform.faults.now.down:
        return None
    platform.note(Call(platform.clock.now(), "api", "down", "503"))
    return Response("service unavailable", 503)


def _token(platform: Platform, body: bytes) -> tuple[int, dict[str, Any] | None]:
    try:
        asked = json.loads(body)
    except ValueError:
        return 47001, None
    refusal = _stranger(platform, asked) if isinstance(asked, dict) else 47001
    if refusal:
        return refusal, None
    token = platform.tokens.force() if asked.get("force_refresh") is True else platform.tokens.get()
    if token is None:
        return TOO_OFTEN, None
    return 0, {"access_token": token.value, "expires_in": platform.tokens.left(token)}


def _stranger(platform: Platform, asked: dict[str, Any]) -> int:
    if asked.get("appid") != platform.account.app_id:
        return 40013
    return 0 if asked.get("secret") == platform.account.app_secret else 40125


def _error(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": ERRORS.get(code, "switched on by hand")}


def _note(
    platform: Platform, what: str, code: int, began: float, dropped: bool = False, asked_only: bool = False
) -> None:
    took = round((time.monotonic() - began) * 1000, 1)
    outcome = "dropped" if dropped else "asked" if asked_only else "ok" if code == 0 else str(code)
    platform.note(Call(platform.clock.now(), "api", what, outcome, took=took))

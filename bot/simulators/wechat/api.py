"""The platform's API for accounts: /cgi-bin/stable_token, /cgi-bin/message/custom/send and .../typing, with the faults.

Errors are HTTP 200 with errcode and errmsg, as WeChat's are; 503 only while the fault `down` is on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from bot.simulators.server import Dropped, simulated
from bot.simulators.wechat.customer_service import ERRORS, CallRefused, json_object
from bot.simulators.wechat.platform import Call, Platform

# User agent of `yingda doctor`, which sends to an unknown openid to see whether the account may send: not an error.
PROBING = "yingda-doctor"
Simulated = Annotated[Platform, Depends(simulated)]
Answer = dict[str, Any]


def _serving(what: str, call: Callable[[Platform, str, bytes], Answer | None]) -> Callable[..., Awaitable[Response]]:
    """An endpoint. call: what is done unless a fault takes its place; returns an own answer, or raises CallRefused."""

    async def serve(request: Request, platform: Simulated, access_token: str = "") -> Response:
        began = time.monotonic()
        await asyncio.sleep(platform.faults.now.slow)
        if refused := platform.faults.now.refuse:
            platform.note(Call(platform.clock.now(), "api", "refused", str(refused)))
            return JSONResponse(_error(refused))
        if platform.faults.now.down:
            platform.note(Call(platform.clock.now(), "api", "down", "503"))
            return Response("service unavailable", 503)
        body, code = await request.body(), 0
        try:
            answer = call(platform, access_token, body) or _error(0)
        except CallRefused as refusal:
            code = refusal.code
            answer = _error(code)
        outcome = str(code or "ok")
        if code == 40003 and what == "custom/send" and request.headers.get("user-agent", "").startswith(PROBING):
            outcome = "asked"
        if dropped := what == "custom/send" and platform.faults.take("drop"):
            outcome = "dropped"
        took = round((time.monotonic() - began) * 1000, 1)
        platform.note(Call(platform.clock.now(), "api", what, outcome, took=took))
        return Dropped() if dropped else JSONResponse(answer)

    return serve


def _token(platform: Platform, _: str, body: bytes) -> Answer:
    """The answer to a call of stable_token. Raises CallRefused."""
    asked = json_object(body)
    if asked.get("appid") != platform.account.app_id:
        raise CallRefused(40013)
    if asked.get("secret") != platform.account.app_secret:
        raise CallRefused(40125)
    token = platform.tokens.force() if asked.get("force_refresh") is True else platform.tokens.get()
    return {"access_token": token.value, "expires_in": int(token.until - platform.clock.now())}


def _error(code: int) -> Answer:
    return {"errcode": code, "errmsg": ERRORS.get(code, "switched on by hand")}


wechat_api = APIRouter(prefix="/cgi-bin")
wechat_api.add_api_route("/stable_token", _serving("stable_token", _token), methods=["POST"])
wechat_api.add_api_route(
    "/message/custom/send", _serving("custom/send", Platform.send_custom_message), methods=["POST"]
)
wechat_api.add_api_route("/message/custom/typing", _serving("custom/typing", Platform.show_typing), methods=["POST"])

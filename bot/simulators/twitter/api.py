"""The API over HTTP: recognises whoever asks, counts, serves, and lets the faults happen that are switched on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bot.simulators.twitter.asking import Answer, Ask
from bot.simulators.twitter.endpoints import ENDPOINTS, Endpoint
from bot.simulators.twitter.faults import Faults
from bot.simulators.twitter.oauth import Knock
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.problems import OF_THE_ACCOUNT, Refusal, credits_used_up, invalid, too_many
from bot.simulators.twitter.tally import Call

LARGEST_BODY = 64 * 1024
_HTML = "<!DOCTYPE html><html><head><title>503</title></head><body><h1>Over capacity</h1></body></html>"
_ERROR = {"title": "Internal Server Error", "detail": "Internal Server Error", "type": "about:blank", "status": 500}
_DOWN = {"title": "Service Unavailable", "detail": "Service Unavailable", "type": "about:blank", "status": 503}


class Dropped(Response):
    """Announces more bytes than it sends: the server cuts the connection, the caller can't know what happened."""

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"64")]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})


def simulated(request: Request) -> Platform:
    """The platform that this application serves."""
    platform: Platform = request.app.state.platform
    return platform


Simulated = Annotated[Platform, Depends(simulated)]


def _serving(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        platform, began = simulated(request), time.monotonic()
        faults = suffered(platform, endpoint)
        await asyncio.sleep(faults.slow)
        response = await _answered(platform, endpoint, faults, request)
        platform.tally.count(endpoint.name, response.status_code)
        outcome = "dropped" if isinstance(response, Dropped) else _outcome(response.status_code)
        took = round((time.monotonic() - began) * 1000, 1)
        platform.note(Call(platform.clock.now(), "api", endpoint.name, outcome, took))
        return response

    return serve


def suffered(platform: Platform, endpoint: Endpoint) -> Faults:
    """The faults that hit this endpoint."""
    now = platform.faults.now
    return now if now.only in endpoint.name else Faults()


def _outcome(status: int) -> str:
    return "ok" if status < 300 else str(status)


async def _answered(platform: Platform, endpoint: Endpoint, faults: Faults, request: Request) -> Response:
    if faults.down:
        return JSONResponse(_DOWN, 503)
    if faults.html and platform.faults.take("html"):
        return HTMLResponse(_HTML, 503)
    headers: dict[str, str] = {}
    try:
        answer = await _served(platform, endpoint, faults, request, headers)
    except Refusal as refusal:
        return _json(refusal.body, refusal.status, headers | refusal.headers)
    return _spoiled(platform, faults, answer, headers)


def _spoiled(platform: Platform, faults: Faults, answer: Answer | Response, headers: Mapping[str, str]) -> Response:
    """The answer to what was done, unless it gets lost, is wrong or breaks off."""
    if faults.drop and platform.faults.take("drop"):
        return Dropped(status_code=200)
    if faults.error and platform.faults.take("error"):
        return JSONResponse(_ERROR, 500, headers)
    if isinstance(answer, Response):
        answer.headers.update(headers)
        return answer
    whole = _json(answer.body, answer.status, headers)
    return _cut(whole) if faults.truncate and platform.faults.take("truncate") else whole


async def _served(
    platform: Platform, endpoint: Endpoint, faults: Faults, request: Request, headers: dict[str, str]
) -> Answer | Response:
    """What the endpoint answers; `headers` are filled on the way, for refusals too. Raises Refusal."""
    user = platform.door.recognise(_knock(request))
    endpoint.admit(user)
    taken = platform.limits.take(endpoint.name, endpoint.rule, user)
    headers |= {} if faults.no_headers else taken.headers
    if not taken.allowed or (faults.limited and platform.faults.take("limited")):
        if faults.no_reset:
            headers.pop("x-rate-limit-reset", None)
        raise too_many({}, old=faults.no_reset)
    if faults.refuse:
        raise OF_THE_ACCOUNT[faults.refuse]
    if faults.broke or platform.purse.empty:
        raise credits_used_up()
    return await endpoint.serve(platform, await _ask(request, endpoint, user))


def _knock(request: Request) -> Knock:
    path: str = request.scope["path"]
    return Knock(
        request.method,
        str(request.url.replace(query="")).removesuffix("?"),
        path.removeprefix(request.scope.get("root_path", "")),
        request.scope["query_string"].decode("latin-1"),
        request.headers.get("authorization", ""),
    )


async def _ask(request: Request, endpoint: Endpoint, user: str | None) -> Ask:
    query = dict(request.query_params)
    for name in query.keys() - endpoint.parameters:
        known = sorted(endpoint.parameters)
        raise invalid(name, query[name], f"The query parameter [{name}] is not one of {known}")
    body = await _body(request) if request.method == "POST" else None
    return Ask(user, request.path_params, query, body)


async def _body(request: Request) -> Any:
    """JSON's content; an empty body is an empty object."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST_BODY:
            raise Refusal(413, {"title": "Payload Too Large", "type": "about:blank", "status": 413})
    try:
        body = json.loads(content or b"{}")
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as unreadable:
        raise invalid("body", "", "The request body is no JSON.") from unreadable
    return body


def _json(body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    return JSONResponse(body, status, dict(headers))


def _cut(whole: Response) -> Response:
    """Half of an answer, as if that were all of it."""
    half = bytes(whole.body)[: len(whole.body) // 2]
    headers = {name: value for name, value in whole.headers.items() if name != "content-length"}
    return Response(half, whole.status_code, headers)


def _routes() -> APIRouter:
    router = APIRouter()
    for endpoint in ENDPOINTS:
        router.add_route(endpoint.path, _serving(endpoint), methods=[endpoint.method])
    return router


xapi = _routes()

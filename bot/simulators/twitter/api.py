"""X's API over HTTP: the table of endpoints, and what each request passes: faults, keys, rate limits, credits.

Rate limits: docs.x.com x-api/fundamentals/rate-limits (August 2026).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from bot.errors import Refused
from bot.http import read_body
from bot.simulators.server import Dropped, simulated
from bot.simulators.twitter import endpoints, event_endpoints, refusals
from bot.simulators.twitter.auth import SignedRequest
from bot.simulators.twitter.limits import Call, Rule
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.refusals import Refusal, invalid
from bot.simulators.twitter.requests import ApiRequest, names_in
from bot.simulators.twitter.state import Faults

Simulated = Annotated[Platform, Depends(simulated)]
Handler: TypeAlias = Callable[[Platform, ApiRequest], Awaitable[Response]]
_POSTS = names_in("tweet.fields expansions user.fields media.fields poll.fields place.fields")
_PEOPLE = names_in("user.fields expansions tweet.fields")
_PAGED = names_in("max_results pagination_token")
_SINCE = names_in("since_id until_id start_time end_time")
_MESSAGES = _PAGED | names_in("event_types dm_event.fields expansions media.fields user.fields tweet.fields")
_SEND = Rule(user=15, user_day=1440, app_day=1440)


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: str
    path: str
    who: Literal["user", "app", "any"]  # OAuth 1.0a, the bearer token, or either
    rule: Rule
    serve: Handler
    parameters: frozenset[str] = frozenset()  # of the query

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


ENDPOINTS = (
    Endpoint("GET", "/2/users/me", "user", Rule(user=75), endpoints.me, _PEOPLE),
    Endpoint("GET", "/2/users", "any", Rule(900, 300), endpoints.people, _PEOPLE | {"ids"}),
    Endpoint("GET", "/2/users/by", "any", Rule(900, 300), endpoints.people_by_name, _PEOPLE | {"usernames"}),
    Endpoint("GET", "/2/users/{id}/mentions", "any", Rule(300, 450), endpoints.mentions, _POSTS | _PAGED | _SINCE),
    Endpoint("GET", "/2/users/{id}/tweets", "any", Rule(900, 10_000), endpoints.posts_of, _POSTS | _PAGED | _SINCE),
    Endpoint("GET", "/2/users/{id}/blocking", "user", Rule(user=15), endpoints.blocking, _PEOPLE | _PAGED),
    Endpoint("GET", "/2/tweets/search/recent", "any", Rule(300, 450), endpoints.search,
             _POSTS | _PAGED | _SINCE | {"query", "next_token"}),
    Endpoint("GET", "/2/tweets", "any", Rule(5000, 3500), endpoints.lookup, _POSTS | {"ids"}),
    Endpoint("POST", "/2/tweets", "user", Rule(user=100, app_day=10_000), endpoints.post),
    Endpoint("GET", "/2/tweets/search/stream", "app", Rule(app=50), event_endpoints.filtered_stream, _POSTS),
    Endpoint("GET", "/2/tweets/search/stream/rules", "app", Rule(app=450), event_endpoints.rules),
    Endpoint("POST", "/2/tweets/search/stream/rules", "app", Rule(app=100), event_endpoints.change_rules),
    Endpoint("GET", "/2/tweets/{id}", "any", Rule(900, 450), endpoints.one_post, _POSTS),
    Endpoint("DELETE", "/2/tweets/{id}", "user", Rule(user=50), endpoints.delete_post),
    Endpoint("GET", "/2/dm_events", "user", Rule(user=15), endpoints.messages, _MESSAGES),
    Endpoint("GET", "/2/dm_conversations/with/{participant_id}/dm_events", "user", Rule(user=15),
             endpoints.messages_with, _MESSAGES),
    Endpoint("GET", "/2/dm_conversations/{id}/dm_events", "user", Rule(user=15), endpoints.messages_of, _MESSAGES),
    Endpoint("POST", "/2/dm_conversations/with/{participant_id}/messages", "user", _SEND, endpoints.write_to),
    Endpoint("POST", "/2/dm_conversations/{dm_conversation_id}/messages", "user", _SEND, endpoints.write_in),
    Endpoint("POST", "/2/webhooks", "any", Rule(450, 450), event_endpoints.add_webhook),
    Endpoint("GET", "/2/webhooks", "app", Rule(app=450), event_endpoints.list_webhooks,
             names_in("webhook_config.fields")),
    Endpoint("PUT", "/2/webhooks/{webhook_id}", "any", Rule(450, 450), event_endpoints.check_webhook),
    Endpoint("DELETE", "/2/webhooks/{webhook_id}", "any", Rule(450, 450), event_endpoints.remove_webhook),
    Endpoint("POST", "/2/activity/subscriptions", "any", Rule(500, 500), event_endpoints.subscribe),
    Endpoint("GET", "/2/activity/subscriptions", "app", Rule(app=500), event_endpoints.subscriptions),
    Endpoint("DELETE", "/2/activity/subscriptions/{subscription_id}", "app", Rule(app=500),
             event_endpoints.unsubscribe),
    Endpoint("GET", "/2/activity/stream", "app", Rule(app=450), event_endpoints.activity_stream),
    Endpoint("POST", "/2/account_activity/webhooks/{webhook_id}/subscriptions/all", "user", Rule(500, 500),
             event_endpoints.subscribe_account_activity),
    Endpoint("GET", "/2/account_activity/webhooks/{webhook_id}/subscriptions/all", "user", Rule(500, 500),
             event_endpoints.subscribed_account_activity),
    Endpoint("DELETE", "/2/account_activity/webhooks/{webhook_id}/subscriptions/{user_id}/all", "app",
             Rule(app=500), event_endpoints.unsubscribe_account_activity),
)  # fmt: skip


_HTML = "<!DOCTYPE html><html><head><title>503</title></head><body><h1>Over capacity</h1></body></html>"
_ERROR = {"title": "Internal Server Error", "detail": "Internal Server Error", "type": "about:blank", "status": 500}
_DOWN = {"title": "Service Unavailable", "detail": "Service Unavailable", "type": "about:blank", "status": 503}


def _serving(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        platform, began = simulated(request), time.monotonic()
        faults = platform.faults.now if platform.faults.now.only in endpoint.name else Faults()
        await asyncio.sleep(faults.slow)
        response = await _answered(platform, endpoint, faults, request)
        status = response.status_code
        platform.request_log.count(endpoint.name, status)
        outcome = "dropped" if isinstance(response, Dropped) else "ok" if status < 300 else str(status)
        took = round((time.monotonic() - began) * 1000, 1)
        platform.note(Call(platform.clock.now(), "api", endpoint.name, outcome, took))
        return response

    return serve


async def _answered(platform: Platform, endpoint: Endpoint, faults: Faults, request: Request) -> Response:
    if faults.down:
        return JSONResponse(_DOWN, 503)
    if faults.html and platform.faults.take("html"):
        return HTMLResponse(_HTML, 503)
    headers: dict[str, str] = {}
    try:
        answer = await _served(platform, endpoint, faults, request, headers)
    except Refusal as refusal:
        return JSONResponse(refusal.body, refusal.status, headers)
    # The request was carried out, but a fault may drop, replace or truncate the response.
    if faults.drop and platform.faults.take("drop"):
        return Dropped(status_code=200)
    if faults.error and platform.faults.take("error"):
        return JSONResponse(_ERROR, 500, headers)
    answer.headers.update(headers)
    whole = not isinstance(answer, JSONResponse) or not (faults.truncate and platform.faults.take("truncate"))
    return answer if whole else _cut(answer)


async def _served(
    platform: Platform, endpoint: Endpoint, faults: Faults, request: Request, headers: dict[str, str]
) -> Response:
    """The endpoint's response. Fills `headers`, which a refusal gets as well. Raises Refusal."""
    user = platform.authenticator.authenticate(_signed_request(request))
    if endpoint.who == ("app" if user else "user"):
        raise refusals.unsupported_authentication()
    allowed, limits = platform.limits.take(endpoint.name, endpoint.rule, user)
    headers |= {} if faults.no_headers else limits
    if not allowed or (faults.limited and platform.faults.take("limited")):
        if faults.no_reset:
            headers.pop("x-rate-limit-reset", None)
        raise refusals.too_many(old=faults.no_reset)
    if faults.refuse:
        raise refusals.ACCOUNT_REFUSALS[faults.refuse]
    if faults.broke or platform.credits.empty:
        raise refusals.credits_used_up()
    return await endpoint.serve(platform, await _api_request(request, endpoint, user))


def _signed_request(request: Request) -> SignedRequest:
    path: str = request.scope["path"]
    return SignedRequest(
        request.method,
        str(request.url.replace(query="")).removesuffix("?"),
        path.removeprefix(request.scope.get("root_path", "")),
        request.scope["query_string"].decode("latin-1"),
        request.headers.get("authorization", ""),
    )


async def _api_request(request: Request, endpoint: Endpoint, user: str | None) -> ApiRequest:
    query, known = dict(request.query_params), sorted(endpoint.parameters)
    for name in query.keys() - endpoint.parameters:
        raise invalid(name, query[name], f"The query parameter [{name}] is not one of {known}")
    body = await _body(request) if request.method == "POST" else None
    return ApiRequest(user, request.path_params, query, body)


async def _body(request: Request) -> Any:
    """The body's JSON; {} if it is empty. Raises Refusal."""
    try:
        content = await read_body(request.stream())
    except Refused as large:
        raise Refusal(413, {"title": "Payload Too Large", "type": "about:blank", "status": 413}) from large
    try:
        body = json.loads(content or b"{}")
        # A lone surrogate, like the escape d83d without its other half, parses but cannot be encoded: refuse it.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as unreadable:
        raise invalid("body", "", "The request body is no JSON.") from unreadable
    return body


def _cut(whole: Response) -> Response:
    """The first half of a response, without a sign that the rest is missing."""
    half = bytes(whole.body)[: len(whole.body) // 2]
    headers = {name: value for name, value in whole.headers.items() if name != "content-length"}
    return Response(half, whole.status_code, headers)


xapi = APIRouter()
for _endpoint in ENDPOINTS:
    xapi.add_route(_endpoint.path, _serving(_endpoint), methods=[_endpoint.method])

"""Every endpoint of the API that is simulated: who may ask, how often, and what serves it.

Rates: docs.x.com x-api/fundamentals/rate-limits (August 2026).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starlette.responses import Response

from bot.simulators.twitter import reading, streaming, subscribing, writing
from bot.simulators.twitter.asking import Answer, Ask, names_in
from bot.simulators.twitter.limits import Rule
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.problems import unsupported_authentication

Handler: TypeAlias = Callable[[Platform, Ask], Awaitable[Answer | Response]]
_POSTS = names_in("tweet.fields expansions user.fields media.fields poll.fields place.fields")
_PEOPLE = names_in("user.fields expansions tweet.fields")
_PAGED = names_in("max_results pagination_token")
_SINCE = names_in("since_id until_id start_time end_time")
_MESSAGES = _PAGED | names_in("event_types dm_event.fields expansions media.fields user.fields tweet.fields")
_SEND = Rule(user=15, user_day=1440, app_day=1440)
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """who: 'user' needs OAuth 1.0a, 'app' the bearer token, 'any' takes both. parameters: of the query."""

    method: str
    path: str
    who: Literal["user", "app", "any"]
    rule: Rule
    serve: Handler
    parameters: frozenset[str] = _NONE

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def admit(self, user: str | None) -> None:
        """Raises Refusal for the wrong kind of keys."""
        if (self.who == "user" and user is None) or (self.who == "app" and user is not None):
            raise unsupported_authentication()


ENDPOINTS = (
    Endpoint("GET", "/2/users/me", "user", Rule(user=75), reading.me, _PEOPLE),
    Endpoint("GET", "/2/users", "any", Rule(900, 300), reading.people, _PEOPLE | {"ids"}),
    Endpoint("GET", "/2/users/by", "any", Rule(900, 300), reading.people_by_name, _PEOPLE | {"usernames"}),
    Endpoint("GET", "/2/users/{id}/mentions", "any", Rule(300, 450), reading.mentions, _POSTS | _PAGED | _SINCE),
    Endpoint("GET", "/2/users/{id}/tweets", "any", Rule(900, 10_000), reading.posts_of,
             _POSTS | _PAGED | _SINCE),
    Endpoint("GET", "/2/users/{id}/blocking", "user", Rule(user=15), reading.blocking, _PEOPLE | _PAGED),
    Endpoint("GET", "/2/tweets/search/recent", "any", Rule(300, 450), reading.search,
             _POSTS | _PAGED | _SINCE | {"query", "next_token"}),
    Endpoint("GET", "/2/tweets", "any", Rule(5000, 3500), reading.lookup, _POSTS | {"ids"}),
    Endpoint("POST", "/2/tweets", "user", Rule(user=100, app_day=10_000), writing.post),
    Endpoint("GET", "/2/tweets/search/stream", "app", Rule(app=50), streaming.filtered_stream, _POSTS),
    Endpoint("GET", "/2/tweets/search/stream/rules", "app", Rule(app=450), streaming.rules),
    Endpoint("POST", "/2/tweets/search/stream/rules", "app", Rule(app=100), streaming.change_rules),
    Endpoint("GET", "/2/tweets/{id}", "any", Rule(900, 450), reading.one_post, _POSTS),
    Endpoint("DELETE", "/2/tweets/{id}", "user", Rule(user=50), writing.delete_post),
    Endpoint("GET", "/2/dm_events", "user", Rule(user=15), reading.messages, _MESSAGES),
    Endpoint("GET", "/2/dm_conversations/with/{participant_id}/dm_events", "user", Rule(user=15),
             reading.messages_with, _MESSAGES),
    Endpoint("GET", "/2/dm_conversations/{id}/dm_events", "user", Rule(user=15), reading.messages_of, _MESSAGES),
    Endpoint("POST", "/2/dm_conversations/with/{participant_id}/messages", "user", _SEND, writing.write_to),
    Endpoint("POST", "/2/dm_conversations/{dm_conversation_id}/messages", "user", _SEND, writing.write_in),
    Endpoint("POST", "/2/webhooks", "any", Rule(450, 450), subscribing.add_webhook),
    Endpoint("GET", "/2/webhooks", "app", Rule(app=450), subscribing.webhooks, frozenset({"webhook_config.fields"})),
    Endpoint("PUT", "/2/webhooks/{webhook_id}", "any", Rule(450, 450), subscribing.check_webhook),
    Endpoint("DELETE", "/2/webhooks/{webhook_id}", "any", Rule(450, 450), subscribing.remove_webhook),
    Endpoint("POST", "/2/activity/subscriptions", "any", Rule(500, 500), subscribing.subscribe),
    Endpoint("GET", "/2/activity/subscriptions", "app", Rule(app=500), subscribing.subscriptions),
    Endpoint("DELETE", "/2/activity/subscriptions/{subscription_id}", "app", Rule(app=500), subscribing.unsubscribe),
    Endpoint("GET", "/2/activity/stream", "app", Rule(app=450), streaming.activity_stream),
    Endpoint("POST", "/2/account_activity/webhooks/{webhook_id}/subscriptions/all", "user", Rule(500, 500),
             subscribing.subscribe_older),
    Endpoint("GET", "/2/account_activity/webhooks/{webhook_id}/subscriptions/all", "user", Rule(500, 500),
             subscribing.subscribed_older),
    Endpoint("DELETE", "/2/account_activity/webhooks/{webhook_id}/subscriptions/{user_id}/all", "app",
             Rule(app=500), subscribing.unsubscribe_older),
)  # fmt: skip

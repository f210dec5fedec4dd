"""The whole way: X calls the webhook of a running Yingda, and the answer goes out by X's interface."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from support.twitter_openapi import judge_request
from support.twitter_payloads import SIGNED, push
from support.twitter_shop import APP, XShop
from support.webhook_requests import platforms

from bot.simulators.twitter.state import Post

PATH = "/twitter/brand"


def event_of(post: Post) -> Any:
    return {
        "data": {
            "event_uuid": "-42",
            "event_type": "post.mention.create",
            "filter": {"user_id": APP.user_id},
            "payload": {
                "id": str(post.id),
                "author_id": post.author_id,
                "conversation_id": str(post.conversation_id),
                "text": post.text,
                "entities": {"mentions": [{"id": APP.user_id, "username": APP.username}]},
            },
        }
    }


def test_a_signed_event_is_answered_200_and_replied_to_once_however_often_it_comes(shop: XShop) -> None:
    x = platforms(shop)
    post = shop.platform.create_post(shop.platform.person("linxiao").id, f"@{APP.username} 怎么退货？")
    request = push(event_of(post), shop.clock.now(), APP.consumer_secret)
    for _ in range(3):
        answer = x.post(PATH, request.body, **{SIGNED: request.headers[SIGNED]})
        assert (answer.status_code, answer.content) == (200, b"{}")
    shop.settle()
    shop.looks()
    assert len(shop.replies(post)) == 1


def test_an_event_not_signed_by_x_is_refused_and_has_no_effect(shop: XShop) -> None:
    x = platforms(shop)
    post = shop.platform.create_post(shop.platform.person("linxiao").id, f"@{APP.username} 怎么退货？")
    request = push(event_of(post), shop.clock.now(), "somebody-elses-secret")
    assert x.post(PATH, request.body, **{SIGNED: request.headers[SIGNED]}).status_code == 403
    assert x.post(PATH, request.body).status_code == 403
    shop.settle()
    assert shop.replies(post) == []


def test_xs_challenge_is_answered(shop: XShop) -> None:
    answer = platforms(shop).call("GET", f"{PATH}?crc_token=a-challenge-of-sixteen")
    assert answer.status_code == 200
    assert set(answer.json()) == {"response_token"}
    assert platforms(shop).call("GET", f"{PATH}?crc_token=no").status_code == 400


def test_all_our_requests_fit_xs_openapi_document(shop: XShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged by X's own OpenAPI document, version 2.159."""
    judged: list[str] = []
    send = HTTPAdapter.send

    def judging(
        transport: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        address = urlsplit(str(request.url))
        body = json.loads(request.body) if request.body else None
        judge_request(str(request.method), str(address.path), dict(parse_qsl(str(address.query))), body)
        judged.append(f"{request.method} {address.path}")
        return send(transport, request, *args, **options)

    monkeypatch.setattr(HTTPAdapter, "send", judging)
    lin = shop.platform.person("linxiao")
    shop.mentions(lin, "怎么退货？")
    shop.writes(lin, "怎么退货？")
    assert set(judged) == {
        f"GET /2/users/{APP.user_id}/mentions",
        "GET /2/dm_events",
        "POST /2/tweets",
        f"POST /2/dm_conversations/with/{lin.id}/messages",
    }

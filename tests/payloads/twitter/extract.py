"""Takes out of X's OpenAPI document what the tests look at: python extract.py path/to/openapi-2.159.json

The document is 750 KB; `openapi.json` beside this file keeps the requests and answers of the endpoints below and every
schema they name, word for word.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

USED = (
    "GET /2/users/me",
    "GET /2/users",
    "GET /2/users/by",
    "GET /2/users/{id}/mentions",
    "GET /2/users/{id}/tweets",
    "GET /2/users/{id}/blocking",
    "GET /2/tweets/search/recent",
    "GET /2/tweets",
    "POST /2/tweets",
    "GET /2/tweets/search/stream",
    "GET /2/tweets/search/stream/rules",
    "POST /2/tweets/search/stream/rules",
    "GET /2/tweets/{id}",
    "DELETE /2/tweets/{id}",
    "GET /2/dm_events",
    "GET /2/dm_conversations/with/{participant_id}/dm_events",
    "GET /2/dm_conversations/{id}/dm_events",
    "POST /2/dm_conversations/with/{participant_id}/messages",
    "POST /2/dm_conversations/{dm_conversation_id}/messages",
    "POST /2/webhooks",
    "GET /2/webhooks",
    "PUT /2/webhooks/{webhook_id}",
    "DELETE /2/webhooks/{webhook_id}",
    "POST /2/activity/subscriptions",
    "GET /2/activity/subscriptions",
    "DELETE /2/activity/subscriptions/{subscription_id}",
    "GET /2/activity/stream",
    "POST /2/account_activity/webhooks/{webhook_id}/subscriptions/all",
    "GET /2/account_activity/webhooks/{webhook_id}/subscriptions/all",
    "DELETE /2/account_activity/webhooks/{webhook_id}/subscriptions/{user_id}/all",
)
HERE = Path(__file__).parent


def extract(document: dict[str, Any]) -> dict[str, Any]:
    """Per endpoint its parameters, request and answer; and the schemas."""
    endpoints = {name: _operation(document, *name.split()) for name in USED}
    return {"endpoints": endpoints, "components": {"schemas": _named(document, endpoints)}}


def _operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    operation = document["paths"][path][method.lower()]
    answer = next(answer for code, answer in operation["responses"].items() if code.startswith("2"))
    made = {
        "parameters": sorted(_parameter(document, one)["name"] for one in operation.get("parameters", [])),
        "answer": answer["content"]["application/json"]["schema"],
    }
    asked = operation.get("requestBody")
    return made | ({"request": asked["content"]["application/json"]["schema"]} if asked else {})


def _parameter(document: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in one:
        return one
    found: dict[str, Any] = document["components"]["parameters"][one["$ref"].rpartition("/")[2]]
    return found


def _named(document: dict[str, Any], start: Any) -> dict[str, Any]:
    """Every schema that is referred to, from the start on."""
    schemas, kept = document["components"]["schemas"], {}
    waiting = [*_references(start), "Problem", "Error", "InvalidRequestProblem", "ResourceNotFoundProblem"]
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = schemas[name]
            waiting += _references(schemas[name])
    return dict(sorted(kept.items()))


def _references(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        if isinstance(content.get("$ref"), str):
            yield content["$ref"].rpartition("/")[2]
        for value in content.values():
            yield from _references(value)
    elif isinstance(content, list):
        for value in content:
            yield from _references(value)


if __name__ == "__main__":
    made = extract(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    text = json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (HERE / "openapi.json").write_text(text, encoding="utf-8")

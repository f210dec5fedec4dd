"""X's OpenAPI document as a judge of requests and answers, and of events by the payloads X has published."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft4Validator
from support import paths

PAYLOADS = paths.PAYLOADS / "twitter"
_NUMBER = re.compile(r"\{[a-z_]+\}")
# What X does and its document does not say: events of posts and messages, newer than the document's list.
_UNWRITTEN_REQUESTS = {"POST /2/activity/subscriptions"}


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / "openapi.json").read_text(encoding="utf-8"))
    return found


def endpoint_of(method: str, path: str) -> str:
    """The endpoint's name; one without placeholders wins, as '/2/users/me' over '/2/users/{id}'."""
    fitting = [name for name in document()["endpoints"] if _fits(name, method, path)]
    assert fitting, f"X's document knows no {method} {path}"
    fewest: str = min(fitting, key=lambda name: name.count("{"))
    return fewest


def _fits(name: str, method: str, path: str) -> bool:
    wanted, _, pattern = name.partition(" ")
    return wanted == method and re.fullmatch(_NUMBER.sub("[^/]+", pattern), path) is not None


def judge_request(method: str, path: str, query: dict[str, Any], body: Any) -> None:
    """Fails for a parameter or a body that X's document does not know."""
    name = endpoint_of(method, path)
    described = document()["endpoints"][name]
    assert set(query) <= set(described["parameters"]), name
    if body is not None and "request" in described and name not in _UNWRITTEN_REQUESTS:
        _validator(json.dumps(described["request"])).validate(body)


def judge_answer(method: str, path: str, status: int, body: Any) -> None:
    """Fails for an answer that X's document does not describe: a problem, or what the endpoint gives."""
    described = document()["endpoints"][endpoint_of(method, path)]
    if status >= 400:
        problem = body["errors"][0] if set(body) == {"errors"} else body
        kind = "Error" if "code" in problem else "Problem"
        _validator(json.dumps({"$ref": f"#/components/schemas/{kind}"})).validate(problem)
        return
    _validator(json.dumps(described["answer"])).validate(body)


@cache
def _validator(schema: str) -> Draft4Validator:
    return Draft4Validator({**json.loads(schema), "components": document()["components"]})


def judge_event(event: dict[str, Any]) -> None:
    """Fails for an X Activity event with a key, or a kind of value, that the published one of its type has not."""
    event_type = event["data"]["event_type"]
    published = json.loads((PAYLOADS / "activity-events.json").read_text(encoding="utf-8"))
    known = {kind: shape_of(one) for kind, one in published.items()}
    posts = set().union(*(known[kind] for kind in known if kind.startswith("post.") and kind != "post.delete"))
    expected = posts if event_type in ("post.create", "post.mention.create") else known[event_type]
    if event_type in ("post.reply.create", "post.quote.create"):
        expected = posts | known[event_type]
    expected |= {place.replace(".data.payload", ".data.includes.tweets[]") for place in expected}  # the same object
    strange = sorted(shape_of(event) - expected)
    assert not strange, (event_type, strange)


def judge_older_event(event: dict[str, Any]) -> None:
    """The same for Account Activity's direct messages and deletions; its posts are v1.1's, which nobody describes."""
    published = json.loads((PAYLOADS / "account-activity-events.json").read_text(encoding="utf-8"))
    kind = next(key for key in event if key.endswith("_events"))
    example = next(one for one in published if kind in one)
    strange = sorted(shape_of(event) - shape_of(example))
    assert not strange, (kind, strange)


def shape_of(content: Any, path: str = "") -> set[str]:
    """Every place in it with its kind of value; ids that are keys count as one place."""
    if isinstance(content, dict):
        inside = (shape_of(value, f"{path}.{'#' if key.isdecimal() else key}") for key, value in content.items())
        return {path}.union(*inside)
    if isinstance(content, list):
        return {path}.union(*(shape_of(one, f"{path}[]") for one in content))
    return {f"{path}: {type(content).__name__}"}

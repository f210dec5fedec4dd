"""The two persistent streams, filtered stream and activity stream, and the rules of the former."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.responses import Response, StreamingResponse

from bot.simulators.live import Live, News
from bot.simulators.twitter.asking import Answer, Ask
from bot.simulators.twitter.listening import MOST_RULES, StreamRule
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.problems import invalid, no_rules, not_found, too_many_connections
from bot.simulators.twitter.queries import LONGEST_RULE, Unreadable
from bot.simulators.twitter.shapes import Wanted, included, post_object, stamp

KEEP_ALIVE = 20.0
_INVALID = "https://api.twitter.com/2/problems/invalid-rules"
_DUPLICATE = "https://api.twitter.com/2/problems/duplicate-rules"
_CAP = "https://api.twitter.com/2/problems/rule-cap"


async def rules(platform: Platform, _: Ask) -> Answer:
    kept = [one.shown for one in platform.listeners.rules.values()]
    meta = {"sent": stamp(platform.clock.now()), "result_count": len(kept)}
    return Answer(({"data": kept} if kept else {}) | {"meta": meta})


async def change_rules(platform: Platform, ask: Ask) -> Answer:
    """Add some or delete some, each on its own; those that won't do stand among the errors."""
    body = ask.shaped("add", "delete")
    if not (isinstance(body.get("add"), list) or isinstance(body.get("delete"), dict)):
        raise invalid("add", body, "$: must hold one of add, delete")
    if "add" in body:
        return _add(platform, body["add"])
    return _delete(platform, body["delete"])


def _add(platform: Platform, wanted: list[Any]) -> Answer:
    made, errors = [], []
    for one in wanted:
        rule = _rule(platform, one)
        problem = _problem(platform, rule)
        if problem is None:
            made.append(rule.shown)
        else:
            errors.append(problem | {"value": rule.value})
    summary = {"created": len(made), "not_created": len(errors), "valid": len(made), "invalid": len(errors)}
    meta = {"sent": stamp(platform.clock.now()), "summary": summary}
    found = ({"data": made} if made else {}) | ({"errors": errors} if errors else {})
    return Answer(found | {"meta": meta}, 201 if made else 200)


def _rule(platform: Platform, one: Any) -> StreamRule:
    value, tag = (one.get("value"), one.get("tag", "")) if isinstance(one, dict) else (None, "")
    if not isinstance(value, str) or not isinstance(tag, str):
        raise invalid("add", one, "$.add: must hold objects with a value")
    return StreamRule(str(platform.ids.next()), value, tag)


def _problem(platform: Platform, rule: StreamRule) -> dict[str, Any] | None:
    """Keeps the rule, or says why not."""
    kept = platform.listeners.with_value(rule.value)
    if kept is not None:
        return {"id": kept.id, "title": "DuplicateRule", "type": _DUPLICATE}
    if len(platform.listeners.rules) >= MOST_RULES:
        return {"title": "RulesCapExceeded", "detail": f"At most {MOST_RULES} rules.", "type": _CAP}
    if not 1 <= len(rule.value) <= LONGEST_RULE:
        return {"title": "UnprocessableEntity", "detail": f"At most {LONGEST_RULE} characters.", "type": _INVALID}
    try:
        platform.listeners.add(rule)
    except Unreadable as unreadable:
        return {"title": "UnprocessableEntity", "detail": f"The rule {unreadable}", "type": _INVALID}
    return None


def _delete(platform: Platform, wanted: Mapping[str, Any]) -> Answer:
    values = [platform.listeners.with_value(one) for one in _strings(wanted.get("values", []))]
    ids = [*_strings(wanted.get("ids", [])), *(one.id for one in values if one)]
    gone = {one: platform.listeners.remove(one) for one in ids}
    lost = sum(not removed for removed in gone.values()) + values.count(None)
    summary = {"deleted": sum(gone.values()), "not_deleted": lost}
    errors = [not_found("rule", "id", one) for one, removed in gone.items() if not removed]
    meta = {"sent": stamp(platform.clock.now()), "summary": summary}
    return Answer(({"errors": errors} if errors else {}) | {"meta": meta})


def _strings(given: Any) -> list[str]:
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


async def filtered_stream(platform: Platform, ask: Ask) -> Response:
    """One connection; every new post that matches a rule, with the rules' ids and tags."""
    wanted = Wanted.of(ask)
    if not platform.listeners.rules:
        raise no_rules()
    if platform.listeners.stream.watched:
        raise too_many_connections()

    def line(news: News) -> Any:
        post, matched = news.about
        objects = included([post], platform.people, platform.timeline, wanted)
        made = {"data": post_object(post, platform.people, wanted.post)} | ({"includes": objects} if objects else {})
        return made | {"matching_rules": [one.matching for one in matched]}

    return StreamingResponse(_lines(platform.listeners.stream, line), media_type="application/json")


async def activity_stream(platform: Platform, _: Ask) -> Response:
    """Every event that somebody is subscribed to; two connections."""
    if platform.herald.stream.watched >= 2:
        raise too_many_connections()
    return StreamingResponse(_lines(platform.herald.stream, lambda news: news.about), media_type="application/json")


async def _lines(live: Live, line: Callable[[News], Any]) -> AsyncIterator[bytes]:
    """JSON lines, and an empty line whenever nothing has happened for 20 s."""
    with live.seat() as seat:
        yield b"\r\n"
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE):
                    news = await seat.get()
            except TimeoutError:
                yield b"\r\n"
                continue
            if news.topic in ("bye", "missed"):
                return
            yield json.dumps(line(news), ensure_ascii=False).encode() + b"\r\n"

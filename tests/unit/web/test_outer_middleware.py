"""What nobody expected is answered, counted and told without a private word; heads are bounded, prefixes handled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse, RedirectResponse

from bot.telemetry import COUNTERS, PlainLine
from bot.web.middleware import HEADERS, LONGEST_COOKIES, POLICY, BodyLimit, OuterMiddleware

SECRET = "13800000000"


async def breaks(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError(SECRET)


async def breaks_late(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError(SECRET)


async def echoes(scope: Any, receive: Any, send: Any) -> None:
    cookies = [value.decode() for name, value in scope["headers"] if name == b"cookie"]
    await PlainTextResponse("|".join([scope["scheme"], scope["path"], *cookies]))(scope, receive, send)


def asked(app: Callable[..., Awaitable[None]], path: str = "/", **headers: str) -> httpx.Response:
    async def story() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as http:
            return await http.get(path, headers=headers)

    return asyncio.run(story())


def failed() -> float:
    (counted,) = COUNTERS["requests_failed"].collect()
    return counted.samples[0].value


@pytest.mark.parametrize("path", ["/desk", "/api/desk/board", "/webchat/shop"])
def test_an_unexpected_error_is_a_500_with_security_headers_and_is_counted(path: str) -> None:
    before = failed()
    answer = asked(OuterMiddleware(breaks), path)
    assert answer.status_code == 500
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'none'" in answer.headers[POLICY]
    assert "出错了" in answer.text
    assert SECRET not in answer.text
    assert failed() == before + 1


def test_an_error_after_the_response_began_is_counted_and_sends_no_second_response() -> None:
    before = failed()
    heard: list[Any] = []

    async def send(message: Any) -> None:
        heard.append(message["type"])

    async def story() -> None:
        scope = {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "headers": []}
        await OuterMiddleware(breaks_late)(scope, asyncio.Queue().get, send)

    asyncio.run(story())
    assert heard == ["http.response.start"]
    assert failed() == before + 1


def test_the_log_shows_where_an_error_happened_and_no_request_text(caplog: pytest.LogCaptureFixture) -> None:
    asked(OuterMiddleware(breaks), "/login")
    (record,) = [one for one in caplog.records if one.name == "bot.web.middleware"]
    line = PlainLine().format(record)
    assert record.levelno == logging.ERROR
    assert "ValueError" in line
    assert "test_outer_middleware.py" in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"cookie": "yingda_session=" + "a" * LONGEST_COOKIES}, 431, "cookies"),
        ({"x-long": "a" * 70_000}, 431, "head"),
        ({"host": "["}, 400, "host"),
        ({"host": "a:99999"}, 400, "host"),
    ],
)
def test_an_invalid_or_oversized_request_head_is_refused(headers: dict[str, str], status: int, code: str) -> None:
    answer = asked(OuterMiddleware(breaks), **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_of_too_many_cookies_only_ours_are_read() -> None:
    others = "; ".join(f"_ga_{number}={'a' * 40}" for number in range(200))
    mine = "__Host-yingda_session=abc; yingda_language=zh"
    assert asked(OuterMiddleware(echoes), cookie=f"{others}; {mine}").text == f"http|/|{mine}"
    assert asked(OuterMiddleware(echoes), cookie=f'{mine}; a="\\"').text == f"http|/|{mine}"
    assert asked(OuterMiddleware(echoes), cookie=f"a=b; {mine}").text == f"http|/|a=b; {mine}"
    assert asked(OuterMiddleware(echoes), cookie="b=\\").text == "http|/"


def test_responses_over_https_have_strict_transport_security() -> None:
    assert "strict-transport-security" not in asked(OuterMiddleware(echoes)).headers
    answer = asked(OuterMiddleware(echoes, https=True))
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert answer.text == "https|/"


def test_the_prefix_is_removed_from_paths_and_added_to_redirects_and_cookies() -> None:
    async def leads(scope: Any, receive: Any, send: Any) -> None:
        response = RedirectResponse("/desk", 303)
        response.set_cookie("yingda_session", "a")
        response.set_cookie("yingda_visitor_shop", "b", path="/webchat/shop")
        response.set_cookie("__Host-yingda_session", "c", secure=True)
        await response(scope, receive, send)

    answer = asked(OuterMiddleware(leads, "/yingda"), "/yingda/")
    assert answer.headers["location"] == "/yingda/desk"
    paths = [cookie.partition("Path=")[2].partition(";")[0] for cookie in answer.headers.get_list("set-cookie")]
    assert paths == ["/yingda", "/yingda/webchat/shop", "/"]
    for path, inside in (("/yingda", "/"), ("/yingda/a", "/a"), ("/a", "/a"), ("/yingdao", "/yingdao")):
        assert asked(OuterMiddleware(echoes, "/yingda"), path).text == f"http|{inside}"


def test_an_interrupted_body_is_not_passed_on() -> None:
    reached: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        reached.append("inside")

    parts = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    asyncio.run(BodyLimit(inner)({"type": "http", "method": "POST"}, receive, send))
    assert reached == []

"""Bad input on web chat is cheap: forged, foreign, odd, too large or too much is refused, and others notice nothing."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from support.webchat_shop import SHOP, Chats, Visitor, chatting, settled, texts

from bot.stores.sql.schema import messages
from bot.text import new_id
from bot.web.webchat.app import MESSAGES_PER_VISITOR
from bot.web.webchat.live import parse_last_event_id

EVIL = "https://evil.example"
OTHER = {"name": "other", "channel": "webchat", "origins": ["*"]}


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Iterator[Chats]:
    with chatting(tmp_path_factory.mktemp("webchat"), shipped_edition, accounts=[SHOP, OTHER]) as running:
        yield running


@pytest.fixture
def visitor(chats: Chats) -> Visitor:
    someone = Visitor(chats)
    someone.arrives()
    return someone


def kept(chats: Chats) -> int:
    count = select(func.count()).select_from(messages)
    return int(settled(chats.database.read(lambda connection: connection.execute(count).scalar_one())))


def body(text: str = "你好", **more: object) -> bytes:
    return json.dumps({"id": new_id(), "text": text, **more}).encode()


FORGERIES: dict[str, Callable[[str], str]] = {
    "nothing": lambda token: "nobody",
    "garbage": lambda token: "v1.a.b.c",
    "another handle": lambda token: token.replace(token[3:25], "A" * 22),
    "another time": lambda token: ".".join([*token.split(".")[:2], "6b000000", token.split(".")[3]]),
    "another seal": lambda token: token[:-2] + "AA",
    "cut": lambda token: token[:-1],
    "letters that are no digits": lambda token: token.replace(".6", ".٦"),
    "very long": lambda token: token * 50,
}


@pytest.mark.parametrize("name", sorted(FORGERIES))
def test_a_forged_token_is_refused_and_nothing_is_stored(chats: Chats, visitor: Visitor, name: str) -> None:
    before = kept(chats)
    forged = FORGERIES[name](visitor.token)
    for carrier in ({b"authorization": f"Bearer {forged}"}, {b"cookie": f"yingda_visitor_shop={forged}"}):
        told = {b"content-type": b"application/json", **{key: value.encode() for key, value in carrier.items()}}
        answer = httpx.post(visitor.url, content=body(), headers=told, trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (403, "token")
        assert httpx.get(f"{visitor.url}/events", headers=told, trust_env=False).status_code == 403
    assert kept(chats) == before


def test_a_token_of_one_account_opens_nothing_on_another(chats: Chats, visitor: Visitor) -> None:
    assert Visitor(chats, "other", token=visitor.token).says("你好").status_code == 403


def test_a_forged_cookie_is_refused_and_deleted(chats: Chats) -> None:
    """So that our own page, whose scripts can't touch the cookie, begins anew."""
    page = Visitor(chats, origin=chats.address, more={"cookie": "yingda_visitor_shop=v1.forged"})
    refused = page.asks_in()
    assert refused.status_code == 403
    assert 'yingda_visitor_shop=""; ' in refused.headers["set-cookie"]
    assert "Max-Age=0" in refused.headers["set-cookie"]


def test_the_cookie_of_our_own_page_is_http_only_and_accepted_nowhere_else(chats: Chats) -> None:
    arrived = Visitor(chats, origin=chats.address).asks_in()
    cookie = arrived.headers["set-cookie"]
    assert arrived.json()["token"] == ""
    assert {"HttpOnly", "SameSite=lax", "Path=/webchat/shop"} <= set(cookie.split("; "))
    carried = {"cookie": cookie.partition(";")[0]}
    assert Visitor(chats, origin=chats.address, more=carried).says("你好").status_code == 202
    assert Visitor(chats, more=carried).says("你好").status_code == 403
    cross = {**carried, "sec-fetch-site": "cross-site"}
    assert httpx.get(f"{chats.address}/webchat/shop/events", headers=cross, trust_env=False).status_code == 403


def test_over_https_the_cookie_has_the_host_prefix_and_a_planted_one_is_ignored(chats: Chats) -> None:
    """Planted: a good token of somebody else's, under the name that any neighbour of our host can set."""
    secure = {"x-forwarded-proto": "https"}
    origin = chats.address.replace("http:", "https:")
    theirs = Visitor(chats, origin=origin, more=secure).asks_in().headers["set-cookie"]
    name, _, rest = theirs.partition("=")
    token, _, marks = rest.partition(";")
    assert name == "__Host-yingda_visitor_shop"
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= {mark.strip() for mark in marks.split(";")}
    assert Visitor(chats, origin=origin, more={**secure, "cookie": f"{name}={token}"}).says("你好").status_code == 202
    planted = Visitor(chats, origin=origin, more={**secure, "cookie": f"yingda_visitor_shop={token}"})
    assert planted.says("你好").status_code == 403
    arrived = planted.asks_in()
    assert arrived.status_code == 200
    assert arrived.headers["set-cookie"].partition(";")[0] not in ("", f"{name}={token}")


@pytest.mark.parametrize("origin", [EVIL, "null", "https://www.brand.example.evil.example", "http://www.brand.example"])
def test_a_site_that_is_not_on_the_list_gets_no_permission(chats: Chats, visitor: Visitor, origin: str) -> None:
    before = kept(chats)
    foreign = Visitor(chats, origin=origin, token=visitor.token)
    for answer in (foreign.says("你好"), foreign.asks_in(), preflight(foreign)):
        assert (answer.status_code, answer.json()["code"]) == (403, "origin")
        assert "access-control-allow-origin" not in answer.headers
    assert kept(chats) == before


def test_a_site_on_the_list_may_read_answers_and_refusals(chats: Chats, visitor: Visitor) -> None:
    asked = preflight(visitor)
    assert asked.status_code == 204
    assert "authorization" in asked.headers["access-control-allow-headers"]
    forged = Visitor(chats, token="v1.x")
    for answer in (asked, visitor.says("你好"), forged.says("你好")):
        assert answer.headers["access-control-allow-origin"] == "https://www.brand.example"
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "origin"


def test_any_site_may_embed_if_the_list_allows_all(chats: Chats) -> None:
    anywhere = Visitor(chats, "other", origin=EVIL)
    anywhere.arrives()
    assert anywhere.says("你好").headers["access-control-allow-origin"] == EVIL


def preflight(visitor: Visitor) -> httpx.Response:
    asked = {"origin": visitor.origin, "access-control-request-method": "POST"}
    return httpx.options(visitor.url, headers=asked, trust_env=False)


ODD = {
    "nothing": (b"", 400),
    "not JSON": (b"\x00\xff" * 100, 400),
    "a list": (b"[]", 400),
    "nested": (b"[" * 30_000, 400),
    "no id": (b'{"text": "hi"}', 400),
    "an id of another kind": (b'{"id": 12345678, "text": "hi"}', 400),
    "a short id": (b'{"id": "1", "text": "hi"}', 400),
    "an id with a colon": (b'{"id": "somebody:else:1", "text": "hi"}', 400),
    "no words": (b'{"id": "12345678", "text": "  \\n "}', 400),
    "only what cannot be written": (b'{"id": "12345678", "text": "\\u0000\\ud800"}', 400),
    "more than was asked": (b'{"id": "12345678", "text": "hi", "author": "agent"}', 400),
    "2,001 characters": (body("啊" * 2001), 413),
    "65 KB": (b'{"id": "12345678", "text": "' + b"a" * 65_536 + b'"}', 413),
    "1 MB": (body("a" * 1_000_000), 413),
}


@pytest.mark.parametrize("name", sorted(ODD))
def test_malformed_bodies_are_refused_with_a_reason_and_nothing_is_stored(chats: Chats, name: str) -> None:
    someone = Visitor(chats, "other")
    someone.arrives()
    before = kept(chats)
    sent, status = ODD[name]
    answer = someone.posts(sent)
    assert (answer.status_code, " / " in answer.json()["words"]) == (status, True)
    assert kept(chats) == before


def test_a_message_of_another_content_type_is_refused(visitor: Visitor) -> None:
    assert visitor.posts(body(), **{"content-type": "text/plain"}).status_code == 400


def test_nul_and_lone_surrogates_are_dropped_from_what_is_said(visitor: Visitor) -> None:
    assert visitor.posts(b'{"id": "with-nul-1", "text": "a\\u0000b\\ud800c"}').status_code == 202
    assert texts(visitor.reads("abc"))[-1] == "abc"


@pytest.mark.parametrize("replayed", ["0", "-1", "99999999999999999999", "1e9", "٣", "' OR 1=1", "0" * 5000])
def test_replayed_event_ids_only_choose_where_to_read_on(visitor: Visitor, replayed: str) -> None:
    visitor.says("你好")
    visitor.reads("你好")
    headers = {key.encode(): value.encode() for key, value in {**visitor.headers(), "last-event-id": replayed}.items()}
    with httpx.stream("GET", f"{visitor.url}/events", headers=headers, trust_env=False, timeout=20) as stream:
        assert stream.status_code == 200
        assert next(line for line in stream.iter_lines() if line).startswith(("id: ", "event: "))


@given(st.text())
def test_any_last_event_id_is_a_place_in_the_conversation_or_none(told: str) -> None:
    place = parse_last_event_id(told)
    assert place is None or 0 <= place < 2**31


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET"])
def test_other_methods_are_refused(visitor: Visitor, method: str) -> None:
    answer = httpx.request(method, visitor.url, headers=visitor.headers(), trust_env=False)
    assert answer.status_code == 405


def test_an_unknown_account_is_not_found(chats: Chats) -> None:
    assert Visitor(chats, "nobody").says("你好").status_code == 404
    assert httpx.get(f"{chats.address}/chat/nobody", trust_env=False).status_code == 404


def test_a_flood_from_one_visitor_is_limited_and_does_not_delay_others(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    """As fast as this machine can, for three seconds, on eight connections from one address."""
    with chatting(tmp_path, shipped_edition) as chats:
        flood, other = (Visitor(chats, where="198.18.0.1") for _ in range(2))
        flood.arrives()
        other.arrives()
        answers: list[httpx.Response] = []
        over = threading.Event()
        floods = [threading.Thread(target=pour, args=(flood, answers, over)) for _ in range(8)]
        began = time.monotonic()
        for one in floods:
            one.start()
        waits = [noticed(other, number) for number in range(6)]
        over.set()
        for one in floods:
            one.join()
        counted = Counter(one.status_code for one in answers)
        assert set(counted) == {202, 429}
        assert counted[202] <= MESSAGES_PER_VISITOR.burst + 1 + MESSAGES_PER_VISITOR.per_second * (
            time.monotonic() - began
        )
        assert counted[429] > 10 * counted[202]
        assert statistics.median(waits) < 2.0
        told = {(one.json()["code"], one.headers["retry-after"]) for one in answers if one.status_code == 429}
        assert told == {("too_many", "1")}


def pour(visitor: Visitor, answers: list[httpx.Response], over: threading.Event) -> None:
    headers = visitor.headers() | {"content-type": "application/json"}
    with httpx.Client(headers=headers, trust_env=False, timeout=30) as client:
        while not over.is_set():
            answers.append(client.post(visitor.url, content=body("flood")))


def noticed(visitor: Visitor, number: int) -> float:
    """Seconds until somebody else's line is accepted, while the flood goes on."""
    began = time.monotonic()
    assert visitor.says(f"你好 {number}").status_code == 202
    waited = time.monotonic() - began
    time.sleep(0.5)
    return waited


def test_a_visitors_address_is_taken_from_trusted_proxies_only(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    """Else a limited visitor would only have to claim another address."""
    for trusted, statuses in (([], {200, 429}), (["127.0.0.1"], {200})):
        folder = tmp_path / f"trusted{len(trusted)}"
        folder.mkdir()
        with chatting(folder, shipped_edition, listen={"trusted_proxies": trusted}) as chats:
            came = {
                Visitor(chats, more={"x-forwarded-for": f"203.0.113.{number}"}).asks_in().status_code
                for number in range(60)
            }
        assert came == statuses

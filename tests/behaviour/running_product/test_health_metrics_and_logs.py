"""What a running Yingda tells machines: whether it lives, what it counted, and one JSON line per event, without a word
of what customers wrote or who they are (P7)."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from support.followers_and_agents import Agent
from support.running_product import Product, eventually, started

from bot.app.site import DEMO_LOGIN

pytestmark = pytest.mark.process

TOKEN = "a-token-for-prometheus"
MARKER = "蓝鲸记号 marker-7f3a9"
PHONE = "13977712345"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("told")
    with started(folder, shipped_edition, workers=2, log="json", metrics_token=TOKEN) as running:
        yield running


def asked(product: Product, path: str, **headers: str) -> httpx.Response:
    return httpx.get(product.site + path, headers=headers, timeout=10, trust_env=False)


def counted(product: Product, name: str) -> float:
    """The sum of a counter over its labels."""
    lines = asked(product, "/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}[{{ ]", line))


def follower(product: Product) -> str:
    answer = httpx.post(f"{product.phone}/api/followers", json={"name": "记者"}, timeout=10, trust_env=False)
    return str(answer.json()["openid"])


def says(product: Product, openid: str, text: str) -> None:
    address = f"{product.phone}/api/followers/{openid}/messages"
    httpx.post(address, json={"text": text}, timeout=30, trust_env=False).raise_for_status()


def test_the_health_endpoints_say_alive_and_ready(product: Product) -> None:
    assert asked(product, "/healthz").json() == {"alive": True}
    assert asked(product, "/readyz").json() == {"ready": True}
    assert httpx.post(f"{product.site}/healthz", timeout=10, trust_env=False).status_code == 405


def test_counters_of_all_workers_are_added_up(product: Product) -> None:
    before = counted(product, "yingda_messages_accepted_total")
    someone = follower(product)
    for number in range(8):
        says(product, someone, f"怎么退货？{number}")
    assert {counted(product, "yingda_messages_accepted_total") for _ in range(12)} == {before + 8}
    for name in ("accept", "understand", "commit"):
        assert counted(product, f"yingda_{name}_seconds_count") >= 1


def test_metrics_are_readable_from_this_machine_or_with_the_token(product: Product) -> None:
    assert asked(product, "/metrics").status_code == 200
    proxied = {"x-forwarded-for": "127.0.0.1"}
    assert asked(product, "/metrics", **proxied).status_code == 403
    assert asked(product, "/metrics", authorization="Bearer guess", **proxied).status_code == 403
    assert asked(product, "/metrics", authorization=f"Bearer {TOKEN}", **proxied).status_code == 200


def yingda(product: Product, *words: str) -> str:
    """What a verb prints, typed beside the running product."""
    command = [sys.executable, "-m", "bot", *words, "--config", str(product.log.parent / "config.yaml")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=product.log.parent)
    return ran.stdout


def test_a_disabled_agent_loses_events_and_cases_within_seconds(product: Product) -> None:
    yingda(product, "user", "add", "mei", "--password", "seven owls at dusk")
    says(product, follower(product), "人工")
    mei, lead = Agent(product, "Mei ", "seven owls at dusk"), Agent(product, *DEMO_LOGIN)
    (case,) = eventually(mei.board, "a case waits")
    assert mei.does("claim", case["id"]).status_code == 200
    with mei.browser.stream("GET", "/api/desk/events") as stream:
        heard = stream.iter_lines()
        assert next(heard) == "event: changed"
        yingda(product, "user", "disable", "mei")
        disabled_at = time.monotonic()
        assert list(heard)
        assert time.monotonic() - disabled_at < 15
    (back,) = eventually(lambda: [one for one in lead.board() if one["state"] == "waiting"], "the case is back")
    assert (back["id"], back["waiting_since"]) == (case["id"], case["waiting_since"])
    assert mei.browser.get("/api/desk/board").status_code == 401
    assert "claimed a case" in yingda(product, "audit", "--login", "mei")
    assert lead.does("resolve", case["id"]).status_code == 200
    lead.leave()
    mei.leave()


def test_no_log_line_contains_a_customers_text_or_name(product: Product) -> None:
    """Through a refused delivery and a hostile request too, whose lines would be the first to tell."""
    someone = follower(product)
    fault = {"error": 45015, "error_times": 50}
    says(product, someone, f"{MARKER} {PHONE}")
    httpx.put(f"{product.phone}/api/faults", json=fault, timeout=10, trust_env=False).raise_for_status()
    says(product, someone, f"转人工 {MARKER} {PHONE}")
    says(product, someone, "查积分")
    says(product, someone, PHONE)
    httpx.get(f"{product.site}/wechat/demo?echostr={MARKER}&signature=x", timeout=10, trust_env=False)
    httpx.post(f"{product.site}/login", data={"login": PHONE, "password": MARKER}, timeout=10, trust_env=False)
    claimed_and_answered(product)
    eventually(lambda: "45015" in product.told(), "a line about the refused message")
    time.sleep(1)
    lines = product.told().splitlines()
    assert len([json.loads(line) for line in lines if line.startswith("{")]) == len(lines)
    for secret in (MARKER, MARKER.split()[1], PHONE, someone, "蓝鲸"):
        assert secret not in product.told()
    refused = next(line for line in lines if "45015" in line)
    assert re.search(r"message to [0-9a-f]{12} on demo: failed \(.*45015\)", refused)


def claimed_and_answered(product: Product) -> None:
    """An agent answers, so that something is sent by the platform's API, which refuses it."""
    agent = Agent(product, *DEMO_LOGIN)
    (case, *_) = agent.board()
    assert agent.does("claim", case["id"]).status_code == 200
    assert agent.writes(case["id"], f"您好 {MARKER} {PHONE}").status_code == 200
    agent.leave()


def test_the_start_prints_the_live_edition_and_the_addresses(product: Product) -> None:
    events = [json.loads(line)["event"] for line in product.told().splitlines()]
    assert events.count("edition 1 is live") == 2
    assert f"desk {product.site}/desk" in events


def status_and_reason(connection: socket.socket) -> tuple[int, str | None]:
    """What /readyz says on an open connection."""
    connection.sendall(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.status, json.loads(answer.read()).get("reason")


def changed_answer(connection: socket.socket) -> tuple[int, str | None] | None:
    answer = status_and_reason(connection)
    return None if answer == (200, None) else answer


def test_a_stopping_worker_says_so_to_open_connections(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    """Whoever is connected already has a second to ask; new connections are refused."""
    with started(tmp_path, shipped_edition) as product:
        address = urlsplit(product.site)
        with ExitStack() as stack:
            place = (address.hostname, address.port)
            connected = [stack.enter_context(socket.create_connection(place, 20)) for _ in range(100)]
            product.process.terminate()
            answer = eventually(lambda: changed_answer(connected.pop()), "it says that it stops")
        assert answer == (503, "draining")
        assert product.process.wait(30) == 0

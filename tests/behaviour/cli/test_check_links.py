"""`yingda check --links` on a server of our own: what is gone is found, and nothing else stands in the way."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.small_knowledge_base import kiosk
from typer.testing import CliRunner

from bot.__main__ import app
from bot.cli.check import MOST, follow
from bot.knowledge.checks import NO_ANSWER, Statuses

NOWHERE = "http://127.0.0.1:1/"


class Server(ThreadingHTTPServer):
    """asked: the paths that were."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.over = threading.Event()

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/never":
            self.server.over.wait(60)
            return
        status = {"/gone": 410, "/absent": 404, "/moved": 302, "/loop": 302, "/closed": 403}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/loop" if self.path == "/loop" else "/there")
        self.send_header("content-length", "1000000000")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    threading.Thread(target=one.serve_forever, daemon=True).start()
    yield one
    one.over.set()
    one.shutdown()
    one.server_close()


def followed(*addresses: str, patience: float = 20.0) -> Statuses:
    return asyncio.run(follow(addresses, lambda *_: None, patience))


def test_each_link_gets_its_status_without_reading_the_body(server: Server) -> None:
    paths = ("there", "absent", "gone", "moved", "closed")
    found = followed(*map(server.at, paths))
    assert [found[server.at(path)] for path in paths] == [200, 404, 410, 200, 403]


def test_an_unreachable_link_and_a_redirect_loop_count_as_no_answer(server: Server) -> None:
    found = followed(
        NOWHERE, server.at("loop"), "http://[", "http://exa mple/", "https://xn--/", f"{NOWHERE[:-3]}:99999/"
    )
    assert set(found.values()) == {NO_ANSWER}


def test_a_link_that_answers_too_late_has_no_status(server: Server) -> None:
    began = time.monotonic()
    found = followed(server.at("never"), server.at("there"), patience=3.0)
    assert found == {server.at("there"): 200}
    assert time.monotonic() - began < 30


def test_following_links_stops_at_a_number_of_addresses(server: Server) -> None:
    found = followed(*(server.at(str(number)) for number in range(MOST + 50)))
    assert len(found) == len(server.asked) == MOST


def checked(folder: Path, *addresses: str) -> tuple[str, dict[str, int] | None, int]:
    """What the terminal shows, what a program is told of links, and how it ends, for a base with these addresses."""
    editor, config = kiosk(folder)
    editor.changes("九点开门。", f"见 {' '.join(addresses)} 。", "kiosk.yaml")
    words = ["check", "--config", str(config), "--quick", "--links"]
    shown, told = CliRunner().invoke(app, words), CliRunner().invoke(app, [*words, "--json"])
    return shown.stdout, json.loads(told.stdout)["links"], shown.exit_code


def test_a_dead_link_is_reported_with_its_file_and_line(server: Server, tmp_path: Path) -> None:
    shown, told, code = checked(tmp_path, server.at("there"), server.at("gone"))
    assert f"{server.at('gone')} answers 410: it is gone" in shown
    assert server.at("there") not in shown.replace("见", "")
    assert (told, code) == ({"asked": 2, "reached": 2}, 0)


def test_check_links_without_a_network_says_so_and_succeeds(tmp_path: Path) -> None:
    shown, told, code = checked(tmp_path, NOWHERE)
    assert "this machine seems to be offline" in shown
    assert "does not answer" not in shown
    assert (told, code) == ({"asked": 1, "reached": 0}, 0)

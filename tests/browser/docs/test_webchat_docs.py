"""docs/webchat.md tells the truth: its account starts, and its tag and its policy are all that a site needs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect, sync_playwright
from support.embedding_site import Site, served
from support.paths import ROOT
from support.services import missing
from support.webchat_shop import chatting

from bot.process.sockets import free_port

PAGE = (ROOT / "docs/webchat.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL))
HOME = "https://chat.brand.example"


@pytest.mark.browser
def test_a_site_that_follows_the_page_has_a_working_chat(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    path = shutil.which("chromium")
    if path is None:
        missing("chromium", "no program of that name")
    port = free_port()
    account = SNIPPETS["yaml"].replace("https://www.brand.example", f"http://localhost:{port}")
    tag, policy = (SNIPPETS[kind].strip().replace(HOME, "{home}") for kind in ("html", ""))
    with chatting(tmp_path, shipped_edition, **yaml.safe_load(account)) as chats:
        site = Site(chats.address, tag, f"default-src 'none'; img-src data:; {policy}")
        with served(site, port), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page()
            problems: list[str] = []
            page.on("console", lambda line: problems.append(line.text))
            page.goto(site.address)
            page.get_by_role("button", name="Open the chat").click()
            page.get_by_role("button", name="How do I return something?").click()
            expect(page.get_by_role("log").get_by_text("Within 7 days")).to_be_visible(timeout=20_000)
            browser.close()
    assert problems == []

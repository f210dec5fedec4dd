"""The site in a real browser: a server on a seeded database, and pages of staff who have logged in."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.conversations import Seeder
from support.desk_site import PASSWORD, DeskSite
from support.services import MovableClock

from bot.domain.cases import Role
from bot.stores.sql.database import Database
from bot.stores.sql.schema import metadata


class Desk:
    """A running site, a seeded case, and pages of agents who have logged in."""

    def __init__(self, chromium: Browser, address: str, seeder: Seeder, desk_site: DeskSite) -> None:
        self.seeder = seeder
        self.desk_site = desk_site
        self._chromium = chromium
        self._address = address
        self._contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def log_in(
        self, login: str, width: int = 1440, height: int = 900, scheme: str = "light", sees: str = "Live"
    ) -> Page:
        context = self._chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale="en-GB",
        )
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if "Content Security" in line.text else None)
        page.goto(f"{self._address}/desk")
        page.get_by_label("Login").fill(login)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text(sees, exact=True)).to_be_visible()
        return page

    def leave(self) -> None:
        for context in self._contexts:
            context.close()


@contextmanager
def desk_open(
    chromium: Browser, folder: Path, staff: Mapping[str, Role], seed: Callable[[Seeder, MovableClock], None]
) -> Iterator[Desk]:
    clock = MovableClock(time.time())
    database = Database(f"sqlite:///{folder / 'record.sqlite'}", clock.now)
    with database.engine.begin() as connection:
        metadata.create_all(connection)
    desk_site = DeskSite(database, clock)
    seeder = Seeder(database)
    add_staff(desk_site, staff)
    seed(seeder, clock)
    server = uvicorn.Server(uvicorn.Config(desk_site.site, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    seated = Desk(chromium, f"http://127.0.0.1:{port}", seeder, desk_site)
    yield seated
    seated.leave()
    server.should_exit = True
    thread.join(timeout=20)
    database.close()


def add_staff(desk_site: DeskSite, staff: Mapping[str, Role]) -> None:
    """In a thread of its own: the browser's driver already runs a loop in this one."""

    async def all_of_them() -> None:
        for login, role in staff.items():
            await desk_site.add_staff(login, role, login.title())

    thread = threading.Thread(target=asyncio.run, args=(all_of_them(),))
    thread.start()
    thread.join()


def barriers(page: Page) -> list[str]:
    """What axe finds, as rule and element."""
    violations = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in violations for node in rule["nodes"]]

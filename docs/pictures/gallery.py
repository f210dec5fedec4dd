"""Photographs every page in both languages, light and dark, in three sizes: `docs/pictures/gallery.py FOLDER`.

To see every page after a change; run with .venv/bin/python. Needs chromium and Noto Sans CJK.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from itertools import product as each
from pathlib import Path

from playwright.sync_api import Page, expect
from scene import GRACE, LIN, LOCALES, SIZES, Studio, Talk, stage

Shown = Callable[[Page, Studio, Talk], None]


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "var/gallery")
    folder.mkdir(parents=True, exist_ok=True)
    with stage() as studio:
        for language, scheme, size, (name, show) in each(LOCALES, ("light", "dark"), SIZES, PAGES.items()):
            page = studio.screen(language, scheme, size)
            show(page, studio, LIN if language == "zh" else GRACE)
            page.screenshot(path=folder / f"{name}-{size}-{scheme}-{language}.png")
            page.context.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")  # noqa: T201 - a command


def login(page: Page, studio: Studio, _: Talk) -> None:
    page.context.clear_cookies()
    page.goto(f"{studio.site}/login")


def desk(page: Page, studio: Studio, _: Talk) -> None:
    page.goto(f"{studio.site}/desk")
    expect(page.locator("#lines a").first).to_be_visible()


def case(page: Page, studio: Studio, talk: Talk) -> None:
    desk(page, studio, talk)
    page.locator("[data-tab=mine]").click()
    page.locator("#lines a", has_text=talk.name).click()
    expect(page.locator("#thread .said").first).to_be_attached()
    page.locator("#draft").fill(talk.draft)


def ended(page: Page, studio: Studio, talk: Talk) -> None:
    desk(page, studio, talk)
    page.locator("[data-tab=ended]").click()
    page.locator("#lines a").first.click()
    expect(page.locator("#thread .said").first).to_be_attached()


def phone(page: Page, studio: Studio, talk: Talk) -> None:
    page.goto(f"{studio.phone}/")
    if page.locator(".views").is_visible():
        page.locator("[data-to=people]").click()
    page.locator("#followers button", has_text=talk.name).click()
    page.locator("[data-sub]").click()


def demo(page: Page, studio: Studio, talk: Talk) -> None:
    page.goto(f"{studio.site}/demo")
    if page.locator(".views").is_visible():
        expect(page.frame_locator("#phone-1").locator(".line").first).to_be_visible()
        return
    inside = page.frame_locator("#desk")
    inside.locator("[data-tab=mine]").click()
    inside.locator("#lines a", has_text=talk.name).click()
    for frame in ("#phone-1", "#phone-2"):
        expect(page.frame_locator(frame).locator(".line").first).to_be_visible()


def chat(page: Page, studio: Studio, talk: Talk) -> None:
    page.goto(f"{studio.site}/chat")
    page.wait_for_timeout(500)
    page.get_by_role("textbox").fill(talk.ask)
    page.get_by_role("textbox").press("Enter")
    page.wait_for_timeout(2500)


PAGES: Mapping[str, Shown] = {
    "login": login,
    "desk": desk,
    "case": case,
    "ended": ended,
    "phone": phone,
    "demo": demo,
    "chat": chat,
}

if __name__ == "__main__":
    main()

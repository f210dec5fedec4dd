"""What holds for the page of every simulator: it loads from itself alone, and speaks two languages."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from bot.i18n import LANGUAGES, section
from bot.simulators import page as frame
from bot.simulators.page import page_words

FRAME = Path(frame.__file__).parent


async def everything_it_loads(http: httpx.AsyncClient, scripts: str) -> set[str]:
    """The addresses that the page and its scripts name; all of them must be there, and none elsewhere."""
    page = (await http.get("")).text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert " style=" not in page
    assert " onclick=" not in page
    named = set(re.findall(r'(?:src|href)="((?:assets|frame)/[^"]*)"', page))
    module = (await http.get(scripts)).text
    named |= set(re.findall(r'"(?:\.\./)?((?:assets|frame)/[^"]+)"', module))
    assert {path: (await http.get(path)).status_code for path in named} == dict.fromkeys(named, 200)
    return named


def unused_and_unknown(simulator: str, page: Path, script: str, built: tuple[str, ...]) -> set[str]:
    """A page's texts that no template or script names, and named ones that do not exist. built: beginnings of computed
    names."""
    files = (*page.glob("*.html"), *FRAME.glob("*.html"), page / "assets" / script, FRAME / "assets/frame.js")
    used = "".join(file.read_text(encoding="utf-8") for file in files)
    named = set(re.findall(r"\bt\.([a-z_]+)\b", used))
    words = page_words(simulator, "zh")
    assert all(text.strip() for language in LANGUAGES for text in page_words(simulator, language).values())
    assert words.keys() == page_words(simulator, "en").keys()
    assert not section("simulator.page", "zh").keys() & section(simulator, "zh").keys()
    return {word for word in set(words) ^ named if not word.startswith(built)}

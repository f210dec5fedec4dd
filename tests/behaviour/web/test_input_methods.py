"""Every script that listens for keys leaves to an input method what is the input method's."""

from __future__ import annotations

import re

from support.paths import ROOT

LISTENS = re.compile(r"""addEventListener\("key(down|up|press)"|\bkey(down|up|press): |\bonkey(down|up|press)\b""")
LISTENERS = {
    path: path.read_text(encoding="utf-8") for path in (ROOT / "bot").rglob("*") if path.suffix in (".js", ".html")
}


def test_every_script_with_a_key_listener_checks_for_input_methods() -> None:
    listening = {path.name for path, script in LISTENERS.items() if LISTENS.search(_without_the_question(script))}
    asking = {path.name for path, script in LISTENERS.items() if "byInputMethod(event)" in script}
    assert listening == asking == {"compose.js", "desk.js", "frame.js", "phone.js", "timeline.js", "view.js"}


def test_the_check_for_input_methods_is_the_same_on_all_pages() -> None:
    asked = {_question(script) for script in LISTENERS.values() if _question(script)}
    assert len(asked) == 1


def _question(script: str) -> str:
    found = re.search(r"export function inputMethod\(.*?\n}\n", script, re.DOTALL)
    return found.group() if found else ""


def _without_the_question(script: str) -> str:
    question = _question(script)
    return script.replace(question, "") if question else script

"""An entry that is answered again right after it was answered: "那新疆呢" after the delivery times.

The same ten lines are not said twice. Where the customer names what one line of the answer is about, that line is said;
the whole answer is said again once, and after that no more.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.decisions import Answer, Decision
from bot.intents.turn import DialogueTurn
from bot.text.folding import HAN, LONGEST, search_form

_LEAST_LINES = 3  # of an answer that is a list
_LEAST_HAN, _LEAST_LETTERS = 2, 4  # of a word that names something


def repeats(turn: DialogueTurn, entry: str) -> int:
    """How often in a row the whole entry has been said again by now; 0 if it was said once, or not last."""
    return int(turn.slots.get("repeats", 0)) if turn.slots.get("last_intent") == entry else 0


def shortened(turn: DialogueTurn, decision: Decision) -> Decision:
    """The decision; of an answer that is said again, only the line that the customer's words name."""
    again = isinstance(decision, Answer) and decision.entry and decision.entry == turn.slots.get("last_intent")
    if not again or not isinstance(decision, Answer) or not turn.begun or turn.understanding.exact:
        return decision
    line = "" if turn.conversation.public else named_line(turn.message.text, decision.text)
    slots = {**decision.slots, "repeats": repeats(turn, decision.entry) + (not line)}
    return replace(decision, text=line, variants=(), slots=slots) if line else replace(decision, slots=slots)


def named_line(text: str, answer: str) -> str:
    """The only line of an answer that has a word of the text; '' if there is none, or more than one."""
    _, *rest = [line.strip() for line in answer.splitlines() if line.strip()] or [""]
    lines = {line: search_form(line) for line in rest if not line.endswith((":", "："))}
    if len(rest) + 1 < _LEAST_LINES or len(text) > LONGEST:
        return ""
    form = search_form(text)
    han = "".join(HAN.findall(form))
    pairs = [han[at : at + _LEAST_HAN] for at in range(len(han) - 1)]
    words = [word.strip("?.!,'\"").rstrip("s") for word in form.split()]
    named = [*pairs, *(word for word in words if len(word) >= _LEAST_LETTERS and word.isascii())]
    found = {line for line, read in lines.items() for word in named if word in read}
    return found.pop() if len(found) == 1 else ""

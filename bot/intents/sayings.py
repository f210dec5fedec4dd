"""What messages say besides questions: "解绑", "never mind", "都不是", "one sec", "嗯"; and whether one is a question.

The sayings themselves stand in sayings.yaml.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict

from bot.text.folding import LONGEST, search_form, words_of

_NAMES = re.compile(r"[@＠][A-Za-z0-9_]+")
_ASKS = re.compile(r"[?？]|多久|几|吗")


class _Saying(BaseModel):
    """Regular expressions: for a whole text (`says`; `chained`: several in a row), or for a part of it (`inside`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    chained: bool = False

    def pattern(self) -> re.Pattern[str]:
        if self.inside:
            return re.compile(_without_groups("|".join(self.inside)), re.IGNORECASE)
        # Atomic and possessive: a long text of many sayings that matches none takes no exponential time.
        before = f"(?:(?:{self.before}) ?){{0,3}}" if self.before else ""
        after = f"(?: ?(?:{self.after})){{0,3}}+" if self.after else ""
        once = f"{before}(?>{'|'.join(self.says)}){after}"
        return re.compile(_without_groups(f"(?:{once} ?)++" if self.chained else once))


def _without_groups(expression: str) -> str:
    """The expression with groups that capture nothing: Python 3.11 fails over captures in possessive repeats
    (https://github.com/python/cpython/issues/101955)."""
    return re.sub(r"\((?!\?)", "(?:", expression)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    content = yaml.safe_load((resources.files("bot.intents") / "sayings.yaml").read_text(encoding="utf-8"))
    return _Saying.model_validate(content[name]).pattern()


def _says(name: str, text: str) -> bool:
    if len(text) > LONGEST:
        return False
    return _pattern(name).fullmatch(words_of(_NAMES.sub(" ", text))) is not None


def asks(text: str) -> bool:
    """Whether a text has the form of a question or a request."""
    form = search_form(text)
    return bool(_pattern("asks").search(form) or _pattern("wants").search(form))


def tells_of_a_problem(text: str) -> bool:
    return bool(_pattern("tells_of_a_problem").search(search_form(text)))


def without_fillers(text: str) -> str:
    """A text without what people say while they think: "那个我想问一下就是我昨天买的那个茶叶" is "我昨天买的茶叶"."""
    shorter = _pattern("fillers").sub("", text).strip()
    return shorter or text


def wants_unlink(text: str) -> bool:
    """Whether a text withdraws the consent to hear of one's membership, and says nothing else."""
    return _says("unlink", text)


def wants_erasure(text: str) -> bool:
    """Whether a text asks us to erase what we keep about its author. How that is done is a question, and no match."""
    return _says("erase", text)


def calls_off(text: str) -> bool:
    """Whether a text says that its author needs no answer any more: "算了，不用了", "never mind"."""
    return _says("call_off", text)


def cancels(text: str) -> bool:
    """Whether a text says "cancel" of whatever is going on."""
    return _says("cancel", text) or calls_off(text)


def says_yes(text: str) -> bool:
    return _says("yes", text)


def says_no(text: str) -> bool:
    """Whether a text refuses what was offered: "都不是", "none of these"."""
    return _says("no", text)


def says_wait(text: str) -> bool:
    """Whether a text asks for a moment: "稍等我看下短信", "one sec"."""
    return _says("wait", text) and not _ASKS.search(text)


def leaves_linking(text: str) -> bool:
    return cancels(text) or _says("no_linking", text)


def wants_another_code(text: str) -> bool:
    """Whether a customer who was sent a code says that none came: "没收到", "resend"."""
    return _says("another_code", text)


def asks_for_another_number(text: str) -> bool:
    """Whether a customer, asked for a number, asks which one will do, or where it is: "会员号忘了", "手机号行吗"."""
    return _says("which_number", text)


def asks_why(text: str) -> bool:
    """Whether a customer asks why they are to give a number: "为什么要手机号"."""
    return _says("why", text)


def is_opener(text: str) -> bool:
    """Whether a text only announces a question: "我想问一下", "hi, quick question"."""
    return _says("opener", text)


def is_nod(text: str) -> bool:
    """Whether a text only says that it was read: "嗯", "好的", "OK", a lone small number."""
    return _says("nod", text)

"""Every function that reads a text that somebody else wrote: quick on the worst of texts, and at home with any.

The functions are found by walking the packages, so that a new one is tried without anybody thinking of it. What is not
tried is named here, with the reason.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bot
from bot import config
from bot.channels.twitter import directs, posts
from bot.channels.wechat.replies import text_reply
from bot.decisions import Turn, Understanding
from bot.intents.linking import LinkSkill, Progress, Terms
from bot.intents.mind import fetches
from bot.intents.one_time_code import OneTimeCodes
from bot.intents.policy import picked
from bot.intents.understanding.training import as_understood
from bot.knowledge.editions import Edition, Thresholds
from bot.messages import Conversation, Heard, Identity, Kind, Media
from bot.turns import Work
from bot.wording import cut, digest

Reader: TypeAlias = Callable[[str], object]
LARGEST = 64 * 1024  # bytes; no channel takes more
SOON = 0.02  # seconds of this thread

PACKAGES_LEFT_OUT: Mapping[str, str] = {
    "bot.simulators": "plays a platform on a tester's machine",
    "bot.commands": "reads what whoever runs the deployment types into their own shell",
    "bot.doctor": "the same, and what our own platforms answer",
    "bot.stores.record.migrations": "changes tables",
    "bot.__main__": "starts the command line",
    "bot.supervisor": "opens the deployment's own ports",
    "bot.files": "reads the deployment's own settings",
    "bot.telemetry": "takes names that are written in the code, and handles that a channel has checked",
}
LEFT_OUT: Mapping[str, str] = {
    "bot.addresses.redis_address": "takes the deployment's own address, and refuses a wrong one",
    "bot.addresses.database_address": "takes the deployment's own address, and refuses a wrong one",
    "bot.channels.twitter.posts.withdrawn": "takes an account's name",
    "bot.members.senders.explain": "takes a code of our own",
    "bot.origins.reached": "takes the deployment's own host",
    "bot.stores.record.sealing.seal": "takes the deployment's own secret",
    "bot.yaml_errors.explained": "takes an error with its text; its own property test gives it any file",
    "bot.yaml_signs.wide_space": "takes a sign that was found",
    "bot.yaml_signs.wide_dash": "takes a sign that was found",
    "bot.channels.twitter.reading.made_at": "takes an id that `number` let through",
    "bot.channels.twitter.failures.doubtful": "takes a code of our own",
    "bot.channels.twitter.failures.explain": "takes a code of our own",
    "bot.channels.wechat.errcodes.explain": "takes a code of our own",
    "bot.channels.twitter.directs.inbound_of": "its text lies in the message: DEEPER",
    "bot.channels.twitter.posts.inbound_of": "its text lies in the post: DEEPER",
    "bot.channels.wechat.parsing.inbound_of": "its text lies in the push; its reading has tests of its own",
    "bot.channels.twitter.signature.sign": "takes our own secret",
    "bot.channels.twitter.signature.response_token": "takes our own secret",
    "bot.channels.twitter.signature.check": "takes our own secret",
    "bot.channels.wechat.signature.sign": "takes digits, ASCII and what an XML parser gave",
    "bot.channels.wechat.replies.envelope": "takes what we sealed",
    "bot.intents.overheard.unread": "takes a code of our own",
    "bot.intents.rasa.schooling.schooled": "takes a model's name",
    "bot.intents.teaching.unwatched": "takes a stage's name",
    "bot.intents.understanding.encoder.resource": "takes a file's name of our own",
    "bot.intents.understanding.encoder.package_file": "takes a package's name of our own",
    "bot.intents.understanding.training.as_understood": "takes an entry's id",
    "bot.knowledge.phrases.placeholders": "takes a phrase's name",
    "bot.knowledge.phrases.render": "takes a phrase's name",
    "bot.knowledge.topics.made": "takes a file's content, once, while training",
    "bot.site.explained": "takes a code of our own",
    "bot.stores.nerve.line.connect": "takes the deployment's own address",
    "bot.stores.record.board.trace_of": "takes what the record itself wrote",
    "bot.stores.record.rows.message_row": "takes ids of our own",
    "bot.stores.record.casework.happened": "takes an event's name",
    "bot.stores.record.migrate.knows": "takes a revision's name",
    "bot.web.guards.policy": "takes words of our own",
}
ONLY_A_DIGEST = {  # given a customer's 200 characters (`wording.digest`), or an example that an editor wrote
    "bot.intents.understanding.ngrams.count",
    "bot.intents.understanding.normalise.plain",
    "bot.knowledge.nearness.letter_groups",
    "bot.knowledge.sameness.gist",
    "bot.knowledge.sameness.same_form",
}
ARGUMENTS: Mapping[str, tuple[Any, ...]] = {
    "bot.channels.webchat.channel.address": ("lin",),
    "bot.wording.cut": (280, "weighted"),
    "bot.wording.measure": ("weighted",),
    "bot.channels.wechat.replies.text_reply": ("gh_1", "text", 1),
    "bot.folding.normalised": ("NFKC",),
    "bot.intents.days.asked_day": (date(2026, 11, 29),),
    "bot.origins.same_host": ("brand.example",),
    "bot.origins.own_path": ("/desk",),
}


def found() -> dict[str, Reader]:
    """Every public function whose first argument is a text, by its full name."""
    return {
        f"{module}.{name}": getattr(importlib.import_module(module), name)
        for module, path in _modules()
        for name in _readers_in(path)
    }


def _modules() -> Iterator[tuple[str, Path]]:
    home = Path(bot.__file__).parent
    for path in sorted(home.rglob("*.py")):
        name = ".".join(("bot", *path.relative_to(home).with_suffix("").parts)).removesuffix(".__init__")
        if not any(f"{name}.".startswith(f"{out}.") for out in PACKAGES_LEFT_OUT):
            yield name, path


def _readers_in(path: Path) -> Iterator[str]:
    for one in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(one, ast.FunctionDef) and not one.name.startswith("_") and _takes_a_text(one.args):
            yield one.name


def _takes_a_text(taken: ast.arguments) -> bool:
    first = [*taken.posonlyargs, *taken.args, *([taken.vararg] if taken.vararg else [])][:1]
    return bool(first) and first[0].annotation is not None and ast.unparse(first[0].annotation) == "str"


FOUND = found()


def _tried() -> list[tuple[str, Reader]]:
    """Each with what it needs besides the text."""
    by_themselves = {name: reader for name, reader in FOUND.items() if name not in LEFT_OUT}
    with_more = {name: partial(_with, reader, ARGUMENTS.get(name, ())) for name, reader in by_themselves.items()}
    return [*with_more.items(), *DEEPER.items()]


def _with(reader: Callable[..., object], arguments: tuple[Any, ...], text: str) -> object:
    said = reader(text, *arguments)
    return list(said) if isinstance(said, Iterator) else said


def _turn(text: str, **slots: Any) -> Turn:
    talk = Conversation("c", "brand", "wechat", Identity("i", "c", "brand", "lin"), slots=slots, waiting=1)
    return Turn(Heard("m", "c", 1, "k", Kind.TEXT, text, 1.0), talk, Understanding(), "zh", 1, 1.0)


def _post(text: str) -> object:
    return posts.inbound_of("brand", posts.Post("1", "1", "2", "1", text, 1.0, calls=True, media=Media("p")), 1.0)


def _direct(text: str) -> object:
    return directs.inbound_of("brand", directs.Direct("1", "2", text, 1.0, with_us=True), "3", 1.0)


def _picked(text: str) -> object:
    edition = Edition(1, {}, {}, Thresholds(0.9, 0.5))
    return picked(edition, _turn(text, choices=("returns", "delivery")))


def _linking(text: str) -> bool:
    words = OneTimeCodes("secret")
    skill = LinkSkill(cast(Any, None), cast(Any, None), cast(Any, None), Terms(words, config.Linking()))
    return skill.wants(_turn(text, **Progress("code", 9.0).slots()))


# Where a text lies inside what is taken, and where it is read on the way.
DEEPER: Mapping[str, Reader] = {
    "a post": _post,
    "a direct message": lambda text: directs.inbound_of(
        "b", directs.Direct("1", "2", text, 1.0, with_us=True), "3", 1.0
    ),
    "a choice": _picked,
    "an answer while linking": _linking,
    "fetching": lambda text: fetches(Work(_turn(text).conversation, _turn(text).message)),
    "a reply to WeChat": lambda text: text_reply("lin", "gh_1", text, 1),
    "cut by bytes": lambda text: cut(text, 2047, "bytes"),
    "cut by characters": lambda text: cut(text, 2000, "characters"),
    "an example": lambda text: as_understood("returns", [digest(text)]),
}

SIGNS = [
    *("a", "Z", "7", "é", "汉", "漢", "「", "한", "ع", "א", "ไ", "\u0301", "\u0301\u0316", "ｗ", "ﷺ", "\u0958"),
    *(
        "👨\u200d👩\u200d👧\u200d👦",
        "👍🏽",
        "1\ufe0f\u20e3",
        "👨\u200d",
        "🇨",
        "\u200b",
        "\u202e",
        "\ufe0f",
        "\x00",
        "\x85",
    ),
    *("@", "@a", "@a ", "a@", "#", ".", "..", "a.", "a.cn ", "http://", "https://t.co/a ", "http://a.cn/(", "/"),
    *(
        "[",
        "](",
        "{",
        "{a",
        "\\",
        '"',
        "'",
        "“",
        "”",
        " ",
        "\u3000",
        "\t",
        "\n",
        "\r\n",
        ",",
        "，",
        "-",
        "_",
        "?",
        "。",
        "!",
    ),
    *("谢谢", "你好", "退订", "别再", "一", "one ", "double ", "stop ", "an ", "12 ", "0", "+", "&amp;", "<", "“a” "),
]


STRANGE = st.characters(categories=["Cs", "Cc", "Cf", "Mn", "Co", "Cn"])


def _masses() -> Iterator[str]:
    for sign in SIGNS:
        mass = sign * (LARGEST // len(sign.encode(errors="replace")))
        yield mass
        yield f"{mass[:-8]}.a!"  # where what is looked for at the end is not there


@pytest.mark.parametrize(("name", "reader"), _tried())
def test_64_kb_of_one_sign_are_read_at_once(name: str, reader: Reader) -> None:
    """The best of three, in the thread's own time: a busy machine is nobody's fault."""
    reader("一个 warm-up 😀 http://a.cn")
    for mass in _masses():
        given = digest(mass) if name in ONLY_A_DIGEST else mass
        assert any(_seconds(reader, given) < SOON for _ in range(3)), (name, given[:12])


def _seconds(reader: Reader, text: str) -> float:
    began = time.thread_time()
    reader(text)
    return time.thread_time() - began


@settings(max_examples=25, deadline=None)
@given(
    text=st.text(max_size=300) | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Mn", "Co", "Cn"]), max_size=60)
)
@example(text="")
@example(text="\ud800")
@example(text="12\x00\u202e3\udfff\uffff@\U0010ffff")
@pytest.mark.parametrize(("name", "reader"), _tried())
def test_any_text_is_read_without_an_exception(name: str, reader: Reader, text: str) -> None:
    reader(text)


def test_every_function_that_takes_a_text_is_tried_or_named_with_the_reason() -> None:
    """What is named here exists, so that the list stays true."""
    assert set(LEFT_OUT) <= set(FOUND)
    assert ONLY_A_DIGEST | set(ARGUMENTS) <= set(FOUND)
    lacking = {name for name, reader in FOUND.items() if name not in LEFT_OUT and _needs_more(name, reader)}
    assert not lacking, "say in ARGUMENTS what they take besides the text, or in LEFT_OUT why they are not tried"


def _needs_more(name: str, reader: Reader) -> bool:
    try:
        inspect.signature(reader).bind("a text", *ARGUMENTS.get(name, ()))
    except TypeError:
        return True
    return False

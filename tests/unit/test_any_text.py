"""Every function that reads a text that somebody else wrote: quick on the worst of texts, and at home with any.

The functions are found by walking the packages, so that a new one is tried without anybody thinking of it. What is not
tried is named here, with the reason.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import builders
from support.introspection import functions_of, modules

from bot import config
from bot.channels.twitter import events, posts
from bot.channels.twitter.weighted_length import WEIGHTED
from bot.channels.wechat.security import text_reply
from bot.domain.decisions import Candidate, Turn
from bot.domain.messages import Limits, Media
from bot.intents.classifier.training import normalized_texts
from bot.intents.policy import chosen_entry
from bot.intents.skills.account_linking import LinkingProgress, LinkingTerms, LinkSkill, OneTimeCodes
from bot.intents.turn import fetches
from bot.text import BYTES, CHARACTERS, cut, truncate

Reader: TypeAlias = Callable[[str], object]
LARGEST = 64 * 1024  # bytes; no channel takes more
SOON = 0.15  # seconds of this thread on a core that others load, too; quadratic time would be many seconds

PACKAGES_LEFT_OUT: Mapping[str, str] = {
    "bot.simulators": "plays a platform on a tester's machine",
    "bot.cli": "reads what whoever runs the deployment types into their own shell",
    "bot.doctor": "the same, and what our own platforms answer",
    "bot.channels.twitter.doctor": "the same",
    "bot.channels.webchat.doctor": "the same",
    "bot.channels.wechat.doctor": "the same",
    "bot.i18n": "takes keys and languages that are written in the code",
    "bot.ports.findings": "takes words of our own",
    "bot.stores.sql.migrations": "changes tables",
    "bot.__main__": "starts the command line",
    "bot.process.supervisor": "opens the deployment's own ports",
    "bot.yaml_files": "reads the deployment's own settings",
    "bot.telemetry": "takes names that are written in the code, and handles that a channel has checked",
}
LEFT_OUT: Mapping[str, str] = {
    "bot.config.settings.redis_address": "takes the deployment's own address, and refuses a wrong one",
    "bot.config.settings.database_address": "takes the deployment's own address, and refuses a wrong one",
    "bot.channels.twitter.build": "takes an account's name",
    "bot.channels.webchat.build": "takes an account's name",
    "bot.channels.wechat.build": "takes an account's name",
    "bot.app.channels.channel_kind": "takes a channel that the deployment's own settings name",
    "bot.app.channels.demo_values": "takes a channel that the deployment's own settings name",
    "bot.app.channels.explain_error": "takes a code of our own",
    "bot.channels.twitter.posts.deletion_of": "takes an account's name",
    "bot.channels.twitter.posts.mention": "takes an account's name",
    "bot.members.verification.explain": "takes a code of our own",
    "bot.access.origins.local_address": "takes the deployment's own host",
    "bot.stores.sql.receipts.seal": "takes the deployment's own secret",
    "bot.stores.sql.rehearsals.scratch_schema": "takes the deployment's own address",
    "bot.channels.twitter.payloads.snowflake_time": "takes an id that `id_at` let through",
    "bot.channels.twitter.http.is_ambiguous": "takes a code of our own",
    "bot.channels.twitter.http.explain": "takes a code of our own",
    "bot.channels.wechat.errors.explain": "takes a code of our own",
    "bot.channels.twitter.events.inbound_of": "its text lies in the message: DEEPER",
    "bot.channels.twitter.posts.inbound_of": "its text lies in the post: DEEPER",
    "bot.channels.wechat.payloads.inbound_of": "its text lies in the push; its reading has tests of its own",
    "bot.channels.twitter.channel.sign": "takes our own secret",
    "bot.channels.twitter.channel.response_token": "takes our own secret",
    "bot.channels.twitter.channel.check": "takes our own secret",
    "bot.channels.wechat.security.sign": "takes digits, ASCII and what an XML parser gave",
    "bot.channels.wechat.security.envelope": "takes what we sealed",
    "bot.intents.skills.social_listening.handoff_unread": "takes a code of our own",
    "bot.intents.context_features.features": "takes a text that `may_follow` let through",
    "bot.intents.inference.closeness": "takes a text that `may_follow` let through",
    "bot.intents.examples.read_examples": "takes a file's name of our own",
    "bot.intents.context.stays": "takes a text that `may_follow` let through",
    "bot.intents.context.in_context": "takes a text that `may_follow` let through",
    "bot.rasa.training.calibrate_model": "takes a model's name",
    "bot.evaluation.trainers.no_progress": "takes a stage's name",
    "bot.intents.classifier.encoder.package_file": "takes a package's name of our own",
    "bot.intents.classifier.training.normalized_texts": "takes an entry's id",
    "bot.knowledge.phrases.placeholders": "takes a phrase's name",
    "bot.knowledge.phrases.render": "takes a phrase's name",
    "bot.knowledge.topic_cache.topic_of": "takes a file's content, once, while training",
    "bot.stores.redis.connection.connect": "takes the deployment's own address",
    "bot.stores.sql.case_queries.trace_of": "takes what the database holds",
    "bot.stores.sql.mapping.message_row": "takes ids of our own",
    "bot.stores.sql.case_transitions.desk_event": "takes an event's name",
    "bot.stores.sql.migrate.is_known": "takes a revision's name",
    "bot.app.storage.redis_client": "takes the deployment's own address",
    "bot.process.sockets.listening": "takes the deployment's own host",
    "bot.web.middleware.policy": "takes words of our own",
}
ONLY_A_DIGEST = {  # given a customer's 200 characters (`wording.digest`), or an example that an editor wrote
    "bot.intents.classifier.features.count_ngrams",
    "bot.intents.classifier.features.plain",
    "bot.knowledge.similarity.letter_groups",
    "bot.knowledge.similarity.gist",
    "bot.knowledge.similarity.same_form",
}
ARGUMENTS: Mapping[str, tuple[Any, ...]] = {
    "bot.domain.messages.mailbox_address": ("lin",),
    "bot.text.cut": (280, WEIGHTED),
    "bot.text.measure": (WEIGHTED,),
    "bot.channels.wechat.security.text_reply": ("gh_1", "text", 1),
    "bot.text.folding.normalised": ("NFKC",),
    "bot.intents.skills.opening_hours.asked_day": (date(2026, 11, 29),),
    "bot.access.origins.same_host": ("brand.example",),
    "bot.intents.context.turns_to_another": (Candidate("delivery", 0.99), "returns"),
    "bot.intents.repeats.named_line": ("龙井：80℃\n红茶：90℃\nOolong: boiling",),
    "bot.access.origins.safe_path": ("/desk",),
}


def found() -> dict[str, Reader]:
    """Every public function whose first argument is a text, by its full name."""
    return {
        f"{module.__name__}.{name}": function
        for module in modules(leave_out=PACKAGES_LEFT_OUT)
        for name, function in functions_of(module)
        if _takes_a_text(function)
    }


def _takes_a_text(function: Callable[..., object]) -> bool:
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and first.annotation in ("str", str) and first.kind is not first.KEYWORD_ONLY


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
    return builders.turn(text, builders.conversation(slots=slots, waiting=1), now=1.0)


def _post(text: str) -> object:
    return posts.inbound_of("brand", posts.Post("1", "1", "2", "1", text, 1.0, mentions_us=True, media=Media("p")), 1.0)


def _direct(text: str) -> object:
    return events.inbound_of("brand", events.DirectMessage("1", "2", text, 1.0, one_to_one=True), "3", 1.0)


def _picked(text: str) -> object:
    edition = builders.edition()
    return chosen_entry(edition, _turn(text, choices=("returns", "delivery")))


def _linking(text: str) -> bool:
    words = OneTimeCodes("secret")
    skill = LinkSkill(cast(Any, None), cast(Any, None), LinkingTerms(words, config.Linking()))
    return skill.wants(_turn(text, **LinkingProgress("code", 9.0).slots()))


# Where a text lies inside what is taken, and where it is read on the way.
DEEPER: Mapping[str, Reader] = {
    "a post": _post,
    "a direct message": lambda text: events.inbound_of(
        "b", events.DirectMessage("1", "2", text, 1.0, one_to_one=True), "3", 1.0
    ),
    "a choice": _picked,
    "an answer while linking": _linking,
    "fetching": lambda text: fetches(_turn(text).message, _turn(text).conversation, Limits(2_000, fetch_word="1")),
    "a reply to WeChat": lambda text: text_reply("lin", "gh_1", text, 1),
    "cut by bytes": lambda text: cut(text, 2047, BYTES),
    "cut by characters": lambda text: cut(text, 2000, CHARACTERS),
    "an example": lambda text: normalized_texts("returns", [truncate(text)]),
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
def test_64_kb_of_one_character_are_read_quickly(name: str, reader: Reader) -> None:
    """The best of three, in the thread's own time: a busy machine is nobody's fault."""
    reader("一个 warm-up 😀 http://a.cn")
    for mass in _masses():
        given = truncate(mass) if name in ONLY_A_DIGEST else mass
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

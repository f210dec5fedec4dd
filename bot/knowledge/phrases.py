"""The phrases that code sends: declared here with typed placeholders, written by editors in phrases.yaml.

A phrase in `DECLARED` is required: a knowledge base without it, or with other placeholders, does not load. A phrase
added later is in `OPTIONAL`, so that existing bases and editions still load.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from pydantic import ValidationError

from bot.errors import ConfigProblem
from bot.i18n import Message, message
from bot.knowledge.content import LANGUAGES, Bilingual, Language, braces
from bot.yaml_files import SourceFile, problems_of

Value: TypeAlias = str | int
Phrases: TypeAlias = Mapping[str, Bilingual]


def text(value: Value) -> str:
    """A placeholder for text, such as a formatted date or a joined list."""
    if not isinstance(value, str):
        raise TypeError("this placeholder takes text")
    return value


def count(value: Value) -> str:
    """A placeholder for a number: 12,345."""
    if isinstance(value, str):
        raise TypeError("this placeholder takes a whole number")
    return f"{value:,}"


def change(value: Value) -> str:
    """A placeholder for a signed number: +1,200 or -300."""
    if isinstance(value, str):
        raise TypeError("this placeholder takes a whole number")
    return f"{value:+,}"


Placeholders: TypeAlias = Mapping[str, Callable[[Value], str]]
NONE: Placeholders = {}  # for phrases without placeholders

DECLARED: Mapping[str, Placeholders] = MappingProxyType(
    {
        "welcome": NONE,
        "unsupported": NONE,
        "media.received": {"kind": text},
        "media.image": NONE,
        "media.voice": NONE,
        "media.video": NONE,
        "media.location": NONE,
        "media.link": NONE,
        "media.file": NONE,
        "media.unsupported": NONE,
        "ask.did_you_mean": {"choices": text},
        "handoff.waiting": {"position": count, "minutes": count},
        "handoff.closed": {"opens": text},
        "handoff.public": NONE,
        "handoff.public_closed": {"opens": text},
        "handoff.still_waiting": {"position": count},
        "handoff.still_closed": {"opens": text},
        "handoff.corrected": {"position": count, "minutes": count},
        "fetch.send_one": NONE,
        "fetch.more": NONE,
        "private.moved": NONE,
        "private.invited": {"link": text},
        "private.policy": {"link": text},
        "hours.open": {"closes": text},
        "hours.closed": {"opens": text},
        "hours.always": NONE,
        "hours.never": NONE,
        "link.ask_member": NONE,
        "link.ask_again": NONE,
        "link.code_sent": NONE,
        "link.ask_code": NONE,
        "link.wrong_code": {"left": count},
        "link.too_many": NONE,
        "link.expired": NONE,
        "link.done": {"name": text},
        "link.already": {"name": text},
        "link.unlinked": NONE,
        "link.cancelled": NONE,
        "link.needed": NONE,
        "link.in_private": NONE,
        "link.codes_spent": NONE,
        "points.balance": {"points": count, "tier": text},
        "points.expiring": {"points": count, "date": text},
        "points.none_expiring": NONE,
        "points.movements": NONE,
        "points.movement": {"date": text, "what": text, "points": change},
        "points.no_movements": NONE,
        "sms.code": {"code": text, "minutes": count},
        "talk.invite": NONE,
        "talk.here": NONE,
        "talk.ask": NONE,
        "talk.number": NONE,
        "talk.fine": NONE,
        "handoff.cancelled": NONE,
        "handoff.sorry": NONE,
        "handoff.urgent": NONE,
        "people.returned": NONE,
        "people.resolved": NONE,
        "people.open": {"question": text},
        "rights.stopped": NONE,
        "rights.erase": NONE,
        "rights.erased": NONE,
        "rights.kept": NONE,
        "link.take_your_time": NONE,
        "link.why": NONE,
        "link.sent_again": {"left": count},
        "link.renewed": NONE,
    }
)
OPTIONAL: Mapping[str, Placeholders] = MappingProxyType(
    {
        "hours.day": {"day": text, "times": text},
        "hours.day_closed": {"day": text, "opens": text},
    }
)
# Texts of declared phrases that older knowledge bases and editions lack.
BUILT_IN: Phrases = MappingProxyType(
    {
        "media.file": Bilingual(zh="文件", en="file"),
        "media.unsupported": Bilingual(zh="消息", en="message"),
        "talk.invite": Bilingual(zh="您请说，我在。", en="Go ahead, I'm listening."),
        "talk.here": Bilingual(zh="在的，您请说。", en="I'm here. Go ahead."),
        "talk.ask": Bilingual(
            zh="您想问什么？说得再具体一点，我马上看；要找同事，回复“人工”。",
            en="What would you like to know? Tell me a little more and I'll look at once; for a colleague, reply “agent”.",
        ),
        "talk.number": Bilingual(
            zh="收到这串数字。您想查什么？说一句，我就知道怎么帮您。",
            en="I have the number. What would you like to find out? One sentence, and I know how to help.",
        ),
        "talk.fine": Bilingual(zh="好的，有事随时叫我。", en="All right. I'm here whenever you need me."),
        "handoff.cancelled": Bilingual(
            zh="好的，不转人工了。还有别的问题，直接问我就好。",
            en="All right, I've cancelled the request for a colleague. If there is anything else, just ask.",
        ),
        "handoff.sorry": Bilingual(
            zh="让您有这样的感受，实在对不起。这件事我请同事优先处理。",
            en="I'm sorry that you feel this way. A colleague will look at this before anything else.",
        ),
        "handoff.urgent": Bilingual(
            zh="知道您着急，这件事我请同事优先处理。",
            en="I understand that this is urgent. A colleague will look at it before anything else.",
        ),
        "people.returned": Bilingual(
            zh="同事先忙到这里，接下来由我回复您，有问题直接问就好。",
            en="My colleague is done here, and I'm back. If there is anything else, just ask.",
        ),
        "people.resolved": Bilingual(
            zh="同事这边处理完了。之后有事，随时写给我。",
            en="My colleague has finished here. If anything else comes up, just write.",
        ),
        "people.open": Bilingual(
            zh="“{question}”这一句还没有答复。要请同事接着看，回复“人工”。",
            en="“{question}” is still open. To have a colleague look at it, reply “agent”.",
        ),
        "rights.stopped": Bilingual(
            zh="好的，不再给您发消息。您什么时候再写来，我就什么时候回复。",
            en="All right, I won't send you any more messages. If you write again, I'll answer.",
        ),
        "rights.erase": Bilingual(
            zh="要我删除您的全部对话和资料吗？删除后找不回来，正在处理的事也会结束。确定就回复“是”。",
            en="Shall I erase all your messages and details? They cannot be brought back, and anything still being worked on "
            "ends. To confirm, reply “yes”.",
        ),
        "rights.erased": Bilingual(
            zh="好的，这就删除您的全部对话和资料。这是最后一条消息；您再写来，我们从头认识。",
            en="All right, I'm erasing all your messages and details now. This is my last message; if you write again, we "
            "start afresh.",
        ),
        "rights.kept": Bilingual(zh="好的，什么都不删。", en="All right, nothing is erased."),
        "link.take_your_time": Bilingual(zh="不急，您慢慢来。", en="No hurry, take your time."),
        "link.why": Bilingual(
            zh="会员信息只告诉本人：号码用来找到您的会员卡，验证码确认是您。只用于这一次验证。",
            en="Membership details are for the member alone: the number finds your card, the code shows that it's you. It is "
            "used for this check only.",
        ),
        "link.sent_again": Bilingual(
            zh="好，又发了一次，请看最新的那条短信。今天还能再发 {left} 次。要是一直收不到，号码可能和登记的不同，回复“人工”让同事帮您看。",
            en="I've sent it again; look for the latest text message. I can send {left} more today. If none arrives, the number "
            "may differ from the one on record; reply “agent” and a colleague will look.",
        ),
        "link.renewed": Bilingual(
            zh="这个验证码过期了，我又发了一条新的，请用最新的那条短信。",
            en="That code has expired. I've sent a new one; use the latest text message.",
        ),
        "handoff.public": Bilingual(
            zh="这件事我请同事来接着帮您，他们会尽快回复。",
            en="A colleague will take this from here and reply as soon as they can.",
        ),
        "handoff.public_closed": Bilingual(
            zh="这件事要请同事来处理。他们的上班时间：{opens}，到时回复您。",
            en="A colleague needs to look at this. The team is back at work {opens} and will reply to you then.",
        ),
        "handoff.corrected": Bilingual(
            zh="抱歉，比我之前说的要久一些。您现在排在第 {position} 位，大约还要 {minutes} 分钟。",
            en="Sorry, this is taking longer than I told you. "
            "You are now number {position} in line and should hear back in about {minutes} min.",
        ),
    }
)
FAMILIES = ("tier.",)  # prefixes of phrases without placeholders, one for each code of the member system


def placeholders(name: str) -> Placeholders | None:
    """The placeholders of a phrase; None if there is no such phrase."""
    return NONE if name.startswith(FAMILIES) else DECLARED.get(name, OPTIONAL.get(name))


def render(name: str, wording: str, values: Mapping[str, Value]) -> str:
    """`wording` with its placeholders replaced by `values`; braces in the values are not interpreted.

    Raises TypeError if the values are not exactly those that phrase `name` declares: an error of the calling code.
    """
    declared = placeholders(name)
    if declared is None:
        raise TypeError(f"there is no phrase {name}")
    if declared.keys() != values.keys():
        raise TypeError(f"phrase {name} takes {_named(declared)}, not {_named(values)}")
    said = {f"{{{key}}}": declared[key](value) for key, value in values.items()}
    return re.sub("|".join(map(re.escape, said)), lambda found: said[found.group()], wording) if said else wording


def _named(keys: Mapping[str, object]) -> str:
    return ", ".join(sorted(keys)) or "nothing"


def read_phrases(page: SourceFile) -> tuple[Phrases, list[ConfigProblem]]:
    """The phrases of phrases.yaml and all problems with them."""
    content = page.content
    if not isinstance(content, dict):
        return {}, [page.problem((), "knowledge.no_phrases")]
    phrases: dict[str, Bilingual] = {}
    problems = [page.problem((name,), "knowledge.no_phrase") for name in missing(content)]
    for name in content:
        problems += _take(page, name, phrases)
    return MappingProxyType(phrases), problems


def missing(phrases: Mapping[str, object]) -> list[str]:
    """The names of declared phrases that are neither in `phrases` nor built in."""
    return [name for name in DECLARED if name not in phrases and name not in BUILT_IN]


def _take(page: SourceFile, name: str, phrases: dict[str, Bilingual]) -> list[ConfigProblem]:
    declared = placeholders(name)
    if declared is None:
        return [page.problem((name,), "knowledge.unknown_phrase")]
    try:
        phrases[name] = phrase = Bilingual.model_validate(page.content[name])
    except ValidationError as problem:
        return problems_of(page, problem, (name,))
    return [
        problem
        for language in LANGUAGES
        for problem in _misplaced(page, (name, language), phrase.in_language(language), declared)
    ]


def _misplaced(
    page: SourceFile, keys: tuple[str, Language], wording: str, declared: Placeholders
) -> Iterator[ConfigProblem]:
    wanted = [f"{{{key}}}" for key in declared]
    found = braces(wording)
    for stray in dict.fromkeys(found):
        if stray not in wanted:
            code = "knowledge.phrase_placeholder" if wanted else "knowledge.phrase_without_placeholders"
            yield page.problem(keys, code, stray=stray, wanted=_all(wanted))
    for absent in wanted:
        if absent not in found:
            yield page.problem(keys, "knowledge.phrase_lacks", absent=absent, wanted=_all(wanted))


def _all(names: Sequence[str]) -> str | Message:
    """The placeholders for a message; no phrase has more than two."""
    return message("knowledge.both", first=names[0], second=names[1]) if len(names) > 1 else "".join(names)

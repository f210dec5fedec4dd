"""What a text is besides a question: a follow-up ("那金卡呢？", "and for gold?"), several questions, or an opt-out."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.domain.decisions import Understanding
from bot.knowledge.editions import Edition
from bot.text.folding import HAN, LONGEST, folded, simplified

_FOLLOW_UPS = (
    re.compile(
        r"(?:那么?|还有|然后|如果是|要是)?[，,\s]*(?P<about>.{1,12}?)\s*(?:呢|怎么样|咋样|又如何|也是吗|也一样吗)"
    ),
    re.compile(r"(?:那么?|还有|如果是|要是|换成)[，,\s]*(?P<about>.{1,8})"),
    re.compile(r"(?:and|or|(?:and )?(?:what|how) about|what if it(?:'|’)?s)\s+(?P<about>.{1,40})", re.IGNORECASE),
)
_ENDS = " \t?？!！.。~～,，"
_LONGEST = 100  # characters; a longer text is a question of its own
_BELOW = 0.999  # factor that keeps a confidence just below the threshold for answering


def follow_up(text: str) -> str:
    """What a follow-up asks about: "金卡" of "那金卡呢？"; '' if the text is not a follow-up."""
    calm = text.strip(_ENDS)
    if len(calm) > _LONGEST:
        return ""
    calm = simplified(calm)
    found = next((match for match in (pattern.fullmatch(calm) for pattern in _FOLLOW_UPS) if match), None)
    return found["about"].strip(_ENDS) if found else ""


def is_sure(understanding: Understanding, edition: Edition) -> bool:
    """Whether the best candidate may be answered."""
    if not understanding.candidates:
        return False
    best, thresholds = understanding.candidates[0], edition.thresholds_of(understanding.engine)
    return understanding.exact or best.confidence >= thresholds.answer_for(best.intent)


def in_context(alone: Understanding, combined: Understanding, last_entry: str, edition: Edition) -> Understanding:
    """The better of two understandings of a follow-up: of its own words alone, and together with the title of the
    entry (`last_entry`) that was answered.

    If they mean the last entry again, the customer may want more about it or something near it. The words do not
    tell, so the other candidates are asked back and never answered.
    """
    if not combined.candidates:
        return alone
    best = combined.candidates[0]
    if best.intent == last_entry:
        return _others(combined, last_entry, edition) or alone
    known = alone.candidates[0].confidence if alone.candidates else 0.0
    return combined if best.confidence > known else alone


def _others(combined: Understanding, last_entry: str, edition: Edition) -> Understanding | None:
    """The other candidates, scaled up to a sum of 1 and kept below their thresholds; None if there are none."""
    rest = [one for one in combined.candidates if one.intent != last_entry and one.intent in edition.entries]
    room = sum(one.confidence for one in rest)
    if not rest or not room:
        return None
    thresholds = edition.thresholds_of(combined.engine)
    limits = [thresholds.answer_for(one.intent) * _BELOW for one in rest]
    shares = [min(one.confidence / room, limit) for one, limit in zip(rest, limits, strict=True)]
    choices = tuple(replace(one, confidence=share) for one, share in zip(rest, shares, strict=True))
    return Understanding(choices, engine=combined.engine)


MOST = 3  # questions in one message; with more of them it is a story, which is understood as a whole
_SENTENCE_ENDS = re.compile(r"[?？!！。;；\n]+|\.(?=\s)")
_ALSO = re.compile(
    r"(?:另外|还有(?:就是|个问题)?|顺便(?:再)?问(?:一下|下)?|再问(?:一下|下))[,，:：\s]*"
    r"|(?<=\s)(?:and also|and another thing|also,|and (?=(?:how|what|when|where|who|why|can|do|does|is|are)\b))\s*",
    re.IGNORECASE,
)
_BETWEEN = " \t\u3000,，、"
_LEAST_HAN, _LEAST_WORDS = 4, 3  # of a question: "你好" and "thank you" are none


def split_questions(text: str) -> list[str]:
    """The two or three parts of a text that may be questions of their own, in order; else []."""
    pieces = [piece.strip(_BETWEEN) for sentence in _SENTENCE_ENDS.split(text) for piece in _ALSO.split(sentence)]
    asked = [piece for piece in pieces if len(HAN.findall(piece)) >= _LEAST_HAN or len(piece.split()) >= _LEAST_WORDS]
    return asked if 2 <= len(asked) <= MOST else []


# Opting out. X requires that common phrases are honoured at once (https://docs.x.com/developer-guidelines, "Replies &
# Mentions"). The whole text has to match: "怎么停止自动续费" is a question.
_NAMES = re.compile(r"[@＠][A-Za-z0-9_]+")
_WHAT = r"(?:(?:任何)?(?:消息|信息|短信|私信|广告|推送|通知|东西))"
_DO = r"(?:发送|推送|订阅|接收|发布?|联系|打扰|骚扰|(?:自动)?回复|私信)"
_NOT = r"(?:别|不要|请勿|勿)"
_CHINESE = re.compile(
    rf"""(?:我?(?:要|想|想要|要求)|帮我|给我)?(?:
        停 | 停止 | 停下来? | 停止(?:(?:给|向|对)我)?{_DO}(?:我|{_WHAT})? | 停止{_WHAT} | 停发{_WHAT}? | 停掉{_WHAT}
        | (?:回复?)?(?:t|td|0000)?退订{_WHAT}? | td | 取消(?:订阅|推送|接收){_WHAT}?
        | 请?勿扰 | {_NOT}(?:打扰|骚扰|烦|联系|回复|私信)(?:我|人)?
        | {_NOT}(?:再|继续)(?:(?:给|跟|向|对)我)?(?:{_DO}|回|说话|烦|艾特)(?:我|人)?{_WHAT}?
        | {_NOT}(?:给|跟|向|对)我(?:发|发送|推送|回复|说话){_WHAT}?
        | {_NOT}(?:发|发送|推送)(?:{_WHAT}|(?=了))
        | 不想(?:再)?(?:收到|接收|看到)(?:你们?的?)?{_WHAT}
    )了?""",
    re.VERBOSE,
)
_ASKED = r"(?:(?:can|could|would|will) you |you (?:should|must|need to) |i (?:want|would like) (?:you )?to |just )*"
_DOING = r"(?:(?:messag|text|send|contact|dm|spamm|bother|tagg|email)ing|(?:writ|reply)ing(?: to)?)"
_SAY = r"(?:message|text|(?:write|reply)(?: to)?|send(?= (?:me|us|any|more|messages))|contact|dm|spam|bother|tag|email)"
_THINGS = r"(?: (?:any |these |your |more )*(?:messages|texts|dms|emails|replies|ads|notifications|stuff|this))"
_MORE = r"(?: please| now| already| right now| immediately| anymore| any more| again)*"
_ENGLISH = re.compile(
    rf"{_ASKED}(?:please )?(?:stop|stopall|stop (?:it|this|that|all|everything|now|bot|{_DOING}(?: me| us)?{_THINGS}?)"
    rf"|unsubscribe(?: me)?(?: from (?:this|all|everything|your messages))?|unsub"
    rf"|opt ?out|opt me out|remove me(?: from (?:this|the|your) list)?|leave me alone"
    rf"|(?:dont|do not|never|no longer)(?: ever)? {_SAY}(?: me| us)?{_THINGS}?"
    rf"|no more (?:messages|texts|dms|emails|replies)){_MORE}"
)


def wants_opt_out(text: str) -> bool:
    """Whether a text says that its author wants no messages, and nothing else. On every channel, in either script."""
    plain = folded(_NAMES.sub(" ", text))
    return len(plain) <= LONGEST and bool(_CHINESE.fullmatch(plain) or _ENGLISH.fullmatch(plain))

"""Opting out: "停止", "stop messaging me". The whole text has to match: "怎么停止自动续费" is a question."""

from __future__ import annotations

import re

from bot.text.folding import LONGEST, folded

# Opting out. X requires that common phrases are honoured at once (https://docs.x.com/developer-guidelines, "Replies &
# Mentions").
_NAMES = re.compile(r"[@＠][A-Za-z0-9_]+")
_WHAT = r"(?:(?:任何)?(?:消息|信息|短信|私信|广告|推送|通知|东西))"
_DO = r"(?:发送|推送|订阅|接收|发布?|联系|打扰|骚扰|(?:自动)?回复|私信)"
_NOT = r"(?:别|不要|请勿|勿)"
_STOP_ZH = re.compile(
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
_STOP_EN = re.compile(
    rf"{_ASKED}(?:please )?(?:stop|stopall|stop (?:it|this|that|all|everything|now|bot|{_DOING}(?: me| us)?{_THINGS}?)"
    rf"|unsubscribe(?: me)?(?: from (?:this|all|everything|your messages))?|unsub"
    rf"|opt ?out|opt me out|remove me(?: from (?:this|the|your) list)?|leave me alone"
    rf"|(?:dont|do not|never|no longer)(?: ever)? {_SAY}(?: me| us)?{_THINGS}?"
    rf"|no more (?:messages|texts|dms|emails|replies)){_MORE}"
)


def wants_opt_out(text: str) -> bool:
    """Whether a text says that its author wants no messages, and nothing else. On every channel, in either script."""
    plain = folded(_NAMES.sub(" ", text))
    return len(plain) <= LONGEST and bool(_STOP_ZH.fullmatch(plain) or _STOP_EN.fullmatch(plain))

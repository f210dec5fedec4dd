"""Being told to stop: the same few words on every channel, in whatever dress and either script, and nothing else.

X's rules want common phrases noticed and obeyed at once (docs.x.com developer-guidelines, "Replies & Mentions"). Only a
message that says no more than this counts: "怎么停止自动续费" is a question.
"""

from __future__ import annotations

import re

from bot.folding import LONGEST, folded

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


def wants_silence(text: str) -> bool:
    """Whether somebody says no more than that they want to hear nothing."""
    plain = folded(_NAMES.sub(" ", text))
    return len(plain) <= LONGEST and bool(_CHINESE.fullmatch(plain) or _ENGLISH.fullmatch(plain))

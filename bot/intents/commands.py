"""What short messages order: a right (stop, unlink, erase), calling off a request for a person, yes, no, wait.

The whole text has to match: "怎么停止自动续费" is a question. Texts are compared in the form of `text.folding`.
"""

from __future__ import annotations

import re

from bot.text.folding import LONGEST, folded, words_of

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


def _matches(pattern: re.Pattern[str], text: str) -> bool:
    return len(text) <= LONGEST and bool(pattern.fullmatch(words_of(_NAMES.sub(" ", text))))


_PLEASE = r"(?:请|麻烦|帮我|给我|我(?:现在)?(?:要求|想要|想|要)?|(?:please |pls |can you|could you|i (?:want|would like|d like) (?:you )?to) )*"
_MEMBERSHIP = r"(?:我的?)?(?:会员卡?|账号|账户|帐号|手机号?|微信|绑定|身份|资料)?的?"
_UNLINK = re.compile(
    rf"""{_PLEASE}(?:
        解绑{_MEMBERSHIP} | (?:解除|取消|撤销|断开){_MEMBERSHIP}(?:绑定|关联|连接|授权) | (?:撤回|撤销|收回)(?:我的)?(?:同意|授权)
        | 不(?:想|要)?(?:再)?(?:绑定|关联)了 | 把?{_MEMBERSHIP}(?:解绑|解除绑定)
        | (?:un(?:link|bind|pair)|disconnect)(?:[ ](?:me|my[ ](?:account|card|membership|number|phone|profile)|it))?
        | (?:i[ ])?(?:withdraw|revoke)[ ](?:my[ ])?consent
    )(?:[了吧啊]|谢谢|[ ](?:please|now|thanks))*""",
    re.VERBOSE,
)
_DATA = r"(?:个人)?(?:数据|信息|资料|记录|隐私|聊天记录|对话(?:记录)?|聊天内容)"
_MINE = (
    r"(?:(?:关于)?我(?:在(?:你们)?(?:这里|这儿|这边|那里)?)?(?:自己)?的?|你们(?:保存|存|留)的)?(?:所有|全部|一切)?的?"
)
_ERASE = re.compile(
    rf"""{_PLEASE}(?:
        (?:彻底)?(?:删除|删掉|删了|清除|清空|清掉|抹掉|抹除|销毁){_MINE}{_DATA} | [把将]{_MINE}{_DATA}(?:都|全部?|彻底)*(?:删除|删掉|删了|删|清除|清空|清掉|抹掉|销毁)
        | (?:忘记|忘掉|忘了)我
        | (?:erase|delete|remove|wipe|destroy|forget)[ ](?:all[ ])?(?:of[ ])?(?:my|the)[ ](?:personal[ ])?
          (?:data|information|info|records?|details|chats?|chat[ ]history|history|messages|conversations?)
        | (?:erase|delete|remove|wipe|forget)[ ](?:everything|all|what|whatever)[ ](?:(?:that[ ])?you[ ](?:have|know|store|keep)[ ])?(?:stored[ ])?(?:about|on|of)[ ]me
        | (?:erase|forget|delete)[ ]me(?:[ ]completely)?
    )(?:[了吧啊]|掉|谢谢|[ ](?:please|now|thanks))*""",
    re.VERBOSE,
)
_SO = r"(?:那就?|那么|哦|噢|嗯|恩|好吧?|行吧?|唉|哎|诶|还是|现在|已经|我|ok|okay|oh|well|ah|actually|then|no)?[ ]?"
_CALL_OFF = re.compile(
    rf"""(?:{_SO}(?>
        算了吧? | 不用(?:人工|客服|找人|转人工|转|了|麻烦(?:你们|您|你)?)?了? | 不需要(?:人工|客服|了)?了? | 没事了?
        | 不(?:想)?等了 | 不(?:找|要|转|接)(?:人工|客服|人|真人)了? | (?:取消|撤销|撤回)(?:人工|转人工|排队|转接|请求|求助) | 别(?:转|找)(?:人工|人|客服)?了
        | 不麻烦(?:你们|您|你)?了 | 不问了 | (?:问题)?(?:自己)?(?:已经)?(?:解决|搞定|弄好|处理好|找到)了 | 没问题了
        | never[ ]?mind | nvm | forget[ ](?:it|about[ ]it|that) | no[ ]need(?:[ ]any[ ]?more)? | not[ ]needed(?:[ ]any[ ]?more)?
        | (?:please[ ])?cancel[ ](?:that|it|(?:the|my)[ ](?:request|agent|human|person)|agent|human) | leave[ ]it | drop[ ]it | dont[ ]bother
        | (?:i[ ])?(?:dont|no[ ]longer|do[ ]not)[ ]need[ ](?:an?[ ](?:agent|human|person|colleague)|anyone|anybody|it|help|this|you)(?:[ ]any[ ]?more)?
        | (?:it[ ]is|its|thats|all)[ ](?:ok|okay|fine|solved|sorted|resolved|good)(?:[ ]now)? | (?:solved|sorted|resolved)(?:[ ]it)?(?:[ ]now)?
        | (?:ill|i[ ]will)[ ](?:manage|figure[ ]it[ ]out|sort[ ]it[ ]out)(?:[ ]myself)? | i[ ](?:solved|sorted|found|fixed)[ ]it(?:[ ]myself)?
    )(?:[吧啦了哈啊呢哦]|谢谢[你您]?|[ ](?:thanks|thank[ ]you|thx|please))*+[ ]?)++""",
    re.VERBOSE,
)
_CANCEL = re.compile(r"(?:我(?:要|想)?)?(?:取消(?:吧|了)?|退出|cancel|quit|exit)(?: please)?")
_YES = re.compile(
    r"(?:(?:是|对|对对|是是|没错|正确|确认|确定|同意|就是(?:这个|这|它)?)(?:的|啊|呀|了|哦|滴)*|yes|yeah|yep|yup|ya|y|correct|exactly|right"
    r"|thats (?:it|right)|confirm(?:ed)?|i confirm)(?: please|谢谢)?"
)
_NO = re.compile(
    r"(?:(?:都|全|以上都?|这些都?)?(?:不是|不对|不要|不行)(?:的|啊|呀|这个|这些|那个|我要的|我想问的)*|没有(?:我要的|我想问的|一个是)?|都没有|不|否"
    r"|(?:其他|其它|别的|另外)的?(?:问题)?|no|nope|none|neither|none of (?:these|those|them|the above|above)|no none(?: of (?:these|those|them))?"
    r"|not (?:these|those|any|that|that one|it|really)|something else|others?)(?: thanks| thank you|谢谢)?"
)
_WAIT = re.compile(
    r"(?:好的?|嗯|ok|okay)?(?:请)?(?:稍等|稍候|等(?:一)?(?:下|会|等|我)|等一等|马上|我(?:先)?(?:去)?(?:看|找|拿|查)(?:一)?(?:下|看|找|手机)).{0,14}"
    r"|(?:ok )?(?:hold on|hang on|one (?:sec|second|moment|minute|min)|(?:just )?a (?:sec|second|moment|minute|min)|wait(?: a (?:sec|second|moment|minute|min|bit))?"
    r"|just (?:a|one) (?:sec|second|moment|minute|min)|let me (?:check|look|see|find|get)|give me a (?:sec|second|moment|minute|min)|brb|bear with me)\b.{0,40}"
)


def wants_unlink(text: str) -> bool:
    """Whether a text withdraws the consent to hear of one's membership, and says nothing else."""
    return _matches(_UNLINK, text)


def wants_erasure(text: str) -> bool:
    """Whether a text asks us to erase what we keep about its author. How that is done is a question, and no match."""
    return _matches(_ERASE, text)


def calls_off(text: str) -> bool:
    """Whether a text says that its author needs nobody any more: "算了，不用了", "never mind"."""
    return _matches(_CALL_OFF, text)


def cancels(text: str) -> bool:
    """Whether a text says "cancel" of whatever is going on."""
    return _matches(_CANCEL, text) or calls_off(text)


def says_yes(text: str) -> bool:
    return _matches(_YES, text)


def says_no(text: str) -> bool:
    """Whether a text refuses what was offered: "都不是", "none of these"."""
    return _matches(_NO, text)


def says_wait(text: str) -> bool:
    """Whether a text asks for a moment: "稍等我看下短信", "one sec"."""
    return _matches(_WAIT, text) and not re.search(r"[?？]|多久|几|吗", text)

"""What a message is that asks nothing: a nod ("嗯", "ok", "👍"), an opener ("我想问一下"), a lone number, or a piece of a
question whose rest is still to come ("上周买的龙井").
"""

from __future__ import annotations

import re

from bot.text.folding import HAN, LONGEST, search_form, words_of

_NOD = re.compile(
    r"""(?:(?>
        嗯+ | 恩+ | 唔+ | 哦+ | 噢+ | 喔+ | 啊+ | 呃+ | 额+ | 诶+ | 哎+ | 唉+ | 哈+ | 呵+ | 嘿+ | 嘻+ | em+ | h+m+ | u+h+ | u+m+ | o+h+ | a+h+ | (?:ha)+h? | lol
        | 好(?:的|滴|哒|呀|啊|嘞|吧|了|说)* | 行(?:的|吧|啊)? | 可以(?:的|啊)? | 中 | 成 | 得嘞
        | (?:我)?(?:知道|晓得|明白|了解|收到|懂|清楚|看到|听懂)(?:了|啦|咯)? | 了解 | 这样(?:啊|子)* | 原来如此 | 原来是这样
        | 对(?:的|啊|对)* | 是(?:的|啊|呀|吗)* | 没错 | 不客气 | 客气了? | 没事儿? | 没关系 | 辛苦(?:了|啦)? | 稍等 | 等等 | 等一下 | 真的吗?
        | 不(?:是|对|行)? | 没有?
        | o+k+(?:ay|ey|ie|e|i)? | k+ | got[ ]it | i[ ]see | all?[ ]?right | right | sure | fine | cool | great | nice | good | perfect | wow
        | ye+s+ | yep | yeah | yup | y | no | nope | n | no[ ]problem | np | understood | noted | makes[ ]sense | oh[ ]ok | you(?:re|[ ]are)[ ]welcome
        | one[ ]moment | one[ ]sec | wait | (?<![0-9])[0-9]{1,2}(?![0-9]) | 6+
    )[吧呢啊呀哦啦哈了]*+[ ]?)++""",
    re.VERBOSE,
)
# Emoji that tell displeasure: no nods.
_DISPLEASED = re.compile("[\U0001f44e\U0001f4a9\U0001f595\U0001f620-\U0001f624\U0001f92c\U0001f47f\U0001f644]")
_OPENER = re.compile(
    r"""(?:(?:你好|您好|哈喽|嗨|亲|在吗|在不在|有人吗|hi|hello|hey|good[ ](?:morning|afternoon|evening)|there|那个|嗯|不好意思|打扰(?:一下|了)?|麻烦(?:你|您)?|sorry|um)[ ]?)*(?:
        (?:我)?(?:想|要|想要|可以|能不能|能|可不可以|还想|再)?(?:请)?(?:问|咨询|请教|了解|打听)(?:你们|您|你|下|一下|1下|个|一个|1个|点|件|问题|事儿?|事情|情况|东西)*[吗吧啊呢哈]?
        | (?:我)?(?:这里|这边)?有(?:个|一个|1个|件|点)?(?:问题|疑问|事儿?|事情)(?:想|要)?(?:问|咨询|请教|麻烦|找)?(?:你们|您|你|一下|1下|下)*
        | 请(?:教|问)(?:一下|1下|下|您|你)* | (?:跟|和)(?:你|您|你们)说(?:个|件)事儿?
        | (?:just[ ])?(?:a[ ]|one[ ]|1[ ])?(?:quick|small|short|little|simple)?[ ]?(?:question|query)(?:[ ]for[ ]you)? | (?:i[ ](?:have|got)|ive[ ]got|got|have)[ ](?:a|another|one|1)[ ](?:(?:quick|small|short)[ ])?(?:question|query)
        | (?:can|could|may)[ ]i[ ]ask(?:[ ]you)?(?:[ ](?:something|a[ ](?:quick[ ])?question|one[ ]thing|sth))?
        | i(?:d[ ]like|[ ]would[ ]like|[ ]want|[ ]wanted)[ ]to[ ]ask(?:[ ]you)?(?:[ ](?:something|a[ ](?:quick[ ])?question))?
        | (?:can|could)[ ]you[ ]help(?:[ ]me)? | i[ ]need[ ](?:some[ ])?(?:help|assistance) | help(?:[ ]me)? | excuse[ ]me | sorry[ ]to[ ]bother(?:[ ]you)?
    )(?:[ ]?(?:please|pls|谢谢|thanks))?""",
    re.VERBOSE,
)
_ASKS = re.compile(
    r"[?？]|吗|呢|(?<![那这])么|嘛$|怎|什么|啥|多少|多久|多大|多长|多远|几|哪|谁|为何|如何|能不能|可不可以|是不是|有没有|会不会|要不要|能否|可否|行不行|好不好|对不对|咋|何时|是否"
    r"|^(?:and |so |but |or )?(?:what|when|where|which|who|whose|why|how|do|does|did|is|are|was|were|can|could|would|will|should|may|have|has|any)\b"
    r"|\b(?:what|when|where|which|why|how)(?: |$|s\b)"
)
_WANTS = re.compile(
    r"(?:想要?|我要|帮|请|麻烦|需要|给我|能|退|换|查|改|取消|投诉|申请|办理|开发票|催|报销|赔|补|订|预约|转)(?![的过]|东西)"
    r"|\b(?:want|need|please|help|return|refund|exchange|cancel|change|buy|track|send|give|tell|show|looking for|complain|like to)\b"
)
# A problem that is told calmly is complete: a person has to hear of it.
_PROBLEM = re.compile(
    r"坏|破|碎|裂|漏|霉|虫|错了?|少发|少了|缺|丢|没到|没收到|没发|假|异味|过期|打不开|登不上|不能用|用不了|不见了|失败|受潮|骗|垃圾|差"
    r"|\b(?:broken|damaged|missing|wrong|late|mou?ld\w*|leak\w*|crack\w*|lost|fake|expired|fail\w*|not work\w*|doesn.?t|didn.?t|can.?t|won.?t|never|stale|torn)\b"
)
_NUMBER = re.compile(r"(?:[a-z]{1,4} ?)?[0-9][0-9 ]{0,30}")
_MOST_HAN, _MOST_WORDS = 10, 5  # of a piece
_SHORT_NUMBER = 2  # digits of a nod or choice


def is_nod(text: str) -> bool:
    """Whether a text only says that it was read: "嗯", "好的", "OK", an emoji, "...", a lone small number."""
    if len(text) > LONGEST or _DISPLEASED.search(text):
        return False
    words = words_of(text)
    return not words or bool(_NOD.fullmatch(words))


def is_opener(text: str) -> bool:
    """Whether a text only announces a question: "我想问一下", "hi, quick question"."""
    return len(text) <= LONGEST and bool(_OPENER.fullmatch(words_of(text)))


def is_number(text: str) -> bool:
    """Whether a text is a number and nothing else, of three digits or more."""
    words = words_of(text) if len(text) <= LONGEST else ""
    return sum(map(str.isdigit, words)) > _SHORT_NUMBER and bool(_NUMBER.fullmatch(words))


def asks(text: str) -> bool:
    """Whether a text has the form of a question or a request."""
    plain = search_form(text)
    return bool(_ASKS.search(plain) or _WANTS.search(plain))


_FILLERS = re.compile(
    r"^(?:(?:那个|这个|就是|呃+|嗯+|额+|啊+|喂|你好|您好|请问|我(?:就)?(?:想|要)(?:请)?(?:问|咨询)(?:一下|下|你们)?|问一下|是这样的?|怎么说呢)[，,、\s]*)+"
    r"|(?:(?<=[，,、\s])|(?<=[\u3400-\u9fff]))(?:然后呢?|那个|就是(?:说)?|的话|呃+|嗯+)(?=[\u3400-\u9fff，,、\s])"
)


def without_fillers(text: str) -> str:
    """A text without what people say while they think: "那个我想问一下就是我昨天买的那个茶叶" is "我昨天买的茶叶"."""
    shorter = _FILLERS.sub("", text)
    return shorter if HAN.search(shorter) else text


def is_piece(text: str) -> bool:
    """Whether a text is short, asks and orders nothing and tells of no problem: the rest may be still to come."""
    plain = search_form(text)
    complete = asks(text) or _PROBLEM.search(plain) or "!" in plain
    return not complete and len(HAN.findall(plain)) <= _MOST_HAN and len(plain.split()) <= _MOST_WORDS

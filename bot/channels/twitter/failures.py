"""What X's refusals mean for a message, and in plain words for people.

Statuses and wordings: reference 1.6 (answers seen in the wild, with their sources). v2 bodies have no codes, so two of
them are known by their text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.channels.twitter.api import PREFIX, Answer
from bot.channels.twitter.reading import text
from bot.errors import DeliveryFailed

AMBIGUOUS = frozenset({f"{PREFIX}timeout", f"{PREFIX}lost", f"{PREFIX}unclear", f"{PREFIX}http-5", "sender_died"})
HALTING = frozenset({401, 402})  # wrong keys, no credits: every message of the account would meet the same
DUPLICATE, NOT_MENTIONED = "duplicate content", "not been mentioned or otherwise engaged"

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "400": ("X 不接受这条内容。请修改后再发。", "X does not accept this text. Change it and send again."),
        "401": (
            "X 不接受密钥，发送已暂停。请核对四个密钥，并确认品牌账号仍授权此应用。",
            "X rejects the keys, so nothing is sent. Check the four keys, and that the account still allows the app.",
        ),
        "402": (
            "X 的额度已用完，发送已暂停。请在 X 开发者后台充值；充值后会自动继续。",
            "The credits at X are used up, so nothing is sent. Buy more in X's console; it then goes on by itself.",
        ),
        "403": (
            "X 拒绝了：对方可能限制了回复或私信，或原帖已删除。",
            "X refused: the person may have limited replies or messages, or the post is gone.",
        ),
        "404": ("对方账号或原帖已不存在。", "The person or the post does not exist any more."),
        "duplicate": (
            "近期发过同样的公开内容，X 不允许重复。请换个说法。",
            "The same was posted lately, which X forbids. Put it differently.",
        ),
        "not-mentioned": (
            "X 只允许公开回复提到或引用了我们的人。",
            "X lets us reply in public only to those who mention or quote us.",
        ),
        "no-post": ("没有可以回复的帖子。", "There is no post to reply to."),
        "too-long": ("超过 X 的长度限制。请缩短。", "Longer than a post may be. Shorten it."),
        "quota": ("X 的次数已用完，到时会自动发送。", "X's limit is used up; it goes out as soon as that is over."),
        "budget": ("今天的预算已用完，明天会自动发送。", "Today's budget is spent; it goes out tomorrow."),
        "unreachable": ("连接不上 X，稍后会自动重试。", "X can't be reached; we try again."),
        "http-503": ("X 暂时无法服务，稍后会自动重试。", "X is out of service for a moment; we try again."),
        "timeout": (
            "X 没有及时答复，消息可能已送达。请先确认再决定是否重发。",
            "X did not answer in time; the message may have arrived. Make sure before sending again.",
        ),
        "lost": (
            "与 X 的连接中断，消息可能已送达。请先确认再决定是否重发。",
            "The connection to X broke off; the message may have arrived. Make sure before sending again.",
        ),
        "unreadable": (
            "X 的答复看不懂，稍后会再查看，不会漏掉。",
            "X's answer could not be read; we look again, and nothing is missed.",
        ),
        "unclear": (
            "X 的答复看不懂，消息可能已送达。请先确认再决定是否重发。",
            "X's answer could not be read; the message may have arrived. Make sure before sending again.",
        ),
    }
)


def doubtful(code: str) -> bool:
    """Whether an attempt that ended with this code may have gone through all the same."""
    return code in AMBIGUOUS or (code.startswith(f"{PREFIX}http-5") and code != f"{PREFIX}http-503")


def refusal(answer: Answer) -> DeliveryFailed:
    """What an answer that is no success means for a message; 429 is the client's, who knows how long it lasts."""
    status, detail = answer.status, text(answer.body, "detail").lower()
    if status == 503:
        return DeliveryFailed(f"{PREFIX}http-503", retry_after=0.0, tried=False)
    if status >= 500 or status < 300:
        return DeliveryFailed(f"{PREFIX}http-{status}", ambiguous=True)
    if status in HALTING:
        return DeliveryFailed(f"{PREFIX}{status}", retry_after=0.0, tried=False)
    if status == 403 and DUPLICATE in detail:
        return DeliveryFailed(f"{PREFIX}duplicate", permanent=True)
    if status == 403 and NOT_MENTIONED in detail:
        return DeliveryFailed(f"{PREFIX}not-mentioned", permanent=True)
    return DeliveryFailed(f"{PREFIX}{status}", permanent=True)


def explain(code: str, language: str) -> str:
    """A DeliveryFailed's code in plain words: what is wrong and what to do. `language`: 'zh' or 'en'."""
    name = code.removeprefix(PREFIX)
    unknown = (f"X 拒绝了（代码 {name}）。", f"X refused it (code {name}).")
    chinese, english = _WORDS["unclear"] if doubtful(code) and name not in _WORDS else _WORDS.get(name, unknown)
    return chinese if language == "zh" else english

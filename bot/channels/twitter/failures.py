"""What X's refusals mean for a message, and in plain words for people.

Statuses and wordings are of answers seen in the wild. v2 bodies have a `type`, those of v1.1 a code, some only a text.
What refuses the account and not the message halts it: every other message would meet the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.allowance import SENDING
from bot.channels.twitter.api import PREFIX, Answer
from bot.channels.twitter.reading import each, found, text
from bot.errors import DeliveryFailed
from bot.wording import http_date

AMBIGUOUS = frozenset({f"{PREFIX}timeout", f"{PREFIX}lost", f"{PREFIX}unclear", f"{PREFIX}http-5", "sender_died"})
DUPLICATE, NOT_MENTIONED = "duplicate content", "not been mentioned or otherwise engaged"

# What a refusal is called, by the last part of v2's `type`, by v1.1's code, by a `reason`, by words of its `detail`.
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "user-suspended": "suspended",
        "oauth1-permissions": "permissions",
        "oauth2-permissions": "permissions",
        "client-forbidden": "not-enrolled",
        "unsupported-authentication": "access",
    }
)
_CODES: Mapping[int, str] = MappingProxyType(
    {
        64: "suspended",
        326: "locked",
        416: "app-suspended",
        87: "permissions",
        93: "permissions",
        261: "permissions",
        453: "access",
    }
)
_REASONS: Mapping[str, str] = MappingProxyType(
    {"client-not-enrolled": "not-enrolled", "official-client-forbidden": "access"}
)
_DETAILS = (
    ("your account is suspended", "suspended"),
    ("temporarily locked", "locked"),
    ("appropriate oauth1 app permissions", "permissions"),
    ("access to a subset of", "access"),
)
# What is halted by it: everything, all sending, or only the way that was refused (an app may post and not write).
_EVERYTHING = frozenset({"401", "402", "clock", "not-enrolled", "app-suspended"})
_ALL_SENDING = frozenset({"suspended", "locked"})
_ONE_WAY = frozenset({"permissions", "access"})
TIMESTAMP = 135
OUT_OF_BOUNDS = 300.0  # seconds by which a request's timestamp may be wrong

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
        "clock": (
            "本机时钟与 X 相差太多，X 因此不接受请求，发送已暂停。请启用 NTP 对时（如 systemctl enable --now chrony），"
            "密钥不用换。",
            "This machine's clock is too far from X's, so X takes no request and nothing is sent. Keep time by NTP "
            "(systemctl enable --now chrony); the keys may be good.",
        ),
        "suspended": (
            "X 封禁了品牌账号，发送已暂停，回复都还在。请登录 x.com 查看原因并申诉；解封后会自动继续。",
            "X has suspended the brand's account, so nothing is sent; no answer is lost. Log in at x.com, see why and "
            "appeal. It goes on by itself afterwards.",
        ),
        "locked": (
            "X 暂时锁定了品牌账号，发送已暂停，回复都还在。请用此账号登录 x.com 解锁；之后会自动继续。",
            "X has locked the brand's account for now, so nothing is sent; no answer is lost. Log in at x.com with it "
            "and unlock it. It goes on by itself afterwards.",
        ),
        "app-suspended": (
            "X 停用了此应用，发送已暂停，回复都还在。请在 X 开发者后台查看；恢复后会自动继续。",
            "X has suspended the app, so nothing is sent; no answer is lost. See X's console. It goes on by itself "
            "afterwards.",
        ),
        "permissions": (
            "此应用没有所需的权限，这类发送已暂停。请在 X 开发者后台把权限设为 Read and write and Direct message，"
            "再重新生成 access_token 并写入配置。",
            "The app lacks a permission, so nothing of this kind is sent. In X's console set it to Read and write and "
            "Direct message, then make a new access token and put it into the configuration.",
        ),
        "access": (
            "X 的套餐不允许此应用使用这个接口，这类发送已暂停。请在 X 开发者后台查看应用的套餐与认证方式。",
            "The app's plan at X does not include this interface, so nothing of this kind is sent. See the app's plan "
            "and authentication in X's console.",
        ),
        "not-enrolled": (
            "此应用没有加入 X 开发者后台的项目或套餐，发送已暂停。请把应用加入 Project 并选定套餐；之后会自动继续。",
            "The app belongs to no project or plan in X's console, so nothing is sent. Add it to a project with a "
            "plan. It goes on by itself afterwards.",
        ),
        "read-400": ("X 不接受这次查看，会从头再看。", "X does not accept this look; it begins anew."),
        "read-403": (
            "X 不允许此应用查看这里。请在 X 开发者后台检查应用的权限与套餐。",
            "X does not let the app look here. Check its permissions and plan in X's console.",
        ),
        "read-404": (
            "X 找不到要查看的账号。请核对 user_id 与 api_url。",
            "X does not know what is looked for. Check user_id and api_url.",
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


def refusal(answer: Answer, way: str = "", ours: str = "") -> DeliveryFailed:
    """What an answer that is no success means for a message; 429 is the client's, who knows how long it lasts.

    way: how something was sent; '' for a look, of which there is no other person who could have refused. ours: our
    account's id: what is said of another account is about whom we write to.
    """
    status = answer.status
    if status == 503:
        return DeliveryFailed(f"{PREFIX}http-503", retry_after=0.0, tried=False)
    if status >= 500 or status < 300:
        return DeliveryFailed(f"{PREFIX}http-{status}", ambiguous=True)
    name = _name_of(answer, ours)
    if name in _EVERYTHING | _ALL_SENDING or (name in _ONE_WAY and way):
        return DeliveryFailed(f"{PREFIX}{_with_skew(name, answer)}", retry_after=60.0, tried=False, halts=True)
    return DeliveryFailed(f"{PREFIX}{name or _of_the_message(answer, way)}", permanent=True)


def _of_the_message(answer: Answer, way: str) -> str:
    detail = text(answer.body, "detail").lower()
    if answer.status == 403 and DUPLICATE in detail:
        return "duplicate"
    if answer.status == 403 and NOT_MENTIONED in detail:
        return "not-mentioned"
    return f"{'' if way else 'read-'}{answer.status}"


def halted_by(failed: DeliveryFailed, way: str) -> str:
    """What a refusal of the account halts, as `Allowance.halt` takes it."""
    name = failed.code.removeprefix(PREFIX).partition(" ")[0]
    return way if name in _ONE_WAY else SENDING if name in _ALL_SENDING else ""


def skew(answer: Answer) -> float | None:
    """Seconds by which our clock is ahead of X's; None if X does not tell its time."""
    theirs = http_date(answer.headers.get("date", ""))
    return None if theirs is None or not answer.at else answer.at - theirs


def _name_of(answer: Answer, ours: str) -> str:
    """What is refused about the account, the app or its keys; '' if it is something else."""
    body, codes = answer.body, {found(one, "code") for one in each(answer.body, "errors")}
    if answer.status == 401:
        return "clock" if TIMESTAMP in codes or abs(skew(answer) or 0.0) >= OUT_OF_BOUNDS else "401"
    if answer.status == 402:
        return "402"
    if answer.status != 403:
        return ""
    detail = text(body, "detail").lower()
    named = [
        *(_CODES.get(code, "") for code in codes if isinstance(code, int)),
        _REASONS.get(text(body, "reason"), ""),
        _TYPES.get(text(body, "type").rpartition("/")[2], ""),
        *(name for words, name in _DETAILS if words in detail),
    ]
    name = next(filter(None, named), "")
    about = text(body, "resource_id") or text(body, "value")
    return "" if name == "suspended" and about not in ("", ours) else name


def _with_skew(name: str, answer: Answer) -> str:
    """A clock's code carries how many seconds it is wrong by, after a blank."""
    wrong = skew(answer) if name == "clock" else None
    return name if wrong is None else f"{name} {wrong:+.0f}"


def explain(code: str, language: str) -> str:
    """A DeliveryFailed's code in plain words: what is wrong and what to do. `language`: 'zh' or 'en'."""
    name, _, wrong = code.removeprefix(PREFIX).partition(" ")
    unknown = (f"X 拒绝了（代码 {name}）。", f"X refused it (code {name}).")
    chinese, english = _WORDS["unclear"] if doubtful(code) and name not in _WORDS else _WORDS.get(name, unknown)
    if not wrong:
        return chinese if language == "zh" else english
    ahead = wrong.startswith("+")
    by = wrong.lstrip("+-")
    if language == "zh":
        return f"本机时钟比 X {'快' if ahead else '慢'} {by} 秒。{chinese}"
    return f"This machine's clock is {by} s {'ahead of' if ahead else 'behind'} X's. {english}"

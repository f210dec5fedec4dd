"""WeChat's error codes: what each means for a message, and in plain words for people.

Codes: the official pages of api_sendcustommessage and api_getstableaccesstoken, and wechatpy.constants.WeChatErrorCode.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.errors import DeliveryFailed
from bot.halting import AGAIN

PREFIX = "wechat:"
TOKEN_REJECTED = frozenset({40001, 40014, 42001})

# The reply window is over, or used up: a message of the customer opens it again.
UNTIL_HEARD = frozenset({45015, 45047})

# Seconds after which the same message may work. 45009 is a quota of the day, 45011 one of the minute: they are the
# account's, so that whatever else is to go out waits too, and waiting for them uses up nobody's tries.
RETRY_AFTER: Mapping[int, float] = MappingProxyType({-1: 5.0, 45009: 3600.0, 45011: 60.0})
QUOTAS = frozenset({45009, 45011})

# What WeChat says of the account, its credentials or our address, whatever we send or fetch: every message would meet
# the same. [DOC api_getstableaccesstoken, api_sendcustommessage, oplatform Return codes]
OF_THE_ACCOUNT = frozenset(
    {
        *(40001, 40002, 40013, 40014, 40125, 40164, 40243, 41001, 41002, 41004, 42001),
        *(48001, 48004, 50001, 50002, 50007, 61003, 61004, 61005, 61007, 61011, 89501, 89503, 89506, 89507),
    }
)

_MEANWHILE = "Nothing is sent meanwhile and no answer is lost; it goes on by itself afterwards."
_NO_PERMISSION = "The account may not use this interface. Check its permissions in the WeChat admin console."
_NOT_AUTHORISED = "The account has not authorised this third-party platform, or no longer. Authorise it again."

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "-1": ("微信系统繁忙，稍后会自动重试。", "WeChat is busy; we try again shortly."),
        "40001": (
            "微信不接受 AppSecret 或 access_token。请核对 app_id 与 app_secret 是否属于同一公众号。",
            "WeChat rejects the AppSecret or access token. Check that app_id and app_secret belong to one account.",
        ),
        "40002": (
            "凭证类型不对。请更新应答后重试，或报告此错误。",
            "Wrong kind of credential. Update Yingda, or report this as a fault of ours.",
        ),
        "40003": (
            "这位用户的 OpenID 不属于此公众号，或已失效。",
            "This customer's OpenID is not known to this account.",
        ),
        "40013": (
            "app_id 无效。请从公众平台重新复制。",
            "The app_id is invalid. Copy it again from the WeChat admin console.",
        ),
        "40014": (
            "微信不接受 access_token。请核对 app_id 与 app_secret。",
            "WeChat rejects the access token. Check app_id and app_secret.",
        ),
        "40125": (
            "app_secret 无效。请在公众平台重置并更新配置。",
            "The app_secret is invalid. Reset it in the WeChat admin console and update the configuration.",
        ),
        "40164": (
            "本服务器的 IP 不在白名单内。请在公众平台“IP 白名单”中添加。",
            "This server's IP address is not on the allow list. Add it in the WeChat admin console (IP whitelist).",
        ),
        "41001": ("缺少 access_token。请核对 app_secret。", "The access token is missing. Check app_secret."),
        "42001": (
            "access_token 已过期，且换新后仍被拒绝。请检查服务器时钟与 app_secret。",
            "The access token has expired, and so did a new one. Check the server's clock and app_secret.",
        ),
        "43004": ("对方未关注公众号，无法发送。", "The customer does not follow the account, so nothing can be sent."),
        "45002": ("消息太长，微信拒收。请缩短后再发。", "The message is too long for WeChat. Shorten it."),
        "45009": (
            "今天的接口调用次数已用完，稍后会自动重试。",
            "Today's API quota is used up; we try again later.",
        ),
        "45011": ("发送过于频繁，稍后会自动重试。", "Sending too fast; we try again in a minute."),
        "45015": (
            "回复时限已过（用户须在 48 小时内发过消息），或对方已取消关注。请等用户再次来信。",
            "The reply window is over (the customer must have written within 48 hours), or they no longer follow. "
            "Wait until they write again.",
        ),
        "45047": (
            "对方来信后能发的客服消息条数已用完。用户再次来信后即可继续。",
            "All messages allowed since the customer last wrote are used up. It works again once they write.",
        ),
        "48001": (
            "此公众号没有客服消息接口权限（须已认证且非个人主体）。请在配置中设置 api: none。",
            "This account may not use the customer-service interface (it must be verified and not personal). "
            "Set api: none in the configuration.",
        ),
        "48002": ("对方关闭了接收消息。", "The customer has switched off receiving messages."),
        "48004": (
            "该接口已被微信封禁。请登录公众平台查看原因。",
            "WeChat has banned this interface. See the reason in the WeChat admin console.",
        ),
        "50002": (
            "公众号受限，可能已被冻结。请登录公众平台查看。",
            "The account is restricted, perhaps frozen. See the WeChat admin console.",
        ),
        "40243": (
            "AppSecret 已被冻结。请管理员在公众平台解冻或重置。",
            "The AppSecret is frozen. An administrator can release or reset it in the WeChat admin console.",
        ),
        "50001": ("此公众号没有授权这个接口。请在公众平台检查接口权限。", _NO_PERMISSION),
        "50007": (
            "公众号已被冻结。请登录公众平台查看原因。",
            "The account is frozen. See why in the WeChat admin console.",
        ),
        "61003": ("公众号没有授权给此第三方平台。请重新授权。", _NOT_AUTHORISED),
        "61004": (
            "此 IP 不在第三方平台的白名单中。请把服务器的公网 IP 加入白名单。",
            "This IP address is not on the third-party platform's list. Add the server's public address there.",
        ),
        "61005": ("第三方平台的 component_ticket 已过期。请检查平台的推送是否还在接收。", _NOT_AUTHORISED),
        "61007": ("公众号没有把这个接口授权给第三方平台。请重新授权。", _NOT_AUTHORISED),
        "61011": ("第三方平台无效。请核对配置。", _NOT_AUTHORISED),
        "89501": (
            "此 IP 的调用正在等管理员确认。请管理员在手机微信中同意。",
            "Calls from this IP address wait for an administrator, who must confirm them in WeChat on their phone.",
        ),
        "89506": (
            "管理员两次拒绝了此 IP 的调用，24 小时内不能再试。请管理员届时同意，或换用白名单中的 IP。",
            "An administrator has refused this IP address twice, so it may not try for 24 hours. Have them agree then.",
        ),
        "89507": (
            "管理员拒绝了此 IP 的调用，1 小时内不能再试。请管理员届时同意。",
            "An administrator has refused this IP address, so it may not try for an hour. Have them agree then.",
        ),
        "50005": ("对方未关注公众号，无法发送。", "The customer does not follow the account, so nothing can be sent."),
        "89503": (
            "此 IP 的调用须由管理员在微信中确认。请管理员在手机微信中同意。",
            "An administrator must confirm calls from this IP address in WeChat on their phone.",
        ),
        "no-api": (
            "此公众号只能被动回复，不能主动发送（api: none）。",
            "This account can only answer, not send by itself (api: none).",
        ),
        "unreachable": ("连接不上微信服务器，稍后会自动重试。", "WeChat's servers can't be reached; we try again."),
        "timeout": (
            "微信没有及时答复，消息可能已送达。请先确认再决定是否重发。",
            "WeChat did not answer in time; the message may have arrived. Make sure before sending again.",
        ),
        "unclear": (
            "微信的答复看不懂，消息可能已送达。请先确认再决定是否重发。",
            "WeChat's answer could not be read; the message may have arrived. Make sure before sending again.",
        ),
    }
)


def failure(code: int) -> DeliveryFailed:
    """What an errcode other than 0 means for the message. WeChat did answer, so it was certainly not delivered."""
    if code in OF_THE_ACCOUNT:
        return DeliveryFailed(f"{PREFIX}{code}", retry_after=AGAIN, tried=False, halts=True)
    wait = RETRY_AFTER.get(code)
    shut = code in UNTIL_HEARD
    return DeliveryFailed(
        f"{PREFIX}{code}", permanent=wait is None, retry_after=wait, until_heard=shut, tried=code not in QUOTAS
    )


def explain(code: str, language: str) -> str:
    """A DeliveryFailed's code in plain words: what is wrong and what to do. `language`: 'zh' or 'en'."""
    name = code.removeprefix(PREFIX)
    chinese, english = _WORDS.get(name) or _unknown(name)
    if name.isdecimal() and int(name) in OF_THE_ACCOUNT:
        return f"{chinese}发送已暂停，回复都还在；恢复后会自动继续。" if language == "zh" else f"{english} {_MEANWHILE}"
    return chinese if language == "zh" else english


def _unknown(name: str) -> tuple[str, str]:
    if name.startswith("http-5"):
        return _WORDS["unclear"]
    if name.startswith("http-"):
        return (
            f"本机与微信之间有东西拒绝了请求（HTTP {name[5:]}），微信自己不会这样答复。请检查代理、防火墙与 api_url。",
            f"Something between this machine and WeChat refuses (HTTP {name[5:]}); WeChat itself never answers so. "
            "Check proxy, firewall and api_url.",
        )
    return (f"微信拒绝了（代码 {name}）。", f"WeChat refused it (code {name}).")

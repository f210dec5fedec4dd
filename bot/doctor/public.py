"""The public address, asked as platforms and browsers ask it: does it lead to this Yingda, with the same token?"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from bot.channels.webchat import WebChatSettings
from bot.channels.wechat.settings import WHERE, WeChatSettings
from bot.channels.wechat.signature import sign
from bot.doctor.findings import NOTHING, Finding, Grade, Words, fail, ok, warn
from bot.messages import Instant
from bot.origins import hostname_of

PATIENCE = 5.0
LONGEST = 1 << 20  # bytes read of an answer: many times the widget, and an end for what has none
ANY_SITE = "*"
_TOKEN = Words(
    f"公众平台与 config.yaml 中的 token 必须一字不差：{WHERE}",
    f"the token there and in config.yaml must be the same, letter by letter: {WHERE}",
)
_REFUSALS: Mapping[str, tuple[Words, Words]] = {
    "signature": (Words("签名不符", "the signature was wrong"), _TOKEN),
    "stale": (
        Words("时间戳过旧", "they seemed too old"),
        Words("启用 NTP 对时（如 systemctl enable --now chrony）", "keep time by NTP (systemctl enable --now chrony)"),
    ),
    "tampered": (
        Words("无法解密", "they could not be decrypted"),
        Words("核对 encoding_aes_key", "compare encoding_aes_key with the one there"),
    ),
    "app_id": (
        Words("来自另一个 app_id", "they were for another app_id"),
        Words("核对 app_id 与回调地址", "compare app_id, and which account has this address"),
    ),
    "account": (
        Words("发给另一个公众号", "they were for another account"),
        Words("核对 original_id 与回调地址", "compare original_id, and which account has this address"),
    ),
    "plain_push": (
        Words("平台用的是明文模式", "the platform sends in plain mode"),
        Words("在公众平台选择安全模式，或设 mode: plain", "choose safe mode there, or set mode: plain"),
    ),
    "encrypted": (
        Words("平台用的是安全模式", "the platform sends in safe mode"),
        Words("设 mode: safe 并填 encoding_aes_key", "set mode: safe with its encoding_aes_key"),
    ),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What an address answers. status None: nothing; `body` then says why."""

    status: int | None
    body: str = ""


async def ask(http: httpx.AsyncClient, url: str, query: Mapping[str, str] | None = None) -> Reply:
    """The whole answer, up to LONGEST bytes. What comes so slowly that it takes twice PATIENCE is no answer."""
    try:
        async with asyncio.timeout(2 * PATIENCE), http.stream("GET", url, params=query, timeout=PATIENCE) as response:
            return Reply(response.status_code, await _text(response))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as lost:
        return Reply(None, type(lost).__name__)


async def _text(response: httpx.Response) -> str:
    read = bytearray()
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) >= LONGEST:
            break
    return bytes(read[:LONGEST]).decode("utf-8", errors="replace")


async def handshake(http: httpx.AsyncClient, public: str, name: str, settings: WeChatSettings, now: Instant) -> Finding:
    """Ask our own webhook what WeChat asks when its address is saved, signed with the token that stands here."""
    stamp, nonce, echo = str(int(now)), secrets.token_hex(6), secrets.token_hex(8)
    signed = {"signature": sign(settings.token.get_secret_value(), stamp, nonce), "timestamp": stamp, "nonce": nonce}
    address = f"{public.rstrip('/')}/wechat/{name}"
    return verified(name, address, await ask(http, address, signed | {"echostr": echo}), echo)


def verified(name: str, address: str, reply: Reply, echo: str) -> Finding:
    if reply.status == 200 and reply.body == echo:
        return ok(f"{name}：{address} 会通过微信的验证", f"{name}: {address} will pass WeChat's verification")
    if reply.status is None:
        what = Words(f"{name}：{address} 没有应答（{reply.body}）", f"{name}: {address} does not answer ({reply.body})")
        mend = Words(
            "检查 DNS、防火墙、反向代理，并启动 yingda run", "check DNS, firewall and proxy, and start yingda run"
        )
        return fail(what, mend)
    what = Words(
        f"{name}：{address} 的答复不对（HTTP {reply.status}）",
        f"{name}: {address} answers wrongly (HTTP {reply.status})",
    )
    return fail(what, _why(reply))


def _why(reply: Reply) -> Words:
    if reply.status == 403:
        return Words("那里运行的应答用的是另一个 token", "the Yingda that runs there has another token; start it anew")
    if reply.status in (502, 503, 504):
        return Words(
            "代理找不到应答：核对端口并启动 yingda run", "the proxy does not reach Yingda: compare the port, start it"
        )
    if reply.status in (301, 302, 307, 308):
        return Words("微信不跟随跳转：填跳转后的地址", "WeChat follows no redirects: give it the address it leads to")
    return Words("那里应答的是别的程序：核对代理的路径", "another program answers there: look at the proxy's paths")


def refusals(counted: Mapping[tuple[str, ...], float]) -> list[Finding]:
    """What the platforms' requests were refused for since the last start, by account and code: settings that differ
    show themselves so."""
    return [
        warn(
            Words(
                f"{account}：自上次启动以来拒绝了 {times:.0f} 个请求，因为{_REFUSALS[code][0].zh}",
                f"{account}: {times:.0f} requests were refused since the last start: {_REFUSALS[code][0].en}",
            ),
            _REFUSALS[code][1],
        )
        for (account, code), times in sorted(counted.items())
        if code in _REFUSALS and times
    ]


def webchat(name: str, settings: WebChatSettings, public: str) -> Finding:
    """Whether the sites that are to show the chat can: `public` is where their pages fetch it from, '' if unknown."""
    origins: Sequence[str] = settings.origins
    if not origins:
        return ok(f"{name}：只在自己的页面 /chat/{name}", f"{name}: only on our own page, /chat/{name}")
    if public.startswith("http://") and any(origin.startswith("https://") for origin in origins):
        return fail(
            Words(f"{name}：https 网站不能加载 {public}", f"{name}: sites on https cannot load {public}"),
            Words("用 https 提供服务", "serve it by https"),
        )
    if ANY_SITE in origins:
        return warn(
            Words(f"{name}：任何网站都可以嵌入对话", f"{name}: any site may embed the chat"),
            Words("在 origins 中列出自己的网站", "name your own sites in origins"),
        )
    bare = [origin for origin in origins if origin.startswith("http://") and not _here(origin)]
    if bare:
        return warn(
            Words(
                f"{name}：{bare[0]} 没有加密，对话可被旁听", f"{name}: {bare[0]} is not encrypted: others can listen"
            ),
            Words("让该网站使用 https", "let that site use https"),
        )
    sites = ", ".join(origins)
    return ok(f"{name}：可嵌入 {sites}", f"{name}: may be embedded by {sites}")


def _here(origin: str) -> bool:
    return hostname_of(origin) in ("localhost", "127.0.0.1", "::1")


async def widget(http: httpx.AsyncClient, public: str) -> Finding:
    """Whether pages can load the widget from the public address."""
    address = f"{public.rstrip('/')}/webchat/widget.js"
    reply = await ask(http, address)
    if reply.status == 200 and "yingda-chat" in reply.body:
        return ok(f"{address} 可以加载", f"{address} can be loaded")
    what = Words(
        f"{address} 加载不了（{reply.status or reply.body}）",
        f"{address} cannot be loaded ({reply.status or reply.body})",
    )
    return Finding(Grade.FAIL, what, _why(reply) if reply.status else NOTHING)

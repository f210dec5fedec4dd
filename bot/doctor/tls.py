"""The certificate that a public address shows: its chain, its name, how long it is good.

WeChat and X refuse what a browser would forgive: browsers fetch a missing intermediate certificate, platforms don't.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass

from bot.doctor.findings import Finding, Words, fail, ok, warn
from bot.messages import Instant

PATIENCE = 5.0
SOON = 21 * 86_400.0
# OpenSSL's X509_V_ERR_* (include/openssl/x509_vfy.h)
_NOT_YET, _EXPIRED, _SELF_SIGNED, _SELF_SIGNED_ROOT, _NO_ISSUER, _NO_FIRST_ISSUER, _NAME = 9, 10, 18, 19, 20, 21, 62
_MENDS = {
    _NOT_YET: Words("证书尚未生效：检查服务器时钟", "it is not valid yet: look at this machine's clock"),
    _EXPIRED: Words("续期证书并重新加载反向代理", "renew it, and reload the proxy"),
    _SELF_SIGNED: Words("换用受信任机构签发的证书", "use one from an authority that platforms trust"),
    _SELF_SIGNED_ROOT: Words("换用受信任机构签发的证书", "use one from an authority that platforms trust"),
    _NAME: Words("申请包含此域名的证书", "get one that names this host"),
}
_CHAIN = Words(
    "证书链不完整：让代理发送完整链（nginx 用 fullchain.pem）",
    "the chain is not complete: let the proxy send all of it (nginx: fullchain.pem)",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What was seen. until: when the certificate ends, if it is good. code: why not, as OpenSSL says; None: it was
    never shown, `trouble` says why."""

    until: Instant = 0.0
    code: int | None = 0
    trouble: str = ""


async def look(host: str, port: int, trust: ssl.SSLContext | None = None) -> Shown:
    """The certificate at an address, checked as a platform does. `trust`: whose signatures count, else the system's."""
    context = trust or ssl.create_default_context()
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLCertVerificationError as refused:
        return Shown(0.0, refused.verify_code, refused.verify_message)
    except (OSError, TimeoutError, ValueError) as lost:
        return Shown(0.0, None, type(lost).__name__)
    ends = writer.get_extra_info("peercert")["notAfter"]
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return Shown(ssl.cert_time_to_seconds(ends))


def certificate(host: str, shown: Shown, now: Instant) -> Finding:
    """What that means for the platforms that are to call `host`."""
    if shown.code is None:
        what = Words(
            f"{host} 没有完成 TLS 握手（{shown.trouble}）", f"{host} makes no TLS connection ({shown.trouble})"
        )
        return fail(what, Words("检查 DNS、防火墙与 443 端口", "check DNS, the firewall and port 443"))
    if shown.code:
        what = Words(
            f"{host} 的证书不被信任（{shown.trouble}）", f"{host}'s certificate is not trusted ({shown.trouble})"
        )
        return fail(what, _MENDS.get(shown.code, _CHAIN))
    days = int((shown.until - now) // 86_400)
    if shown.until - now < SOON:
        what = Words(f"{host} 的证书 {days} 天后到期", f"{host}'s certificate ends in {days} days")
        return warn(what, Words("续期证书；最好自动续期", "renew it, best by itself"))
    return ok(f"{host} 的证书有效，还有 {days} 天", f"{host}'s certificate is good for {days} days")

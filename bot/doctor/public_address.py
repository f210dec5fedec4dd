"""Checks of the public address: what it answers, its TLS certificate, and the reverse proxy in front of Yingda."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from bot.domain.messages import DAY, Instant
from bot.i18n import Message, message
from bot.ports.findings import Finding, HttpReply, fail, ok, warn

TIME_LIMIT = 5.0  # seconds to connect, and to wait for each part of an answer
LONGEST = 1 << 20  # bytes read of an answer: many times the size of the web chat widget
SOON = 21 * DAY  # a certificate that ends sooner is a warning
# OpenSSL's X509_V_ERR_* (include/openssl/x509_vfy.h); every other code means an incomplete chain. Browsers fetch a
# missing intermediate certificate, platforms do not.
_HINTS = {
    9: "doctor.tls.not_yet_valid_mend",
    10: "doctor.tls.expired_mend",
    18: "doctor.tls.self_signed_mend",  # the certificate itself
    19: "doctor.tls.self_signed_mend",  # its root
    62: "doctor.tls.other_name_mend",
}


async def ask(http: httpx.AsyncClient, url: str, query: Mapping[str, str] | None = None) -> HttpReply:
    """GET a URL and return the answer, cut after LONGEST bytes. Its status is None if the request fails."""
    try:
        # httpx limits each read; the whole answer, which may come byte by byte, is limited here
        async with (
            asyncio.timeout(2 * TIME_LIMIT),
            http.stream("GET", url, params=query, timeout=TIME_LIMIT) as response,
        ):
            read = bytearray()
            async for chunk in response.aiter_bytes():
                read += chunk
                if len(read) >= LONGEST:
                    break
            return HttpReply(response.status_code, bytes(read[:LONGEST]).decode("utf-8", errors="replace"))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as lost:
        return HttpReply(None, type(lost).__name__)


def refusals(
    counted: Mapping[tuple[str, ...], float], known: Mapping[str, Mapping[str, tuple[Message, Message]]]
) -> list[Finding]:
    """The platforms' requests that were refused since the last start, which show settings that differ.

    counted: requests by account and code. known: by account, reason and hint for the codes its channel explains.
    """
    found = []
    for (account, code), times in sorted(counted.items()):
        if times and code in known.get(account, {}):
            why, hint = known[account][code]
            found.append(warn("doctor.public.refused", hint, account=account, times=times, why=why))
    return found


@dataclass(frozen=True, slots=True)
class TlsResult:
    """The result of a TLS handshake."""

    until: Instant = 0.0  # when the certificate ends, if it is good
    code: int | None = 0  # OpenSSL's verification error, 0 for a good one; None if there was no connection
    trouble: str = ""  # the error's text


async def try_tls(host: str, port: int, trust: ssl.SSLContext | None = None) -> TlsResult:
    """Connect to an address and verify its certificate. trust: whose signatures count; None for the system's."""
    context = trust or ssl.create_default_context()
    try:
        async with asyncio.timeout(TIME_LIMIT):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLCertVerificationError as refused:
        return TlsResult(0.0, refused.verify_code, refused.verify_message)
    except (OSError, TimeoutError, ValueError) as lost:
        return TlsResult(0.0, None, type(lost).__name__)
    ends = writer.get_extra_info("peercert")["notAfter"]
    writer.close()
    with suppress(OSError):  # the server may cut the connection instead of closing TLS
        await writer.wait_closed()
    return TlsResult(ssl.cert_time_to_seconds(ends))


def certificate(host: str, result: TlsResult, now: Instant) -> Finding:
    """Whether platforms accept the certificate of `host`."""
    if result.code is None:
        return fail("doctor.tls.no_connection", host=host, error=result.trouble)
    if result.code:
        hint = message(_HINTS.get(result.code, "doctor.tls.chain_mend"))
        return fail("doctor.tls.untrusted", hint, host=host, error=result.trouble)
    days = int((result.until - now) // DAY)
    if result.until - now < SOON:
        return warn("doctor.tls.ends_soon", host=host, days=days)
    return ok("doctor.tls.good", host=host, days=days)


async def proxy(http: httpx.AsyncClient, public: str, prefix: str) -> AsyncIterator[Finding]:
    """Whether the reverse proxy passes on what logging in needs, and keeps /metrics private.

    public: the public address. prefix: the setting listen.prefix. No answer at all is a finding of another check.
    """
    address = public.rstrip("/")
    theirs = urlsplit(address).path.rstrip("/")
    if theirs == prefix:
        yield ok("doctor.proxy.path", address=address)
    else:
        ours = prefix or message("doctor.proxy.no_prefix")
        yield fail("doctor.proxy.other_path", address=address, path=theirs or "/", theirs=theirs, prefix=ours)
    split = urlsplit(address)
    # posts as a browser does from our own page; no language has this name, so nothing changes
    form, headers = {"language": "none", "goes": "/login"}, {"origin": f"{split.scheme}://{split.netloc}"}
    posted = await _request(http, "POST", f"{address}/language", headers, form)
    if posted is not None:
        yield _passes_host(address, posted)
        if posted.status_code == 303 and split.scheme == "https":
            yield _passes_scheme(address, posted)
    metrics = await _request(http, "GET", f"{address}/metrics")
    if metrics is not None:
        is_open = metrics.status_code == 200 and "yingda_" in metrics.text
        yield fail("doctor.proxy.metrics_open", address=address) if is_open else ok("doctor.proxy.metrics_closed")


def _passes_host(address: str, posted: httpx.Response) -> Finding:
    """Forms are refused (403) unless their Origin is the Host header, which a proxy may have changed."""
    if posted.status_code == 303:
        return ok("doctor.proxy.login", address=address)
    if posted.status_code == 403:
        return fail("doctor.proxy.changed_host", address=address)
    return warn("doctor.proxy.no_login", address=address, status=posted.status_code)


def _passes_scheme(address: str, posted: httpx.Response) -> Finding:
    """Yingda sends this header, and cookies for https alone, only if the proxy says that the request came by https."""
    if "strict-transport-security" in posted.headers:
        return ok("doctor.proxy.https")
    return warn("doctor.proxy.no_scheme", address=address)


async def _request(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
) -> httpx.Response | None:
    try:
        return await http.request(method, url, headers=headers, data=form, timeout=TIME_LIMIT, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None

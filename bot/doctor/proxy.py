"""What stands in front of us, seen from outside: does it pass on what logging in needs, and keep what is nobody's?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx

from bot.doctor.findings import Finding, Words, fail, ok, warn

PATIENCE = 5.0


async def front(http: httpx.AsyncClient, public: str, prefix: str) -> AsyncIterator[Finding]:
    """`public`: the public address. prefix: listen.prefix. Says nothing where nobody answers: others do."""
    address = public.rstrip("/")
    yield path(address, prefix)
    changed = await _changed(http, address)
    if changed is not None:
        yield host(address, changed)
    if changed is not None and changed.status_code == 303 and address.startswith("https://"):
        yield scheme(address, changed)
    counters = await _asked(http, "GET", f"{address}/metrics")
    if counters is not None:
        yield metrics(address, counters)


def path(address: str, prefix: str) -> Finding:
    """Whether the path of the public address is what config.yaml says."""
    theirs = urlsplit(address).path.rstrip("/")
    if theirs == prefix:
        return ok(f"路径前缀与 {address} 一致", f"the path prefix agrees with {address}")
    return fail(
        Words(
            f"{address} 的路径是 {theirs or '/'}，而 listen.prefix 是 {prefix or '空'}",
            f"the path of {address} is {theirs or '/'}, and listen.prefix is {prefix or 'empty'}",
        ),
        Words(f'设 listen.prefix: "{theirs}"', f'set listen.prefix: "{theirs}"'),
    )


def host(address: str, changed: httpx.Response) -> Finding:
    """Whether a browser's changes are taken for our own pages': by Host, which the proxy must not change."""
    if changed.status_code == 303:
        return ok(f"可以在 {address} 登录", f"people can log in at {address}")
    if changed.status_code == 403:
        return fail(
            Words(
                f"在 {address} 无法登录：代理改变了 Host 请求头",
                f"nobody can log in at {address}: the proxy changes the Host header",
            ),
            Words(
                "让代理原样转发 Host（nginx：proxy_set_header Host $http_host;）",
                "let the proxy pass Host on as it came (nginx: proxy_set_header Host $http_host;)",
            ),
        )
    return warn(
        Words(
            f"{address} 上的登录无法核实（HTTP {changed.status_code}）",
            f"logging in at {address} could not be tried (HTTP {changed.status_code})",
        ),
        Words("核对代理的路径，并稍后重试", "look at the proxy's paths, and try again in a moment"),
    )


def scheme(address: str, changed: httpx.Response) -> Finding:
    """Whether we know that people come by https: only then are cookies for https alone."""
    if "strict-transport-security" in changed.headers:
        return ok("浏览器只会用 https 访问", "browsers will use https alone")
    return warn(
        Words(f"代理没有说明 {address} 是 https", f"the proxy does not tell that {address} is https"),
        Words(
            "让代理发送 X-Forwarded-Proto 并列入 listen.trusted_proxies，或设 listen.https: true",
            "let it send X-Forwarded-Proto and name it in listen.trusted_proxies, or set listen.https: true",
        ),
    )


def metrics(address: str, counters: httpx.Response) -> Finding:
    if counters.status_code == 200 and "yingda_" in counters.text:
        return fail(
            Words(f"任何人都能读取 {address}/metrics", f"anybody can read {address}/metrics"),
            Words(
                "在代理上关闭 /metrics（见 docs/samples），或设 metrics_token 并让代理发送 X-Forwarded-For",
                "shut /metrics at the proxy (docs/samples), and let it send X-Forwarded-For",
            ),
        )
    return ok("外部读不到 /metrics", "/metrics is not read from outside")


async def _changed(http: httpx.AsyncClient, address: str) -> httpx.Response | None:
    """A change that changes nothing, sent as a browser on our own page sends it: no language is called so."""
    split = urlsplit(address)
    form = {"language": "none", "goes": "/login"}
    return await _asked(http, "POST", f"{address}/language", {"origin": f"{split.scheme}://{split.netloc}"}, form)


async def _asked(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
) -> httpx.Response | None:
    try:
        return await http.request(method, url, headers=headers, data=form, timeout=PATIENCE, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None

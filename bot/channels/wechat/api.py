"""One call to api.weixin.qq.com: what went out, what came back, and whether it can have arrived.

wechatpy's client is not used: it blocks, its token fetch has no timeout, and a bad credential makes it call itself
until the stack ends, 493 token fetches later (reference 1.11; wechatpy#684, #580).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx

from bot.channels.wechat.errcodes import PREFIX
from bot.errors import DeliveryFailed
from bot.halting import AGAIN

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 5.0
RETRY_SECONDS = 5.0


def _without_tokens(record: logging.LogRecord) -> bool:
    """httpx logs every address, and WeChat wants its access token there."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            arg.copy_with(query=None) if isinstance(arg, httpx.URL) and arg.query else arg for arg in record.args
        )
    return True


logging.getLogger("httpx").addFilter(_without_tokens)


class Api:
    """Posts JSON to one platform address."""

    def __init__(self, url: str) -> None:
        timeout = httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout)

    async def post(self, path: str, content: Mapping[str, Any], **query: str) -> dict[str, Any]:
        """The platform's JSON object. Raises DeliveryFailed: retry_after if nothing was sent, ambiguous if it may have.

        Text goes out as it is: WeChat shows JSON's \\u escapes to the customer.
        """
        body = json.dumps(content, ensure_ascii=False).encode()
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                response = await self._http.post(
                    path, params=query, content=body, headers={"content-type": "application/json"}
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as unsent:
            raise DeliveryFailed(f"{PREFIX}unreachable", retry_after=RETRY_SECONDS) from unsent
        except (httpx.HTTPError, TimeoutError) as lost:
            raise DeliveryFailed(f"{PREFIX}timeout", ambiguous=True) from lost
        return _object(response)

    async def close(self) -> None:
        await self._http.aclose()


def _object(response: httpx.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise _http_failure(response.status_code)
    try:
        answer = response.json()
    except ValueError as nonsense:
        raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True) from nonsense
    if not isinstance(answer, dict):
        raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True)
    return answer


def _http_failure(status: int) -> DeliveryFailed:
    """A status that WeChat never uses comes from something between us: 4xx was refused, as everything else would be;
    5xx may have gone through."""
    code = f"{PREFIX}http-{status}"
    if status == 429:
        return DeliveryFailed(code, retry_after=RETRY_SECONDS)
    if status < 500:
        return DeliveryFailed(code, retry_after=AGAIN, tried=False, halts=True)
    return DeliveryFailed(code, ambiguous=True)

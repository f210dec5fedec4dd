"""The web application of a shop, called without a network: what a platform's request gets."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from bot.site import front
from bot.web.entrance import Entrance


class Platforms:
    """Calls the front as platforms do."""

    def __init__(self, application: Entrance, runner: Any) -> None:
        self._application = application
        self._runner = runner

    def post(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        return self.call("POST", path, body, **headers)

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._application)
            async with httpx.AsyncClient(transport=transport, base_url="http://yingda") as client:
                return await client.request(method, path, content=body, headers=headers)

        response: httpx.Response = self._runner(ask())
        return response


def platforms(shop: Any) -> Platforms:
    """The shop's own front."""

    async def built() -> Entrance:
        await asyncio.sleep(0)
        return front(shop.yingda)

    return Platforms(shop.run(built()), shop.run)

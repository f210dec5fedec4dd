"""The web application of a shop, called without a network: what a platform's request gets."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from bot.app.site import create_app
from bot.web.middleware import OuterMiddleware


class Platforms:
    """Calls the web application as platforms do."""

    def __init__(self, application: OuterMiddleware, runner: Any) -> None:
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
    """The shop's own web application."""

    async def built() -> OuterMiddleware:
        await asyncio.sleep(0)
        return create_app(shop.yingda)

    return Platforms(shop.run(built()), shop.run)

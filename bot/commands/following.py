"""Following links: asks each address once whether it is there, for a bounded time and never for its content."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx

from bot.commands.progress import Show
from bot.knowledge.links import NOBODY, Statuses

MOST = 300
PATIENCE = 20.0
_EACH = 8.0
_AT_ONCE = 8
_MOST_TURNS = 6
_AGENT = {"user-agent": "Mozilla/5.0 (compatible; yingda check)"}  # some servers refuse what names itself a library


async def follow(addresses: Sequence[str], show: Show, patience: float = PATIENCE) -> Statuses:
    """The status of each of the first MOST addresses that made itself known within `patience` seconds."""
    found: dict[str, int] = {}
    places = asyncio.Semaphore(_AT_ONCE)
    asked = addresses[:MOST]

    async def visit(http: httpx.AsyncClient, address: str) -> None:
        async with places:
            found[address] = await _status(http, address)
        show("following links", len(found) / len(asked))

    async with httpx.AsyncClient(headers=_AGENT, timeout=_EACH) as http:
        visits = [asyncio.create_task(visit(http, address)) for address in asked]
        if visits:
            _, late = await asyncio.wait(visits, timeout=patience)
            for one in late:
                one.cancel()
            await asyncio.gather(*visits, return_exceptions=True)
    return found


async def _status(http: httpx.AsyncClient, address: str) -> int:
    """By GET, because many servers answer HEAD wrongly. What they send is not read, not even on the way to elsewhere;
    who sends us on and on leads to nobody."""
    try:
        request = http.build_request("GET", address)
        for _ in range(_MOST_TURNS):
            response = await http.send(request, stream=True)
            await response.aclose()
            if response.next_request is None:
                return response.status_code
            request = response.next_request
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        return NOBODY
    return NOBODY

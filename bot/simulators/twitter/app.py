"""The simulator as a web application: the page, its JSON endpoints, and the API that an account's server calls."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from bot.simulators.serving import Simulator, guest, simulator, until_interrupted
from bot.simulators.twitter.api import xapi
from bot.simulators.twitter.page.render import page
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.timeline import timeline

_ASSETS = Path(__file__).parent / "page" / "assets"


def ready(platform: Platform, neighbour: str = "") -> Simulator:
    """Everything under one root: `/` the page, `/api` behind it, `/2` for the account's server."""
    app = simulator(platform, (xapi, timeline, page), _ASSETS, neighbour)
    return Simulator(app, platform.hush, platform.allow_remote)


def running(platform: Platform, host: str = "127.0.0.1", port: int = 0) -> AbstractAsyncContextManager[str]:
    """Serve within this event loop; yields the address, e.g. http://127.0.0.1:40123. For tests and benches."""
    return guest(ready(platform), host, port)


def serve(platform: Platform, host: str, port: int) -> None:
    """Serve until interrupted: `yingda simulate twitter`. Raises SettingError for an address beyond this machine."""

    async def run() -> None:
        async with platform:
            await until_interrupted(ready(platform), host, port)

    asyncio.run(run())

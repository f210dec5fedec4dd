"""One process of ours on a moved clock: it looks, understands and sends, and may be killed at any moment.

    python -m contest.responder --config config.yaml --clock clock

It runs the background work of `yingda run`'s workers, assembled in the same way: poller, delivery and sweeper.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bot.app.parts import assemble
from bot.config import Deployment, load
from bot.stores.redis.client import RedisClient
from bot.stores.sql.database import Database
from contest.moved import MovedLoop, SharedClock, Threads

NO_REDIS = "redis://127.0.0.1:1"  # leases of singletons live by the wall's time; there is only one process here


async def live(deployment: Deployment, clock: SharedClock) -> None:
    """Until killed."""
    database = Database(deployment.config.database_url, clock.now)
    yingda = assemble(deployment, database, RedisClient(NO_REDIS), clock=clock)
    await yingda.editions.refresh()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(yingda.delivery.run())
        tasks.create_task(yingda.sweeper.run(yingda.redis))
        tasks.create_task(yingda.poller.run(yingda.redis))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--clock", type=Path, required=True)
    chosen = parser.parse_args()
    clock, threads = SharedClock(chosen.clock), Threads()
    with asyncio.Runner(loop_factory=lambda: MovedLoop(clock, threads)) as runner:
        runner.run(live(load(chosen.config), clock))


if __name__ == "__main__":
    main()

"""Whether the record can be written: tried out, since what can be read may lie on a full disk."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable

from sqlalchemy import Connection, insert, update

from bot.errors import Unavailable
from bot.stores.record.database import Database
from bot.stores.record.tables import pulse
from bot.trouble import BUSY, of_record

log = logging.getLogger(__name__)
EVERY = 5.0
PATIENCE = 4.0
TOLD_AGAIN = 60.0
_FILLING = 24_000  # letters that no database packs smaller: a few messages with all that belongs to them


class RecordPulse:
    """Writes every few seconds for whoever asks how the record is, and says in the log what is wrong, once a minute."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._trouble: Unavailable | None = None
        self._told_at = float("-inf")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(EVERY)

    async def beat(self) -> None:
        """Try it once."""
        try:
            await asyncio.wait_for(
                self._database.write(lambda connection: written(self._database, connection)), PATIENCE
            )
        except TimeoutError:
            self._failed(Unavailable("no answer"))
        except Unavailable as gone:
            if gone.code != BUSY:  # somebody else writes: then it can be written
                self._failed(gone)
        else:
            if self._trouble is not None:
                log.info("the record takes what is written again")
            self._trouble, self._told_at = None, float("-inf")

    async def answers(self) -> None:
        """Whether it can be read now, and could be written when that was tried last. Raises Unavailable."""
        await self._database.read(self._database.now)
        if self._trouble is not None:
            raise Unavailable(self._trouble.code)

    def _failed(self, gone: Unavailable) -> None:
        self._trouble = gone
        if self._clock() - self._told_at >= TOLD_AGAIN:
            self._told_at = self._clock()
            found = of_record(gone)
            log.error(
                "nothing can be accepted, platforms hear 503; the record: %s (%s). %s",
                found.wrong,
                gone.code,
                found.mend,
            )


def written(database: Database, connection: Connection) -> None:
    """Write the pulse."""
    beat = {"at": database.now(connection), "filling": secrets.token_urlsafe(_FILLING * 3 // 4)}
    if not connection.execute(update(pulse).where(pulse.c.place == 1).values(beat)).rowcount:
        connection.execute(insert(pulse).values(place=1, **beat))

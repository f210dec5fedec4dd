"""What a visitor's browser is told, as server-sent events: `line` with the line's seq as event id, and `state`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

from sse_starlette import ServerSentEvent

from bot.channels.webchat.lookout import Box, Lookout
from bot.errors import Unavailable
from bot.mail import Line, Mail
from bot.messages import Owner
from bot.networks import UNKNOWN
from bot.ports import Mailbox

NEWEST = 2**31 - 1  # as large as a seq can become
PAUSE = 1.0


def seen_last(last_event_id: str) -> int | None:
    """After which line a browser wants to go on; None from the newest. What is no seq of ours is no wish either."""
    if not last_event_id.isascii() or not last_event_id.isdecimal() or len(last_event_id) > 10:
        return None
    return min(int(last_event_id), NEWEST)


async def told(
    mailbox: Mailbox, lookout: Lookout, box: Box, after: int | None, network: str = UNKNOWN
) -> AsyncGenerator[ServerSentEvent, None]:
    """Everything from `after` on, and what comes, until the reader goes or has opened too many other tabs."""
    state = ""
    with lookout.seat(box, network) as seat:
        while True:
            await seat.news()
            if seat.gone:
                yield ServerSentEvent(data="{}", event=seat.gone)
                return
            mail = await _read(mailbox, box, after)
            for line in mail.lines:
                yield ServerSentEvent(data=_line(line, box), event="line", id=str(line.seq))
            after = mail.lines[-1].seq if mail.lines else after or 0
            if mail.more:
                seat.tell()
            if _state(mail) != state:
                state = _state(mail)
                yield ServerSentEvent(data=state, event="state")


async def _read(mailbox: Mailbox, box: Box, after: int | None) -> Mail:
    """Once the record is there: a stream outlives its restart."""
    while True:
        try:
            return await mailbox.read(*box, after)
        except Unavailable:
            await asyncio.sleep(PAUSE)


def _line(line: Line, box: Box) -> str:
    """`id` is what the visitor's own browser called it."""
    key = line.key.removeprefix(f"{box[1]}:")
    what = {"seq": line.seq, "author": line.author.value, "text": line.text, "at": line.at}
    return json.dumps(what | ({"id": key} if key else {}), ensure_ascii=False)


def _state(mail: Mail) -> str:
    """Whom the visitor talks to, and whether an answer is being made."""
    owner = Owner.BOT if mail.owner is Owner.CLOSED else mail.owner
    return json.dumps({"owner": owner.value, "thinking": mail.thinking})

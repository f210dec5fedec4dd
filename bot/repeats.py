"""What a platform hears that asks again: the same reply, or how the customer can get it later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from bot.errors import Unavailable
from bot.intents.mind import Mind
from bot.messages import Conversation, Identity, Inbound, Outbound, OutboxState
from bot.offers import LATE, Late, Offer
from bot.ports import Channel, Clock, Intake, Turns
from bot.turns import Accepted, Delivered

log = logging.getLogger(__name__)
LOOK_AGAIN = 0.1
LAST_ATTEMPT = 3  # WeChat asks three times in all, reference/wechat.md 1.3


class Repeats:
    """Serves requests whose turn somebody else does, and requests whose turn takes too long."""

    def __init__(self, intake: Intake, turns: Turns, channels: Mapping[str, Channel], mind: Mind, clock: Clock) -> None:
        self._intake = intake
        self._turns = turns
        self._channels = channels
        self._mind = mind
        self._clock = clock

    async def watch(self, inbound: Inbound, accepted: Accepted, offer: Offer) -> None:
        """Look for what the turn said, as long as it can still be served. A first delivery's turn has hardly begun."""
        if accepted.attempt == 1:
            await asyncio.sleep(LOOK_AGAIN)
        while offer.open:
            try:
                delivered = await self._intake.replied(inbound.account, inbound.dedup_key)
                if delivered is not None:
                    await self._serve(inbound, delivered, offer)
            except Unavailable:
                log.warning("the database cannot be reached; the platform's next try looks again")
            await asyncio.sleep(LOOK_AGAIN)

    async def too_late(self, inbound: Inbound, accepted: Accepted, offer: Offer) -> bytes | Late | None:
        """An account that can send by itself acknowledges; another lets the platform ask again, and at the last
        attempt tells the customer how to fetch the answer. Whoever asks more often hears the same, and the
        conversation has said it once."""
        if self._active(inbound):
            return None
        if accepted.attempt < LAST_ATTEMPT:
            return LATE
        await self._mind.ready()
        text = self._mind.phrase("fetch.send_one", inbound.text)
        body = offer.render(_outbound(inbound, text))
        if accepted.attempt == LAST_ATTEMPT:
            await self._turns.notice(accepted.conversation_id, text, body)
        return body

    async def _serve(self, inbound: Inbound, delivered: Delivered, offer: Offer) -> None:
        """The bytes the first attempt was given, or the reply itself if it is not on its way yet."""
        if not offer.take():
            return
        try:
            offer.give(await self._body(inbound, delivered, offer))
        except BaseException:
            offer.give_back()
            raise

    async def _body(self, inbound: Inbound, delivered: Delivered, offer: Offer) -> bytes | None:
        if delivered.state is OutboxState.OFFERED:
            await self._intake.serve_again(delivered.id)
        if delivered.state not in (OutboxState.PENDING, OutboxState.WAITING):
            return delivered.body
        body = offer.render(_outbound(inbound, delivered.text))
        return body if await self._intake.offer(delivered.id, body) else None

    def _active(self, inbound: Inbound) -> bool:
        identity = Identity("", "", inbound.account, inbound.handle)
        bare = Conversation("", inbound.account, "", identity, inbound.thread)
        return self._channels[inbound.account].limits(bare, self._clock.now()).active


def _outbound(inbound: Inbound, text: str) -> Outbound:
    return Outbound("", inbound.account, inbound.handle, inbound.thread, text)

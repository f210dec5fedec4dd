"""A process's Yingda on a scratch database, as `yingda say` and `yingda talk` use it. Nothing is sent or kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

from bot.app.parts import Yingda, assemble
from bot.app.storage import Storage, redis_client
from bot.channels.fake import FakeChannel
from bot.cli.common import say_error
from bot.cli.train import publish
from bot.config import Deployment
from bot.domain.messages import SILENT, Conversation, Inbound, Instant, Limits
from bot.errors import ConfigProblem, SettingError
from bot.members.verification import RecordingSender
from bot.pending import PendingResponse
from bot.ports.channels import Channel, Clock, Closes, HasReplyWindow

TIME_LIMIT = 30.0  # seconds for the answer
NO_REDIS = "redis://127.0.0.1:1"  # nothing listens there: running processes must not be notified


class Heard(NamedTuple):
    """A message whose turn is over."""

    message_id: str
    response: str  # what the response to it says; '' if it only acknowledges


class Rehearsal:
    """Takes in messages and runs their turns. sender: records the text messages with one-time codes."""

    def __init__(self, yingda: Yingda, sender: RecordingSender) -> None:
        self.yingda = yingda
        self.sender = sender

    async def hear(self, inbound: Inbound) -> Heard:
        until = asyncio.get_running_loop().time() + TIME_LIMIT
        response = PendingResponse(lambda reply: reply.text.encode(), until)
        reply = await self.yingda.journey.handle(inbound, response)
        return Heard(response.message_id, reply.decode() if isinstance(reply, bytes) else "")

    async def deliver(self) -> None:
        """Send what is due, and run the turns that follow from it, until nothing is due."""
        await self.yingda.journey.finish(TIME_LIMIT)
        await self.yingda.acks.flush()
        while await self.yingda.delivery.run_once():
            await self.yingda.journey.finish(TIME_LIMIT)


def train_first(deployment: Deployment, storage: Storage) -> None:
    """Train the knowledge base if it never was. Raises what `publish` raises."""
    if asyncio.run(storage.editions.active()) == 0:
        say_error("cli.say.training")
        publish(deployment, storage)


def account_on(deployment: Deployment, channel: str) -> str:
    """The first account on a channel. Raises SettingError if there is none."""
    names = [account.name for account in deployment.config.accounts if account.channel == channel]
    if not names:
        kinds = sorted({account.channel for account in deployment.config.accounts}) or ["none"]
        values = {"channel": channel, "channels": ", ".join(kinds)}
        path = deployment.page.path
        raise SettingError(ConfigProblem.of(path, 0, "--channel", "problem.no_account_on_channel", **values))
    return names[0]


@asynccontextmanager
async def rehearsing(
    deployment: Deployment, scratch: Storage, channels: Mapping[str, Channel], clock: Clock | None = None
) -> AsyncIterator[Rehearsal]:
    """A process on the scratch database, which must hold an edition; the process closes it."""
    logging.getLogger("bot.stores.redis").setLevel(logging.ERROR)  # it warns of NO_REDIS
    sender, redis = RecordingSender(), redis_client(NO_REDIS)
    yingda = assemble(deployment, scratch.database, redis, clock=clock, channels=channels, sender=sender)
    try:
        await yingda.editions.refresh()
        yield Rehearsal(yingda, sender)
    finally:
        await yingda.close()


class RecordingChannel(FakeChannel):
    """A fake channel with the limits of a real one, as if its account could send by itself."""

    def __init__(self, name: str, real: Channel) -> None:
        super().__init__(name)
        self._real = real

    def limits(self, conversation: Conversation, now: Instant) -> Limits:
        return replace(self._real.limits(conversation, now), active=True)

    def opens_window(self, conversation: Conversation, inbound: Inbound, now: Instant) -> bool:
        if isinstance(self._real, HasReplyWindow):
            return self._real.opens_window(conversation, inbound, now)
        return inbound.kind not in SILENT

    async def close(self) -> None:
        if isinstance(self._real, Closes):
            await self._real.close()

"""`yingda say`: answer one message with the real journey, on a temporary copy of the database; nothing is sent."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from bot.app.storage import Storage, open_storage, scratch_storage
from bot.channels.fake import FakeChannel
from bot.cli.common import DEFAULT_CONFIG, AsJson, ConfigPath, load_deployment, out, reporting_errors
from bot.cli.rehearsal import account_on, rehearsing, train_first
from bot.config import Deployment
from bot.domain.messages import Inbound, Kind
from bot.text import new_id


@dataclass(frozen=True, slots=True)
class RehearsedReply:
    """The bot's reaction to a message; the command prints the fields under their names."""

    decision: str
    confidence: float | None  # 0 to 1; None if the classifier was not asked
    entry: str
    reply: str
    case: str  # the reason for a handoff to a person, '' if the bot answers


def command(
    text: Annotated[str, typer.Argument(help="What the customer writes. 顾客说的话")],
    channel: Annotated[str, typer.Option(help="The channel they write on. 渠道")] = "wechat",
    customer: Annotated[str, typer.Option(help="Their handle, if they are known. 顾客标识")] = "somebody",
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Try one message; nothing is sent or kept. 试说一句话（不会发送，也不会保存）"""
    with reporting_errors():
        deployment = load_deployment(config)
        with open_storage(deployment) as storage:
            train_first(deployment, storage)
            reply = asyncio.run(rehearse(deployment, storage, channel, customer, text))
    if as_json:
        out.print_json(json.dumps(asdict(reply), ensure_ascii=False))
        return
    for name, value in asdict(reply).items():
        shown = f"{value:.2f}" if isinstance(value, float) else str(value or "–")
        out.print(f"{name:<11} {shown.replace(chr(10), chr(10) + ' ' * 12)}", markup=False)


async def rehearse(deployment: Deployment, storage: Storage, channel: str, customer: str, text: str) -> RehearsedReply:
    """Run the message's turn on a copy of what the database holds about this customer. customer: their handle."""
    account = account_on(deployment, channel)
    with tempfile.TemporaryDirectory() as folder, scratch_storage(deployment, Path(folder), file=True) as scratch:
        await storage.copy_edition(scratch)
        await storage.copy_customer(account, customer, scratch)
        async with rehearsing(deployment, scratch, {account: FakeChannel(account)}) as rehearsal:
            heard = await rehearsal.hear(Inbound(account, customer, new_id(), Kind.TEXT, text))
            turn = await scratch.turn(heard.message_id)
    return RehearsedReply(turn.decision, turn.confidence, "".join(turn.entries[:1]), heard.response, turn.reason)

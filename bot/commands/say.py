"""`yingda say`: one message through the real journey, on a scratch copy of the record; nothing is sent."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from bot.app import Stand, assemble
from bot.channels.rehearsal import RehearsalChannel
from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment, out, told_plainly
from bot.commands.train import open_record, publish
from bot.config import Deployment
from bot.errors import Mistake, SettingError
from bot.members.senders import RecordingSender
from bot.messages import Inbound, Kind
from bot.offers import Offer
from bot.stores.nerve import Nerve
from bot.stores.record.database import Database
from bot.stores.record.editions import RecordEditions
from bot.stores.record.migrate import migrate
from bot.stores.record.scratch import copy_customer, last_turn
from bot.wording import new_id

PATIENCE = 30.0
NOBODY = "redis://127.0.0.1:1"  # nothing listens there: a rehearsal tells nobody


@dataclass(frozen=True, slots=True)
class Said:
    """What came of it. case: why a person would be asked, '' if nobody would."""

    decision: str
    confidence: float | None
    entry: str
    reply: str
    case: str


def command(
    text: Annotated[str, typer.Argument(help="What the customer writes. 顾客说的话")],
    channel: Annotated[str, typer.Option(help="The channel they write on. 渠道")] = "wechat",
    customer: Annotated[str, typer.Option(help="Their handle, if they are known. 顾客标识")] = "somebody",
    config: ConfigPath = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Try one message; nothing is sent or kept. 试说一句话（不会发送，也不会保存）"""
    logging.getLogger("bot.stores.nerve").setLevel(logging.ERROR)
    with told_plainly():
        ready = deployment(config)
        said = asyncio.run(rehearse(ready, channel, customer, text)) if _trained(ready) else None
    if said is None:
        raise typer.Exit(1)
    if as_json:
        out.print_json(json.dumps(asdict(said), ensure_ascii=False))
        return
    for name, value in asdict(said).items():
        shown = f"{value:.2f}" if isinstance(value, float) else str(value or "–")
        out.print(f"{name:<11} {shown.replace(chr(10), chr(10) + ' ' * 12)}", markup=False)


def _trained(ready: Deployment) -> bool:
    """Make sure that there is an edition to answer from."""
    database = open_record(ready)
    try:
        if asyncio.run(RecordEditions(database).active()) == 0:
            out.print("training the knowledge base for the first time / 首次训练知识库 …")
            publish(ready, database)
        return True
    finally:
        database.close()


async def rehearse(ready: Deployment, channel: str, customer: str, text: str) -> Said:
    """The message's turn on a copy of what the record knows of this customer."""
    account = _account(ready, channel)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Database(f"sqlite:///{Path(folder) / 'scratch.sqlite'}")
        migrate(scratch.engine)
        source = Database(ready.config.record_url)
        rows = await source.read(lambda connection: copy_customer(connection, account, customer))
        source.close()
        await scratch.write(rows.write)
        stand = Stand(channels={account: RehearsalChannel(account)}, sender=RecordingSender())
        yingda = assemble(ready, scratch, Nerve(NOBODY), stand)
        await yingda.shelf.refresh()
        until = asyncio.get_running_loop().time() + PATIENCE
        offer = Offer(lambda reply: reply.text.encode(), until)
        reply = await yingda.journey.answer(Inbound(account, customer, new_id(), Kind.TEXT, text), offer)
        trace, confidence = await scratch.read(lambda connection: last_turn(connection, offer.message_id))
        await yingda.close()
    said = reply.decode() if isinstance(reply, bytes) else ""
    return Said(trace["decision"].lower(), confidence, trace["entry"], said, trace["reason"])


def _account(ready: Deployment, channel: str) -> str:
    names = [account.name for account in ready.config.accounts if account.channel == channel]
    if not names:
        kinds = sorted({account.channel for account in ready.config.accounts}) or ["none"]
        mend = f"choose one that is configured: {', '.join(kinds)}"
        raise SettingError(Mistake(str(ready.page.path), 0, "--channel", f"no account is on {channel}", mend))
    return names[0]

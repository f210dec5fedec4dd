"""`yingda leave-demo`: delete what demo mode left in the database, before going live.

Demo mode writes logins with a published password, simulated customers and invented members. In live mode anyone could
log in with that password, so `run` refuses such a database (refuse_other_mode) and names this command.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bot.app.site import DEMO_LOGIN, DEMO_STAFF
from bot.app.storage import Storage, open_storage
from bot.cli.backup import refuse_unwritable, write_backup
from bot.cli.common import DEFAULT_CONFIG, AsJson, ConfigPath, load_deployment, out, reporting_errors, say
from bot.cli.editions import active_edition
from bot.config import DEMO_BRAND, Deployment
from bot.domain.cases import DemoLeftovers
from bot.errors import SettingError
from bot.i18n import message
from bot.process.supervisor import exclusive_lock

MEMBERS_FILE = "members.sqlite"  # in the folder `var`; written by bot.app.parts
Customers = Annotated[
    bool,
    typer.Option("--customers", help="Delete all customers too: no real customer has written yet. 同时删除全部顾客"),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it, not only say what is there. 确认清除，否则只显示")]


def command(
    customers: Customers = False, yes: Yes = False, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Take what demo mode left out of the database, before going live. 正式启用前清除演示数据

    Disables the logins with the demo's password, ends every session, removes the made-up members, and retires an
    edition that speaks for the demo brand. Staff, editions and the audit log stay. With --customers all customers and
    what was said go as well; a backup is written first.
    """
    with reporting_errors():
        deployment = load_deployment(config)
        # the lock comes first: opening migrates the database, which a running Yingda must not see
        with exclusive_lock(deployment.config.var / "run.lock"), open_storage(deployment) as storage:
            left = asyncio.run(leftovers(storage))
            retire = names_demo_brand(deployment)
            kept = _clear(deployment, storage, left, customers=customers, retire=retire) if yes else None
    if as_json:
        out.print_json(json.dumps(asdict(left) | {"edition_of_the_demo": retire, "done": yes}))
        return
    say("cli.leave_demo.logins", logins=", ".join(left.logins) or message("cli.leave_demo.no_logins"))
    say("cli.leave_demo.counts", sessions=left.sessions, customers=left.customers, cases=left.cases)
    if (members := deployment.config.var / MEMBERS_FILE).exists():
        say("cli.leave_demo.members", file=members)
    if retire:
        say("cli.leave_demo.brand", brand=DEMO_BRAND[1])
    if kept is not None:
        say("cli.leave_demo.kept", file=kept)
    say("cli.leave_demo.done" if yes else "cli.leave_demo.not_done")


async def leftovers(storage: Storage) -> DemoLeftovers:
    """What demo mode left in a database."""
    return await storage.demo_leftovers(DEMO_STAFF, DEMO_LOGIN[1])


def names_demo_brand(deployment: Deployment) -> bool:
    """Whether the active edition's texts contain the demo brand's name."""
    try:
        edition = active_edition(deployment)
    except SettingError:  # an edition of another version, which the next start replaces
        return False
    if edition is None:
        return False
    texts = edition.to_json()
    return any(name in texts for name in DEMO_BRAND)


def refuse_other_mode(deployment: Deployment, storage: Storage) -> None:
    """Raises SettingError if the database was used in the other mode; else records the configured mode in it.

    Live mode must not start with the demo's public logins. Demo mode must not start on a live database, because those
    logins would open the conversations of real customers.
    """
    mode = deployment.config.mode
    if mode == "demo" and asyncio.run(storage.ran_in("live")):
        raise SettingError(deployment.page.problem(("mode",), "problem.demo_on_live_database"))
    if mode == "live" and (left := asyncio.run(leftovers(storage))):
        values = {"logins": len(left.logins), "customers": left.customers, "cases": left.cases}
        raise SettingError(deployment.page.problem(("mode",), "problem.live_on_demo_database", **values))
    asyncio.run(storage.note_mode(mode))
    if mode == "live" and names_demo_brand(deployment):
        say("cli.leave_demo.demo_brand", brand=DEMO_BRAND[1])


def _clear(
    deployment: Deployment, storage: Storage, left: DemoLeftovers, *, customers: bool, retire: bool
) -> Path | None:
    """Delete what is left. Returns the path of the backup, which is written only if customers are deleted."""
    kept = None
    if customers:
        kept = deployment.config.var / time.strftime("demo-%Y%m%d-%H%M%S.jsonl.gz")
        refuse_unwritable(kept, overwrite=False)
        asyncio.run(write_backup(storage, kept))
    asyncio.run(storage.leave_demo(left, with_customers=customers, retire_edition=retire))
    (deployment.config.var / MEMBERS_FILE).unlink(missing_ok=True)
    return kept

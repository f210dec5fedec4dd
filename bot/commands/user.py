"""`yingda user`: who may log in."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import typer

from bot.cases import Role
from bot.commands.ground import DEFAULT, ConfigPath, deployment, err, out, told_plainly
from bot.commands.train import open_record
from bot.errors import Stale
from bot.stores.record.staff import Staff

app = typer.Typer(help="People who may log in. 员工账号", no_args_is_help=True)
Login = Annotated[str, typer.Argument(help="What they log in with. 登录名")]
RoleOf = Annotated[Role, typer.Option(help="What they may do. 角色")]
NameOf = Annotated[str, typer.Option(help="What customers and colleagues call them. 显示名")]
Password = Annotated[str, typer.Option(help="`-` makes one. 密码", prompt=True, hide_input=True)]
SHORTEST = 10
MADE = "-"


@app.command("add")
def add(
    login: Login, password: Password, role: RoleOf = Role.AGENT, name: NameOf = "", config: ConfigPath = DEFAULT
) -> None:
    """Let somebody log in to the desk. 添加员工"""
    made = secrets.token_urlsafe(12) if password == MADE else ""
    if not made and len(password) < SHORTEST:
        err.print(f"✗ the password has fewer than {SHORTEST} characters; choose a longer one, or `-` to have one made")
        raise typer.Exit(2)
    with told_plainly():
        ready = deployment(config)
        database = open_record(ready)
        staff = Staff(database, ready.config.desk.session_hours)
        try:
            asyncio.run(staff.add(login, name or login, role, made or password))
        except Stale as taken:
            err.print(f"✗ {login} is already somebody's login; choose another")
            raise typer.Exit(1) from taken
        finally:
            database.close()
    out.print(f"✓ {login} can log in as {role.value}" + (f" with password {made}" if made else ""))


@app.command("list")
def everybody(config: ConfigPath = DEFAULT) -> None:
    """Who may log in. 员工列表"""
    with told_plainly():
        ready = deployment(config)
        database = open_record(ready)
        for member in asyncio.run(Staff(database, 1.0).everybody()):
            out.print(f"{member.login}\t{member.role.value}\t{member.name}")
        database.close()

"""`yingda user`: who may log in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

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
T = TypeVar("T")
SHORTEST = 10
MADE = "-"


@app.command("add")
def add(
    login: Login, password: Password, role: RoleOf = Role.AGENT, name: NameOf = "", config: ConfigPath = DEFAULT
) -> None:
    """Let somebody log in to the desk. 添加员工"""
    chosen = _chosen(password)
    try:
        _at_the_door(config, lambda staff: staff.add(login, name or login, role, chosen))
    except Stale as taken:
        err.print(
            f"✗ {login} is already somebody's login; choose another / 登录名 {login} 已被使用，请换一个", markup=False
        )
        raise typer.Exit(1) from taken
    out.print(f"✓ {login} can log in as {role.value}{_told(password, chosen)} / 可以登录了", markup=False)


@app.command("password")
def password(login: Login, password: Password, config: ConfigPath = DEFAULT) -> None:
    """Give somebody a new password; whoever was disabled may log in again. 重设密码"""
    chosen = _chosen(password)
    _known(config, login, lambda staff: staff.give_password(login, chosen))
    out.print(f"✓ {login} can log in{_told(password, chosen)} / 可以登录了", markup=False)


@app.command("disable")
def disable(login: Login, config: ConfigPath = DEFAULT) -> None:
    """Let somebody in no longer; they are out at once. 停用账号"""
    _known(config, login, lambda staff: staff.disable(login))
    out.print(f"✓ {login} is logged out and cannot log in any more / 已停用", markup=False)


@app.command("list")
def everybody(config: ConfigPath = DEFAULT) -> None:
    """Who may log in. 员工列表"""
    for member in _at_the_door(config, lambda staff: staff.everybody()):
        out.print(f"{member.login}\t{member.role.value}\t{member.name}", markup=False)


def _chosen(password: str) -> str:
    """The password, or one made here. Ends the verb with 2 for one that is too short."""
    if password == MADE:
        return secrets.token_urlsafe(12)
    if len(password) < SHORTEST:
        err.print(
            f"✗ the password has fewer than {SHORTEST} characters; choose a longer one, or `-` to have one made / "
            f"密码少于 {SHORTEST} 个字符：换一个长的，或写 `-` 自动生成"
        )
        raise typer.Exit(2)
    return password


def _told(password: str, chosen: str) -> str:
    return f" with password {chosen}" if password == MADE else ""


def _known(config: Path, login: str, work: Callable[[Staff], Awaitable[None]]) -> None:
    """Ends the verb with 1 if nobody has this login."""
    try:
        _at_the_door(config, work)
    except LookupError as nobody:
        err.print(f"✗ nobody has the login {login} / 没有登录名 {login}", markup=False)
        raise typer.Exit(1) from nobody


def _at_the_door(config: Path, work: Callable[[Staff], Awaitable[T]]) -> T:
    with told_plainly():
        ready = deployment(config)
        database = open_record(ready)
        try:
            return asyncio.run(_awaited(work(Staff(database, ready.config.desk.session_hours))))
        finally:
            database.close()


async def _awaited(work: Awaitable[T]) -> T:
    return await work

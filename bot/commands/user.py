"""`yingda user`: who may log in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from operator import methodcaller
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from bot.cases import Role
from bot.commands.ground import DEFAULT, ConfigPath, deployment, err, out, told_plainly
from bot.commands.train import open_record
from bot.errors import Stale
from bot.logins import plain_login
from bot.passwords import LONGEST, SHORTEST, weakness
from bot.stores.record.staff import Staff

app = typer.Typer(help="People who may log in. 员工账号", no_args_is_help=True)
Login = Annotated[str, typer.Argument(help="What they log in with. 登录名")]
OneOrAll = Annotated[str, typer.Argument(help="Whose; everybody's if left out. 登录名，不写则为所有人")]
RoleOf = Annotated[Role, typer.Option(help="What they may do. 角色")]
NewRole = Annotated[Role, typer.Argument(help="What they may do from now on. 新角色")]
NameOf = Annotated[str, typer.Option(help="What customers and colleagues call them. 显示名")]
Password = Annotated[str, typer.Option(help="`-` makes one. 密码", prompt=True, hide_input=True)]
T = TypeVar("T")
MADE = "-"


@app.command("add")
def add(
    login: Login, password: Password, role: RoleOf = Role.AGENT, name: NameOf = "", config: ConfigPath = DEFAULT
) -> None:
    """Let somebody log in to the desk. 添加员工"""
    _must_show(login)
    chosen = _chosen(config, login, password)
    try:
        _at_the_door(config, lambda staff: staff.add(login, name or login.strip(), role, chosen))
    except Stale as taken:
        err.print(
            f"✗ {login} is already somebody's login; choose another / 登录名 {login} 已被使用，请换一个", markup=False
        )
        raise typer.Exit(1) from taken
    out.print(f"✓ {login} can log in as {role.value}{_told(password, chosen)} / 可以登录了", markup=False)


@app.command("password")
def password(login: Login, password: Password, config: ConfigPath = DEFAULT) -> None:
    """Give somebody a new password; whoever was disabled may log in again. 重设密码"""
    chosen = _chosen(config, login, password)
    _known(config, login, lambda staff: staff.give_password(login, chosen))
    out.print(f"✓ {login} can log in{_told(password, chosen)} / 可以登录了", markup=False)


@app.command("role")
def role(login: Login, role: NewRole, config: ConfigPath = DEFAULT) -> None:
    """Let somebody do something else; whoever works no cases any more gives theirs back. 更改角色"""
    _known(config, login, lambda staff: staff.give_role(login, role))
    out.print(f"✓ {login} is {role.value} now / 角色已改为 {role.value}", markup=False)


@app.command("disable")
def disable(login: Login, config: ConfigPath = DEFAULT) -> None:
    """Let somebody in no longer; they are out at once. 停用账号"""
    _known(config, login, lambda staff: staff.disable(login))
    out.print(f"✓ {login} is logged out and cannot log in any more / 已停用", markup=False)


@app.command("end-sessions")
def end_sessions(
    login: Annotated[str, typer.Argument(help="Whose; everybody's if left out. 登录名，不写则为所有人")] = "",
    config: ConfigPath = DEFAULT,
) -> None:
    """End the sessions of somebody, or of everybody; they may log in again. 结束登录会话"""
    logins = [login] if login else [one.login for one in _at_the_door(config, lambda staff: staff.everybody())]
    for one in logins:
        _known(config, one, methodcaller("end_sessions", one))
    out.print(f"✓ every session of {login or 'everybody'} has ended / 已结束 {login or '所有人'} 的登录", markup=False)


@app.command("list")
def everybody(config: ConfigPath = DEFAULT) -> None:
    """Who may log in. 员工列表"""
    for member in _at_the_door(config, lambda staff: staff.everybody()):
        out.print(f"{member.login}\t{member.role.value}\t{member.name}", markup=False)


_WEAK = {
    "short": (f"has fewer than {SHORTEST} characters", f"少于 {SHORTEST} 个字符"),
    "long": (f"has more than {LONGEST} characters", f"超过 {LONGEST} 个字符"),
    "login": ("is little but the login", "除了登录名几乎没有别的"),
    "brand": ("is little but the brand's name", "除了品牌名几乎没有别的"),
    "common": ("is a common one, and easily guessed", "太常见，容易被猜到"),
}


def _chosen(config: Path, login: str, password: str) -> str:
    """The password, or one made here. Ends the verb with 2 for one that is easily guessed."""
    if password == MADE:
        return secrets.token_urlsafe(12)
    with told_plainly():
        accounts = deployment(config).config.accounts
    brand = [name for account in accounts for name in (account.label, account.name)]
    weak = weakness(password, login, brand)
    if weak:
        english, chinese = _WEAK[weak]
        err.print(
            f"✗ the password {english}; choose another, or `-` to have one made / "
            f"密码{chinese}：换一个，或写 `-` 自动生成"
        )
        raise typer.Exit(2)
    return password


def _must_show(login: str) -> None:
    """Ends the verb with 2 for a login in which there is nothing to see."""
    if not plain_login(login):
        err.print("✗ the login is empty; write a name like mei / 登录名是空的：请写一个，如 mei")
        raise typer.Exit(2)


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

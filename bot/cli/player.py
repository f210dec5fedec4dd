"""Plays dialogues on a scratch database, on a clock of their own, and tells what came of each turn."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from bot.app.channels import CHANNELS, channel_kind
from bot.app.parts import build_channels, opening_hours
from bot.app.storage import Standing, Storage, TurnRecord, redis_client
from bot.cli.dialogues import Expected, Step, Turn
from bot.cli.new import SHIPPED
from bot.cli.rehearsal import NO_REDIS, RecordingChannel, Rehearsal, rehearsing
from bot.config import Config, Deployment, load
from bot.domain.cases import Role, StaffMember
from bot.domain.messages import Inbound, Instant, Kind, Media
from bot.errors import NotAllowed, Stale
from bot.ports.channels import ChannelDeps
from bot.text import clean, new_id
from bot.text.language import language_of

_WEDNESDAY, _TEN = 2, time(10)
_WORKING_DAY = ["09:00-21:00"]
_CODE = re.compile(r"\d{6}")


@dataclass(slots=True)
class ScratchClock:
    """A clock that stands still until it is moved."""

    at: Instant = 0.0

    def now(self) -> Instant:
        return self.at


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a turn."""

    record: TurnRecord
    standing: Standing
    said: tuple[str, ...] = ()  # everything that the customer is told
    public: bool = False  # some of it in public
    had_case: bool = False  # a case was open before
    impossible: str = ""  # the key of what could not be done: `do` without a case, `code` without a text message

    @property
    def reply(self) -> str:
        return "\n\n".join(self.said)

    @property
    def case(self) -> str:
        return "open" if self.standing.case_id else "ended" if self.had_case else "none"

    @property
    def priority(self) -> str:
        return "raised" if self.standing.priority > 0 else "ordinary"

    @property
    def language(self) -> str:
        """The language of what was said; '' if nothing was."""
        return language_of(self.reply, "en") if self.said else ""

    @property
    def served(self) -> tuple[str, ...]:
        """The entries answered, the first one offered, or the entry of a skill's question."""
        return self.record.choices[:1] if self.record.decision == "ask" and self.record.choices else self.record.entries

    @property
    def asks(self) -> str:
        if self.record.decision != "ask":
            return ""
        return "choice" if self.record.choices else "slot"


def _entry_holds(wanted: list[str], came: Outcome) -> bool:
    handed_off_by_none = came.record.decision == "handoff" and not came.served
    return handed_off_by_none or not set(came.served).isdisjoint(wanted)


_HOLDS: Mapping[str, Callable[[Any, Outcome], bool]] = {
    "decision": lambda wanted, came: came.record.decision in wanted,
    "entry": _entry_holds,
    "asks": lambda wanted, came: came.asks == wanted,
    "offers": lambda wanted, came: set(wanted) <= set(came.record.choices),
    "not_entry": lambda wanted, came: set(wanted).isdisjoint((*came.record.entries, *came.record.choices)),
    "case": lambda wanted, came: came.case == wanted or (wanted == "none" and came.case == "ended"),
    "priority": lambda wanted, came: came.priority == wanted,
    "public": lambda wanted, came: came.public == wanted,
    "linked": lambda wanted, came: came.standing.linked == wanted,
    "language": lambda wanted, came: came.language in ("", wanted),
    "silent": lambda wanted, came: (not came.said) == wanted,
}


def failures(expected: Expected, came: Outcome) -> list[str]:
    """The keys that do not hold."""
    keys = [key for key in _HOLDS if key in expected.model_fields_set]
    failed = [key for key in keys if not _HOLDS[key](getattr(expected, key), came)]
    return [came.impossible, *failed] if came.impossible else failed


class Player:
    """Plays one dialogue after the other."""

    def __init__(
        self,
        config: Config,
        scratch: Storage,
        rehearsal: Rehearsal,
        channels: Mapping[str, RecordingChannel],
        clock: ScratchClock,
    ) -> None:
        self._config = config
        self._scratch = scratch
        self._rehearsal = rehearsal
        self._channels = channels
        self._clock = clock
        self._agent: StaffMember | None = None

    async def begin(self, channel: str) -> None:
        """Another customer, on a Wednesday at ten; what was before is forgotten."""
        await self._scratch.clear()
        self._clock.at = start_of(self._config)
        self._kind = channel_kind(channel)
        self._account = next(one.name for one in self._config.accounts if one.channel == channel)
        self._customer = new_id()
        self._texts = len(self._rehearsal.sender.sent)
        self._standing = Standing()

    async def play(self, turn: Turn) -> Outcome:
        channel, before = self._channels[self._account], self._standing
        sent = len(channel.sent)
        record, said, impossible, public = TurnRecord(), [], "", False
        if turn.do or turn.wait:
            impossible = await self._do(turn.do, before.case_id) if turn.do else ""
            self._clock.at += turn.wait or 0.0
            await self._rehearsal.sweep()
        elif inbound := self._inbound(turn):
            heard = await self._rehearsal.hear(inbound)
            said = [heard.response] if heard.response else []
            public = bool(said and inbound.thread)
            record = await self._scratch.turn(heard.message_id)
        else:
            impossible = "code"
        await self._rehearsal.deliver()
        told = channel.sent[sent:]
        self._standing = await self._scratch.standing()
        return Outcome(
            record,
            self._standing,
            (*said, *(one.text for one in told)),
            public or any(one.thread for one in told),
            bool(before.case_id),
            impossible,
        )

    def _inbound(self, turn: Turn) -> Inbound | None:
        """The message of a turn; None for a code that was not sent."""
        text = self._last_code() if turn.code else clean(turn.say or "")
        if turn.code and not text:
            return None
        kind, now = Kind(turn.kind or Kind.TEXT), self._clock.now()
        public = self._kind.public_posts and turn.public is not False
        thread = self._customer if public else ""
        if public and self._kind.post and kind is Kind.TEXT:
            return self._kind.post(self._account, self._customer, thread, text, now)
        media = Media("picture") if kind is Kind.IMAGE else None
        return Inbound(self._account, self._customer, new_id(), kind, text, media, now, thread)

    def _last_code(self) -> str:
        texts = self._rehearsal.sender.sent[self._texts :]
        found = _CODE.search(texts[-1].text) if texts else None
        return found.group() if found else ""

    async def _do(self, step: Step, case_id: str) -> str:
        """Take a step of staff. Returns 'do' if it is not possible now."""
        if self._agent is None:
            self._agent = await self._scratch.staff().add("agent", "Agent", Role.AGENT, new_id())
        cases = self._scratch.cases
        steps = {
            "claim": cases.claim,
            "release": cases.release,
            "resolve": cases.resolve,
            "hand_back": cases.hand_back,
        }
        try:
            await steps[step](case_id, self._agent)
        except (LookupError, Stale, NotAllowed):
            return "do"
        return ""


def start_of(config: Config) -> Instant:
    """The coming Wednesday at ten, in the deployment's time zone."""
    today = datetime.now(config.zone).date()
    day = today + timedelta(days=(_WEDNESDAY - today.weekday()) % 7)
    return datetime.combine(day, _TEN, config.zone).timestamp()


def scratch_deployment(deployment: Deployment, folder: Path) -> Deployment:
    """The deployment with data in `folder`, an account on each channel, and the desk open when dialogues start."""
    config = deployment.config
    missing = set(CHANNELS) - {account.channel for account in config.accounts}
    shipped = load(SHIPPED / "config.yaml").config.accounts if missing else []
    more = [one.model_copy(update={"name": f"scratch-{one.channel}"}) for one in shipped if one.channel in missing]
    changes: dict[str, Any] = {"var": folder, "accounts": [*config.accounts, *more], "database": config.database_url}
    start = start_of(config)
    if not opening_hours(config).is_open(start):
        day = datetime.fromtimestamp(start, config.zone).date()
        changes["desk"] = config.desk.model_copy(update={"days": {**config.desk.days, day: _WORKING_DAY}})
    return replace(deployment, config=config.model_copy(update=changes))


@asynccontextmanager
async def playing(deployment: Deployment, scratch: Storage, clock: ScratchClock) -> AsyncIterator[Player]:
    """deployment: a scratch one."""
    config, redis = deployment.config, redis_client(NO_REDIS)
    deps = ChannelDeps(redis, redis, clock, scratch.rate_limits, config.secret)
    channels = {name: RecordingChannel(name, real) for name, real in build_channels(deployment, deps).items()}
    async with rehearsing(deployment, scratch, channels, clock) as rehearsal:
        yield Player(config, scratch, rehearsal, channels, clock)

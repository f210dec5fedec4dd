"""Plays dialogues on a scratch database and a clock of its own, and tells what comes of each turn."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from bot.app.channels import CHANNELS, channel_kind
from bot.app.parts import build_channels, opening_hours
from bot.app.storage import Standing, Storage, TurnRecord, redis_client, scratch_storage
from bot.cli.dialogues import Dialogue, Expected, ScriptedTurn, Step
from bot.cli.new import SHIPPED
from bot.cli.rehearsal import NO_REDIS, RecordingChannel, Rehearsal, account_on, rehearsing
from bot.config import Config, Deployment, load
from bot.domain.cases import Role, StaffMember
from bot.domain.messages import Inbound, Instant, Kind, Media
from bot.errors import NotAllowed, Stale
from bot.ports.channels import ChannelDeps
from bot.text import clean, new_id
from bot.text.language import language_of

_WEDNESDAY, _TEN = 2, time(10)
_OPEN = ["09:00-21:00"]
_CODE = re.compile(r"\d{6}")


@dataclass(slots=True)
class ScratchClock:
    """A clock that shows one time until it is moved."""

    at: Instant

    def now(self) -> Instant:
        return self.at


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of a turn."""

    turn: ScriptedTurn
    record: TurnRecord  # of the customer's message
    standing: Standing  # afterwards
    said: tuple[str, ...]  # everything that the customer is told
    public: bool  # some of it in public
    had_case: bool  # a case was open before
    impossible: str = ""  # 'do' for a step that the case does not allow, 'code' if no code was sent

    @property
    def reply(self) -> str:
        return "\n\n".join(self.said)

    @property
    def served(self) -> tuple[str, ...]:
        """The entries answered, or the first one offered, or the one of a skill's question."""
        return self.record.choices[:1] or self.record.entries

    @property
    def asks(self) -> str:
        if self.record.decision != "ask":
            return ""
        return "choice" if self.record.choices else "slot"

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
    def failed(self) -> list[str]:
        """The keys of `expect` that do not hold; for what was impossible, the turn's own key too."""
        written = [key for key in Expected.model_fields if key in self.turn.expect.model_fields_set]
        failed = [key for key in written if not _HOLDS[key](getattr(self.turn.expect, key), self)]
        return [self.impossible, *failed] if self.impossible else failed

    def as_json(self) -> dict[str, Any]:
        return self.turn.model_dump(exclude={"public", "expect"}, exclude_none=True) | {
            "decision": self.record.decision,
            "confidence": self.record.confidence,
            "entry": "".join(self.served[:1]),
            "asks": self.asks,
            "offers": list(self.record.choices),
            "reply": self.reply,
            "case": self.case,
            "priority": self.priority,
            "public": self.public,
            "linked": self.standing.linked,
            "language": self.language,
            "holds": not self.failed,
            "failed": self.failed,
        }


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
    "silent": lambda wanted, came: wanted != bool(came.said),
}


@dataclass(frozen=True, slots=True)
class PlayedDialogue:
    name: str
    turns: list[Outcome]

    @property
    def holds(self) -> bool:
        return not any(turn.failed for turn in self.turns)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "holds": self.holds, "turns": [turn.as_json() for turn in self.turns]}


class Player:
    """Plays one dialogue after the other, each with a new customer."""

    def __init__(
        self,
        deployment: Deployment,
        scratch: Storage,
        rehearsal: Rehearsal,
        channels: Mapping[str, RecordingChannel],
        clock: ScratchClock,
    ) -> None:
        self._deployment, self._scratch, self._rehearsal = deployment, scratch, rehearsal
        self._channels, self._clock, self._start = channels, clock, clock.at
        self._agent: StaffMember | None = None

    async def play(self, dialogue: Dialogue) -> PlayedDialogue:
        await self.begin(dialogue.channel)
        return PlayedDialogue(dialogue.name, [await self.take(turn) for turn in dialogue.turns])

    async def begin(self, channel: str) -> None:
        """Forget what was said, and start the clock again. Raises SettingError if no account is on the channel."""
        self._account = account_on(self._deployment, channel)
        self._kind = channel_kind(channel)
        self._customer = new_id()
        self._rehearsal.sender.sent.clear()
        self._standing = Standing()
        self._clock.at = self._start
        await self._scratch.clear()

    async def take(self, turn: ScriptedTurn) -> Outcome:
        """Take one turn, and deliver what comes of it."""
        sent = self._channels[self._account].sent
        sent.clear()
        before, record, impossible = self._standing, TurnRecord(), ""
        said: list[str] = []
        inbound = self._inbound(turn)
        if inbound is not None:
            heard = await self._rehearsal.hear(inbound)
            if heard.response:
                self._rehearsal.yingda.acks.record(heard.message_id)
                said.append(heard.response)
            record = await self._scratch.turn(heard.message_id)
        elif turn.code:
            impossible = "code"
        else:
            impossible = await self._do(turn.do, before.case_id) if turn.do else ""
            self._clock.at += turn.wait or 0.0
            await self._rehearsal.yingda.sweeper.sweep()
        await self._rehearsal.deliver()
        self._standing = await self._scratch.standing()
        public = any(message.thread for message in sent) or bool(said and inbound and inbound.thread)
        said += [message.text for message in sent]
        return Outcome(turn, record, self._standing, tuple(said), public, bool(before.case_id), impossible)

    def _inbound(self, turn: ScriptedTurn) -> Inbound | None:
        """The customer's message; None if the turn is none, or is a code and none was sent."""
        text = self._last_code() if turn.code else turn.say
        if not text and not turn.kind:
            return None
        kind, now, words = Kind(turn.kind or "text"), self._clock.now(), clean(text or "")
        public = self._kind.post is not None and turn.public is not False
        if public and self._kind.post and kind is Kind.TEXT:
            return self._kind.post(self._account, self._customer, self._customer, words, now)
        media = Media("picture") if kind is Kind.IMAGE else None
        thread = self._customer if public else ""
        return Inbound(self._account, self._customer, new_id(), kind, words, media, now, thread)

    def _last_code(self) -> str:
        found = [_CODE.findall(message.text) for message in self._rehearsal.sender.sent[-1:]]
        return "".join(code for codes in found for code in codes[:1])

    async def _do(self, step: Step, case_id: str) -> str:
        """Take a step of staff. Returns 'do' if the case does not allow it, or there is none."""
        cases = self._scratch.cases
        steps = {
            "claim": cases.claim,
            "release": cases.release,
            "resolve": cases.resolve,
            "hand_back": cases.hand_back,
        }
        if self._agent is None:
            self._agent = await self._scratch.staff().add("agent", "Agent", Role.AGENT, new_id())
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


def scratch_deployment(deployment: Deployment, folder: Path, start: Instant) -> Deployment:
    """The deployment with its data in `folder`, an account on each channel, and the desk open at `start`.

    A channel without an account gets the one of the shipped config.yaml.
    """
    config = deployment.config
    missing = set(CHANNELS) - {account.channel for account in config.accounts}
    shipped = load(SHIPPED / "config.yaml").config.accounts if missing else []
    more = [one.model_copy(update={"name": f"scratch-{one.channel}"}) for one in shipped if one.channel in missing]
    desk = config.desk
    if not opening_hours(config).is_open(start):
        day = datetime.fromtimestamp(start, config.zone).date()
        desk = desk.model_copy(update={"days": {**desk.days, day: _OPEN}})
    changes = {"var": folder, "database": config.database_url, "accounts": [*config.accounts, *more], "desk": desk}
    return replace(deployment, config=config.model_copy(update=changes))


@contextmanager
def playing(deployment: Deployment, storage: Storage) -> Iterator[tuple[Player, asyncio.Runner]]:
    """A player, and what runs its coroutines, on a scratch copy of the active edition.

    Everything is deleted at the end, also when it is interrupted.
    """
    clock = ScratchClock(start_of(deployment.config))
    with ExitStack() as at_end:
        folder = Path(at_end.enter_context(tempfile.TemporaryDirectory()))
        staged = scratch_deployment(deployment, folder, clock.at)
        scratch = at_end.enter_context(scratch_storage(staged, folder, clock.now))
        runner = at_end.enter_context(asyncio.Runner())
        opened = AsyncExitStack()
        at_end.callback(lambda: runner.run(opened.aclose()))
        runner.run(storage.copy_edition(scratch))
        redis = redis_client(NO_REDIS)
        deps = ChannelDeps(redis, redis, clock, scratch.rate_limits, staged.config.secret)
        channels = {name: RecordingChannel(name, real) for name, real in build_channels(staged, deps).items()}
        rehearsal = runner.run(opened.enter_async_context(rehearsing(staged, scratch, channels, clock)))
        yield Player(staged, scratch, rehearsal, channels, clock), runner

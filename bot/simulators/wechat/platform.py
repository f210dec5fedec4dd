"""The simulated WeChat platform: its followers say things, the webhook is asked, replies are shown or missed.

    async with Platform(account, "http://127.0.0.1:8080/wechat/main", clock) as platform:
        someone = platform.follower("林晓")
        delivery = await platform.say(someone.openid, "积分有效期多久？")
        print(platform.chat(someone.openid)[-1].text)

One platform lives in one event loop.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import deque
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal

from bot.ports import Clock
from bot.simulators.clock import SystemClock
from bot.simulators.faults import FaultSwitch
from bot.simulators.live import Live
from bot.simulators.loopback import checked_webhook
from bot.simulators.wechat import utterances
from bot.simulators.wechat.account import SimulatedAccount
from bot.simulators.wechat.courier import ATTEMPTS, PATIENCE, Attempt, Courier, Outcome, Verified
from bot.simulators.wechat.custom_messages import CustomMessage, Unfit, parse, parse_typing
from bot.simulators.wechat.envelope import Envelopes, Reply
from bot.simulators.wechat.faults import Faults
from bot.simulators.wechat.people import Follower, Line, NotFollowing, People, UnknownFollower
from bot.simulators.wechat.sms import Sms, SmsInbox
from bot.simulators.wechat.tokens import StableTokens
from bot.simulators.wechat.utterances import Utterance

UNAVAILABLE = "该公众号提供的服务出现故障，请稍后再试"
_CALLS_KEPT = 200
TYPING_AFTER = 30.0  # seconds since something was said, in which typing can be shown
TYPING_LASTS = 15.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one push: every attempt, and what the follower saw of it.

    unavailable: the follower read that the account's service is out of order. Who has unfollowed sees nothing more.
    """

    openid: str
    msg_id: int
    attempts: tuple[Attempt, ...]
    reply: Reply | None
    unavailable: bool

    @property
    def took(self) -> float:
        """Seconds from the first request to the end of the last."""
        return max(attempt.after + attempt.took for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Call:
    """One thing that went over the wire, without its content. took: milliseconds."""

    at: float
    way: Literal["push", "api", "sms", "verify"]
    what: str
    outcome: str
    openid: str = ""
    number: int = 0
    took: float = 0.0


class Platform:
    """Tencent's side of one account. Raises SettingError for a webhook that is not on this machine."""

    def __init__(
        self,
        account: SimulatedAccount,
        webhook_url: str,
        clock: Clock | None = None,
        interval: float = PATIENCE,
        allow_remote: bool = False,
    ) -> None:
        self.account = account
        self.webhook_url = checked_webhook(webhook_url, allow_remote)
        self.allow_remote = allow_remote
        self.clock = clock or SystemClock()
        self.interval = interval
        self.live = Live()
        self.faults = FaultSwitch(Faults(), self.live)
        self.tokens = StableTokens(self.clock)
        self.sms = SmsInbox()
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        self._people = People(account.app_id)
        self._envelopes = Envelopes(account)
        self._courier = Courier(self._envelopes, webhook_url, interval)
        self._msg_ids = itertools.count(secrets.randbelow(2**62))
        self._typing_until: dict[str, float] = {}
        self._held: set[asyncio.Event] = set()
        self._under_way: set[asyncio.Task[Delivery]] = set()

    async def __aenter__(self) -> Platform:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Drop what is still under way, and the connections."""
        for task in self._under_way:
            task.cancel()
        await self._courier.aclose()

    # Followers

    def follower(self, name: str, phone: str = "", following: bool = True) -> Follower:
        """Somebody with a phone; the same name is the same person. Nothing is pushed."""
        someone = self._people.add(name, phone, following)
        self.live.tell("follower", someone)
        return someone

    def followers(self) -> list[Follower]:
        return self._people.all()

    def find(self, openid: str) -> Follower:
        """Raises UnknownFollower."""
        return self._people.get(openid)

    def chat(self, openid: str) -> list[Line]:
        """The lines of a follower's chat as shown, oldest first. Raises UnknownFollower."""
        return self._people.chat(openid)

    # What followers do

    async def say(self, openid: str, text: str) -> Delivery:
        """Write a text message. Raises UnknownFollower, NotFollowing."""
        return await self.push(openid, utterances.text(text))

    async def event(self, openid: str, name: str, key: str = "") -> Delivery:
        """Any event, e.g. 'subscribe', 'unsubscribe', 'CLICK' with its key. Raises UnknownFollower, NotFollowing."""
        return await self.push(openid, utterances.event(name, key))

    async def push(self, openid: str, said: Utterance) -> Delivery:
        """Do it, and stay with it until the webhook has settled it or WeChat gives up."""
        line = self._said(openid, said)
        msg_id = next(self._msg_ids)
        sealed = self._envelopes.seal(openid, said, msg_id, self.clock.now())
        overtaken = tuple(self._held)
        await self._maybe_held_back()
        copies = 2 if self.faults.take("duplicate") else 1
        attempts = await self._courier.deliver(sealed, copies, lambda attempt: self._asked(line, said, attempt))
        for earlier in overtaken:
            earlier.set()
        return self._ended(openid, msg_id, attempts)

    def push_later(self, openid: str, said: Utterance) -> None:
        """The same without waiting: what comes of it stands in the chat. Raises UnknownFollower, NotFollowing."""
        self._allowed(openid, said)
        task = asyncio.create_task(self.push(openid, said))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def verify_url(self) -> Verified:
        """Ask the webhook for an echo string, as when its URL is saved on the platform."""
        query = self._envelopes.signed(self.clock.now()) | {"echostr": str(secrets.randbelow(10**19))}
        verified = await self._courier.verify(query)
        self.note(Call(self.clock.now(), "verify", "echostr", "ok" if verified.ok else verified.why))
        return verified

    def _said(self, openid: str, said: Utterance) -> Line:
        """The follower's own line, and what this does to their subscription and reply window."""
        someone, now = self._allowed(openid, said), self.clock.now()
        following = said.event != "unsubscribe"
        self._changed(replace(someone, following=following, quota=someone.quota.opened(said.opens, now)))
        kind = said.event or said.msg_type
        return self._show(Line(self._people.next_id(), openid, "follower", kind, said.shown, now, "push", "sending"))

    def _allowed(self, openid: str, said: Utterance) -> Follower:
        someone = self._people.get(openid)
        if not someone.following and said.event != "subscribe":
            raise NotFollowing(openid)
        return someone

    async def _maybe_held_back(self) -> None:
        """With the fault `swap`: wait until a later push has been settled, at most for an interval."""
        if not self.faults.take("swap"):
            return
        held = asyncio.Event()
        self._held.add(held)
        try:
            async with asyncio.timeout(self.interval):
                await held.wait()
        except TimeoutError:
            return
        finally:
            self._held.discard(held)

    def _asked(self, line: Line, said: Utterance, attempt: Attempt) -> None:
        state = "seen" if attempt.settled else "sending" if attempt.number < ATTEMPTS else "failed"
        if attempt.outcome is Outcome.MALFORMED:
            state = "failed"
        self._show(replace(line, state=state, attempts=attempt.number))
        what, outcome = said.event or said.msg_type, attempt.outcome.value
        if attempt.outcome is Outcome.STATUS:
            outcome = str(attempt.status)
        took = round(attempt.took * 1000, 1)
        self.note(Call(self.clock.now(), "push", what, outcome, line.openid, attempt.number, took))

    def _ended(self, openid: str, msg_id: int, attempts: tuple[Attempt, ...]) -> Delivery:
        reply = next((attempt.reply for attempt in attempts if attempt.reply), None)
        unavailable = not any(attempt.outcome in (Outcome.REPLIED, Outcome.QUIET) for attempt in attempts)
        if not self._people.get(openid).following:
            return Delivery(openid, msg_id, attempts, None, False)
        self._show_outcome(openid, reply, unavailable)
        return Delivery(openid, msg_id, attempts, reply, unavailable)

    def _show_outcome(self, openid: str, reply: Reply | None, unavailable: bool) -> None:
        at = self.clock.now()
        if reply:
            line = Line(self._people.next_id(), openid, "account", reply.kind, reply.text, at, "passive", cut=reply.cut)
            self._show(line)
        elif unavailable:
            self._show(Line(self._people.next_id(), openid, "system", "notice", UNAVAILABLE, at, "platform"))

    # What the account does

    def send_custom_message(self, access_token: str, body: bytes) -> int:
        """Carry out a call of custom/send; 0, or WeChat's error code."""
        refusal = self.tokens.refusal(access_token) or self._switched_error()
        if refusal:
            return refusal
        if not self.account.permission:
            return 48001
        try:
            return self._send(parse(body))
        except Unfit as unfit:
            return unfit.code
        except UnknownFollower:
            return 40003

    def _send(self, message: CustomMessage) -> int:
        someone, now = self._people.get(message.openid), self.clock.now()
        refusal = someone.quota.refusal(now) if someone.following else 45015
        if refusal:
            return refusal
        self._changed(replace(someone, quota=someone.quota.spent(now)))
        line = Line(self._people.next_id(), message.openid, "account", message.kind, message.text, now, "api")
        self._show(line)
        if self.typing_until(message.openid):
            self._types(message.openid, 0.0)
        return 0

    def show_typing(self, access_token: str, body: bytes) -> int:
        """Carry out a call of custom/typing; 0, or WeChat's error code.

        It needs something said in the last 30 seconds, lasts 15 and is not repeated meanwhile; the next message ends
        it (developers.weixin.qq.com/doc/service/api/customer/message/api_typing).
        """
        refusal = self.tokens.refusal(access_token) or (0 if self.account.permission else 48001)
        if refusal:
            return refusal
        try:
            openid, begins = parse_typing(body)
            return self._typing(openid, begins, self.clock.now())
        except Unfit as unfit:
            return unfit.code
        except UnknownFollower:
            return 40003

    def _typing(self, openid: str, begins: bool, now: float) -> int:
        chat = self._people.chat(openid)
        if begins and not (chat and now - chat[-1].at <= TYPING_AFTER):
            return 45080
        if begins and self.typing_until(openid) > now:
            return 45081
        self._types(openid, now + TYPING_LASTS if begins else 0.0)
        return 0

    def typing_until(self, openid: str) -> float:
        """Until when the follower reads that somebody writes to them; 0 if nobody does."""
        return self._typing_until.get(openid, 0.0)

    def _types(self, openid: str, until: float) -> None:
        self._typing_until[openid] = until
        self.live.tell("typing", {"openid": openid, "until": until})

    def _switched_error(self) -> int:
        error = self.faults.now.error
        return error if self.faults.take("error_times") else 0

    def set_faults(self, faults: Faults) -> None:
        self.faults.set(faults)

    def deliver_text(self, phone: str, text: str, key: str) -> bool:
        """Let a text message arrive on the phone with its number, if anybody has it; False if `key` came before."""
        owner = self._people.with_phone(phone)
        sms = Sms(key, phone, text, self.clock.now(), owner.openid if owner else "")
        new = self.sms.accept(sms)
        outcome = "repeated" if not new else "ok" if owner else "nobody"
        self.note(Call(sms.at, "sms", phone, outcome, sms.openid))
        if new:
            self.live.tell("sms", sms)
        return new

    def note(self, call: Call) -> None:
        """Keep what went over the wire for those who look behind the scenes."""
        self.calls.append(call)
        self.live.tell("call", call)

    def _changed(self, follower: Follower) -> None:
        self.live.tell("follower", self._people.put(follower))

    def _show(self, line: Line) -> Line:
        self.live.tell("line", self._people.write(line))
        return line

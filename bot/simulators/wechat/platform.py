"""The simulated WeChat platform: followers write, pushes go to the webhook, replies show in the chat or do not.

    async with Platform(account, "http://127.0.0.1:8080/wechat/main", clock) as platform:
        someone = platform.follower("林晓")
        delivery = await platform.say(someone.openid, "积分有效期多久？")
        print(platform.chat(someone.openid)[-1].text)

One platform lives in one event loop.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import secrets
from dataclasses import dataclass, replace
from typing import Any, Literal

from bot.ports.channels import Clock
from bot.simulators.live import SimulatedPlatform
from bot.simulators.server import checked_webhook
from bot.simulators.wechat import actions, state
from bot.simulators.wechat.actions import FollowerAction
from bot.simulators.wechat.customer_service import CallRefused, StableTokens, parse, parse_typing
from bot.simulators.wechat.envelopes import Envelopes, Reply
from bot.simulators.wechat.state import ChatLine, Follower, NotFollowing, SimulatedAccount, UnknownFollower
from bot.simulators.wechat.webhooks import ATTEMPT_TIMEOUT, ATTEMPTS, Attempt, Outcome, Verified, WebhookClient

UNAVAILABLE = "该公众号提供的服务出现故障，请稍后再试"
# Seconds: developers.weixin.qq.com/doc/service/api/customer/message/api_typing
TYPING_AFTER = 30.0  # typing can be shown so long after the last message
TYPING_LASTS = 15.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of one push."""

    openid: str
    msg_id: int
    attempts: tuple[Attempt, ...]
    reply: Reply | None  # shown in the chat
    unavailable: bool  # the follower reads UNAVAILABLE; a person who has unfollowed sees nothing

    @property
    def took(self) -> float:
        """Seconds from the first request to the end of the last."""
        return max(attempt.after + attempt.took for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Call:
    """A request in either direction, without its content."""

    at: float  # Unix time
    way: Literal["push", "api", "sms", "verify"]
    what: str  # MsgType, event, endpoint or phone number
    outcome: str
    openid: str = ""
    number: int = 0  # of the attempt, for a push
    took: float = 0.0  # milliseconds


class Platform(SimulatedPlatform[state.Faults]):
    """Tencent's side of one account. interval: seconds between attempts of a push, and the timeout of each.

    Raises SettingError for a webhook that is not on this machine, unless allow_remote is set.
    """

    def __init__(
        self,
        account: SimulatedAccount,
        webhook_url: str,
        clock: Clock | None = None,
        interval: float = ATTEMPT_TIMEOUT,
        allow_remote: bool = False,
    ) -> None:
        super().__init__(state.Faults(), clock, allow_remote)
        self.account = account
        self.webhook_url = checked_webhook(webhook_url, allow_remote)
        self.interval = interval
        self.tokens = StableTokens(self.clock)
        self.sms = state.SmsInbox()
        self._followers: dict[str, Follower] = {}
        self._chats: dict[str, dict[int, ChatLine]] = {}  # by openid and the line's id, oldest first
        self._line_ids = itertools.count(1)
        self._envelopes = Envelopes(account)
        self._webhook = WebhookClient(self._envelopes, webhook_url, interval)
        self._msg_ids = itertools.count(secrets.randbelow(2**62))  # random start: a restart must not repeat ids
        self._typing_until: dict[str, float] = {}
        self._held: set[asyncio.Event] = set()  # one for each push that the fault `swap` holds back
        self._pushes: set[asyncio.Task[Delivery]] = set()  # keeps a reference, else a task may be collected

    async def aclose(self) -> None:
        for task in self._pushes:
            task.cancel()
        await self._webhook.aclose()

    # Followers

    def follower(self, name: str, phone: str = "", following: bool = True) -> Follower:
        """The follower of this name, created if new. Sets their phone if one is given. Nothing is pushed."""
        # The openid depends on app id and name only, so a person keeps it when the simulator restarts.
        digest = hashlib.sha256(f"{self.account.app_id}/{name}".encode()).digest()
        openid = "o" + base64.urlsafe_b64encode(digest).decode()[:27]
        self._chats.setdefault(openid, {})
        known = self._followers.get(openid) or Follower(openid, name, following=following)
        return self._changed(replace(known, phone=phone or known.phone))

    def followers(self) -> list[Follower]:
        return list(self._followers.values())

    def find(self, openid: str) -> Follower:
        """Raises UnknownFollower."""
        if openid not in self._followers:
            raise UnknownFollower(openid)
        return self._followers[openid]

    def chat(self, openid: str) -> list[ChatLine]:
        """The lines of a follower's chat as shown, oldest first. Raises UnknownFollower."""
        return list(self._chats[self.find(openid).openid].values())

    def _changed(self, follower: Follower) -> Follower:
        self._followers[follower.openid] = follower
        self.live.publish("follower", follower)
        return follower

    # What followers do

    async def say(self, openid: str, text: str) -> Delivery:
        """Write a text message. Raises UnknownFollower, NotFollowing."""
        return await self.push(openid, actions.text(text))

    async def event(self, openid: str, name: str, key: str = "") -> Delivery:
        """Any event, e.g. 'subscribe', 'unsubscribe', 'CLICK' with its key. Raises UnknownFollower, NotFollowing."""
        return await self.push(openid, actions.event(name, key))

    async def push(self, openid: str, action: FollowerAction) -> Delivery:
        """Push an action and wait for the last attempt. Raises UnknownFollower, NotFollowing."""
        line = self.record_action(openid, action)
        msg_id = next(self._msg_ids)
        sealed = self._envelopes.seal(openid, action, msg_id, self.clock.now())
        overtaken = tuple(self._held)
        await self._hold_back()
        copies = 2 if self.faults.take("duplicate") else 1
        attempts = await self._webhook.deliver(sealed, copies, lambda attempt: self._on_attempt(line, action, attempt))
        for earlier in overtaken:
            earlier.set()
        return self._ended(openid, msg_id, attempts)

    def push_later(self, openid: str, action: FollowerAction) -> None:
        """Push in the background; the chat shows the result. Raises UnknownFollower, NotFollowing."""
        self._allowed(openid, action)
        task = asyncio.create_task(self.push(openid, action))
        self._pushes.add(task)
        task.add_done_callback(self._pushes.discard)

    async def verify_url(self) -> Verified:
        """Verify the webhook with an echo string, as when its URL is saved on the platform."""
        query = self._envelopes.signed(self.clock.now()) | {"echostr": str(secrets.randbelow(10**19))}
        verified = await self._webhook.verify(query)
        self.note(Call(self.clock.now(), "verify", "echostr", "ok" if verified.ok else verified.why))
        return verified

    def record_action(self, openid: str, action: FollowerAction) -> ChatLine:
        """Add the action to the chat and update the follower's subscription and quota, without a push."""
        follower, now = self._allowed(openid, action), self.clock.now()
        following = action.kind != "unsubscribe"
        self._changed(replace(follower, following=following, quota=follower.quota.opened(action.opens, now)))
        return self._add_line(openid, "follower", action.kind, action.shown, "push", state="sending")

    def _allowed(self, openid: str, action: FollowerAction) -> Follower:
        follower = self.find(openid)
        if not follower.following and action.kind != "subscribe":
            raise NotFollowing(openid)
        return follower

    async def _hold_back(self) -> None:
        """With the fault `swap`: wait until a later push has been delivered, for one interval at most."""
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

    def _on_attempt(self, line: ChatLine, action: FollowerAction, attempt: Attempt) -> None:
        state = "seen" if attempt.settled else "sending" if attempt.number < ATTEMPTS else "failed"
        if attempt.outcome is Outcome.MALFORMED:
            state = "failed"
        self._show(replace(line, state=state, attempts=attempt.number))
        outcome = attempt.outcome.value
        if attempt.outcome is Outcome.STATUS:
            outcome = str(attempt.status)
        took = round(attempt.took * 1000, 1)
        self.note(Call(self.clock.now(), "push", action.kind, outcome, line.openid, attempt.number, took))

    def _ended(self, openid: str, msg_id: int, attempts: tuple[Attempt, ...]) -> Delivery:
        reply = next((attempt.reply for attempt in attempts if attempt.reply), None)
        unavailable = not any(attempt.outcome in (Outcome.REPLIED, Outcome.QUIET) for attempt in attempts)
        if not self.find(openid).following:
            return Delivery(openid, msg_id, attempts, None, False)
        if reply:
            self._add_line(openid, "account", reply.kind, reply.text, "passive", cut=reply.cut)
        elif unavailable:
            self._add_line(openid, "system", "notice", UNAVAILABLE, "platform")
        return Delivery(openid, msg_id, attempts, reply, unavailable)

    # What the account does

    def send_custom_message(self, access_token: str, body: bytes) -> None:
        """Carry out a call of custom/send. Raises CallRefused."""
        _refuse(self.tokens.refusal(access_token))
        error = self.faults.now.error  # read first: `take` counts down, and the last one must have its code
        if self.faults.take("error_times"):
            _refuse(error)
            return
        _refuse(0 if self.account.permission else 48001)
        openid, kind, text = parse(body)
        follower, now = self._addressee(openid), self.clock.now()
        _refuse(follower.quota.refusal(now) if follower.following else 45015)
        self._changed(replace(follower, quota=follower.quota.spent(now)))
        self._add_line(openid, "account", kind, text, "api")
        if self.typing_until(openid):
            self._set_typing(openid, 0.0)

    def show_typing(self, access_token: str, body: bytes) -> None:
        """Carry out a call of custom/typing. Raises CallRefused.

        Typing needs a message in the last TYPING_AFTER seconds and is not repeated while it shows; the next message
        ends it.
        """
        _refuse(self.tokens.refusal(access_token))
        _refuse(0 if self.account.permission else 48001)
        openid, begins = parse_typing(body)
        chat, now = self.chat(self._addressee(openid).openid), self.clock.now()
        if begins and not (chat and now - chat[-1].at <= TYPING_AFTER):
            raise CallRefused(45080)
        if begins and self.typing_until(openid) > now:
            raise CallRefused(45081)
        self._set_typing(openid, now + TYPING_LASTS if begins else 0.0)

    def _addressee(self, openid: str) -> Follower:
        try:
            return self.find(openid)
        except UnknownFollower as unknown:
            raise CallRefused(40003) from unknown

    def typing_until(self, openid: str) -> float:
        """Until when the follower sees that the account is typing (Unix time); 0 if it is not."""
        return self._typing_until.get(openid, 0.0)

    def _set_typing(self, openid: str, until: float) -> None:
        self._typing_until[openid] = until
        self.live.publish("typing", {"openid": openid, "until": until})

    def deliver_text(self, phone: str, text: str, key: str) -> bool:
        """Deliver a text message to the follower with this number, if there is one. False if `key` is known.

        The number may be in any notation: '138 0013-8000' and '+86 13800138000' are the same.
        """
        wanted = state.phone_digits(phone)
        owner = next((one for one in self.followers() if wanted and state.phone_digits(one.phone) == wanted), None)
        sms = state.Sms(key, phone, text, self.clock.now(), owner.openid if owner else "")
        new = self.sms.accept(sms)
        outcome = "repeated" if not new else "ok" if owner else "nobody"
        self.note(Call(sms.at, "sms", phone, outcome, sms.openid))
        if new:
            self.live.publish("sms", sms)
        return new

    def _add_line(self, openid: str, side: state.Side, kind: str, text: str, via: state.Via, **more: Any) -> ChatLine:
        """more: fields of ChatLine."""
        return self._show(ChatLine(next(self._line_ids), openid, side, kind, text, self.clock.now(), via, **more))

    def _show(self, line: ChatLine) -> ChatLine:
        """Add a line, or replace the one with its id."""
        self._chats[line.openid][line.id] = line
        self.live.publish("line", line)
        return line


def _refuse(code: int) -> None:
    """Raises CallRefused for any code but 0."""
    if code:
        raise CallRefused(code)

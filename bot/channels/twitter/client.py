"""An account's requests to X, within its rate limits and daily budget. A request that may have arrived is not repeated.

A permit is booked before each request, and its outcome is reported afterwards (`ports.RateLimits`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import SystemRandom
from typing import Any

import tweepy

from bot.channels.twitter.http import DUPLICATE, PREFIX, XApi, XResponse, halted_way, is_ambiguous, refusal
from bot.channels.twitter.payloads import id_at, text_at
from bot.channels.twitter.rate_limits import MESSAGES, POSTS, ApiEndpoint, LimitHolders
from bot.channels.twitter.settings import TwitterSettings
from bot.domain.accounts import PermitRequest, SendingStatus
from bot.domain.messages import Instant, Outbound
from bot.errors import DeliveryFailed, Unavailable
from bot.ports.channels import Clock
from bot.ports.storage import RateLimits

MILLION = 1_000_000  # money is kept in millionths of a dollar
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 900.0  # seconds; doubled with each failure
POLLING_SHARE = 0.8  # of the daily budget; the rest is kept for replies
MAX_SLOWDOWN = 16.0  # factor by which polling slows down as the budget runs out
_random = SystemRandom()


class PlatformBackoff:
    """Exponential backoff with jitter after failures of the platform, for all calls of an account."""

    def __init__(self) -> None:
        self._failures = 0
        self._until: Instant = 0.0

    def pause(self, now: Instant) -> float:
        """Seconds until the next request may be tried."""
        return max(0.0, self._until - now)

    def record_failure(self, now: Instant) -> float:
        """Count a failure and return the seconds to wait. Failures during a pause are one failure."""
        if now >= self._until:
            self._failures = min(self._failures + 1, 20)  # 2**20 is far beyond the longest pause
            longest = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
            self._until = now + _random.uniform(longest / 2, longest)
        return self._until - now

    def record_success(self) -> None:
        self._failures, self._until = 0, 0.0


class TwitterClient:
    """Calls X for one account. Use it on one event loop only."""

    def __init__(self, name: str, settings: TwitterSettings, rate_limits: RateLimits, clock: Clock) -> None:
        self._name, self._settings, self._rate_limits, self._clock = name, settings, rate_limits, clock
        self._api = XApi(settings)
        self._backoff = PlatformBackoff()
        self._used_up: dict[str, Instant] = {}  # when a used-up quota ends, by endpoint
        self._holders = LimitHolders.of(name, settings.consumer_key)

    async def reply(self, message: Outbound) -> str:
        """Post a reply and return its id; '' if an earlier attempt has posted it. Raises DeliveryFailed."""
        post = message.in_reply_to.get("id", "")
        if not post:
            raise DeliveryFailed(f"{PREFIX}no-post", permanent=True)
        if not message.in_reply_to.get("summoned"):
            raise DeliveryFailed(f"{PREFIX}not-mentioned", permanent=True)
        prices = self._settings.prices
        price = prices.post_with_link if "://" in message.text else prices.reply
        others = message.in_reply_to.get("others", "").split() or None  # X would mention them as well

        def ask(client: tweepy.Client) -> Any:
            return client.create_tweet(text=message.text, in_reply_to_tweet_id=post, exclude_reply_user_ids=others)

        answer = await self.request(POSTS, ask, price)
        if (
            answer.status == 403
            and is_ambiguous(message.last_error)
            and DUPLICATE in text_at(answer.body, "detail").lower()
        ):
            return ""  # X calls it a duplicate, so the earlier ambiguous attempt did arrive
        return await self._created_id(answer, "id", POSTS)

    async def write(self, message: Outbound) -> str:
        """Send a direct message and return its event id. Raises DeliveryFailed."""
        price = self._settings.prices.message
        answer = await self.request(
            MESSAGES,
            lambda client: client.create_direct_message(participant_id=message.handle, text=message.text),
            price,
        )
        return await self._created_id(answer, "dm_event_id", MESSAGES)

    async def request(
        self, endpoint: ApiEndpoint, work: Callable[[tweepy.Client], Any], price: Decimal = Decimal(0)
    ) -> XResponse:
        """Make one request if limits and budget allow it. Returns any answer but a 429.

        price: dollars, given back if the request fails. Raises DeliveryFailed, with attempted=False if it was not made.
        """
        await self._acquire(endpoint, price)
        try:
            answer = await self._api.call(work)
        except DeliveryFailed as lost:
            await self._report(self._rate_limits.record_result(self._name, lost.code))
            wait = self._backoff.record_failure(self._clock.now())
            if lost.ambiguous:
                raise
            await self._refund(price)
            raise DeliveryFailed(lost.code, retry_after=wait, attempted=False) from lost
        await self._record_answer(endpoint, answer, price)
        return answer

    async def failure(self, answer: XResponse, endpoint: ApiEndpoint) -> DeliveryFailed:
        """Convert a refusal to an exception, and report it to the account's status."""
        way = endpoint.way
        failed = refusal(answer, way, self._settings.user_id)
        await self._report(self._rate_limits.record_result(self._name, failed.code))
        if failed.halts_account:
            await self._report(self._rate_limits.halt(self._name, failed.code, halted_way(failed, way)))
        elif failed.permanent and way:  # the refusal concerns this message or its receiver: the account may send
            await self._report(self._rate_limits.record_success(self._name, way))
        if answer.status >= 500:
            wait = self._backoff.record_failure(self._clock.now())
            return failed if failed.ambiguous else DeliveryFailed(failed.code, retry_after=wait, attempted=False)
        return failed

    async def unreadable(self) -> DeliveryFailed:
        """The exception for an unreadable success, reported to the account's status."""
        code = f"{PREFIX}unreadable"
        await self._report(self._rate_limits.record_result(self._name, code))
        return DeliveryFailed(code, retry_after=0.0, attempted=False)

    async def poll_interval(self, seconds: float, share: float = POLLING_SHARE) -> float | None:
        """Seconds between two polls: at least `seconds`, longer the less of `share` of the daily budget is left.

        None if nothing is left until tomorrow.
        """
        if self._settings.daily_budget is None:
            return seconds
        most = float(self._settings.daily_budget) * share * MILLION
        try:
            left = 1.0 - (await self._rate_limits.sending_status(self._name)).spent / most
        except Unavailable:
            return seconds
        return seconds / max(left, 1 / MAX_SLOWDOWN) if left > 0 else None

    async def sending_status(self) -> SendingStatus:
        """The account's sending status. Raises Unavailable."""
        return await self._rate_limits.sending_status(self._name)

    async def poll_succeeded(self) -> None:
        """Report a successful poll."""
        await self._report(self._rate_limits.record_result(self._name, ""))

    async def spend(self, price: Decimal, count: int) -> None:
        """Report the price of `count` things read, which is known only after the request."""
        await self._report(self._rate_limits.spend(self._name, int(price * MILLION) * count))

    def close(self) -> None:
        self._api.close()

    async def _created_id(self, answer: XResponse, name: str, endpoint: ApiEndpoint) -> str:
        """The id of the new post or message. Raises DeliveryFailed, ambiguous for an unreadable success."""
        if not 200 <= answer.status < 300:
            raise await self.failure(answer, endpoint)
        made = id_at(answer.body, "data", name)
        if not made:
            raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True)
        return made

    async def _acquire(self, endpoint: ApiEndpoint, price: Decimal) -> None:
        now = self._clock.now()
        if pause := self._backoff.pause(now):
            raise DeliveryFailed(f"{PREFIX}unreachable", retry_after=pause, attempted=False)
        self._wait_for_limit(endpoint, now)
        budget = self._settings.daily_budget
        request = PermitRequest(
            self._name,
            self._holders.windows(endpoint),
            int(price * MILLION),
            None if budget is None else int(budget * MILLION),
            endpoint.way,
        )
        try:
            granted = await self._rate_limits.acquire(request)
        except Unavailable as gone:
            raise DeliveryFailed(f"{PREFIX}unreachable", retry_after=FIRST_PAUSE, attempted=False) from gone
        if granted.why == "quota":
            self._used_up[endpoint.name] = granted.until
            self._wait_for_limit(endpoint, now)
        if granted.until:
            code = granted.why if granted.why.startswith(PREFIX) else f"{PREFIX}{granted.why}"
            raise DeliveryFailed(code, retry_after=max(1.0, granted.until - now), attempted=False)

    def _wait_for_limit(self, endpoint: ApiEndpoint, now: Instant) -> None:
        """Raises DeliveryFailed while a quota is known to be used up; saves a database query per waiting message."""
        if (until := self._used_up.get(endpoint.name, 0.0)) > now:
            raise DeliveryFailed(f"{PREFIX}quota", retry_after=max(1.0, until - now), attempted=False)

    async def _record_answer(self, endpoint: ApiEndpoint, answer: XResponse, price: Decimal) -> None:
        """Report what an answer says about limits, money and availability. Raises DeliveryFailed for a 429."""
        now = self._clock.now()
        self._used_up.pop(endpoint.name, None)  # X may state another end than assumed
        if answer.status == 429:
            used_up = self._holders.exhausted(endpoint, answer.headers, now)
            await self._report(self._rate_limits.update_windows(used_up))
            await self._refund(price)
            wait = max(1.0, max(one.until for one in used_up) - now)
            raise DeliveryFailed(f"{PREFIX}quota", retry_after=wait, attempted=False)
        await self._report(self._rate_limits.update_windows(self._holders.reports(endpoint, answer.headers)))
        if 200 <= answer.status < 300:
            self._backoff.record_success()
            await self._report(self._rate_limits.record_success(self._name, endpoint.way))
        else:
            await self._refund(price)

    async def _refund(self, price: Decimal) -> None:
        """Give a booked price back: X does not bill failed requests."""
        await self._report(self._rate_limits.spend(self._name, -int(price * MILLION)))

    async def _report(self, work: Awaitable[None]) -> None:
        """Report to the database. The request is already made, so a database failure must not change its outcome; X's
        next answer brings the same information."""
        try:
            await work
        except Unavailable:
            self._backoff.record_failure(self._clock.now())

"""An account's requests to X: none before its time, none beyond the budget, none again that may have gone through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import SystemRandom
from typing import Any

import tweepy

from bot.allowance import Asked, Standing
from bot.channels.twitter.api import PREFIX, Answer, Api
from bot.channels.twitter.endpoints import MESSAGES, POSTS, Endpoint, Holders
from bot.channels.twitter.failures import DUPLICATE, doubtful, halted_by, refusal
from bot.channels.twitter.reading import number, text
from bot.channels.twitter.settings import TwitterSettings
from bot.errors import DeliveryFailed, Unavailable
from bot.messages import Instant, Outbound
from bot.ports import Allowance, Clock

MILLION = 1_000_000
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 900.0
LOOKING, SLOWEST = 0.8, 16.0  # the share of the budget for looking; by how much it slows down at most
_chance = SystemRandom()


class Weather:
    """How X is doing: after a failure everybody waits, longer each time, and not all for the same time."""

    def __init__(self) -> None:
        self._failures = 0
        self._until: Instant = 0.0

    def pause(self, now: Instant) -> float:
        """Seconds for which nothing should be tried."""
        return max(0.0, self._until - now)

    def worse(self, now: Instant) -> float:
        """Something failed; what failed at the same time counts once. The seconds to wait."""
        if now >= self._until:
            self._failures = min(self._failures + 1, 20)
            longest = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
            self._until = now + _chance.uniform(longest / 2, longest)
        return self._until - now

    def good(self) -> None:
        self._failures, self._until = 0, 0.0


class TwitterClient:
    """The calling half of one account. One event loop per client."""

    def __init__(self, name: str, settings: TwitterSettings, allowance: Allowance, clock: Clock) -> None:
        self._name, self._settings, self._allowance, self._clock = name, settings, allowance, clock
        self._api = Api(settings)
        self._weather = Weather()
        self._used_up: dict[str, Instant] = {}
        self._holders = Holders.of(name, settings.consumer_key)

    async def reply(self, message: Outbound) -> str:
        """Post a reply; its id, '' if it turns out to have been posted before. Raises DeliveryFailed."""
        post = message.answers.get("id", "")
        if not post:
            raise DeliveryFailed(f"{PREFIX}no-post", permanent=True)
        if not message.answers.get("summoned"):
            raise DeliveryFailed(f"{PREFIX}not-mentioned", permanent=True)
        prices = self._settings.prices
        price = prices.post_with_link if "://" in message.text else prices.reply
        others = message.answers.get("others", "").split() or None  # X would name them too, who asked us nothing

        def ask(client: tweepy.Client) -> Any:
            return client.create_tweet(text=message.text, in_reply_to_tweet_id=post, exclude_reply_user_ids=others)

        answer = await self.request(POSTS, ask, price)
        if answer.status == 403 and doubtful(message.last_error) and DUPLICATE in text(answer.body, "detail").lower():
            return ""  # so the attempt whose outcome nobody knew did go through
        return await self._made(answer, "id", POSTS)

    async def write(self, message: Outbound) -> str:
        """Send a direct message; its event's id. Raises DeliveryFailed."""
        price = self._settings.prices.message
        answer = await self.request(
            MESSAGES,
            lambda client: client.create_direct_message(participant_id=message.handle, text=message.text),
            price,
        )
        return await self._made(answer, "dm_event_id", MESSAGES)

    async def request(
        self, endpoint: Endpoint, work: Callable[[tweepy.Client], Any], price: Decimal = Decimal(0)
    ) -> Answer:
        """One request when it is allowed, and its answer whatever the status but 429. Raises DeliveryFailed, with
        tried=False if it was not its time."""
        await self._book(endpoint, price)
        try:
            answer = await self._api.call(work)
        except DeliveryFailed as lost:
            await self._kept(self._allowance.fared(self._name, lost.code))
            wait = self._weather.worse(self._clock.now())
            if lost.ambiguous:
                raise
            await self._refund(price)
            raise DeliveryFailed(lost.code, retry_after=wait, tried=False) from lost
        await self._learn(endpoint, answer, price)
        return answer

    async def failure(self, answer: Answer, endpoint: Endpoint) -> DeliveryFailed:
        """What a refusal means, after the account's standing has been told of it."""
        way = endpoint.way
        failed = refusal(answer, way, self._settings.user_id)
        await self._kept(self._allowance.fared(self._name, failed.code))
        if failed.halts:
            await self._kept(self._allowance.halt(self._name, failed.code, halted_by(failed, way)))
        elif failed.permanent and way:  # it was about this message or whom it goes to, so the account may send
            await self._kept(self._allowance.went_well(self._name, way))
        if answer.status >= 500:
            wait = self._weather.worse(self._clock.now())
            return failed if failed.ambiguous else DeliveryFailed(failed.code, retry_after=wait, tried=False)
        return failed

    async def unreadable(self) -> DeliveryFailed:
        """For a success of X's that says nothing; the account's standing has been told of it."""
        code = f"{PREFIX}unreadable"
        await self._kept(self._allowance.fared(self._name, code))
        return DeliveryFailed(code, retry_after=0.0, tried=False)

    async def patience(self, seconds: float, share: float = LOOKING) -> float | None:
        """How long to wait between two looks: the longer, the less is left of what may be spent today before looking
        ends, which is this share of the budget. None: nothing is left until tomorrow."""
        if self._settings.daily_budget is None:
            return seconds
        most = float(self._settings.daily_budget) * share * MILLION
        try:
            left = 1.0 - (await self._allowance.standing(self._name)).spent / most
        except Unavailable:
            return seconds
        return seconds / max(left, 1 / SLOWEST) if left > 0 else None

    async def standing(self) -> Standing:
        """How the account fares. Raises Unavailable."""
        return await self._allowance.standing(self._name)

    async def heard(self) -> None:
        """A look came through."""
        await self._kept(self._allowance.fared(self._name, ""))

    async def spend(self, price: Decimal, count: int) -> None:
        """What reading cost, known once it is read."""
        await self._kept(self._allowance.spend(self._name, int(price * MILLION) * count))

    def close(self) -> None:
        self._api.close()

    async def _made(self, answer: Answer, name: str, endpoint: Endpoint) -> str:
        """The id of what a request made. Raises DeliveryFailed; a success that can't be read is in doubt."""
        if not 200 <= answer.status < 300:
            raise await self.failure(answer, endpoint)
        made = number(answer.body, "data", name)
        if not made:
            raise DeliveryFailed(f"{PREFIX}unclear", ambiguous=True)
        return made

    async def _book(self, endpoint: Endpoint, price: Decimal) -> None:
        now = self._clock.now()
        if pause := self._weather.pause(now):
            raise DeliveryFailed(f"{PREFIX}unreachable", retry_after=pause, tried=False)
        self._wait_for_limit(endpoint, now)
        budget = self._settings.daily_budget
        asked = Asked(
            self._name,
            self._holders.windows(endpoint),
            int(price * MILLION),
            None if budget is None else int(budget * MILLION),
            endpoint.way,
        )
        try:
            granted = await self._allowance.book(asked)
        except Unavailable as gone:
            raise DeliveryFailed(f"{PREFIX}unreachable", retry_after=FIRST_PAUSE, tried=False) from gone
        if granted.why == "quota":
            self._used_up[endpoint.name] = granted.until
            self._wait_for_limit(endpoint, now)
        if granted.until:
            code = granted.why if granted.why.startswith(PREFIX) else f"{PREFIX}{granted.why}"
            raise DeliveryFailed(code, retry_after=max(1.0, granted.until - now), tried=False)

    def _wait_for_limit(self, endpoint: Endpoint, now: Instant) -> None:
        """A limit that is used up stays so until its end: whatever waits need not ask the record each for itself."""
        if (until := self._used_up.get(endpoint.name, 0.0)) > now:
            raise DeliveryFailed(f"{PREFIX}quota", retry_after=max(1.0, until - now), tried=False)

    async def _learn(self, endpoint: Endpoint, answer: Answer, price: Decimal) -> None:
        """What the answer says about limits, money and X's health."""
        now = self._clock.now()
        self._used_up.pop(endpoint.name, None)  # X may name another end than we guessed
        if answer.status == 429:
            used_up = self._holders.refused(endpoint, answer.headers, now)
            await self._kept(self._allowance.note(used_up))
            await self._refund(price)
            wait = max(1.0, max(one.until for one in used_up) - now)
            raise DeliveryFailed(f"{PREFIX}quota", retry_after=wait, tried=False)
        await self._kept(self._allowance.note(self._holders.seen(endpoint, answer.headers)))
        if 200 <= answer.status < 300:
            self._weather.good()
            await self._kept(self._allowance.went_well(self._name, endpoint.way))
        else:
            await self._refund(price)

    async def _refund(self, price: Decimal) -> None:
        """Failed requests are not billed."""
        await self._kept(self._allowance.spend(self._name, -int(price * MILLION)))

    async def _kept(self, work: Awaitable[None]) -> None:
        """The request has been made: whether the record can be told now must not change what became of it. X's next
        answer tells the same again."""
        try:
            await work
        except Unavailable:
            self._weather.worse(self._clock.now())

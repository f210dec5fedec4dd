"""One account on X, seen from Yingda."""

from __future__ import annotations

import json
from dataclasses import replace

from bot.allowance import Standing
from bot.channels.twitter.api import PREFIX, THREADS
from bot.channels.twitter.client import MILLION, TwitterClient
from bot.channels.twitter.endpoints import Holders
from bot.channels.twitter.events import Ours, inbounds_of
from bot.channels.twitter.listening import listening
from bot.channels.twitter.polls import TwitterPoll, mentions, messages
from bot.channels.twitter.settings import TwitterSettings
from bot.channels.twitter.signature import HEADER, check, response_token
from bot.errors import DeliveryFailed, Refused
from bot.messages import (
    Conversation,
    Handshake,
    Instant,
    Limits,
    Manners,
    Messages,
    Outbound,
    RawRequest,
    RawResponse,
    Sent,
)
from bot.ports import Clock, Polls
from bot.weighing import weigh
from bot.wording import clean

LARGEST_BODY = 64 * 1024
LONGEST_POST = 280  # weighted: a Chinese character counts two, an address 23 (docs.x.com counting-characters)
LONGEST_MESSAGE = 10_000  # characters
SAME_AFTER = 36 * 3600.0  # reference 3: how long a bot remembers its replies that was suspended for repeating them
JSON = "application/json"
ACKNOWLEDGED = RawResponse(body=b"{}", content_type=JSON)


class TwitterChannel:
    """`ports.Channel` for X."""

    def __init__(self, name: str, settings: TwitterSettings, client: TwitterClient, clock: Clock) -> None:
        self.name, self.settings, self.client, self._clock = name, settings, client, clock
        self._manners = Manners(
            f"https://twitter.com/messages/compose?recipient_id={settings.user_id}",
            settings.privacy_policy,
            asked_first=not settings.write_first,
            same_after=SAME_AFTER,
        )
        self._ours = Ours(name, settings.user_id)
        self._secret = settings.consumer_secret.get_secret_value()

    def receive(self, request: RawRequest) -> Handshake | Messages:
        """X's challenge, or events proved to be X's. Raises Refused: 403 not proved, 413 too large, 400 else."""
        if len(request.body) > LARGEST_BODY:
            raise Refused(413, "size")
        if request.method == "GET":
            token = response_token(self._secret, request.query.get("crc_token", ""))
            return Handshake(RawResponse(body=json.dumps({"response_token": token}).encode(), content_type=JSON))
        if request.method != "POST":
            raise Refused(400, "method")
        check(self._secret, request.body, request.headers.get(HEADER, ""))
        return Messages(inbounds_of(_parsed(request.body), self._ours, request.received_at), answerable=False)

    def answer(self, request: RawRequest, reply: Outbound | None) -> RawResponse:  # noqa: ARG002 - a Channel's
        """X reads nothing of the response but its status."""
        return ACKNOWLEDGED

    @property
    def app(self) -> str:
        """Whose limits this account shares with the app's other accounts."""
        return Holders.of(self.name, self.settings.consumer_key).app

    @property
    def at_once(self) -> int:
        """How many calls are made at the same time."""
        return THREADS

    @property
    def polls(self) -> dict[str, Polls]:
        """What is to be looked at on this account, by name."""
        lists = {
            "mentions": mentions(self.settings, self._ours),
            "messages": messages(self.settings, self._ours),
            "listening": listening(self.settings, self._ours, self._clock),
        }
        return {name: TwitterPoll(one, self.client, self._clock) for name, one in lists.items() if one.seconds}

    async def send(self, message: Outbound) -> Sent:
        """A reply in a public thread, or a direct message. Raises DeliveryFailed."""
        words = replace(message, text=clean(message.text))
        if not message.thread:
            return Sent(await self.client.write(words))
        if weigh(words.text) > LONGEST_POST:
            raise DeliveryFailed(f"{PREFIX}too-long", permanent=True)
        return Sent(await self.client.reply(words))

    @property
    def budget(self) -> int | None:
        """Millionths of a dollar that a day may cost; None for no end."""
        daily = self.settings.daily_budget
        return None if daily is None else int(daily * MILLION)

    async def standing(self) -> Standing:
        """How the account fares with X. Raises Unavailable."""
        return await self.client.standing()

    def limits(self, conversation: Conversation, now: Instant) -> Limits:  # noqa: ARG002 - always the same
        """A post's weighted length in public, a direct message's characters in private."""
        if conversation.public:
            return Limits(LONGEST_POST, "weighted", public=True, manners=self._manners)
        return Limits(LONGEST_MESSAGE, "characters", manners=self._manners)

    async def close(self) -> None:
        self.client.close()


def _parsed(body: bytes) -> object:
    """Control characters may stand in a text as they are: what X has signed is read, and they are dropped later."""
    try:
        return json.loads(body.decode(errors="replace"), strict=False)
    except (ValueError, RecursionError) as strange:
        raise Refused(400, "malformed") from strange

"""The channel of one account on X, and the signatures of its webhook (docs.x.com, x-api/webhooks/quickstart).

X's signature of an event and our answer to its challenge (CRC) are the same HMAC under the app's consumer secret. A
caller that could choose the challenge freely would get a forged event signed, so only texts in the form of a challenge
are signed (as in vercel/chat, adapter-x 4.37.0).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64encode
from dataclasses import replace

from bot.channels.twitter.client import MILLION, TwitterClient
from bot.channels.twitter.events import OwnAccount, inbounds_of
from bot.channels.twitter.http import PREFIX, THREADS
from bot.channels.twitter.polling import TwitterPoll, listening, mentions, messages
from bot.channels.twitter.rate_limits import LimitHolders
from bot.channels.twitter.settings import TwitterSettings
from bot.channels.twitter.weighted_length import WEIGHTED
from bot.domain.accounts import SendingStatus
from bot.domain.messages import (
    Conversation,
    Handshake,
    Instant,
    Limits,
    Messages,
    Outbound,
    PostingRules,
    RawRequest,
    RawResponse,
    Sent,
)
from bot.errors import DeliveryFailed, Refused
from bot.http import LARGEST_BODY
from bot.ports.channels import Clock, Polls, TextLimit
from bot.text import CHARACTERS, clean

HEADER = "x-twitter-webhooks-signature"
# No JSON object fits this pattern, so an event cannot be passed off as a challenge.
_CHALLENGE = re.compile(r"[A-Za-z0-9+/=_-]{16,128}", re.ASCII)


def sign(secret: str, content: bytes) -> str:
    """`sha256=` and the HMAC-SHA256 of `content` in base64."""
    return "sha256=" + b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()


def response_token(secret: str, crc_token: str) -> str:
    """The answer to a challenge. Raises Refused(400) if `crc_token` has not the form of one."""
    if not _CHALLENGE.fullmatch(crc_token):
        raise Refused(400, "crc_token")
    return sign(secret, crc_token.encode())


def check(secret: str, body: bytes, claimed: str) -> None:
    """Raises Refused(403) unless `claimed` is the signature of exactly these bytes."""
    # Compared as bytes: compare_digest raises TypeError for a str that is not ASCII.
    if not hmac.compare_digest(sign(secret, body).encode(), claimed.encode(errors="replace")):
        raise Refused(403, "signature")


POST = TextLimit("X", 280, WEIGHTED)  # docs.x.com, "Counting characters"
MAX_MESSAGE = 10_000  # characters of a direct message
FETCH_WORD = "1"  # asks for the private answer that waits after a public post
SAME_AFTER = 36 * 3600.0  # seconds in which no text is posted twice; a bot that repeated itself sooner was suspended
JSON = "application/json"
ACKNOWLEDGED = RawResponse(body=b"{}", content_type=JSON)


class TwitterChannel:
    """`ports.Channel` for X."""

    def __init__(self, name: str, settings: TwitterSettings, client: TwitterClient, clock: Clock) -> None:
        self.name, self.settings, self.client, self._clock = name, settings, client, clock
        self._posting_rules = PostingRules(
            f"https://twitter.com/messages/compose?recipient_id={settings.user_id}",
            settings.privacy_policy,
            asked_first=not settings.write_first,
            same_after=SAME_AFTER,
        )
        self._ours = OwnAccount(name, settings.user_id)
        self._secret = settings.consumer_secret.get_secret_value()

    def receive(self, request: RawRequest) -> Handshake | Messages:
        """Answer X's challenge or parse verified events. Raises Refused: 403 not verified, 413 too large, 400 else."""
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
        """An empty acknowledgement: X reads only the status."""
        return ACKNOWLEDGED

    @property
    def app(self) -> str:
        """The holder of the rate limits that the app's accounts share."""
        return LimitHolders.of(self.name, self.settings.consumer_key).app

    @property
    def max_concurrent_sends(self) -> int:
        """How many calls run at the same time."""
        return THREADS

    @property
    def polls(self) -> dict[str, Polls]:
        """The lists to poll, by name; those with an interval of 0 are left out."""
        lists = {
            "mentions": mentions(self.settings, self._ours),
            "messages": messages(self.settings, self._ours),
            "listening": listening(self.settings, self._ours, self._clock),
        }
        return {name: TwitterPoll(one, self.client, self._clock) for name, one in lists.items() if one.seconds}

    async def send(self, message: Outbound) -> Sent:
        """Post a reply in a public thread, or send a direct message. Raises DeliveryFailed."""
        cleaned = replace(message, text=clean(message.text))
        if not message.thread:
            return Sent(await self.client.write(cleaned))
        if POST.unit.size(cleaned.text) > POST.length:
            raise DeliveryFailed(f"{PREFIX}too-long", permanent=True)
        return Sent(await self.client.reply(cleaned))

    @property
    def budget(self) -> int | None:
        """The daily budget in millionths of a dollar; None for no limit."""
        daily = self.settings.daily_budget
        return None if daily is None else int(daily * MILLION)

    async def sending_status(self) -> SendingStatus:
        """The account's sending status. Raises Unavailable."""
        return await self.client.sending_status()

    def limits(self, conversation: Conversation, now: Instant) -> Limits:  # noqa: ARG002 - always the same
        """280 weighted characters in public, 10,000 characters in a direct message."""
        if conversation.public:
            return Limits(POST.length, POST.unit, public=True, posting_rules=self._posting_rules)
        return Limits(MAX_MESSAGE, CHARACTERS, fetch_word=FETCH_WORD, posting_rules=self._posting_rules)

    async def close(self) -> None:
        self.client.close()


def _parsed(body: bytes) -> object:
    # strict=False: X sends control characters unescaped; `clean` drops them later.
    try:
        return json.loads(body.decode(errors="replace"), strict=False)
    except (ValueError, RecursionError) as strange:
        raise Refused(400, "malformed") from strange

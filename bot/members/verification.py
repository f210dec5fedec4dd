"""One-time codes that verify a member: sending them after the turn that asked, and the gateway for text messages."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from bot.circuit_breaker import AccountHalt
from bot.domain.decisions import Effect
from bot.domain.members import Member, MemberKey, Points, Redemption
from bot.domain.messages import DAY, Conversation, Identity
from bot.errors import DeliveryFailed, MemberSystemFailed
from bot.i18n import NO_TEXT, Message, message, section
from bot.intents.skills.account_linking import CODE_PLACE, CODES_SPENT, SEND_CODE, LinkingTerms
from bot.ports.channels import Clock
from bot.ports.nlu import CodeSender, MemberDirectory
from bot.ports.storage import OneTimeCodeStore

_MEMBERS_RETRY = 5.0  # seconds


class SendLinkCode:
    """The effect `send_link_code`: sends a code to the phone that the member system has for the claimed member.

    For an unknown member, and for one with too many codes today, a code is stored and not sent, so that the replies do
    not reveal who is a member.
    """

    name = SEND_CODE

    def __init__(
        self,
        members: MemberDirectory,
        codes: OneTimeCodeStore,
        sender: CodeSender,
        terms: LinkingTerms,
        clock: Clock,
    ) -> None:
        self._members = members
        self._codes = codes
        self._sender = sender
        self._terms = terms
        self._clock = clock

    async def carry_out(self, effect: Effect, key: str, conversation: Conversation) -> None:
        """Send the code once. key: the outbox row's id; a repeat sends the same code. Raises DeliveryFailed and
        Unavailable."""
        try:
            member = await self._members.find(MemberKey(effect.arguments["key"]))
        except MemberSystemFailed as gone:
            raise DeliveryFailed("member_system", retry_after=_MEMBERS_RETRY) from gone
        member_id = await self._stored(key, conversation.identity, member)
        if member is not None and member.id == member_id:
            text = effect.arguments["text"].replace(CODE_PLACE, self._terms.codes.make(key))
            await self._sender.send(member.phone, text, key)

    async def _stored(self, key: str, identity: Identity, member: Member | None) -> str | None:
        """Store the code of `key` unless it is stored. Returns the id of the member it is for; None for no member."""
        kept = await self._codes.current(identity.id)
        if kept is None or kept.id != key:
            return await self._issue(key, identity, member)
        if kept.until <= self._clock.now():
            raise DeliveryFailed("code_expired", permanent=True)
        return kept.member_id

    async def _issue(self, key: str, identity: Identity, member: Member | None) -> str | None:
        if await self._limit_reached(identity.id, None):
            raise DeliveryFailed(CODES_SPENT, permanent=True)
        # An identity that is already verified as this member has its own limit: requests by others do not use it up.
        if member and identity.member_id != member.id and await self._limit_reached(identity.id, member.id):
            member = None
        member_id = member.id if member else None
        code_hash = self._terms.codes.hash(key, self._terms.codes.make(key))
        until = self._clock.now() + self._terms.limits.code_minutes * 60.0
        # `issue` returns False if this code was used or replaced by a newer one: there is nothing left to send.
        return member_id if await self._codes.issue(key, identity.id, member_id, code_hash, until) else None

    async def _limit_reached(self, identity_id: str, member_id: str | None) -> bool:
        issued = await self._codes.issued(identity_id, member_id, self._clock.now() - DAY)
        return issued >= self._terms.limits.codes_per_day


class NoSmsGateway:
    """The effect `send_link_code` without a gateway for text messages: always fails, so that a person takes over.

    It fails before the member is looked up, so the reply does not reveal who is a member.
    """

    async def carry_out(self, effect: Effect, key: str, conversation: Conversation) -> None:  # noqa: ARG002
        raise DeliveryFailed("no_sms_gateway", permanent=True)


class NoMembers:
    """`ports.MemberDirectory` for a deployment without a member system."""

    async def find(self, key: MemberKey) -> Member | None:  # noqa: ARG002
        return None

    async def member(self, member_id: str) -> Member | None:  # noqa: ARG002
        return None

    async def points(self, member_id: str) -> Points:  # noqa: ARG002
        raise MemberSystemFailed("no_members")

    async def redeem(self, member_id: str, gift: str, key: str) -> Redemption:  # noqa: ARG002
        raise MemberSystemFailed("no_members")

    def close(self) -> None:
        """No-op: nothing is open."""


_TIMEOUT = httpx.Timeout(3.0, connect=1.0)
_GATEWAY_RETRY = 2.0  # seconds
SMS_GATEWAY = "sms"  # the name under which the gateway's halt is stored
SMS_PREFIX = "sms:"  # of error codes
_OUR_FAULT = frozenset({401, 402, 403})  # wrong key, no credit, forbidden: every further message would fail too


def explain(code: str) -> Message:
    """Why the gateway sends nothing; NO_TEXT if `code` is not one of the gateway's."""
    name = code.removeprefix(SMS_PREFIX)
    return message(f"members.sms.{name}") if name in section("members.sms", "en") else NO_TEXT


class HttpCodeSender:
    """Sends text messages through an HTTP gateway: POST JSON {phone, text, key}; the gateway sends once per key.

    halting: stores that the gateway refuses us; None to try every time. While it is halted, messages fail permanently
    and a person takes over, because a code expires within minutes.
    """

    def __init__(self, address: str, account_halt: AccountHalt | None = None) -> None:
        self._address, self._account_halt = address, account_halt

    async def send(self, phone: str, text: str, key: str) -> None:
        """Raises DeliveryFailed, never an ambiguous one: the gateway ignores a repeated key."""
        if self._account_halt is None:
            await self._post(phone, text, key)
            return
        try:
            probing = await self._account_halt.permit()
        except DeliveryFailed as halted:
            raise DeliveryFailed(halted.code, permanent=True) from halted
        try:
            await self._post(phone, text, key)
        except DeliveryFailed as failed:
            await self._account_halt.record_failure(failed, probing=probing)
            raise
        if probing:
            await self._account_halt.record_success()

    async def _post(self, phone: str, text: str, key: str) -> None:
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
                response = await client.post(self._address, json={"phone": phone, "text": text, "key": key})
        except httpx.TransportError as gone:
            raise DeliveryFailed(type(gone).__name__, retry_after=_GATEWAY_RETRY) from gone
        if response.status_code >= 500:
            raise DeliveryFailed(f"http_{response.status_code}", retry_after=_GATEWAY_RETRY)
        if response.status_code in _OUR_FAULT:
            raise DeliveryFailed(f"{SMS_PREFIX}{response.status_code}", permanent=True, halts_account=True)
        if not response.is_success:
            raise DeliveryFailed(f"http_{response.status_code}", permanent=True)


@dataclass(frozen=True, slots=True)
class TextMessage:
    phone: str
    text: str
    key: str


class RecordingSender:
    """`ports.CodeSender` that only records messages: for trial runs on a copy, and for tests."""

    def __init__(self) -> None:
        self.sent: list[TextMessage] = []

    async def send(self, phone: str, text: str, key: str) -> None:
        if all(message.key != key for message in self.sent):
            self.sent.append(TextMessage(phone, text, key))

"""Sending a one-time code, after the turn that asked for it is committed."""

from __future__ import annotations

from collections.abc import Callable

from bot.decisions import Effect
from bot.errors import DeliveryFailed, MemberSystemFailed
from bot.intents.linking import DAY, SEND_CODE, Terms
from bot.knowledge.editions import Edition
from bot.membership import Member, MemberKey
from bot.messages import Conversation, Identity
from bot.ports import Clock, Codes, CodeSender, MemberDirectory

_MEMBERS_AGAIN = 5.0


class SendLinkCode:
    """Carries out `send_link_code`: a code for the member somebody says they are, to the phone on record.

    For an unknown member, and for one who was sent enough codes today, a code is kept that nobody receives, so that
    whoever tries it hears the same words. `words` gives the edition of a number.
    """

    name = SEND_CODE

    def __init__(
        self,
        members: MemberDirectory,
        codes: Codes,
        sender: CodeSender,
        words: Callable[[int], Edition],
        terms: Terms,
        clock: Clock,
    ) -> None:
        self._members = members
        self._codes = codes
        self._sender = sender
        self._words = words
        self._terms = terms
        self._clock = clock

    async def carry_out(self, effect: Effect, key: str, conversation: Conversation) -> None:
        """Once per `key`, the outbox row's id: a repeat sends the same code. Raises DeliveryFailed and Unavailable."""
        member = await self._find(effect)
        member_id = await self._keep(key, conversation.identity, member)
        if member is not None and member.id == member_id:
            await self._sender.send(member.phone, self._text(effect, key), key)

    async def _find(self, effect: Effect) -> Member | None:
        try:
            return await self._members.find(MemberKey(effect.arguments["key"]))
        except MemberSystemFailed as gone:
            raise DeliveryFailed("member_system", retry_after=_MEMBERS_AGAIN) from gone

    async def _keep(self, key: str, identity: Identity, member: Member | None) -> str | None:
        """Make sure that the code of `key` is in the record; the id of the member it is for, None if for nobody."""
        kept = await self._codes.current(identity.id)
        if kept is None or kept.id != key:
            return await self._issue(key, identity, member)
        if kept.until <= self._clock.now():
            raise DeliveryFailed("code_expired", permanent=True)
        return kept.member_id

    async def _issue(self, key: str, identity: Identity, member: Member | None) -> str | None:
        if await self._spent(identity.id, None):
            raise DeliveryFailed("codes_per_day", permanent=True)
        member_id = member.id if member and await self._may_reach(identity, member) else None
        code_hash = self._terms.codes.hash(key, self._terms.codes.make(key))
        until = self._clock.now() + self._terms.limits.code_minutes * 60.0
        # False: this code was used, or a newer one has taken its place. There is nothing to send any more.
        return member_id if await self._codes.issue(key, identity.id, member_id, code_hash, until) else None

    async def _may_reach(self, identity: Identity, member: Member) -> bool:
        """Whoever has proved before that they are this member is counted by themselves: strangers who ask for codes in
        the member's name use up none of theirs."""
        return identity.member_id == member.id or not await self._spent(identity.id, member.id)

    async def _spent(self, identity_id: str, member_id: str | None) -> bool:
        issued = await self._codes.issued(identity_id, member_id, self._clock.now() - DAY)
        return issued >= self._terms.limits.codes_per_day

    def _text(self, effect: Effect, key: str) -> str:
        words = self._words(int(effect.arguments["edition"]))
        code, minutes = self._terms.codes.make(key), self._terms.limits.code_minutes
        return words.phrase("sms.code", effect.arguments["language"], code=code, minutes=minutes)


class NoGateway:
    """Carries out nothing, for whoever asks: without a gateway for text messages a person has to help. It does not
    even look for the member, so nobody learns who is one."""

    async def carry_out(self, effect: Effect, key: str, conversation: Conversation) -> None:  # noqa: ARG002
        raise DeliveryFailed("no_sms_gateway", permanent=True)

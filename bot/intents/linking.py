"""The skill that finds out who a customer is: a number they give, and a code sent to the phone on record. Giving the
code is their consent to hear of their membership here, in the words of the turn's edition; "unlink" takes it back.

Nothing in the words tells whether a member exists: the code goes out (or not) after the turn, by the effect
`send_link_code`, and an unknown member's code is kept, tried and refused like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any

from bot import config
from bot.decisions import Answer, Ask, Change, Decision, Effect, Turn
from bot.folding import folded, read_plainly, shows_nothing
from bot.intents.numbers import code_in, is_number, member_key
from bot.intents.one_time_code import OneTimeCodes
from bot.intents.statement import Statement
from bot.knowledge.editions import Edition
from bot.messages import Audience, Identity, Instant, Kind
from bot.ports import Codes, MemberDirectory
from bot.turns import CodeKept
from bot.wording import digest

INTENT = "link"
SEND_CODE = "send_link_code"
DAY = 86400.0
_PATIENCE = 1800.0  # seconds after which a number is no longer taken for an answer to our question
_SPOKEN = frozenset({Kind.TEXT, Kind.VOICE})
_CANCEL = (
    *("取消", "取消绑定", "算了", "不用了", "不绑了", "不绑定了", "退出"),
    *("cancel", "stop", "quit", "never mind", "nevermind"),
)
_RESEND = (
    *("绑定", "重发", "再发", "再发一次", "重新发", "重新发送", "没收到", "没有收到", "没收到验证码"),
    *("link", "resend", "send again", "send it again", "i didn't get it", "not received"),
)
_LEAVE = re.compile(r"解绑|(?:解除|取消).{0,4}(?:绑定|关联)|\b(?:un(?:link|bind|pair)|disconnect)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Terms:
    """The deployment's terms for linking, and the secret its codes are made with."""

    codes: OneTimeCodes
    limits: config.Linking


@dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody has come, as it stands in the conversation's slots: a restart in between loses nothing.

    step 'member': we asked who they are; 'code': for the code. then: the intent to serve afterwards. member: what they
    gave. until: when we stop waiting.
    """

    step: str
    until: Instant
    then: str = ""
    member: str = ""

    def slots(self) -> Mapping[str, Any]:
        return {"skill": INTENT, **asdict(self)}


def progress(turn: Turn) -> Progress | None:
    """What linking is waiting for in this conversation now, if for anything."""
    slots = turn.conversation.slots
    if slots.get("skill") != INTENT or turn.conversation.public:
        return None
    found = Progress(**{field.name: slots[field.name] for field in fields(Progress)})
    return found if turn.now < found.until else None


def verified_member(identity: Identity, now: Instant) -> str | None:
    """The id of the member this identity is proved to be, as long as the proof holds."""
    return identity.member_id if identity.verified_until > now else None


def begin(words: Edition, turn: Turn, then: str = "") -> Decision:
    """Ask who they are. In a public thread never: there it says, in private, where to ask again."""
    if turn.conversation.public:
        return Answer(words.phrase("link.in_private", turn.language), audience=Audience.PRIVATE)
    question = words.phrase("link.ask_member", turn.language)
    if then:
        question = words.phrase("link.needed", turn.language) + "\n" + question
    waiting = Progress("member", turn.now + _PATIENCE, then)
    return Ask(question, audience=Audience.PRIVATE, slots=waiting.slots())


class LinkSkill:
    """Links an identity to a member, step by step. `words` gives the edition of a number."""

    intent = INTENT

    def __init__(
        self,
        members: MemberDirectory,
        codes: Codes,
        words: Callable[[int], Edition],
        terms: Terms,
        time_limit: float = 3.0,
    ) -> None:
        self._members = members
        self._codes = codes
        self._words = words
        self._terms = terms
        self._statement = Statement(members, words)
        self.time_limit = time_limit

    def wants(self, turn: Turn) -> bool:
        """Whether this message belongs to a linking under way; a question does not, it is understood afresh."""
        under_way = progress(turn)
        if under_way is None or turn.message.kind not in _SPOKEN:
            return False
        text = turn.message.text
        if turn.message.kind is Kind.VOICE and shows_nothing(text):
            return True  # a number that was said and not recognised: we ask for it in writing
        resend = under_way.step == "code" and _says(text, _RESEND)
        return resend or _says(text, _CANCEL) or is_number(text) or member_key(text) is not None

    async def respond(self, turn: Turn) -> Decision:
        """The next step. Raises MemberSystemFailed and Unavailable."""
        under_way = progress(turn)
        if under_way is None or not self.wants(turn):
            return await self._start(turn)
        if _says(turn.message.text, _CANCEL):
            return self._end("link.cancelled", turn)
        return await self._step(turn, under_way)

    async def _start(self, turn: Turn) -> Decision:
        member_id = verified_member(turn.conversation.identity, turn.now)
        if _LEAVE.search(read_plainly(digest(turn.message.text))):
            return self._unlink(turn) if member_id else self._end("link.cancelled", turn)
        member = await self._members.member(member_id) if member_id else None
        words = self._words(turn.edition)
        if member is None:
            return begin(words, turn)
        said = words.phrase("link.already", turn.language, name=member.name)
        return Answer(said, audience=Audience.PRIVATE)

    def _unlink(self, turn: Turn) -> Decision:
        return self._end("link.unlinked", turn, (Change("unlink"),))

    async def _step(self, turn: Turn, under_way: Progress) -> Decision:
        text = turn.message.text
        if under_way.step == "code" and _says(text, _RESEND):
            return await self._send(turn, under_way)
        code = code_in(text) if under_way.step == "code" else None
        if code:
            return await self._prove(turn, under_way, code)
        key = member_key(text)
        if key:
            return await self._send(turn, replace(under_way, member=key.value))
        unread = "link.ask_code" if under_way.step == "code" else "link.ask_again"
        return _ask(self._say(unread, turn), replace(under_way, until=turn.now + _PATIENCE))

    async def _send(self, turn: Turn, under_way: Progress) -> Decision:
        """Let a code be sent to the member they say they are, whether there is one or not."""
        identity = turn.conversation.identity.id
        if await self._codes.issued(identity, None, turn.now - DAY) >= self._terms.limits.codes_per_day:
            return self._end("link.codes_spent", turn)
        arguments = {
            "key": under_way.member,
            "language": turn.language,
            "edition": str(turn.edition),
        }
        waiting = replace(under_way, step="code", until=turn.now + _PATIENCE)
        return _ask(self._say("link.code_sent", turn), waiting, effects=(Effect(SEND_CODE, arguments),))

    async def _prove(self, turn: Turn, under_way: Progress, code: str) -> Decision:
        kept = await self._codes.current(turn.conversation.identity.id)
        if kept is None or kept.until <= turn.now:
            return _ask(self._say("link.expired", turn), under_way)
        if kept.attempts >= self._terms.limits.attempts:
            return self._end("link.too_many", turn)
        if self._terms.codes.proves(code, kept.id, kept.hash) and kept.member_id is not None:
            return await self._welcome(turn, under_way, kept.id, kept.member_id)
        return self._wrong(turn, under_way, kept)

    def _wrong(self, turn: Turn, under_way: Progress, kept: CodeKept) -> Decision:
        counted = (Change("count_attempt", {"code_id": kept.id}),)
        left = self._terms.limits.attempts - kept.attempts - 1
        if left <= 0:
            return self._end("link.too_many", turn, counted)
        return _ask(self._say("link.wrong_code", turn, left=left), under_way, changes=counted)

    async def _welcome(self, turn: Turn, under_way: Progress, code_id: str, member_id: str) -> Decision:
        member = await self._members.member(member_id)
        if member is None:
            return self._end("link.expired", turn)
        said = [self._say("link.done", turn, name=member.name)]
        if under_way.then == "points":
            said.append(await self._statement.read(member_id, turn.edition, turn.language, turn.now))
        until = turn.now + self._terms.limits.verified_days * DAY
        proof = {"code_id": code_id, "member_id": member_id, "until": until, "name": member.name}
        change = Change("verify_identity", proof)
        return Answer("\n".join(said), entry=INTENT, audience=Audience.PRIVATE, changes=(change,))

    def _say(self, phrase: str, turn: Turn, /, **values: str | int) -> str:
        return self._words(turn.edition).phrase(phrase, turn.language, **values)

    def _end(self, phrase: str, turn: Turn, changes: tuple[Change, ...] = ()) -> Answer:
        return Answer(self._say(phrase, turn), entry=INTENT, audience=Audience.PRIVATE, changes=changes)


def _ask(
    text: str, under_way: Progress, effects: tuple[Effect, ...] = (), changes: tuple[Change, ...] = ()
) -> Decision:
    return Ask(text, entry=INTENT, audience=Audience.PRIVATE, slots=under_way.slots(), effects=effects, changes=changes)


@cache
def _commands(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(folded, words))


def _says(text: str, words: tuple[str, ...]) -> bool:
    """Whether a text is one of these short commands, in whatever dress."""
    return folded(text) in _commands(words)

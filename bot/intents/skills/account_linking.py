"""The skill that links a customer to a member: by their member or phone number, and a code sent to that member's phone.

Giving the code is the customer's consent to hear of their membership here, in the words of the turn's edition; "unlink"
withdraws it.

No reply tells whether a member exists. The code is sent, or not, after the turn by the effect `send_link_code`, and the
code of an unknown member is stored, tried and refused like any other.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from bot import config
from bot.domain.decisions import Answer, Ask, Change, Decision, Effect, Turn
from bot.domain.members import MemberKey
from bot.domain.messages import DAY, Audience, Identity, Instant, Kind
from bot.domain.turns import CodeKept
from bot.intents.sayings import asks_for_another_number, asks_why, leaves_linking, says_wait, wants_another_code
from bot.intents.skills.points_statement import statement
from bot.ports.nlu import MemberDirectory
from bot.ports.storage import OneTimeCodeStore
from bot.text import truncate
from bot.text.folding import LONGEST, ascii_digits, is_invisible, search_form, without_courtesies

CODE_DIGITS = 6
_MOST_TYPED = 400  # characters, including invisible ones; a longer text is no number
# Words before a number: 我的会员号是, "um, my code is".
_LEAD_IN = re.compile(
    r"(?:[\s:,.'#是为的]|(?:我|会员|卡|手机|电话|号码|号|验证码|短信|密码|收到|那个|就是|这个|应该|好)|[嗯呃额啊哦喂]"
    r"|\b(?:my|the|member(?:ship)?|phone|mobile|card|verification|code|number|no|it|is|s|um|uh|so|well)\b)+"
)
_SEPARATORS = re.compile(r"[\s\-‐-―−().,。!;:，、；：·/_#\u20e3]+")
# Particles after a number: 13800000001啊.
_TAIL = re.compile(r"[啊呀吧呢哦的了嗯]+$")
_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SAID = {name: str(digit) for digit, name in enumerate(_NAMES)}
_SAID |= {"oh": "0", "o": "0", "幺": "1"}
_TIMES = {"double": 2, "triple": 3}
_DIGIT_SAID = rf"(?:{'|'.join(_SAID)}|[0-9])"
_SPELLED = re.compile(
    rf"(?:(?P<times>double|triple)\s+(?P<many>{_DIGIT_SAID})\b|\b(?P<one>{'|'.join(_SAID)})\b|幺)", re.IGNORECASE
)
_COUNTED = re.compile(
    r"\b(?:ten|eleven|twelve|\w{3,5}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand)\b"
)
_MAINLAND = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})")
_ABROAD = re.compile(r"(?:\+|00)(?!86)([1-9][0-9]{6,14})")
_MISTYPED = re.compile(r"1[3-9][0-9]{8}(?:[0-9]{2})?")  # a mainland number with a digit too few or too many
_MEMBER = re.compile(r"[A-Z]{0,4}[0-9]{4,16}")
# Also a number with counted parts (一百三十八), which we cannot read but must not take for a question.
_ATTEMPT = re.compile(r"\+?[A-Z]{0,4}(?=[十百千万]*[0-9])[0-9十百千万]+")


def member_key(text: str) -> MemberKey | None:
    """The member or phone number that `text` consists of, normalised; None if it is neither.

    Ignores full-width forms, spaces, hyphens, brackets, invisible characters and leading words such as 我的会员号是.
    Reads spoken digits: 一三八, 幺, "one three eight", "double three". Removes +86, 0086 or 86 of a mainland number,
    keeps the country code of a foreign one as +44..., and makes letters capital.
    """
    typed = _bare(text)
    if mainland := _MAINLAND.fullmatch(typed):
        return MemberKey(mainland[1])
    if abroad := _ABROAD.fullmatch(typed):
        return MemberKey(f"+{abroad[1]}")
    return MemberKey(typed) if _MEMBER.fullmatch(typed) and not _MISTYPED.fullmatch(typed) else None


def code_in(text: str) -> str | None:
    """The one-time code that `text` consists of; else None."""
    typed = _bare(text)
    return typed if len(typed) == CODE_DIGITS and typed.isascii() and typed.isdigit() else None


def code_within(text: str) -> str | None:
    """The one-time code in a text that says little besides, or speaks of the code; a pasted text message, say."""
    plain = ascii_digits(search_form(text[:_MOST_TYPED]))
    found = _CODE_WITHIN.findall(plain)
    if len(found) != 1:
        return None
    beside = _SEPARATORS.sub("", _CODE_WITHIN.sub("", plain)).replace(" ", "")
    return "".join(found[0]) if len(beside) <= _FEW or _ABOUT_A_CODE.search(plain) else None


def key_within(text: str) -> MemberKey | None:
    """The mainland phone number in a short text, if there is exactly one."""
    found = _PHONE_WITHIN.findall(ascii_digits(search_form(text))) if len(text) <= LONGEST else []
    return MemberKey(found[0]) if len(found) == 1 else None


def is_number(text: str) -> bool:
    """Whether a text is meant as a number of any kind, valid or not, digit by digit or counted."""
    return _ATTEMPT.fullmatch(_bare(text)) is not None


def _bare(text: str) -> str:
    """The text without the words, separators and particles around a number; '' if it is too long for a number."""
    if len(text) > _MOST_TYPED:
        return ""
    typed = without_courtesies(search_form(text).strip())
    if len(typed) > LONGEST:
        return ""
    announced = _LEAD_IN.match(typed)
    said = ascii_digits(_spelled(_TAIL.sub("", typed[announced.end() :] if announced else typed)))
    return _SEPARATORS.sub("", said.removeprefix("加").removeprefix("plus")).upper()


def _spelled(typed: str) -> str:
    """English number words and 幺 as digits. Counted ones ("thirteen") become 十: an attempt that cannot be read."""

    def digits(said: re.Match[str]) -> str:
        word = said["many"] or said["one"] or "幺"
        return _SAID.get(word, word) * _TIMES.get(said["times"] or "", 1)

    return _COUNTED.sub("十", _SPELLED.sub(digits, typed))


class OneTimeCodes:
    """Makes and verifies codes, by HMAC with the deployment's secret.

    A repeated effect makes the same code. A hash is keyed too: without the secret the million codes cannot be tried.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def make(self, key: str) -> str:
        """The six digits for `key`, the id of the effect's outbox row."""
        number = int.from_bytes(self._mac("one-time code", key)) % 10**CODE_DIGITS
        return f"{number:0{CODE_DIGITS}}"

    def hash(self, key: str, code: str) -> str:
        """What the database keeps of a code: 64 hexadecimal digits."""
        return self._mac("one-time code kept", key, code).hex()

    def matches(self, code: str, key: str, kept: str) -> bool:
        """Whether `code` has the hash `kept`. Takes constant time."""
        return hmac.compare_digest(self.hash(key, code), kept)

    def _mac(self, *parts: str) -> bytes:
        return hmac.digest(self._secret, "\0".join(parts).encode(), "sha256")


INTENT = "link"
SEND_CODE = "send_link_code"
CODES_SPENT = "codes_per_day"  # why no code was sent to somebody who asked for several at the same moment
CODE_PLACE = "{code}"  # in the text of the effect: the code is made only when it is sent
_WAIT = 1800.0  # seconds after which a number is no longer taken for an answer to our question
_IN_WORDS = frozenset({Kind.TEXT, Kind.VOICE})  # a click brings a menu's key, never a number or a code
_CODE_WITHIN = re.compile(r"(?<![0-9])([0-9]{3})[ -]?([0-9]{3})(?![0-9])")
_PHONE_WITHIN = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")
_ABOUT_A_CODE = re.compile(r"验证码|校验码|短信|密码|数字|code|digits|收到|got|received|text")
_FEW = 6  # characters beside a code that need not speak of it
_LEAVE = re.compile(r"解绑|(?:解除|取消).{0,4}(?:绑定|关联)|\b(?:un(?:link|bind|pair)|disconnect)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LinkingTerms:
    """How a deployment makes codes, and how many it allows."""

    codes: OneTimeCodes
    limits: config.Linking


@dataclass(frozen=True, slots=True)
class LinkingProgress:
    """How far a customer has come, kept in the conversation's slots so that it survives a restart."""

    step: str  # 'member': we asked who they are; 'code': we asked for the code
    until: Instant  # when we stop waiting for the answer
    then: str = ""  # the intent to serve afterwards
    member: str = ""  # the number that they gave

    def slots(self) -> Mapping[str, Any]:
        return {"skill": INTENT, **asdict(self)}


def progress(turn: Turn) -> LinkingProgress | None:
    """The linking that is under way in this private conversation; None if there is none or its time is over."""
    slots = turn.conversation.slots
    if slots.get("skill") != INTENT or turn.conversation.public:
        return None
    found = LinkingProgress(**{field.name: slots[field.name] for field in fields(LinkingProgress)})
    return found if turn.now < found.until else None


def verified_member(identity: Identity, now: Instant) -> str | None:
    """The id of the member that this identity is verified as; None if it is not, or no longer."""
    return identity.member_id if identity.verified_until > now else None


def begin(turn: Turn, then: str = "") -> Decision:
    """Ask who the customer is. For a question in a public thread, say in private where to ask again instead.

    then: the intent to serve once they are verified.
    """
    words = turn.edition
    if turn.conversation.public:
        return Answer(words.phrase("link.in_private", turn.language), audience=Audience.PRIVATE)
    question = words.phrase("link.ask_member", turn.language)
    if then:
        question = words.phrase("link.needed", turn.language) + "\n" + question
    waiting = LinkingProgress("member", turn.now + _WAIT, then)
    return Ask(question, audience=Audience.PRIVATE, slots=waiting.slots())


class LinkSkill:
    """Links an identity to a member: asks for a number, then for the code."""

    intent = INTENT

    def __init__(
        self,
        members: MemberDirectory,
        codes: OneTimeCodeStore,
        terms: LinkingTerms,
        time_limit: float = 3.0,
    ) -> None:
        self._members = members
        self._codes = codes
        self._terms = terms
        self.time_limit = time_limit

    def wants(self, turn: Turn) -> bool:
        """Whether the message is an answer to the linking under way. A question is not, and is understood as one."""
        under_way = progress(turn)
        if under_way is None or turn.message.kind not in _IN_WORDS:
            return False
        text = turn.message.text
        if turn.message.kind is Kind.VOICE and is_invisible(text):
            return True  # speech recognition failed: we ask for the number in writing
        number = is_number(text) or _key_in(text) is not None or (under_way.step == "code" and code_within(text))
        said = (leaves_linking, says_wait, asks_why, asks_for_another_number)
        return bool(number) or any(says(text) for says in said) or _asks_again(text, under_way)

    def again(self, turn: Turn) -> Ask | None:
        under_way = progress(turn)
        if under_way is None:
            return None
        asked = "link.ask_code" if under_way.step == "code" else "link.ask_member"
        return _ask(self._say(asked, turn), replace(under_way, until=turn.now + _WAIT))

    async def respond(self, turn: Turn) -> Decision:
        """The next step. Raises MemberSystemFailed and Unavailable."""
        under_way = progress(turn)
        if under_way is None or not self.wants(turn):
            return await self._start(turn)
        text = turn.message.text
        if leaves_linking(text):
            return self._end("link.cancelled", turn)
        still = self.again(turn)
        if still is not None and says_wait(text):
            return replace(still, text=self._say("link.take_your_time", turn))
        if still is not None and asks_for_another_number(text):  # the question itself says which
            return still
        if still is not None and asks_why(text):
            return replace(still, text=f"{self._say('link.why', turn)}\n{still.text}")
        return await self._step(turn, under_way)

    async def _start(self, turn: Turn) -> Decision:
        member_id = verified_member(turn.conversation.identity, turn.now)
        if _LEAVE.search(search_form(truncate(turn.message.text))):
            unlink = (Change("unlink"),)
            return self._end("link.unlinked", turn, unlink) if member_id else self._end("link.cancelled", turn)
        member = await self._members.member(member_id) if member_id else None
        if member is None:
            return begin(turn)
        said = turn.edition.phrase("link.already", turn.language, name=member.name)
        return Answer(said, audience=Audience.PRIVATE)

    async def _step(self, turn: Turn, under_way: LinkingProgress) -> Decision:
        text = turn.message.text
        code = None
        if under_way.step == "code":  # YS100001 is a member's number, with six digits in it
            code = code_in(text) or (code_within(text) if member_key(text) is None else None)
        if code:
            return await self._check_code(turn, under_way, code)
        key = _key_in(text)
        if key:
            return await self._send(turn, replace(under_way, member=key.value), "link.code_sent")
        if _asks_again(text, under_way):
            return await self._send(turn, under_way, "link.sent_again")
        unread = "link.ask_code" if under_way.step == "code" else "link.ask_again"
        return _ask(self._say(unread, turn), replace(under_way, until=turn.now + _WAIT))

    async def _send(self, turn: Turn, under_way: LinkingProgress, phrase: str) -> Decision:
        """Ask for the code, with the effect that sends one if there is such a member. The reply is the same if not."""
        issued = await self._codes.issued(turn.conversation.identity.id, None, turn.now - DAY)
        left = self._terms.limits.codes_per_day - issued
        if left <= 0:
            return self._end("link.codes_spent", turn)
        said = self._say(phrase, turn, left=left - 1) if phrase == "link.sent_again" else self._say(phrase, turn)
        # The text travels with the effect: another edition may be active when it is sent.
        minutes = self._terms.limits.code_minutes
        text = turn.edition.phrase("sms.code", turn.language, code=CODE_PLACE, minutes=minutes)
        arguments = {"key": under_way.member, "text": text}
        waiting = replace(under_way, step="code", until=turn.now + _WAIT)
        return _ask(said, waiting, effects=(Effect(SEND_CODE, arguments),))

    async def _check_code(self, turn: Turn, under_way: LinkingProgress, code: str) -> Decision:
        kept = await self._codes.current(turn.conversation.identity.id)
        if kept is None or kept.until <= turn.now:
            return await self._send(turn, under_way, "link.renewed")
        if kept.attempts >= self._terms.limits.attempts:
            return self._end("link.too_many", turn)
        if self._terms.codes.matches(code, kept.id, kept.hash) and kept.member_id is not None:
            return await self._link(turn, under_way, kept.id, kept.member_id)
        return self._wrong_code(turn, under_way, kept)

    def _wrong_code(self, turn: Turn, under_way: LinkingProgress, kept: CodeKept) -> Decision:
        counted = (Change("count_attempt", {"code_id": kept.id}),)
        left = self._terms.limits.attempts - kept.attempts - 1
        if left <= 0:
            return self._end("link.too_many", turn, counted)
        return _ask(self._say("link.wrong_code", turn, left=left), under_way, changes=counted)

    async def _link(self, turn: Turn, under_way: LinkingProgress, code_id: str, member_id: str) -> Decision:
        member = await self._members.member(member_id)
        if member is None:
            return self._end("link.expired", turn)
        said = [self._say("link.done", turn, name=member.name)]
        if under_way.then == "points":
            said.append(statement(await self._members.points(member_id), turn))
        until = turn.now + self._terms.limits.verified_days * DAY
        proof = {"code_id": code_id, "member_id": member_id, "until": until, "name": member.name}
        change = Change("verify_identity", proof)
        return Answer("\n".join(said), entry=INTENT, audience=Audience.PRIVATE, changes=(change,))

    def _say(self, phrase: str, turn: Turn, /, **values: str | int) -> str:
        return turn.edition.phrase(phrase, turn.language, **values)

    def _end(self, phrase: str, turn: Turn, changes: tuple[Change, ...] = ()) -> Answer:
        return Answer(self._say(phrase, turn), entry=INTENT, audience=Audience.PRIVATE, changes=changes)


def _ask(
    text: str, under_way: LinkingProgress, effects: tuple[Effect, ...] = (), changes: tuple[Change, ...] = ()
) -> Ask:
    return Ask(text, entry=INTENT, audience=Audience.PRIVATE, slots=under_way.slots(), effects=effects, changes=changes)


def _asks_again(text: str, under_way: LinkingProgress) -> bool:
    """Whether the customer, who was sent a code, asks for another."""
    return under_way.step == "code" and wants_another_code(text)


def _key_in(text: str) -> MemberKey | None:
    return member_key(text) or key_within(text)

"""What the simulated X knows: app and account, people and blocks, posts, direct messages, and the brand's recent texts.

Also the faults that a test or the page switches on.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Generic, TypeVar

from annotated_types import Ge, Le, MaxLen
from pydantic import AfterValidator, ConfigDict

from bot.i18n import message, translate
from bot.ports.channels import Clock
from bot.simulators.server import PageRefusal
from bot.simulators.twitter.refusals import ACCOUNT_REFUSALS
from bot.simulators.twitter.texts import Span


class UnknownPerson(PageRefusal):
    detail = "no person has this id"


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    username: str  # handle without '@'
    name: str
    created_at: float  # Unix time
    followers: int = 0
    messages_open: bool = False  # takes direct messages from people to whom they have not written first


class People:
    """People by id and by handle, and their blocks. Handles are case-insensitive."""

    def __init__(self) -> None:
        self._by_id: dict[str, Person] = {}
        self._ids: dict[str, str] = {}
        self._blocks: dict[tuple[str, str], None] = {}  # (blocker, blocked): an ordered set

    def add(self, username: str, name: str, now: float, **more: Any) -> Person:
        """The person with this handle, created if new. more: fields of Person to set."""
        known = self.named(username)
        if known is not None:
            return self.put(replace(known, **more)) if more else known
        # The id depends on the handle only, so a person keeps it when the simulator restarts.
        number = int.from_bytes(hashlib.sha256(username.lower().encode()).digest()[:7])
        person_id = str(1_000_000_000_000_000_000 + number % 500_000_000_000_000_000)
        return self.put(Person(person_id, username, name or username, now, **more))

    def put(self, person: Person) -> Person:
        self._by_id[person.id] = person
        self._ids[person.username.lower()] = person.id
        return person

    def get(self, person_id: str) -> Person:
        """Raises UnknownPerson."""
        if person_id not in self._by_id:
            raise UnknownPerson(person_id)
        return self._by_id[person_id]

    def find(self, person_id: str) -> Person | None:
        return self._by_id.get(person_id)

    def named(self, username: str) -> Person | None:
        return self._by_id.get(self._ids.get(username.lower(), ""))

    def all(self) -> list[Person]:
        return list(self._by_id.values())

    def block(self, blocker: str, blocked: str, on: bool = True) -> None:
        if on:
            self._blocks[blocker, blocked] = None
        else:
            self._blocks.pop((blocker, blocked), None)

    def blocks(self, blocker: str, blocked: str) -> bool:
        return (blocker, blocked) in self._blocks

    def blocked_by(self, blocker: str) -> list[Person]:
        """Newest first, as the platform lists them."""
        return [self._by_id[blocked] for one, blocked in reversed(self._blocks) if one == blocker]


@dataclass(frozen=True, slots=True)
class Post:
    """A version of a public post. Times are Unix seconds."""

    id: int
    author_id: str
    text: str  # whole, with links wrapped in t.co
    created_at: float
    visible_at: float  # lists show it from then on
    conversation_id: int
    history: tuple[int, ...]  # ids of all versions, this one last
    links: tuple[Span, ...] = ()
    mentions: tuple[Span, ...] = ()  # those that X put before a reply included
    mentioned_ids: tuple[str, ...] = ()
    opens_at: int = 0  # the characters before are handles that X put before a reply
    reply_to: int | None = None
    reply_to_author: str = ""
    quotes: int | None = None
    reposts: int | None = None
    long: bool = False  # the API shortens `text` and has the whole text in `note_tweet`

    @property
    def lists(self) -> tuple[str, ...]:
        return ("all", f"by/{self.author_id}", *(f"mentions/{one}" for one in self.mentioned_ids))

    def addresses(self, username: str) -> bool:
        """Whether the author wrote this handle, rather than X before a reply."""
        wanted = username.lower()
        return any(one.word.lower() == wanted for one in self.mentions if one.start >= self.opens_at)


@dataclass(frozen=True, slots=True)
class Draft:
    """A post to be published."""

    author_id: str
    text: str
    reply_to: int | None = None
    quotes: int | None = None
    reposts: int | None = None
    exclude: tuple[str, ...] = ()  # handles that X must not put before a reply
    late: float | None = None  # seconds until lists show it; by default the fault `lag`


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """A direct message. Times are Unix seconds."""

    id: int
    sender_id: str
    recipient_id: str
    text: str
    created_at: float
    visible_at: float  # lists show it from then on

    @property
    def conversation(self) -> str:
        return conversation_of(self.sender_id, self.recipient_id)

    @property
    def lists(self) -> tuple[str, ...]:
        return ("all", self.conversation)

    def with_whom(self, one: str) -> str:
        return self.recipient_id if self.sender_id == one else self.sender_id


def conversation_of(one: str, other: str) -> str:
    """The id of the conversation of two people: their ids, the smaller one first."""
    first, second = sorted((one, other), key=int)
    return f"{first}-{second}"


T = TypeVar("T", Post, DirectMessage)
MAX_KEPT = 100_000  # posts, and direct messages: months of simulated use must fit into memory


class Timeline(Generic[T]):
    """Posts or direct messages by id, and their lists by name. Drops the oldest beyond MAX_KEPT."""

    def __init__(self) -> None:
        self._all: dict[int, T] = {}
        self._lists: dict[str, list[int]] = {}

    def add(self, one: T) -> None:
        self._all[one.id] = one
        for name in one.lists:
            insort(self._lists.setdefault(name, []), one.id)
        while len(self._all) > MAX_KEPT:
            self.remove(next(iter(self._all)))

    def get(self, its_id: int | None) -> T | None:
        return self._all.get(its_id) if its_id is not None else None

    def unlist(self, one: T) -> None:
        """Remove one from the lists, but not from lookups by id: an old version of an edited post."""
        for name in one.lists:
            ids = self._lists[name]
            at = bisect_left(ids, one.id)
            if ids[at : at + 1] == [one.id]:
                del ids[at]

    def remove(self, its_id: int) -> None:
        self.unlist(self._all.pop(its_id))

    def newest(self, name: str = "all", now: float = math.inf) -> Iterator[T]:
        """What is in a list and visible at this time, newest first."""
        for its_id in reversed(self._lists.get(name, [])):
            one = self._all[its_id]
            if one.visible_at <= now:
                yield one


_EPOCH = 1_288_834_974_657  # milliseconds, 2010-11-04: X's snowflake ids count from here
_SEQUENCE = 22  # bits below the milliseconds


class Snowflakes:
    """X's ids: milliseconds, then a sequence. Each id is greater than the one before, even if the clock goes back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        now = (int(self._clock.now() * 1000) - _EPOCH) << _SEQUENCE
        self._last = max(now, self._last + 1)
        return self._last


DUPLICATE_PERIOD = 36 * 3600.0  # seconds; how long X refuses the same text is not documented


class RecentTexts:
    """The brand's texts of the last DUPLICATE_PERIOD, which X refuses to post again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._texts: dict[str, tuple[float, int]] = {}  # Unix time and post id by text, oldest first

    def contains(self, text: str) -> bool:
        oldest = self._clock.now() - DUPLICATE_PERIOD
        while self._texts and next(iter(self._texts.values()))[0] < oldest:
            del self._texts[next(iter(self._texts))]
        return text.strip() in self._texts

    def add(self, text: str, post_id: int) -> None:
        self._texts.pop(text.strip(), None)  # a new key goes to the end, which keeps the order of time
        self._texts[text.strip()] = (self._clock.now(), post_id)

    def forget(self, post_id: int) -> None:
        """Forget the text of a deleted post: it may be posted again."""
        self._texts = {text: (at, one) for text, (at, one) in self._texts.items() if one != post_id}


Count = Annotated[int, Ge(0)]

# What a customer might write; the page offers these as chips.
QUESTIONS = (
    message("simulator.question.points_lapse"),
    message("simulator.question.returns"),
    message("simulator.question.late_order"),
    message("simulator.question.person"),
)


@dataclass(frozen=True, slots=True)
class SimulatedApp:
    """A developer app with four OAuth 1.0a keys and a bearer token, and the account that has authorised it."""

    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str
    bearer_token: str
    user_id: str = "1600000000000000001"  # of the account
    username: str = "YunshanTea"  # without '@'
    client_secret: str = ""  # if set, webhooks are signed with it as well (x-twitter-webhooks-signature-oauth2)
    name_zh: str = translate("simulator.account.twitter", "zh")
    name_en: str = translate("simulator.account.twitter", "en")


def known_refusal(name: str) -> str:
    """Raises ValueError for a name that is not in ACCOUNT_REFUSALS; '' is none."""
    if name and name not in ACCOUNT_REFUSALS:
        raise ValueError(name)
    return name


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of X, and the body of PUT /api/faults. A Count is the number of times that it happens."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    only: Annotated[str, MaxLen(80)] = ""  # endpoints with this in their name, like 'POST /2/tweets'; '' is all
    down: bool = False  # every request gets 503 in JSON
    html: Count = 0  # requests that get 503 with a page of HTML
    slow: Annotated[float, Ge(0), Le(60)] = 0.0  # seconds by which every answer is late
    truncate: Count = 0  # answers that break off in their JSON
    drop: Count = 0  # requests that are carried out, whose connection then breaks
    error: Count = 0  # requests that are carried out and get 500
    limited: Count = 0  # requests that get 429 although no limit is reached
    no_reset: bool = False  # every 429 comes without x-rate-limit-reset
    no_headers: bool = False  # no answer has rate-limit headers
    broke: bool = False  # every request gets 402
    refuse: Annotated[str, AfterValidator(known_refusal)] = ""  # a key of ACCOUNT_REFUSALS; every request gets it
    lag: Annotated[float, Ge(0), Le(86_400)] = 0.0  # seconds until a new post or message shows in lists
    short: Annotated[int, Ge(0), Le(100)] = 0  # results on a page at most; 0 is as requested
    duplicate: Count = 0  # events that are delivered twice
    swap: Count = 0  # events that are overtaken by the next one
    deaf: bool = False  # no event is delivered

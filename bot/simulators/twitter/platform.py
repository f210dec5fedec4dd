"""The simulated X: people post, mention and write to a brand; the brand's server calls the API and is told by webhook.

    async with Platform(app, clock) as platform:
        lin = platform.person("linxiao", "林晓")
        post = platform.posts(lin.id, "@YunshanTea 积分什么时候过期？")
        ...                                   # the brand's server polls and replies
        print([reply.text for reply in platform.replies_to(post.id)])

One platform lives in one event loop. Nothing in it waits for time to pass: the clock decides what is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

from bot.errors import YingdaError
from bot.ports import Clock
from bot.simulators.clock import SystemClock
from bot.simulators.faults import FaultSwitch
from bot.simulators.live import Live
from bot.simulators.twitter.account import SimulatedApp
from bot.simulators.twitter.courier import PATIENCE, Courier
from bot.simulators.twitter.credits import Purse
from bot.simulators.twitter.events import Wording
from bot.simulators.twitter.faults import Faults
from bot.simulators.twitter.hooks import Herald, Hooks
from bot.simulators.twitter.ids import Snowflakes
from bot.simulators.twitter.limits import Limits
from bot.simulators.twitter.listening import Listeners
from bot.simulators.twitter.messages import DirectMessage, Messages, conversation_of
from bot.simulators.twitter.oauth import Doorkeeper
from bot.simulators.twitter.people import People, Person
from bot.simulators.twitter.posts import Draft, Post, Posts, composed
from bot.simulators.twitter.said import Said
from bot.simulators.twitter.tally import Call, Tally
from bot.wording import clean


class UnknownPost(YingdaError):
    """There is no such post, or no longer."""


class Platform:
    """X's side of one developer app and the brand's account. wall: the clock of OAuth's timestamps, which tests leave
    alone. patience: seconds to wait for a webhook. allow_remote: webhooks and visitors of other machines."""

    def __init__(
        self,
        app: SimulatedApp,
        clock: Clock | None = None,
        patience: float = PATIENCE,
        wall: Callable[[], float] = time.time,
        allow_remote: bool = False,
    ) -> None:
        self.app = app
        self.clock = clock or SystemClock()
        self.allow_remote = allow_remote
        self.live = Live()
        self.faults = FaultSwitch(Faults(), self.live)
        self.limits = Limits(self.clock)
        self.purse = Purse(self.clock)
        self.tally = Tally()
        self.hooks = Hooks()
        self.people = People()
        self.timeline = Posts()
        self.mail = Messages()
        self.said = Said(self.clock)
        self.door = Doorkeeper(app, wall)
        self.ids = Snowflakes(self.clock)
        self.listeners = Listeners(self.people)
        self.courier = Courier(app, patience)
        self.herald = Herald(self.hooks, self.courier, self.faults.take, self._delivered)
        self._wording = Wording(self.people, self.timeline)
        brand = Person(app.user_id, app.username, app.name_zh, self.clock.now() - 400 * 86_400, 12_000)
        self.brand = self.people.put(brand)

    async def __aenter__(self) -> Platform:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Drop what is still under way, and the connections."""
        self.hush()
        await self.herald.aclose()

    def hush(self) -> None:
        """End every stream."""
        for stream in (self.live, self.herald.stream, self.listeners.stream):
            stream.close()

    # What people do

    def person(self, username: str, name: str = "", **more: Any) -> Person:
        """Somebody by their handle, without '@'; the same handle is the same person. more: followers,
        messages_open, protected."""
        someone = self.people.add(username, clean(name), self.clock.now(), **more)
        self.live.tell("person", someone)
        return someone

    def posts(self, author_id: str, text: str, late: float | None = None, **more: Any) -> Post:
        """Somebody posts. late: seconds until lists show it; the fault `lag` if left out. more: reply_to, quotes,
        reposts (ids of posts), exclude (handles not to put before a reply). Raises UnknownPerson, UnknownPost."""
        lag = self.faults.now.lag if late is None else late
        return self.publish(Draft(self.people.get(author_id).id, clean(text), late=lag, **more))

    def edits(self, post_id: int, text: str) -> Post:
        """An author changes a post: X makes a new one with a history. Raises UnknownPost."""
        old = self.post(post_id)
        self.timeline.unlist(old)
        made = self._made(Draft(old.author_id, clean(text), old.reply_to, old.quotes, late=self.faults.now.lag))
        self.live.tell("gone", {"id": str(old.id)})
        return self._publish(replace(made, history=(*old.history, made.id), conversation_id=old.conversation_id))

    def deletes(self, post_id: int) -> None:
        """Somebody takes a post back. Raises UnknownPost."""
        gone = self.post(post_id)
        self.timeline.remove(post_id)
        self.live.tell("gone", {"id": str(post_id)})
        if not self.faults.now.deaf:
            self.herald.tell([self._wording.of_deletion(gone, self.ids.next())])
            now = self.clock.now()
            self.herald.tell_older("tweet_delete_events", lambda user: self._wording.deleted_to(user, gone, now))

    def writes(self, sender_id: str, text: str, to: str = "", late: float | None = None) -> DirectMessage:
        """A direct message to the brand, or to somebody else. late: as with posts. Raises UnknownPerson."""
        sender, recipient = self.people.get(sender_id), self.people.get(to or self.brand.id)
        now = self.clock.now()
        lag = self.faults.now.lag if late is None else late
        message = DirectMessage(self.ids.next(), sender.id, recipient.id, clean(text), now, now + lag)
        self.mail.add(message)
        self.live.tell("message", message)
        if not self.faults.now.deaf:
            self.herald.tell(self._wording.of_message(message, self._two_ids()))
            self.herald.tell_older("direct_message_events", lambda user: self._wording.written_to(user, message))
        return message

    # What is to be seen, whatever the lag

    def post(self, post_id: int) -> Post:
        """Raises UnknownPost."""
        found = self.timeline.get(post_id)
        if found is None:
            raise UnknownPost(str(post_id))
        return found

    def brand_posts(self) -> list[Post]:
        """Everything that the brand has posted and not taken back, oldest first."""
        return list(self.timeline.by(self.brand.id, float("inf")))[::-1]

    def replies_to(self, post_id: int) -> list[Post]:
        """The brand's replies to a post, oldest first."""
        return [post for post in self.brand_posts() if post.reply_to == post_id]

    def talk(self, person_id: str) -> list[DirectMessage]:
        """The direct messages between somebody and the brand, oldest first. Raises UnknownPerson."""
        talk = conversation_of(self.people.get(person_id).id, self.brand.id)
        return list(self.mail.between(talk, float("inf")))[::-1]

    async def settled(self) -> None:
        """Until every event under way has been delivered to its webhook."""
        await self.herald.settled()

    # What the API does

    def publish(self, draft: Draft) -> Post:
        """Post a draft, put handles before a reply, and tell everybody. Raises UnknownPost for a lost parent."""
        return self._publish(self._made(draft))

    def _made(self, draft: Draft) -> Post:
        parent = self.post(draft.reply_to) if draft.reply_to is not None else None
        made = composed(draft, self.ids.next(), self.clock.now(), self._handles(draft, parent), parent)
        people = [person.id for one in made.mentions if (person := self.people.named(one.word))]
        return replace(made, mentioned_ids=tuple(dict.fromkeys(people)))

    def _handles(self, draft: Draft, parent: Post | None) -> str:
        """What X puts before a reply: the parent's author and whom the parent mentions, unless written already."""
        if parent is None:
            return ""
        there = [self.people.get(parent.author_id).username, *(one.word for one in parent.mentions)]
        own = self.people.get(draft.author_id).username
        left_out = {one.lower() for one in (own, *draft.exclude)}
        written = draft.text.lower()
        handles = [one for one in dict.fromkeys(there) if one.lower() not in left_out]
        return "".join(f"@{one} " for one in handles if f"@{one.lower()}" not in written)

    def _publish(self, post: Post) -> Post:
        self.timeline.add(post)
        self.live.tell("post", post)
        self.listeners.hear(post)
        if not self.faults.now.deaf:
            self.herald.tell(self._wording.of_post(post))
            self.herald.tell_older("tweet_create_events", lambda user: self._older_post(user, post))
        return post

    def _older_post(self, user: str, post: Post) -> dict[str, Any] | None:
        return self._wording.posted_to(user, post, self.people.blocks(user, post.author_id))

    def _two_ids(self) -> int:
        first = self.ids.next()
        self.ids.next()
        return first

    # Faults, and what went over the wire

    def set_faults(self, faults: Faults) -> None:
        self.faults.set(faults)

    def note(self, call: Call) -> None:
        """Keep what went over the wire for those who look behind the scenes."""
        self.tally.calls.append(call)
        self.live.tell("call", call)

    def _delivered(self, what: str, outcome: str) -> None:
        self.note(Call(self.clock.now(), "push", what, outcome))

"""The simulated X: people post, mention and write to a brand; the brand's server uses the API and a webhook.

    async with Platform(app, clock) as platform:
        lin = platform.person("linxiao", "林晓")
        post = platform.create_post(lin.id, "@YunshanTea 积分什么时候过期？")
        ...                                   # the brand's server polls and replies
        print([reply.text for reply in platform.replies_to(post.id)])

One platform lives in one event loop. It never sleeps until a time: what is visible or expired depends on the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.ports.channels import Clock
from bot.simulators.live import SimulatedPlatform
from bot.simulators.server import PageRefusal
from bot.simulators.twitter import state, webhooks
from bot.simulators.twitter.auth import Authenticator
from bot.simulators.twitter.events import EventBuilder
from bot.simulators.twitter.limits import Call, Credits, Limits, RequestLog
from bot.simulators.twitter.state import DirectMessage, Draft, Faults, Person, Post, SimulatedApp, conversation_of
from bot.simulators.twitter.texts import LONGEST_POST, Span, mentions_in, weighted_length, wrap_links
from bot.text import clean


class UnknownPost(PageRefusal):
    detail = "there is no such post"


class Platform(SimulatedPlatform[Faults]):
    """X's side of one developer app and the brand's account.

    wall: the clock for OAuth's timestamps, the system's also in tests. timeout: seconds to wait for a webhook.
    allow_remote: accept webhooks on, and requests from, other machines.
    """

    def __init__(
        self,
        app: SimulatedApp,
        clock: Clock | None = None,
        timeout: float = webhooks.WEBHOOK_TIMEOUT,
        wall: Callable[[], float] = time.time,
        allow_remote: bool = False,
    ) -> None:
        super().__init__(Faults(), clock, allow_remote)
        self.app = app
        self.limits = Limits(self.clock)
        self.credits = Credits(self.clock)
        self.request_log = RequestLog(self.calls)
        self.people = state.People()
        self.timeline = state.Timeline[Post]()
        self.direct_messages = state.Timeline[DirectMessage]()
        self.recent_texts = state.RecentTexts(self.clock)
        self.authenticator = Authenticator(app, wall)
        self.ids = state.Snowflakes(self.clock)
        self.filtered_stream = webhooks.FilteredStream(self.people)
        self.webhook_client = webhooks.WebhookClient(app, timeout)
        self.publisher = webhooks.EventPublisher(self.webhook_client, self.faults.take, self._note_delivery)
        self.wait_delivered = self.publisher.wait_delivered
        self.event_builder = EventBuilder(self.people, self.timeline)
        brand = Person(app.user_id, app.username, app.name_zh, self.clock.now() - 400 * 86_400, 12_000)
        self.brand = self.people.put(brand)

    async def aclose(self) -> None:
        self.close_streams()
        await self.publisher.aclose()

    def close_streams(self) -> None:
        """End every event stream."""
        for stream in (self.live, self.publisher.stream, self.filtered_stream.stream):
            stream.close()

    # What people do

    def person(self, username: str, name: str = "", **more: Any) -> Person:
        """The person with this handle (without '@'), created if new. more: fields of Person to set."""
        someone = self.people.add(username, clean(name), self.clock.now(), **more)
        self.live.publish("person", someone)
        return someone

    def create_post(self, author_id: str, text: str, late: float | None = None, **more: Any) -> Post:
        """Publish a person's post. Raises UnknownPerson, UnknownPost.

        late: seconds until lists show it, by default the fault `lag`. more: fields of Draft.
        """
        return self.publish(Draft(self.people.get(author_id).id, clean(text), late=late, **more))

    def edit_post(self, post_id: int, text: str) -> Post:
        """Publish a new version of a post, which X gives an id of its own. Raises UnknownPost."""
        old = self.post(post_id)
        self.timeline.unlist(old)
        made = self._made(Draft(old.author_id, clean(text), old.reply_to, old.quotes))
        self.live.publish("gone", {"id": str(old.id)})
        return self._publish(replace(made, history=(*old.history, made.id), conversation_id=old.conversation_id))

    def delete_post(self, post_id: int) -> None:
        """Delete a post. Raises UnknownPost."""
        gone = self.post(post_id)
        self.timeline.remove(post_id)
        self.live.publish("gone", {"id": str(post_id)})
        if not self.faults.now.deaf:
            build, now = self.event_builder.account_activity_deletion, self.clock.now()
            self.publisher.publish([self.event_builder.deletion_event(gone, self.ids.next())])
            self.publisher.publish_account_activity("tweet_delete_events", lambda user: build(user, gone, now))

    def send_direct_message(self, sender_id: str, text: str, to: str = "", late: float | None = None) -> DirectMessage:
        """Send a direct message, by default to the brand. late: as in create_post. Raises UnknownPerson."""
        sender, recipient = self.people.get(sender_id), self.people.get(to or self.brand.id)
        now = self.clock.now()
        message = DirectMessage(self.ids.next(), sender.id, recipient.id, clean(text), now, now + self._lag(late))
        self.direct_messages.add(message)
        self.live.publish("message", message)
        if not self.faults.now.deaf:
            build, uuids = self.event_builder.account_activity_message, (self.ids.next(), self.ids.next())
            self.publisher.publish(self.event_builder.message_events(message, *uuids))
            self.publisher.publish_account_activity("direct_message_events", lambda user: build(user, message))
        return message

    def _lag(self, late: float | None) -> float:
        return self.faults.now.lag if late is None else late

    # What there is, whether lists show it yet or not

    def post(self, post_id: int) -> Post:
        """Raises UnknownPost."""
        found = self.timeline.get(post_id)
        if found is None:
            raise UnknownPost(str(post_id))
        return found

    def brand_posts(self) -> list[Post]:
        """The brand's posts without the deleted ones, oldest first."""
        return list(self.timeline.newest(f"by/{self.brand.id}"))[::-1]

    def replies_to(self, post_id: int) -> list[Post]:
        """The brand's replies to a post, oldest first."""
        return [post for post in self.brand_posts() if post.reply_to == post_id]

    def conversation_with(self, person_id: str) -> list[DirectMessage]:
        """The direct messages between a person and the brand, oldest first. Raises UnknownPerson."""
        talk = conversation_of(self.people.get(person_id).id, self.brand.id)
        return list(self.direct_messages.newest(talk))[::-1]

    # What the API does

    def publish(self, draft: Draft) -> Post:
        """Publish a draft, with handles before a reply, and send its events. Raises UnknownPost without its parent."""
        return self._publish(self._made(draft))

    def _made(self, draft: Draft) -> Post:
        parent = self.post(draft.reply_to) if draft.reply_to is not None else None
        handles = self._handles(draft, parent)
        body, links = wrap_links(draft.text)
        mentions, post_id, now = mentions_in(handles + body), self.ids.next(), self.clock.now()
        known = [person.id for one in mentions if (person := self.people.named(one.word))]
        return Post(
            id=post_id,
            author_id=draft.author_id,
            text=handles + body,
            created_at=now,
            visible_at=now + self._lag(draft.late),
            conversation_id=parent.conversation_id if parent else post_id,
            history=(post_id,),
            links=tuple(Span(one.start + len(handles), one.end + len(handles), one.word) for one in links),
            mentions=mentions,
            mentioned_ids=tuple(dict.fromkeys(known)),
            opens_at=len(handles),
            reply_to=draft.reply_to,
            reply_to_author=parent.author_id if parent else "",
            quotes=draft.quotes,
            reposts=draft.reposts,
            # Nothing weighs more than 2 a character, so a short body needs no weighing.
            long=len(body) > LONGEST_POST // 2 and weighted_length(body) > LONGEST_POST,
        )

    def _handles(self, draft: Draft, parent: Post | None) -> str:
        """What X puts before a reply: the handles of the parent's author and mentions, without those in the text."""
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
        self.live.publish("post", post)
        self.filtered_stream.publish_matching(post)
        if not self.faults.now.deaf:
            self.publisher.publish(self.event_builder.post_events(post))
            build, blocks = self.event_builder.account_activity_post, self.people.blocks
            self.publisher.publish_account_activity(
                "tweet_create_events", lambda user: build(user, post, blocks(user, post.author_id))
            )
        return post

    def _note_delivery(self, what: str, outcome: str) -> None:
        self.note(Call(self.clock.now(), "push", what, outcome))

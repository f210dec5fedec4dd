"""Posts and where they show: bounded, so that months of them fit into memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass

from bot.simulators.twitter.texts import LONGEST_POST, Span, mentions_in, weigh, wrapped

MOST = 100_000


@dataclass(frozen=True, slots=True)
class Post:
    """A public post as it stands.

    text: all of it, links wrapped; the first `opens_at` characters are handles that X put before a reply. mentions:
    explicit and not. history: the ids of its versions, its own last. visible_at: from when lists show it. long: its
    text is cut in `text` and stands whole in `note_tweet`.
    """

    id: int
    author_id: str
    text: str
    created_at: float
    visible_at: float
    conversation_id: int
    history: tuple[int, ...]
    links: tuple[Span, ...] = ()
    mentions: tuple[Span, ...] = ()
    mentioned_ids: tuple[str, ...] = ()
    opens_at: int = 0
    reply_to: int | None = None
    reply_to_author: str = ""
    quotes: int | None = None
    reposts: int | None = None
    long: bool = False

    def addresses(self, username: str) -> bool:
        """Whether its author wrote this handle themselves."""
        wanted = username.lower()
        return any(one.word.lower() == wanted for one in self.mentions if one.start >= self.opens_at)


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody is about to post. exclude: handles not to put before a reply. late: seconds until lists show it."""

    author_id: str
    text: str
    reply_to: int | None = None
    quotes: int | None = None
    reposts: int | None = None
    exclude: tuple[str, ...] = ()
    late: float = 0.0


def composed(draft: Draft, post_id: int, now: float, handles: str, parent: Post | None) -> Post:
    """The post that becomes of a draft; `handles` go before it. Who is mentioned is for the caller to look up."""
    body, links = wrapped(draft.text)
    text = handles + body
    moved = tuple(Span(link.start + len(handles), link.end + len(handles), link.word) for link in links)
    return Post(
        id=post_id,
        author_id=draft.author_id,
        text=text,
        created_at=now,
        visible_at=now + draft.late,
        conversation_id=parent.conversation_id if parent else post_id,
        history=(post_id,),
        links=moved,
        mentions=mentions_in(text),
        opens_at=len(handles),
        reply_to=draft.reply_to,
        reply_to_author=parent.author_id if parent else "",
        quotes=draft.quotes,
        reposts=draft.reposts,
        long=len(body) > LONGEST_POST // 2 and weigh(body) > LONGEST_POST,  # nothing weighs more than 2 a character
    )


class Posts:
    """Every post by id, and lists of ids: of all, by author, by whom they mention. The oldest go when it is full."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._posts: dict[int, Post] = {}
        self._lists: dict[str, list[int]] = {}

    def add(self, post: Post) -> None:
        self._posts[post.id] = post
        for name in _lists_of(post):
            insort(self._lists.setdefault(name, []), post.id)
        while len(self._posts) > self._most:
            self.remove(next(iter(self._posts)))

    def get(self, post_id: int | None) -> Post | None:
        return self._posts.get(post_id) if post_id is not None else None

    def unlist(self, post: Post) -> None:
        """Leave it out of every list; it can still be looked up, as an old version of an edited post."""
        for name in _lists_of(post):
            ids = self._lists.get(name, [])
            at = bisect_left(ids, post.id)
            if ids[at : at + 1] == [post.id]:
                del ids[at]

    def remove(self, post_id: int) -> Post | None:
        post = self._posts.pop(post_id, None)
        if post is not None:
            self.unlist(post)
        return post

    def mentioning(self, person_id: str, now: float) -> Iterator[Post]:
        """Newest first."""
        return self._visible(f"mentions/{person_id}", now)

    def by(self, person_id: str, now: float) -> Iterator[Post]:
        """Newest first."""
        return self._visible(f"author/{person_id}", now)

    def everything(self, now: float) -> Iterator[Post]:
        """Newest first."""
        return self._visible("all", now)

    def _visible(self, name: str, now: float) -> Iterator[Post]:
        for post_id in reversed(self._lists.get(name, [])):
            post = self._posts[post_id]
            if post.visible_at <= now:
                yield post


def _lists_of(post: Post) -> tuple[str, ...]:
    people = dict.fromkeys(post.mentioned_ids)
    return ("all", f"author/{post.author_id}", *(f"mentions/{one}" for one in people))
